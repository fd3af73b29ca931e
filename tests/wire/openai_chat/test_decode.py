"""One table of answers, by OpenAI and by those who speak its dialect with an accent; each is fed whole and split at every byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.events import (
    Failed,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import FailureKind
from segue.chat.usage import Usage
from segue.wire.openai_chat.upstream.codec import Upstream

from .harness import chunk, decoded, sse

STARTED = Started("chatcmpl-1", "gpt-6-luna")
STOP = Finished(FinishReason.STOP, "stop")
CALLED = Finished(FinishReason.TOOL_CALLS, "tool_calls")
NOTHING: dict[str, Any] = {"choices": []}


def text(content: str) -> dict[str, Any]:
    return chunk({"content": content})


def tool(*pieces: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces)})


def piece(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return more | {"function": function}


def usage(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    common = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"usage": common | more}


CASES: dict[str, tuple[bytes, list[UpstreamEvent]]] = {
    "OpenAI, text and usage": (
        sse(
            chunk({"role": "assistant", "content": "", "refusal": None}),
            text("Hel"),
            text("lo 안녕 🙂"),
            chunk(finish="stop"),
            chunk()
            | NOTHING
            | usage(
                20,
                9,
                prompt_tokens_details={"cached_tokens": 12, "cache_write_tokens": 5, "audio_tokens": 0},
                completion_tokens_details={"reasoning_tokens": 4},
            ),
        ),
        [
            STARTED,
            TextDelta("Hel"),
            TextDelta("lo 안녕 🙂"),
            STOP,
            UsageReport(
                Usage(input_tokens=3, cache_read_tokens=12, cache_write_tokens=5, output_tokens=9, reasoning_tokens=4)
            ),
        ],
    ),
    "OpenAI, two calls one after the other": (
        sse(
            tool(piece("", "weather", index=0, id="call_1", type="function")),
            tool(piece('{"pl', index=0)),
            tool(piece('ace":"Seoul"}', index=0)),
            tool(piece("", "clock", index=1, id="call_2", type="function")),
            tool(piece("{}", index=1)),
            chunk(finish="tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"pl'),
            ToolCallDelta(0, arguments='ace":"Seoul"}'),
            ToolCallEnd(0),
            ToolCallDelta(1, "call_2", "clock"),
            ToolCallDelta(1, arguments="{}"),
            ToolCallEnd(1),
            CALLED,
        ],
    ),
    "calls whose pieces alternate": (
        sse(
            tool(piece('{"a":', "f", index=0, id="call_1"), piece('{"b":', "g", index=1, id="call_2")),
            tool(piece("1}", index=0), piece("2}", index=1)),
            chunk(finish="tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "call_1", "f", '{"a":'),
            ToolCallDelta(1, "call_2", "g", '{"b":'),
            ToolCallDelta(0, arguments="1}"),
            ToolCallDelta(1, arguments="2}"),
            ToolCallEnd(0),
            ToolCallEnd(1),
            CALLED,
        ],
    ),
    "whole calls without index, ended with stop": (
        sse(
            tool(piece({"a": 1}, "f", id="call_1"), piece('{"b":2}', "g", id="call_2")),
            chunk(finish="stop"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "call_1", "f", '{"a":1}'),
            ToolCallEnd(0),
            ToolCallDelta(1, "call_2", "g", '{"b":2}'),
            ToolCallEnd(1),
            Finished(FinishReason.TOOL_CALLS, "stop"),
        ],
    ),
    "several calls under index 0": (
        sse(
            tool(piece('{"a":1}', "f", index=0, id="call_1")),
            tool(piece('{"a":2}', "f", index=0, id="call_2")),
            chunk(finish="tool_use"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "call_1", "f", '{"a":1}'),
            ToolCallEnd(0),
            ToolCallDelta(1, "call_2", "f", '{"a":2}'),
            ToolCallEnd(1),
            Finished(FinishReason.TOOL_CALLS, "tool_use"),
        ],
    ),
    "a new id and the name again with each piece": (
        sse(
            tool(piece('{"a":', "f", index=0, id="x1")),
            tool(piece("1", index=0, id="x2")),
            tool(piece("}", "f", index=0)),
            chunk(finish="tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "x1", "f", '{"a":'),
            ToolCallDelta(0, arguments="1"),
            ToolCallDelta(0, arguments="}"),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "a name that comes after its arguments, pieces without index": (
        sse(tool(piece('{"a"', id="c")), tool(piece(":1}", "f", id="c")), tool(piece(" ")), chunk(finish="tool_calls")),
        [
            STARTED,
            ToolCallDelta(0, "c", "f", '{"a":1}'),
            ToolCallDelta(0, arguments=" "),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "calls without arguments": (
        sse(
            tool(piece(None, "f", index=0, id="a")),
            tool(piece("", "g", index=1, id="b")),
            chunk(finish="tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "a", "f"),
            ToolCallDelta(1, "b", "g"),
            CALLED,
            ToolCallDelta(0, arguments="{}"),
            ToolCallEnd(0),
            ToolCallDelta(1, arguments="{}"),
            ToolCallEnd(1),
        ],
    ),
    "parallel calls with a finish reason each": (
        sse(
            chunk({"tool_calls": [piece('{"a":1}', "f", index=0, id="a")]}, "tool_calls"),
            chunk({"tool_calls": [piece('{"b":2}', "g", index=1, id="b")]}, "tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "a", "f", '{"a":1}'),
            ToolCallEnd(0),
            CALLED,
            ToolCallDelta(1, "b", "g", '{"b":2}'),
            ToolCallEnd(1),
            CALLED,
        ],
    ),
    "a call in pieces with a finish reason on each": (
        sse(
            chunk({"tool_calls": [piece(None, "f", index=0, id="a")]}, "tool_calls"),
            chunk({"tool_calls": [piece('{"a":', index=0)]}, "tool_calls"),
            chunk({"tool_calls": [piece("1}", index=0)]}, "tool_calls"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "a", "f"),
            CALLED,
            ToolCallDelta(0, arguments='{"a":'),
            CALLED,
            ToolCallDelta(0, arguments="1}"),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "a finish reason on every chunk of text": (
        sse(chunk({"content": "Take 5"}, "stop"), chunk({"content": "0 mg"}, "stop")),
        [STARTED, TextDelta("Take 5"), STOP, TextDelta("0 mg"), STOP],
    ),
    "arguments cut at the limit": (
        sse(tool(piece('{"a":1}', "f", index=0, id="a"), piece('{"b":', "g", index=1, id="b")), chunk(finish="length")),
        [
            STARTED,
            ToolCallDelta(0, "a", "f", '{"a":1}'),
            ToolCallEnd(0),
            ToolCallDelta(1, "b", "g", '{"b":'),
            Finished(FinishReason.LENGTH, "length"),
        ],
    ),
    "the function call of old": (
        sse(
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{}"}}),
            chunk(finish="function_call"),
        ),
        [
            STARTED,
            ToolCallDelta(0, "call_d7f7dac24a9927203261e63d", "f"),
            ToolCallDelta(0, arguments="{}"),
            ToolCallEnd(0),
            Finished(FinishReason.TOOL_CALLS, "function_call"),
        ],
    ),
    "Google, a whole call with its signature": (
        sse(
            chunk(
                {
                    "role": "assistant",
                    "tool_calls": [
                        piece(
                            "{}",
                            "f",
                            index=0,
                            id="function-call-1",
                            extra_content={"google": {"thought_signature": "c2ln"}},
                        )
                    ],
                },
                "tool_calls",
            )
        ),
        [STARTED, ToolCallDelta(0, "function-call-1", "f", "{}", "c2ln"), ToolCallEnd(0), CALLED],
    ),
    "DeepSeek, thinking and its own cache counts": (
        sse(
            b": keep-alive\n\n",
            chunk({"role": "assistant", "content": None, "reasoning_content": "Hm"}),
            chunk({"content": "42", "reasoning_content": None}),
            chunk({"content": ""}, "stop") | usage(10, 2, prompt_cache_hit_tokens=8, prompt_cache_miss_tokens=2),
        ),
        [
            STARTED,
            ThinkingDelta("Hm"),
            TextDelta("42"),
            UsageReport(Usage(input_tokens=2, cache_read_tokens=8, output_tokens=2)),
            STOP,
        ],
    ),
    "OpenRouter, reasoning and comments": (
        sse(
            b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
            chunk({"content": "", "reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}),
            text("42"),
            chunk({"content": ""}, "stop", native_finish_reason="end_turn"),
        ),
        [
            STARTED,
            ThinkingDelta("Hm"),
            ThinkingDelta(signature='[{"type":"reasoning.text","text":"Hm"}]', dialect="openai_chat"),
            TextDelta("42"),
            STOP,
        ],
    ),
    "Mistral, thinking as content": (
        sse(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}),
            chunk({"content": [{"type": "text", "text": "42"}, {"type": "reference", "reference_ids": [1]}]}),
            chunk(finish="model_length"),
        ),
        [STARTED, ThinkingDelta("Hm"), TextDelta("42"), Finished(FinishReason.LENGTH, "model_length")],
    ),
    "Groq, usage in x_groq": (
        sse(
            chunk({"content": "a"}, x_groq={"id": "req_1"}),
            chunk(finish="stop", x_groq={"id": "req_1"} | usage(3, 1)),
        ),
        [STARTED, TextDelta("a"), UsageReport(Usage(input_tokens=3, output_tokens=1)), STOP],
    ),
    "Moonshot, usage in the choice": (
        sse(
            text("a"),
            chunk()
            | {
                "choices": [
                    {"index": 0, "delta": {}, "finish_reason": "stop"} | usage(3, 1, cached_tokens=2),
                ]
            },
        ),
        [
            STARTED,
            TextDelta("a"),
            UsageReport(Usage(input_tokens=1, cache_read_tokens=2, output_tokens=1)),
            STOP,
        ],
    ),
    "xAI, reasoning counted outside the completion": (
        sse(
            text("a"),
            chunk(finish="stop"),
            chunk()
            | NOTHING
            | {
                "usage": {
                    "prompt_tokens": 3,
                    "completion_tokens": 1,
                    "total_tokens": 10,
                    "completion_tokens_details": {"reasoning_tokens": 6},
                }
            },
        ),
        [
            STARTED,
            TextDelta("a"),
            STOP,
            UsageReport(Usage(input_tokens=3, output_tokens=7, reasoning_tokens=6)),
        ],
    ),
    "usage with each chunk is reported when it changes": (
        sse(text("a") | usage(3, 1), text("b") | usage(3, 2), chunk(finish="stop") | usage(3, 2)),
        [
            STARTED,
            TextDelta("a"),
            UsageReport(Usage(input_tokens=3, output_tokens=1)),
            TextDelta("b"),
            UsageReport(Usage(input_tokens=3, output_tokens=2)),
            STOP,
        ],
    ),
    "Azure, a first chunk about the prompt": (
        sse(
            {"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            text("a"),
            chunk(finish="stop"),
            {"id": "", "object": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {}}]},
        ),
        [STARTED, TextDelta("a"), STOP],
    ),
    "no ids, odd words, unknown fields and events": (
        sse(
            b"event: ping\ndata: {}\n\n",
            b"retry: 3000\n\n",
            b"data:\n\n",
            {"choices": [{"delta": {"content": "a", "new": [1]}, "finish_reason": None}], "new": {"a": 1}},
            {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
            {"choices": [{"delta": {}, "finish_reason": "eos"}]},
        ),
        [Started("", ""), TextDelta("a"), Finished(FinishReason.STOP, "eos")],
    ),
    "an id that is a number": (
        sse({"id": 7, "model": None, "choices": [{"delta": {"content": "a"}, "finish_reason": "end_turn"}]}),
        [Started("7", ""), TextDelta("a"), Finished(FinishReason.STOP, "end_turn")],
    ),
    "lines that end with CRLF": (
        sse(text("a"), chunk(finish="stop")).replace(b"\n", b"\r\n"),
        [STARTED, TextDelta("a"), STOP],
    ),
    "no [DONE]": (sse(text("a"), chunk(finish="stop"), done=False), [STARTED, TextDelta("a"), STOP]),
    "no blank line after the last chunk": (
        sse(text("a"), chunk(finish="stop"), done=False).rstrip(b"\n"),
        [STARTED, TextDelta("a"), STOP],
    ),
    "[DONE] after content without a finish reason": (
        sse(text("a"), chunk(None, "null"), chunk(None, "")),
        [STARTED, TextDelta("a"), Finished(FinishReason.STOP, "[DONE]")],
    ),
    "an unknown finish reason": (
        sse(text("a"), chunk(finish="because")),
        [STARTED, TextDelta("a"), Finished(FinishReason.STOP, "because")],
    ),
    "the word of calls without a call": (
        sse(text("a"), chunk(finish="tool_calls")),
        [STARTED, TextDelta("a"), Finished(FinishReason.STOP, "tool_calls")],
    ),
    "what comes after a stop reason": (
        sse(chunk({"content": "a"}, "stop"), text("b"), chunk(finish="length"), chunk() | NOTHING | usage(1, 1))
        + b"data: {broken\n\n",
        [
            STARTED,
            TextDelta("a"),
            STOP,
            TextDelta("b"),
            Finished(FinishReason.LENGTH, "length"),
            UsageReport(Usage(input_tokens=1, output_tokens=1)),
        ],
    ),
    "a refusal in pieces": (
        sse(chunk({"refusal": "I "}), chunk({"refusal": "won't."}), chunk(finish="stop")),
        [STARTED, Finished(FinishReason.CONTENT_FILTER, "stop", "I won't.")],
    ),
    "a filter's cut": (
        sse(text("a"), chunk(finish="content_filter")),
        [STARTED, TextDelta("a"), Finished(FinishReason.CONTENT_FILTER, "content_filter")],
    ),
}


@pytest.mark.parametrize(("data", "events"), CASES.values(), ids=CASES.keys())
def test_an_answer_gives_its_events_however_its_bytes_are_split(data: bytes, events: list[UpstreamEvent]) -> None:
    assert decoded([data]) == events
    assert decoded(data[n : n + 1] for n in range(len(data))) == events
    for at in range(1, len(data)):
        assert decoded([data[:at], data[at:]]) == events, at


BREAKS: dict[str, tuple[bytes, FailureKind, str]] = {
    "nothing at all": (b"", FailureKind.BROKEN, "the stream ended before the answer was complete"),
    "only blanks": (b"\n \n", FailureKind.BROKEN, "the stream ended before the answer was complete"),
    "only comments": (b": ping\n\n: ping\n\n", FailureKind.BROKEN, "the stream ended before the answer was complete"),
    "an end in the middle": (
        sse(text("a"), done=False),
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    ),
    "an end in the middle of a chunk": (
        sse(text("a"), text("b"), done=False)[:-40],
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    ),
    "[DONE] before any content": (
        sse(chunk({"role": "assistant", "content": ""})),
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    ),
    "[DONE] in the middle of a call": (
        sse(tool(piece('{"a":', "f", index=0, id="a"))),
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    ),
    "a page": (
        b"<html><title>Hello</title></html>",
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    ),
    "a chunk that is no JSON": (sse(text("a"), b"data: {oops\n\n"), FailureKind.BROKEN, "not JSON"),
    "a chunk that is no object": (sse(b"data: [1, 2]\n\n"), FailureKind.BROKEN, "out of place"),
    "a chunk of the wrong types": (sse({"id": "a", "choices": "none"}), FailureKind.BROKEN, "choices"),
    "bytes that are no text": (sse(b"data: \xff\xfe\n\n"), FailureKind.BROKEN, "not JSON"),
    "a chunk nested too deeply": (sse(b"data: " + b'{"a":' * 10_000 + b"\n\n"), FailureKind.BROKEN, "not JSON"),
    "a call without a name": (
        sse(tool(piece("{}", index=0, id="a")), chunk(finish="tool_calls")),
        FailureKind.BROKEN,
        "no name",
    ),
    "a call that goes on after its end": (
        sse(
            tool(piece('{"x":1}', "f", index=0, id="a")),
            tool(piece("{}", "g", index=1, id="b")),
            tool(piece("more", index=0)),
        ),
        FailureKind.BROKEN,
        "after its end",
    ),
    "an error chunk": (
        sse(text("a"), {"error": {"message": "The server is busy", "type": "server_error", "code": None}}),
        FailureKind.OVERLOAD,
        "The server is busy",
    ),
    "an error chunk in an event of that name": (
        sse(text("a"), b'event: error\ndata: {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}\n\n'),
        FailureKind.RATE,
        "slow down",
    ),
    "MiniMax, an error in place of the choices": (
        sse(chunk(choices=None, base_resp={"status_code": 1008, "status_msg": "insufficient balance"})),
        FailureKind.MONEY,
        "insufficient balance",
    ),
    "MiniMax, another": (
        sse(chunk(choices=None, base_resp={"status_code": 1004, "status_msg": "login fail"})),
        FailureKind.AUTH,
        "login fail",
    ),
    "an error event without JSON": (sse(b"event: error\ndata: went away\n\n"), FailureKind.OVERLOAD, "went away"),
    "an error chunk about the request": (
        sse({"error": {"message": "Invalid 'messages'.", "type": "invalid_request_error"}}),
        FailureKind.CALLER,
        "Invalid 'messages'.",
    ),
    "an error chunk about a request that is too long": (
        sse({"error": {"message": "Your prompt is too long.", "type": "invalid_request_error"}}),
        FailureKind.CAPABILITY,
        "too long",
    ),
    "an error chunk that names no class": (
        sse({"error": {"message": "The model is no longer responding, it timed out"}}),
        FailureKind.OVERLOAD,
        "timed out",
    ),
    "OpenRouter, an error beside an empty choice": (
        sse(
            text("a"),
            chunk({"content": ""}, "error", error={"code": 502, "message": "Provider disconnected"}),
        ),
        FailureKind.OVERLOAD,
        "Provider disconnected",
    ),
    "an error in the choice": (
        sse(chunk() | {"choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "Too many requests"}}]}),
        FailureKind.RATE,
        "Too many requests",
    ),
    "Groq, an error in x_groq": (
        sse(text("a"), chunk(x_groq={"id": "req_1", "error": "over capacity"})),
        FailureKind.OVERLOAD,
        "over capacity",
    ),
    "Mistral, a flat error": (
        sse({"object": "error", "message": "Rate limit exceeded", "type": "rate_limited", "code": "1300"}),
        FailureKind.RATE,
        "Rate limit exceeded",
    ),
    "DeepSeek, no resources left": (
        sse(text("a"), chunk(finish="insufficient_system_resource")),
        FailureKind.OVERLOAD,
        "insufficient_system_resource",
    ),
    "Google, a call that the model botched": (
        sse(chunk(finish="function_call_filter: MALFORMED_FUNCTION_CALL")),
        FailureKind.BROKEN,
        "MALFORMED_FUNCTION_CALL",
    ),
    "a JSON tail that is no event": (
        sse(text("a"), done=False) + b'{"error": {"message": "quota", "code": "insufficient_quota"}}',
        FailureKind.MONEY,
        "quota",
    ),
    "a JSON tail with a blank line behind it": (
        sse(text("a"), done=False) + b'{"error": {"message": "quota", "code": "insufficient_quota"}}\n\n',
        FailureKind.MONEY,
        "quota",
    ),
    "a JSON tail after a comment, over several lines": (
        sse(text("a"), done=False) + b': ping\n{\n"error": {"message": "no", "code": "invalid_api_key"}\n}\n',
        FailureKind.AUTH,
        "no",
    ),
    "a document: an error with status 200": (
        b' {"error": {"message": "Overloaded", "type": "overloaded_error", "code": 529}}',
        FailureKind.OVERLOAD,
        "Overloaded",
    ),
    "a document: Google's list of errors": (
        b'[{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}]',
        FailureKind.RATE,
        "Quota exceeded",
    ),
    "a document without choices": (b'{"id": "a", "choices": []}', FailureKind.BROKEN, "without choices"),
    "a document that is cut": (b'{"id": "a", "choices": [{"mess', FailureKind.BROKEN, "not JSON"),
    "a document of the wrong types": (b'{"choices": [{"message": 3}]}', FailureKind.BROKEN, "message"),
}


@pytest.mark.parametrize(("data", "kind", "message"), BREAKS.values(), ids=BREAKS.keys())
def test_an_answer_that_breaks_ends_with_its_failure_however_it_is_split(
    data: bytes, kind: FailureKind, message: str
) -> None:
    events = decoded([data])
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is kind
    assert message in last.failure.message
    assert len(last.failure.message) < 200
    assert not any(isinstance(event, Failed | Finished) for event in events[:-1])
    for at in range(1, min(len(data), 2000)):
        assert decoded([data[:at], data[at:]]) == events, at


MESSAGE = {
    "role": "assistant",
    "content": "Hi",
    "refusal": None,
    "reasoning_content": "Hm",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("finish", "last"),
    [
        ("tool_calls", CALLED),
        ("length", Finished(FinishReason.LENGTH, "length")),
        (None, Finished(FinishReason.TOOL_CALLS, "")),
    ],
)
def test_a_document_gives_the_events_of_a_stream(finish: str | None, last: Finished) -> None:
    choice = {"index": 0, "message": MESSAGE, "finish_reason": finish}
    data = msgspec.json.encode({"id": "chatcmpl-1", "model": "gpt-6-luna", "choices": [choice]} | usage(1, 2))
    events = [
        STARTED,
        ThinkingDelta("Hm"),
        TextDelta("Hi"),
        ToolCallDelta(0, "call_1", "f", "{}"),
        UsageReport(Usage(input_tokens=1, output_tokens=2)),
        ToolCallEnd(0),
        last,
    ]
    assert decoded([data]) == events
    assert decoded(data[n : n + 1] for n in range(len(data))) == events


def test_the_decoder_is_complete_with_the_last_word_and_deaf_from_then_on() -> None:
    decoder = Upstream().decoder("text/event-stream")
    complete = []
    for data in (sse(text("a"), chunk(finish="stop"), done=False), b"data: [DO", b"NE]\n\n" + sse(text("b"))):
        decoder.feed(data)
        complete.append(decoder.complete)
    assert complete == [False, False, True]
    assert decoder.feed(sse(text("c"))) == []
    assert decoder.eof() == []


def test_the_decoder_is_complete_with_a_failure() -> None:
    decoder = Upstream().decoder("text/event-stream")
    events = decoder.feed(sse({"error": {"message": "busy"}}, text("a")))
    assert [type(event) for event in events] == [Failed]
    assert decoder.complete
    assert decoder.eof() == []


def test_ids_are_made_up_for_calls_that_have_none_and_differ_between_answers() -> None:
    def made(answer: str) -> list[str]:
        calls = tool(piece("{}", "f", id=""), piece("{}", "f", id="null")) | {"id": answer}
        events = decoded([sse(calls, chunk(finish="stop"))])
        return [event.id for event in events if isinstance(event, ToolCallDelta) and event.id]

    ids = made("one") + made("two")
    assert len(set(ids)) == 4
    assert made("one") == ids[:2]
    assert all(one.startswith("call_") for one in ids)


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.wire.openai.framing.MOST_BYTES", 3 * 1024 * 1024)
    for beginning in (b'data: {"id": "', b'{"id": "'):
        decoder = Upstream().decoder("text/event-stream")
        events = [event for data in [beginning, *[b"x" * 1024 * 1024] * 4] for event in decoder.feed(data)]
        [failed] = events
        assert isinstance(failed, Failed)
        assert failed.failure.message == "more than 3 MiB without an end"
