"""A refusal that names a parameter is learned: one more try without it on the same target, and from then on none with it.

Over real sockets, in the words in which providers were seen to refuse (their error guides and public issue trackers, up to November 2026).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from segue import InvalidRequestError, LLMServiceUnavailableError, OutputSchema, Segue, Tool, ToolChoice
from segue.ledger.quotas import RefusalKeeper
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.sandbox.http import SandboxConnection, SandboxExchange
from segue.settings_loading import load

TOOL = Tool(name="clock", strict=True)
FORCED = {"tools": (TOOL,), "tool_choice": ToolChoice(mode="tool", name="clock")}
CITY = OutputSchema(schema={"type": "object", "properties": {"city": {"type": "string"}}})
Body = dict[str, Any]


def openai(message: str, param: str | None = None, code: str | None = None) -> Body:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def mistral(field: str) -> Body:
    detail = [{"type": "extra_forbidden", "loc": ["body", *field.split(".")], "msg": "Extra inputs are not permitted"}]
    return {
        "object": "error",
        "message": {"detail": detail},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def xai(message: str) -> Body:
    return {"code": "Client specified an invalid argument", "error": message}


def claude(message: str) -> Body:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def google(message: str) -> Body:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


class Case(NamedTuple):
    """`there` says whether a body has what the provider refuses; `omitted` is what the caller gets as omitted."""

    dialect: str
    fields: Body
    there: Callable[[Body], bool]
    words: Body
    omitted: tuple[str, ...]
    status: int = 400
    reported: str = ""
    """The instruction in place of what was refused."""


def has(name: str) -> Callable[[Body], bool]:
    return lambda body: name in body


def config(name: str) -> Callable[[Body], bool]:
    return lambda body: name in body.get("generationConfig", {})


def forced(body: Body) -> bool:
    choice = body.get("tool_choice", "auto")
    return choice not in ("auto", "none") and choice != {"type": "auto"}


UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model."
CASES: dict[str, Case] = {
    "OpenAI, a temperature": Case("openai_chat", {"temperature": 0.3}, has("temperature"), openai("Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is supported.", "temperature", "unsupported_value"), ("temperature",)),
    "OpenAI, top_p": Case("openai_chat", {"top_p": 0.3}, has("top_p"), openai(UNSUPPORTED.format("top_p"), "top_p", "unsupported_parameter"), ("top_p",)),
    "OpenAI, the limit's old name": Case("openai_chat", {"max_tokens": 9}, has("max_tokens"), openai(UNSUPPORTED.format("max_tokens") + " Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter"), ()),
    "OpenAI, an effort": Case("openai_chat", {"effort": "high"}, has("reasoning_effort"), openai("Unrecognized request argument supplied: reasoning_effort"), ("effort",)),
    "OpenAI, stop": Case("openai_chat", {"stop": ("x",)}, has("stop"), openai(UNSUPPORTED.format("stop"), "stop", "unsupported_parameter"), ("stop",)),
    "OpenAI, a schema": Case("openai_chat", {"output": CITY}, has("response_format"), openai("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more about supported models at the Structured Outputs guide."), ("output.schema",), reported="JSON Schema"),
    "OpenAI, parallel calls": Case("openai_chat", {"tools": (TOOL,), "parallel_tool_calls": True}, has("parallel_tool_calls"), openai(UNSUPPORTED.format("parallel_tool_calls"), "parallel_tool_calls", "unsupported_parameter"), ("parallel_tool_calls",)),
    "Azure, stream options": Case("openai_chat", {}, has("stream_options"), openai("Unrecognized request argument supplied: stream_options"), ()),
    "Mistral, stream options": Case("openai_chat", {}, has("stream_options"), mistral("stream_options.include_usage"), (), 422),
    "Mistral, the limit's new name": Case("openai_chat", {"max_tokens": 9}, has("max_tokens"), mistral("max_tokens"), (), 422),
    "Mistral, a strict tool": Case("openai_chat", {"tools": (TOOL,)}, lambda body: '"strict"' in json.dumps(body), mistral("tools.0.function.strict"), (), 422),
    "xAI, a penalty": Case("openai_chat", {"presence_penalty": 0.5}, has("presence_penalty"), xai("Model grok-4.6 does not support parameter presencePenalty."), ("presence_penalty",)),
    "xAI, an effort": Case("openai_chat", {"effort": "low"}, has("reasoning_effort"), xai("Argument not supported on this model: reasoningEffort"), ("effort",)),
    "Groq, a field": Case("openai_chat", {"seed": 3}, has("seed"), openai("property 'seed' is unsupported, did you mean 'stop'?"), ("seed",)),
    "Groq, a schema": Case("openai_chat", {"output": CITY}, has("response_format"), openai("This model does not support response format `json_schema`. See supported models at the documentation.", "response_format"), ("output.schema",), reported="JSON Schema"),
    "DeepSeek, a schema": Case("openai_chat", {"output": CITY}, has("response_format"), openai("This response_format type is unavailable now"), ("output.schema",), reported="JSON Schema"),
    "LM Studio, JSON without a schema": Case("openai_chat", {"output": OutputSchema()}, has("response_format"), {"error": "'response_format.type' must be 'json_schema' or 'text'"}, (), reported="JSON object"),
    "LM Studio, a named tool": Case("openai_chat", FORCED, forced, {"error": "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"}, ("tool_choice",), reported="calling the tool `clock`"),
    "DeepSeek, a named tool": Case("openai_chat", FORCED, forced, openai("deepseek-reasoner does not support this tool_choice"), ("tool_choice",), reported="calling the tool `clock`"),
    "Moonshot, a forced tool": Case("openai_chat", FORCED, forced, openai("tool_choice 'required' is incompatible with thinking enabled"), ("tool_choice",), reported="calling the tool `clock`"),
    "Responses, a temperature": Case("openai_responses", {"temperature": 0.3}, has("temperature"), openai(UNSUPPORTED.format("temperature"), "temperature"), ("temperature",)),
    "Responses, an effort": Case("openai_responses", {"effort": "high"}, has("reasoning"), openai(UNSUPPORTED.format("reasoning.effort"), "reasoning.effort", "unsupported_parameter"), ("effort",)),
    "Responses, a schema": Case("openai_responses", {"output": CITY}, has("text"), openai("Invalid parameter: 'text.format' of type 'json_schema' is not supported with model version `x`.", "text.format"), ("output.schema",), reported="JSON Schema"),
    "Responses, a forced tool": Case("openai_responses", FORCED, forced, openai(UNSUPPORTED.format("tool_choice"), "tool_choice", "unsupported_parameter"), ("tool_choice",), reported="calling the tool `clock`"),
    "Claude, a temperature": Case("claude", {"temperature": 0.3}, has("temperature"), claude("`temperature` is deprecated for this model."), ("temperature",)),
    "Claude, two that exclude each other": Case("claude", {"temperature": 0.3, "top_p": 0.4}, has("top_p"), claude("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), ("top_p",)),
    "Claude, a forced tool": Case("claude", FORCED, forced, claude("tool_choice: forced tool use is not supported for this model."), ("tool_choice",), reported="calling the tool `clock`"),
    "Claude, a schema": Case("claude", {"output": CITY}, has("output_config"), claude("output_config: Extra inputs are not permitted"), ("output",), reported="JSON Schema"),
    "Claude, an effort": Case("claude", {"effort": "low"}, has("output_config"), claude("This model does not support the effort parameter."), ("effort",)),
    "Gemini, a penalty": Case("gemini", {"frequency_penalty": 0.5}, config("frequencyPenalty"), google("Penalty is not enabled for this model"), ("frequency_penalty",)),
    "Gemini, an unknown name": Case("gemini", {"seed": 3}, config("seed"), google('Invalid JSON payload received. Unknown name "seed" at \'generation_config\': Cannot find field.'), ("seed",)),
    "Gemini, JSON": Case("gemini", {"output": CITY}, config("responseMimeType"), google("JSON mode is not enabled for models/x"), ("output",), reported="JSON Schema"),
    "Gemini, a forced tool": Case("gemini", FORCED, has("toolConfig"), google("allowed_function_names is not supported for this model"), ("tool_choice",), reported="calling the tool `clock`"),
    "Gemma, a system text": Case("gemini", {"system": "Be brief."}, has("systemInstruction"), google("Developer instruction is not enabled for models/gemma-3-27b-it"), (), reported="Be brief."),
}  # fmt: skip

PATHS = {"openai_chat": "/v1", "openai_responses": "/v1", "claude": "", "gemini": ""}
TEXT = '{"city": "Seoul"}'
ANSWER = {
    "openai_chat": {"choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]},
    "openai_responses": {"id": "r", "object": "response", "status": "completed", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TEXT}]}]},
    "claude": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP"}]},
}  # fmt: skip
CALL = {
    "openai_chat": {"choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]},
    "openai_responses": {"id": "r", "object": "response", "status": "completed", "output": [{"type": "function_call", "call_id": "c", "name": "clock", "arguments": "{}"}]},
    "claude": {"type": "message", "role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "clock", "input": {}}], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "clock", "args": {}}}]}, "finishReason": "STOP"}]},
}  # fmt: skip


class Provider:
    """Refuses what `refuses` finds, in `words`; answers everything else, with a tool call if it `calls`."""

    def __init__(self) -> None:
        self.dialect = ""
        self.calls = False
        self.refuses: Callable[[Body], bool] = lambda _: False
        self.words: tuple[int, Body] = (400, {})
        self.asked: list[Body] = []

    async def answer(self, exchange: SandboxExchange) -> None:
        body = json.loads(exchange.body)
        self.asked.append(body)
        answers = CALL if self.calls else ANSWER
        status, document = self.words if self.refuses(body) else (200, answers[self.dialect])
        await exchange.respond(status, {"content-type": "application/json"}, json.dumps(document).encode())


@pytest.fixture
async def provider() -> AsyncIterator[tuple[Provider, int]]:
    made = Provider()
    connections: set[SandboxConnection] = set()
    create = asyncio.get_running_loop().create_server
    server = await create(lambda: SandboxConnection(made.answer, connections), "127.0.0.1", 0)
    yield made, server.sockets[0].getsockname()[1]
    server.close()
    for connection in [*connections]:
        connection.abort()
    await asyncio.sleep(0)


def segue_of(place: Path, dialect: str, port: int) -> Segue:
    """A chain of one target, of whose model nothing is known."""
    address = f"http://127.0.0.1:{port}{PATHS[dialect]}"
    toml = f'chain = ["new"]\n[targets.new]\ndialect = "{dialect}"\nmodel = "x"\nbase_url = "{address}"\n'
    (place / "segue.toml").write_text(toml)
    return Segue(load({"NEW_API_KEY": "k"}, config=place / "segue.toml"), ledger=MemoryStore())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_refused_parameter_is_left_out_once_and_for_all(
    case: Case, provider: tuple[Provider, int], tmp_path: Path
) -> None:
    upstream, port = provider
    upstream.dialect, upstream.refuses, upstream.words = case.dialect, case.there, (case.status, case.words)
    upstream.calls = "tool_choice" in case.fields
    segue = segue_of(tmp_path, case.dialect, port)
    first = await segue.acomplete("hi", **case.fields)
    assert [case.there(body) for body in upstream.asked] == [True, False], "one try with it, one without"
    assert [attempt.outcome for attempt in first.attempts] == ["capability", "ok"]
    again = await segue.acomplete("hi", **case.fields)
    assert [attempt.outcome for attempt in again.attempts] == ["ok"], "it was learned"
    for answer in (first, again):
        assert answer.text == ("" if upstream.calls else TEXT)
        assert set(case.omitted) <= set(answer.omitted)
        assert not {"max_tokens", "stream_options"} & set(answer.omitted)
    assert case.reported in json.dumps(upstream.asked[1], ensure_ascii=False)
    await segue.aclose()


VALUES: dict[str, Case] = {
    "OpenAI, an effort": Case("openai_chat", {"effort": "minimal"}, has("reasoning_effort"), openai("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low', 'medium', and 'high'.", "reasoning_effort", "unsupported_value"), ("effort",)),
    "OpenAI's kind, a seed": Case("openai_chat", {"seed": -1}, has("seed"), openai("Invalid value for 'seed': negative numbers are not allowed.", "seed"), ("seed",)),
    "Claude, a temperature beside thinking": Case("claude", {"temperature": 0.3}, has("temperature"), claude("`temperature` is not supported when thinking is enabled."), ("temperature",)),
    "Gemini, a limit": Case("gemini", {"max_tokens": 100_000}, config("maxOutputTokens"), google("Unable to submit request because it has a maxOutputTokens value of 100000 but the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again."), ()),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES.values(), ids=VALUES.keys())
async def test_a_refused_value_takes_the_parameter_from_this_request_only(
    case: Case, provider: tuple[Provider, int], tmp_path: Path
) -> None:
    upstream, port = provider
    upstream.dialect, upstream.refuses, upstream.words = case.dialect, case.there, (case.status, case.words)
    segue = segue_of(tmp_path, case.dialect, port)
    for _ in range(2):
        answer = await segue.acomplete("hi", **case.fields)
        assert [attempt.outcome for attempt in answer.attempts] == ["capability", "ok"]
        assert set(case.omitted) <= set(answer.omitted)
    assert [case.there(body) for body in upstream.asked] == [True, False, True, False]
    await segue.aclose()


async def test_a_refusal_is_learned_although_the_answer_without_the_parameter_does_not_fit(
    provider: tuple[Provider, int], tmp_path: Path
) -> None:
    case = CASES["Moonshot, a forced tool"]
    upstream, port = provider
    upstream.dialect, upstream.refuses, upstream.words = case.dialect, case.there, (case.status, case.words)
    segue = segue_of(tmp_path, case.dialect, port)
    for tries in (["capability", "invalid"], ["invalid"]):
        with pytest.raises(LLMServiceUnavailableError, match="calls no tool") as raised:
            await segue.acomplete("hi", **case.fields)
        assert [attempt.outcome for attempt in raised.value.attempts] == tries
    await segue.aclose()


async def test_what_was_learned_of_one_choice_leaves_the_others_alone(
    provider: tuple[Provider, int], tmp_path: Path
) -> None:
    case = CASES["DeepSeek, a named tool"]
    upstream, port = provider
    upstream.dialect, upstream.refuses, upstream.words = case.dialect, case.there, (case.status, case.words)
    upstream.calls = True
    segue = segue_of(tmp_path, case.dialect, port)
    await segue.acomplete("hi", **case.fields)
    upstream.calls = False
    answer = await segue.acomplete("hi", tools=(TOOL,), tool_choice=ToolChoice(mode="none"))
    assert upstream.asked[-1]["tool_choice"] == "none"
    assert "tool_choice" not in answer.omitted
    await segue.aclose()


async def test_several_refusals_are_learned_one_after_the_other(provider: tuple[Provider, int], tmp_path: Path) -> None:
    upstream, port = provider
    upstream.dialect = "openai_chat"
    segue = segue_of(tmp_path, "openai_chat", port)

    def refuses(body: Body) -> bool:
        field = next((name for name in ("temperature", "top_p", "seed") if name in body), None)
        upstream.words = (400, openai(UNSUPPORTED.format(field), field, "unsupported_parameter"))
        return field is not None

    upstream.refuses = refuses
    answer = await segue.acomplete("hi", temperature=0.3, top_p=0.3, seed=3)
    assert len(upstream.asked) == 4
    assert set(answer.omitted) == {"temperature", "top_p", "seed"}
    await segue.aclose()


async def test_a_parameter_that_is_refused_though_it_was_left_out_is_not_fought_over(
    provider: tuple[Provider, int], tmp_path: Path
) -> None:
    upstream, port = provider
    upstream.dialect, upstream.refuses = "openai_chat", lambda _: True
    upstream.words = (400, openai(UNSUPPORTED.format("top_p"), "top_p", "unsupported_parameter"))
    segue = segue_of(tmp_path, "openai_chat", port)
    with pytest.raises(InvalidRequestError, match="top_p"):
        await segue.acomplete("hi", top_p=0.3)
    assert len(upstream.asked) == 2
    with pytest.raises(InvalidRequestError):
        await segue.acomplete("hi", top_p=0.3)
    assert "top_p" in upstream.asked[2], "only an answer proves that leaving it out is the cure"
    await segue.aclose()


@pytest.mark.parametrize(("days", "tries"), [(0.0, [False]), (31.0, [True, False])])
async def test_what_was_learned_outlives_the_process_for_a_month(
    days: float, tries: list[bool], provider: tuple[Provider, int], tmp_path: Path
) -> None:
    case = CASES["OpenAI, top_p"]
    upstream, port = provider
    upstream.dialect, upstream.refuses, upstream.words = case.dialect, case.there, (case.status, case.words)
    segue_of(tmp_path, case.dialect, port)  # writes the settings
    settings = load({"NEW_API_KEY": "k"}, config=tmp_path / "segue.toml")
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    learning = Segue(settings, ledger=store)
    learning.runtime.engine.wall = lambda: time.time() - days * 86_400
    RefusalKeeper(store).attach(learning.runtime.engine.refusals, learning.runtime.engine.wall)
    await learning.acomplete("hi", **case.fields)
    await learning.aclose()
    upstream.asked.clear()
    knowing = Segue(settings, ledger=store)
    await knowing.acomplete("hi", **case.fields)
    await knowing.aclose()
    store.close()
    assert [case.there(body) for body in upstream.asked] == tries
