"""What callers get against the schemas that the providers publish, as `llm-comply` ships them: every answer and every event.

Official SDKs take less than these ask for; checkers, generated clients and strict ones (Zod, serde) do not.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCalled,
    TopLogprob,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.errors import LLMServiceUnavailableError
from segue.wire.dialects import ingress
from segue.wire.openai_chat.ingress.completions import CompletionsIngress

llm_comply = pytest.importorskip("llm_comply", reason="the published schemas are in llm-comply, which is not installed")

SPECS: Final = Path(llm_comply.__file__).parent / "specs"
CALL: Final = ToolCalled(0, ToolCall(id="call_1", name="look", arguments='{"q": "a"}'))
USED: Final = UsageReport(Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7, reasoning_tokens=3))
THOUGHT: Final = [ThinkingDelta("hm"), ThinkingDelta(signature="c2ln", dialect="claude")]

ANSWERS: Final[dict[str, list[ChatEvent]]] = {
    "a text": [Started("x", "m"), TextDelta("a"), TextDelta("b"), USED, Finished(FinishReason.STOP)],
    "a text without usage": [Started("x", "m"), TextDelta("a"), Finished(FinishReason.STOP)],
    "a thought and a text": [Started("x", "m"), *THOUGHT, TextDelta("a"), USED, Finished(FinishReason.STOP)],
    "a call": [Started("x", "m"), TextDelta("a"), CALL, USED, Finished(FinishReason.TOOL_CALLS)],
    "a text that was cut": [Started("x", "m"), TextDelta("a"), USED, Finished(FinishReason.LENGTH)],
    "a refusal": [Started("x", "m"), TextDelta("a"), Finished(FinishReason.CONTENT_FILTER, "refusal", "no")],
    "sources and log probabilities": [
        Started("x", "m"),
        Logprobs((TokenLogprob("a", -0.5, None, (TopLogprob("a", -0.5), TopLogprob("b", -1.5))),)),
        TextDelta("a"),
        Citation(url="https://a.example", title="A", start=0, end=1),
        Citation(url="https://b.example"),
        TextDelta("b"),
        USED,
        Finished(FinishReason.STOP),
    ],
    "a stop sequence": [Started("x", "m"), TextDelta("a"), USED, Finished(FinishReason.STOP, stop="END")],
    "a pause": [Started("x", "m"), TextDelta("a"), Finished(FinishReason.PAUSE)],
}

LOOK: Final[dict[str, Any]] = {"type": "object", "properties": {"q": {"type": "string"}}}
ASK: Final[dict[str, Any]] = {"role": "user", "content": "hi"}
FORMAT: Final[dict[str, Any]] = {"type": "json_schema", "name": "a", "schema": LOOK}

REQUESTS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "openai_responses": {
        "bare": {"input": "hi"},
        "with a tool": {"input": "hi", "tools": [{"type": "function", "name": "look"}]},
        "with a whole tool": {"input": "hi", "tools": [{"type": "function", "name": "look", "parameters": LOOK, "strict": True, "description": "d"}], "tool_choice": {"type": "function", "name": "look"}},
        "with effort": {"input": "hi", "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}},
        "with a schema": {"input": "hi", "text": {"format": FORMAT}},
        "with sampling": {"input": "hi", "temperature": 0.2, "top_p": 0.5, "max_output_tokens": 9, "service_tier": "flex"},
        "with null everywhere": {"input": "hi", "temperature": None, "top_p": None, "tools": None, "text": None, "reasoning": None, "metadata": None, "service_tier": None, "top_logprobs": None},
        "with metadata": {"input": "hi", "metadata": {"a": "b"}, "prompt_cache_key": "k", "safety_identifier": "s", "instructions": "be brief", "truncation": "auto", "top_logprobs": 2, "max_tool_calls": 3, "parallel_tool_calls": False},
    },
    "claude": {"bare": {"max_tokens": 9, "messages": [ASK]}, "thinking": {"max_tokens": 2000, "messages": [ASK], "thinking": {"type": "enabled", "budget_tokens": 1024}}},
    "openai_chat": {"bare": {"messages": [ASK]}, "with usage": {"messages": [ASK], "stream_options": {"include_usage": True}}},
}  # fmt: skip

SPEC_FILES: Final = {"openai_responses": "openresponses", "claude": "anthropic", "openai_chat": "openai_chat"}
DOCUMENTS: Final = {"openai_responses": "ResponseResource", "claude": "Message", "openai_chat": "CreateChatCompletionResponse"}  # fmt: skip
EVENTS: Final = {
    "message_start": "MessageStartEvent",
    "content_block_start": "ContentBlockStartEvent",
    "content_block_delta": "ContentBlockDeltaEvent",
    "content_block_stop": "ContentBlockStopEvent",
    "message_delta": "MessageDeltaEvent",
    "message_stop": "MessageStopEvent",
}


def event_schema(dialect: str, event: dict[str, Any]) -> str:
    if dialect == "openai_chat":
        return "CreateChatCompletionStreamResponse"
    return EVENTS[event["type"]] if dialect == "claude" else responses_events()[event["type"]]


@cache
def responses_events() -> dict[str, str]:
    schemas = spec("openai_responses")["components"]["schemas"]
    named = {name: schema for name, schema in schemas.items() if name.endswith("StreamingEvent")}
    return {schema["properties"]["type"]["enum"][0]: name for name, schema in named.items()}


@cache
def spec(dialect: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SPECS / f"{SPEC_FILES[dialect]}.json").read_bytes())
    _nullable(document)
    if dialect == "openai_responses":
        # The specification allows only null for the schema of an answer, which no server gives.
        document["components"]["schemas"]["JsonSchemaResponseFormat"]["properties"]["schema"] = {"type": "object"}
    return document


def _nullable(schema: Any) -> None:
    """The older way of OpenAPI to allow null, as JSON Schema says it."""
    if isinstance(schema, list):
        for one in schema:
            _nullable(one)
    if isinstance(schema, dict):
        for one in schema.values():
            _nullable(one)
        if schema.pop("nullable", None) is True:
            inner = dict(schema)
            schema.clear()
            schema["anyOf"] = [inner, {"type": "null"}]


@cache
def validator(dialect: str, name: str) -> jsonschema.Draft202012Validator:
    assert name in spec(dialect)["components"]["schemas"], name
    return jsonschema.Draft202012Validator({**spec(dialect), "$ref": f"#/components/schemas/{name}"})


def faults(dialect: str, name: str, document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(dialect, name).iter_errors(document)]


PATHS: Final = {"openai_responses": "/v1/responses", "claude": "/v1/messages", "openai_chat": "/v1/chat/completions"}
CASES: Final = [
    (dialect, asked, answer) for dialect, requests in REQUESTS.items() for asked in requests for answer in ANSWERS
]


def answer_to(dialect: str, request: dict[str, Any], events: list[ChatEvent], *, stream: bool) -> bytes:
    codec = ingress(dialect)
    body = json.dumps({"model": "m", "stream": stream, **request}).encode()
    asked = codec.decode(body, path=PATHS[dialect], query="", headers={})
    encoder = codec.encoder(asked, id="01abc", created=1_790_000_000)
    return b"".join(encoder.feed(event) for event in events)


@pytest.mark.parametrize(("dialect", "asked", "answer"), CASES)
def test_a_whole_answer_has_every_field_that_its_published_schema_requires(
    dialect: str, asked: str, answer: str
) -> None:
    document = json.loads(answer_to(dialect, REQUESTS[dialect][asked], ANSWERS[answer], stream=False))
    assert faults(dialect, DOCUMENTS[dialect], document) == []


@pytest.mark.parametrize(("dialect", "asked", "answer"), CASES)
def test_every_event_of_a_stream_has_the_fields_that_its_published_schema_requires(
    dialect: str, asked: str, answer: str
) -> None:
    data = answer_to(dialect, REQUESTS[dialect][asked], ANSWERS[answer], stream=True)
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: {")]
    assert events
    wrong = {
        event.get("type", n): faults(dialect, event_schema(dialect, event), event) for n, event in enumerate(events)
    }
    assert {type: found for type, found in wrong.items() if found} == {}


def test_an_error_in_a_responses_stream_has_the_fields_that_its_schema_requires() -> None:
    codec = ingress("openai_responses")
    asked = codec.decode(b'{"model":"m","stream":true,"input":"hi"}', path="/v1/responses", query="", headers={})
    encoder = codec.encoder(asked, id="01abc", created=1_790_000_000)
    data = encoder.feed(Started("x", "m")) + encoder.fail(LLMServiceUnavailableError("All LLM providers failed"))
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: {")]
    assert [faults("openai_responses", event_schema("openai_responses", event), event) for event in events] == [[]] * 4


STREAMS: Final = {
    "/v1/chat/completions": ("openai_chat", {"model": "m", "stream": True, "messages": [ASK]}),
    "/v1/completions": ("openai_chat", {"model": "m", "stream": True, "prompt": "hi"}),
    "/v1/responses": ("openai_responses", {"model": "m", "stream": True, "input": "hi"}),
    "/v1/messages": ("claude", {"model": "m", "stream": True, "max_tokens": 9, "messages": [ASK]}),
    "/v1beta/models/m:streamGenerateContent": ("gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}


@pytest.mark.parametrize("path", STREAMS)
def test_every_event_stream_names_its_charset(path: str) -> None:
    dialect, body = STREAMS[path]
    codec = CompletionsIngress() if path == "/v1/completions" else ingress(dialect)
    asked = codec.decode(json.dumps(body).encode(), path=path, query="alt=sse", headers={})
    assert codec.encoder(asked, id="1", created=1).content_type == "text/event-stream; charset=utf-8"
