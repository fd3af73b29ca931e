"""Every preset, over a real socket, against a stand-in that is as strict as its provider's documentation."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from segue import (
    ConfigurationError,
    LLMServiceUnavailableError,
    Message,
    OutputSchema,
    Segue,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    system,
    user,
)
from segue.catalog import providers
from segue.catalog.prices import price_of
from segue.catalog.providers import PROVIDERS, QUIRKS
from segue.chat.messages import Thinking
from segue.ledger.stores.memory import MemoryStore
from segue.sandbox.http import SandboxConnection
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest

from .strict import STRICT, Provider

COMPATIBLE = [name for name, preset in PROVIDERS.items() if preset.dialect == "openai_chat"]
PRESETS = [name for name in COMPATIBLE if name not in ("openai", "local")]
TALKERS = [name for name in PRESETS if STRICT[name].tools]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = Tool(name="weather", description="The weather.", parameters=CITY, strict=True)
OTHER = Tool(name="clock")
EVERYTHING = {
    "temperature": 0.3,
    "top_p": 0.9,
    "seed": 7,
    "stop": ("END",),
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "top_k": 40,
    "user": "u-1",
}
TURNS = [
    system("Be brief."),
    Message("user", (Text("Good"), Text("day"))),
    system("Speak French."),
    user("Which city?"),
]
ROUND = [
    user("Weather?"),
    Message("assistant", (Thinking(text="Hm."), ToolCall(id="toolu_01ABCDEFGHIJKLMNOPQ", name="weather"))),
    Message("tool", (ToolResult(call_id="toolu_01ABCDEFGHIJKLMNOPQ", name="weather", content=(Text("21 °C"),)),)),
]


@asynccontextmanager
async def standing_in(name: str) -> AsyncIterator[tuple[Provider, Segue]]:
    preset = PROVIDERS[name]
    path = urlsplit(preset.base_url or preset.address or "").path
    provider = Provider(STRICT[name], path)
    connections: set[SandboxConnection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: SandboxConnection(provider.answer, connections), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    environ = {
        f"{name.upper()}_API_KEY": "secret",
        f"{name.upper()}_BASE_URL": f"http://127.0.0.1:{port}{path}",
        "SEGUE_CHAIN": name,
    }
    if preset.model is None:
        environ[f"{name.upper()}_MODEL"] = "my-model"
    segue = Segue(load(environ, directory="/nonexistent"), ledger=MemoryStore())
    try:
        yield provider, segue
    finally:
        await segue.aclose()
        server.close()
        for connection in [*connections]:
            connection.abort()
        await asyncio.sleep(0)


def test_every_preset_has_a_stand_in() -> None:
    assert set(PRESETS) == set(STRICT)


@pytest.mark.parametrize("name", PRESETS)
async def test_a_stream_with_every_parameter_is_taken_at_once(name: str) -> None:
    async with standing_in(name) as (provider, segue):
        answer = await segue.acomplete(TURNS, **EVERYTHING)
    assert provider.refused == []
    assert answer.text == "Bonjour 서울"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 7)
    assert [attempt.outcome for attempt in answer.attempts] == ["ok"]
    sent, taken = provider.asked[0], set(provider.asked[0])
    for field in EVERYTHING.keys() - {"seed"} - taken:
        assert field in answer.omitted, f"{field} was left out in silence"
    assert sent["model"] == (PROVIDERS[name].model or "my-model")


@pytest.mark.parametrize("name", TALKERS)
async def test_a_tool_that_was_demanded_is_called_or_the_demand_is_reported(name: str) -> None:
    choice = ToolChoice(mode="tool", name="weather")
    asked: dict[str, Any] = {"tools": (OTHER, TOOL), "tool_choice": choice, "parallel_tool_calls": False}
    async with standing_in(name) as (provider, segue):
        if {"tool", "required"} & set(STRICT[name].choices):
            answer = await segue.acomplete(ROUND, **asked)
            assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [
                ("weather", {"city": "Séoul"})
            ]
            assert "tool_choice" not in answer.omitted
        else:
            with pytest.raises(LLMServiceUnavailableError, match="calls no tool, although a call was required"):
                await segue.acomplete(ROUND, **asked)
    assert provider.refused == []


@pytest.mark.parametrize("name", TALKERS)
async def test_no_tool_is_called_where_none_is_wanted(name: str) -> None:
    async with standing_in(name) as (provider, segue):
        await segue.acomplete(ROUND, tools=(TOOL,), tool_choice=ToolChoice(mode="none"))
    assert provider.refused == []
    sent = provider.asked[0]
    assert sent.get("tool_choice") == "none" or "tools" not in sent


@pytest.mark.parametrize("name", PRESETS)
async def test_a_schema_is_followed_or_asked_for_in_words(name: str) -> None:
    async with standing_in(name) as (provider, segue):
        answer = await segue.acomplete("Which city?", output=OutputSchema(schema=CITY, strict=True))
    assert provider.refused == []
    assert json.loads(answer.text) == {"city": "Séoul"}
    in_words = "JSON Schema" in json.dumps(provider.asked[0]["messages"])
    assert in_words is ("json_schema" not in STRICT[name].formats)
    assert in_words is ("output.schema" in answer.omitted)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("error", "outcomes"), [("gone", {"model_gone"}), ("broke", {"money", "rate"})])
async def test_its_refusals_are_understood(name: str, error: str, outcomes: set[str]) -> None:
    async with standing_in(name) as (provider, segue):
        provider.error = getattr(STRICT[name], error)
        with pytest.raises(LLMServiceUnavailableError) as caught:
            await segue.acomplete("hi")
    assert {attempt.outcome for attempt in caught.value.attempts} <= outcomes, caught.value
    assert "secret" not in str(caught.value)


class TestData:
    LINES = Path(providers.__file__).with_name("providers.jsonl").read_text(encoding="utf-8").splitlines()

    @pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["name"])
    def test_each_line_is_dated_and_names_its_sources(self, line: str) -> None:
        row: dict[str, Any] = json.loads(line)
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["checked"])
        assert all(re.match(r"https://[\w.-]+/", source) for source in row["sources"])
        assert row["sources"]
        assert row["quirks"].keys() <= QUIRKS.keys() if "quirks" in row else True

    def test_names_are_unique_and_fit_a_variable(self) -> None:
        names = [json.loads(line)["name"] for line in self.LINES]
        assert len(names) == len(set(names)) == len(PROVIDERS)
        assert all(re.fullmatch(r"[a-z]+", name) for name in names)

    def test_only_those_on_this_machine_need_no_key(self) -> None:
        for name, preset in PROVIDERS.items():
            assert preset.keyless is preset.local, name
            assert preset.local is ("127.0.0.1" in (preset.base_url or "")) or name == "local"

    def test_what_a_default_model_costs_is_known(self) -> None:
        unknown = {
            name
            for name, preset in PROVIDERS.items()
            if preset.model and price_of(name, preset.model, preset.checked or pytest.fail(name)) is None
        }
        assert unknown == {"upstage", "clova"}, "genai-prices has come to know them: tell docs/providers.md"


def test_a_key_alone_makes_a_chain(tmp_path: Path) -> None:
    segue = Segue(load({"SEGUE_CHAIN": "groq,gemini", "GROQ_API_KEY": "k"}, directory=tmp_path), ledger=MemoryStore())
    _, targets, _ = segue.targets.chain(None)
    assert [(target.name, target.model.id) for target in targets] == [("groq", "openai/gpt-oss-120b")]


@pytest.mark.parametrize("variable", ["CLOVASTUDIO_API_KEY", "CLOVA_API_KEY"])
def test_a_key_is_found_under_the_name_its_provider_gives_it(variable: str, tmp_path: Path) -> None:
    segue = Segue(load({"SEGUE_CHAIN": "clova", variable: "k"}, directory=tmp_path), ledger=MemoryStore())
    assert segue.targets.usable("clova")


def test_azure_says_which_address_it_lacks(tmp_path: Path) -> None:
    environ = {"SEGUE_CHAIN": "azure", "AZURE_API_KEY": "k", "AZURE_MODEL": "my-deployment"}
    segue = Segue(load(environ, directory=tmp_path), ledger=MemoryStore())
    with pytest.raises(ConfigurationError, match=r"set AZURE_BASE_URL .* e\.g\. https://RESOURCE\.openai\.azure\.com"):
        segue.targets.chain(None)


def test_an_unknown_quirk_is_named_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text('chain = ["groq"]\n[targets.groq]\nquirks = { plain = true }\n')
    segue = Segue(load({"GROQ_API_KEY": "k"}, directory=tmp_path), ledger=MemoryStore())
    with pytest.raises(
        ConfigurationError, match=r"targets\.groq\.quirks: 'plain' is not a quirk; use one of alternate"
    ):
        segue.targets.chain(None)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("deepseek", "https://api.deepseek.com/beta/chat/completions"),
        ("mistral", "https://api.mistral.ai/v1/chat/completions"),
    ],
)
async def test_an_answer_that_broke_off_is_continued_by_a_marked_beginning(name: str, url: str, tmp_path: Path) -> None:
    def answer(request: WireRequest) -> Reply:
        broken = "openai" in request.url
        text = "The answer beg" if broken else " begins here."
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None if broken else "stop"}]}
        headers = {"content-type": "text/event-stream"}
        return Reply(headers=headers, steps=[b"data: " + json.dumps(chunk).encode() + b"\n\n"])

    transport = MemoryTransport(answer)
    environ = {"SEGUE_CHAIN": f"openai,{name}", "OPENAI_API_KEY": "k", f"{name.upper()}_API_KEY": "k"}
    segue = Segue(load(environ, directory=tmp_path), ledger=MemoryStore(), transport=transport)
    stream = segue.stream("hi")
    assert "".join([event.text async for event in stream if isinstance(event, TextDelta)]) == "The answer begins here."
    last = transport.requests[-1].request
    assert last.url == url
    assert json.loads(last.body)["messages"][-1] == {
        "role": "assistant",
        "content": "The answer",
        "prefix": True,
    } | ({"reasoning_content": " "} if name == "deepseek" else {})
