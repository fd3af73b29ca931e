"""Which of OpenAI's two dialects a request goes out in, and that the answer is read in the same one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segue import ConfigurationError, InvalidRequestError, Message, Segue, Text, Tool, ToolResult, user
from segue.catalog.models import find_model
from segue.chat.request import ChatRequest
from segue.ledger.stores.memory import MemoryStore
from segue.routing.dialect import dialect_for
from segue.routing.resolve import target
from segue.secret import Secret
from segue.settings import TargetSettings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest

CLOCK = Tool(name="clock")
OFFICIAL = "https://api.openai.com/v1"


def chosen(model: str, *, settings: dict[str, Any] | None = None, **fields: Any) -> str:
    own = TargetSettings(model=model, api_key=Secret("k"), **(settings or {}))
    return dialect_for(target("openai", own), ChatRequest(messages=(user("?"),), **fields))


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("gpt-4.1", {}, "openai_chat"),
    ("gpt-4.1", {"tools": (CLOCK,)}, "openai_chat"),
    ("gpt-6-luna", {}, "openai_chat"),
    ("gpt-6-luna", {"effort": "high"}, "openai_chat"),
    ("gpt-6-luna", {"tools": (CLOCK,)}, "openai_responses"),
    ("gpt-6-luna", {"tools": (CLOCK,), "effort": "high"}, "openai_responses"),
    ("gpt-6-luna", {"tools": (CLOCK,), "effort": "none"}, "openai_chat"),
    ("gpt-6-luna", {"tools": (CLOCK,), "thinking_budget": 0}, "openai_chat"),
    ("gpt-6-astra", {}, "openai_chat"),
    ("gpt-6-astra", {"tools": (CLOCK,), "effort": "none"}, "openai_responses"),
    ("gpt-6.1-sol", {"tools": (CLOCK,)}, "openai_responses"),
    ("gpt-6-of-tomorrow", {"tools": (CLOCK,)}, "openai_responses"),
    ("gpt-5-pro", {}, "openai_responses"),
    ("gpt-4.1", {"extra": {"openai_responses": {"tools": [{"type": "web_search"}]}}}, "openai_responses"),
    ("gpt-4.1", {"extra": {"openai_chat": {"logprobs": True}}}, "openai_chat"),
    ("a-model-of-which-nothing-is-known", {"tools": (CLOCK,)}, "openai_chat"),
]


@pytest.mark.parametrize(("model", "fields", "dialect"), CASES)
def test_a_request_to_openai_goes_out_in_the_dialect_that_can_say_it_whole(
    model: str, fields: dict[str, Any], dialect: str
) -> None:
    assert chosen(model, **fields) == dialect


def test_a_dialect_that_was_set_stays_set() -> None:
    assert chosen("gpt-6-luna", settings={"dialect": "openai_chat"}, tools=(CLOCK,)) == "openai_chat"
    assert chosen("gpt-4.1", settings={"dialect": "openai_responses"}) == "openai_responses"


def test_another_address_is_spoken_to_in_chat_completions() -> None:
    assert chosen("gpt-6-luna", settings={"base_url": "https://proxy.test/v1"}, tools=(CLOCK,)) == "openai_chat"
    assert chosen("gpt-6-luna", settings={"base_url": f"{OFFICIAL}/"}, tools=(CLOCK,)) == "openai_responses"


def test_an_unknown_dialect_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="is not a dialect; use one of"):
        chosen("gpt-6-luna", settings={"dialect": "morse"})


def test_only_models_of_openai_ask_for_the_other_dialect() -> None:
    assert all(find_model("openai", model).dialect.startswith("openai") for model, _, _ in CASES)


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "clock", "arguments": "{}"}
PROOF = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA=="}
MESSAGE = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Noon."}]}


def answers(*items: dict[str, Any]) -> Reply:
    done = {"id": "resp_1", "model": "gpt-6-luna", "status": "completed", "output": items}
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    event = {"type": "response.completed", "response": done | {"usage": usage}}
    data = b"event: response.completed\ndata: " + json.dumps(event).encode() + b"\n\n"
    return Reply(headers={"content-type": "text/event-stream"}, steps=[data])


def refuses(code: str) -> Reply:
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": code}
    return Reply(status=400, steps=[json.dumps({"error": error}).encode()])


def client(directory: Path, transport: MemoryTransport, **environ: str) -> Segue:
    settings = load({"OPENAI_API_KEY": "o-secret", "OPENAI_MODEL": "gpt-6-luna", **environ}, directory=directory)
    return Segue(settings, ledger=MemoryStore(), transport=transport)


def asked(request: WireRequest) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body)
    return body


async def test_tools_are_called_while_reasoning_and_the_reasoning_goes_back_with_their_results(tmp_path: Path) -> None:
    transport = MemoryTransport([answers(PROOF, CALL), answers(MESSAGE)])
    segue = client(tmp_path, transport)
    first = await segue.acomplete("When?", tools=(CLOCK,), effort="high")
    assert (first.finish_reason, first.usage.output_tokens) == ("tool_calls", 100)
    assert [(call.id, call.name, call.arguments) for call in first.tool_calls] == [("call_1", "clock", "{}")]
    turn = Message("assistant", (*first.thinking, *first.tool_calls))
    result = Message("tool", (ToolResult(call_id="call_1", name="clock", content=(Text("12:00"),)),))
    second = await segue.acomplete([user("When?"), turn, result], tools=(CLOCK,), effort="high")
    assert second.text == "Noon."
    assert [exchange.request.url for exchange in transport.requests] == [f"{OFFICIAL}/responses"] * 2
    sent = asked(transport.requests[1].request)
    assert sent["reasoning"] == {"effort": "high"}
    kinds = ["message", "reasoning", "function_call", "function_call_output"]
    assert [item["type"] for item in sent["input"]] == kinds
    assert sent["input"][1] == PROOF


async def test_reasoning_that_the_provider_can_not_verify_is_left_out_and_the_request_sent_again(
    tmp_path: Path,
) -> None:
    transport = MemoryTransport([answers(PROOF, CALL), refuses("invalid_encrypted_content"), answers(MESSAGE)])
    segue = client(tmp_path, transport)
    first = await segue.acomplete("When?", tools=(CLOCK,))
    turn = Message("assistant", (*first.thinking, *first.tool_calls))
    result = Message("tool", (ToolResult(call_id="call_1", content=(Text("12:00"),)),))
    second = await segue.acomplete([user("When?"), turn, result], tools=(CLOCK,))
    assert second.text == "Noon."
    kinds = ["message", "function_call", "function_call_output"]
    assert [item["type"] for item in asked(transport.requests[2].request)["input"]] == kinds


async def test_a_refusal_is_read_in_the_dialect_that_was_spoken(tmp_path: Path) -> None:
    segue = client(tmp_path, MemoryTransport([refuses("invalid_image")]))
    with pytest.raises(InvalidRequestError) as caught:
        await segue.acomplete("What is this?", tools=(CLOCK,))
    assert (caught.value.param, caught.value.target) == ("messages", "openai")


@pytest.mark.parametrize("by", ["the environment", "the file"])
async def test_a_target_may_be_set_to_the_dialect_for_good(tmp_path: Path, by: str) -> None:
    environ = {"OPENAI_DIALECT": "openai_responses"} if by == "the environment" else {}
    toml = "" if environ else '[targets.openai]\ndialect = "openai_responses"\n'
    (tmp_path / "segue.toml").write_text(toml, encoding="utf-8")
    transport = MemoryTransport([answers(MESSAGE)])
    segue = client(tmp_path, transport, OPENAI_MODEL="gpt-4.1", OPENAI_BASE_URL="https://proxy.test/v1", **environ)
    assert (await segue.acomplete("When?")).text == "Noon."
    assert transport.requests[0].request.url == "https://proxy.test/v1/responses"
