"""Streams as providers send them, whole, odd and broken."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from segue.wire.claude.upstream.codec import Upstream

from .harness import events_of, finished, sse, without_usage

START = {
    "type": "message_start",
    "message": {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 25,
            "cache_creation_input_tokens": 9,
            "cache_read_input_tokens": 4,
            "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 3},
            "output_tokens": 1,
            "service_tier": "standard",
        },
    },
}
STOP = {"type": "message_stop"}
PING = {"type": "ping"}


def block(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **fields: Any) -> dict[str, Any]:
    ending = {"stop_reason": reason, "stop_sequence": None, **fields}
    return {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 12}}


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    return [block(index, "text", text=""), *(delta(index, "text_delta", text=piece) for piece in pieces), stop(index)]


HELLO = [START, *text(0, "Hel", "lo"), end(), STOP]

STARTED = Started("msg_01", "claude-sonnet-5-5")
FINAL = Finished(FinishReason.STOP, "end_turn")

STREAMS: dict[str, tuple[list[dict[str, Any]], list[UpstreamEvent]]] = {
    "text with pings and an empty piece": (
        [
            START,
            block(0, "text", text=""),
            PING,
            delta(0, "text_delta", text=""),
            delta(0, "text_delta", text="Hi"),
            stop(0),
            PING,
            end(),
            STOP,
        ],
        [STARTED, TextDelta("Hi"), FINAL],
    ),
    "text that stands in its block's start": (
        [START, block(0, "text", text="Hi"), stop(0), end(), STOP],
        [STARTED, TextDelta("Hi"), FINAL],
    ),
    "thinking shown": (
        [
            START,
            block(0, "thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="hm", estimated_tokens=3),
            delta(0, "signature_delta", signature="c2ln"),
            stop(0),
            *text(1, "yes"),
            end(),
            STOP,
        ],
        [STARTED, ThinkingDelta("hm"), ThinkingDelta(signature="c2ln", dialect="claude"), TextDelta("yes"), FINAL],
    ),
    "thinking kept back": (
        [
            START,
            block(0, "thinking", thinking="", signature=""),
            delta(0, "signature_delta", signature="c2ln"),
            stop(0),
            *text(1, "yes"),
            end(),
            STOP,
        ],
        [STARTED, ThinkingDelta(signature="c2ln", dialect="claude"), TextDelta("yes"), FINAL],
    ),
    "thinking encrypted": (
        [START, block(0, "redacted_thinking", data="b3A="), stop(0), *text(1, "yes"), end(), STOP],
        [STARTED, ThinkingDelta(redacted="b3A=", dialect="claude"), TextDelta("yes"), FINAL],
    ),
    "two calls, the first without arguments": (
        [
            START,
            block(0, "tool_use", id="toolu_1", name="now", input={}),
            delta(0, "input_json_delta", partial_json=""),
            stop(0),
            block(1, "tool_use", id="toolu_2", name="look", input={}, caller={"type": "direct"}),
            delta(1, "input_json_delta", partial_json='{"q":'),
            delta(1, "input_json_delta", partial_json='"é"}'),
            stop(1),
            end("tool_use"),
            STOP,
        ],
        [
            STARTED,
            ToolCallDelta(0, "toolu_1", "now"),
            ToolCallDelta(0, arguments="{}"),
            ToolCallEnd(0),
            ToolCallDelta(1, "toolu_2", "look"),
            ToolCallDelta(1, arguments='{"q":'),
            ToolCallDelta(1, arguments='"é"}'),
            ToolCallEnd(1),
            Finished(FinishReason.TOOL_CALLS, "tool_use"),
        ],
    ),
    "a call whose arguments stand in its block's start": (
        [START, block(0, "tool_use", id="toolu_1", name="look", input={"q": 1}), stop(0), end("tool_use"), STOP],
        [
            STARTED,
            ToolCallDelta(0, "toolu_1", "look"),
            ToolCallDelta(0, arguments='{"q":1}'),
            ToolCallEnd(0),
            Finished(FinishReason.TOOL_CALLS, "tool_use"),
        ],
    ),
    "a call whose block is never closed": (
        [
            START,
            block(0, "tool_use", id="toolu_1", name="look", input={}),
            delta(0, "input_json_delta", partial_json="{}"),
            end("tool_use"),
            STOP,
        ],
        [
            STARTED,
            ToolCallDelta(0, "toolu_1", "look"),
            ToolCallDelta(0, arguments="{}"),
            ToolCallEnd(0),
            Finished(FinishReason.TOOL_CALLS, "tool_use"),
        ],
    ),
    "content after a stop reason, and a stop reason sent twice": (
        [START, *text(0, "Take 5"), end("end_turn"), *text(1, "0 mg"), end("end_turn"), end("max_tokens"), STOP],
        [
            STARTED,
            TextDelta("Take 5"),
            Finished(FinishReason.STOP, "end_turn"),
            TextDelta("0 mg"),
            Finished(FinishReason.LENGTH, "max_tokens"),
        ],
    ),
    "a server's tool between texts": (
        [
            START,
            *text(0, "I search."),
            block(1, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
            delta(1, "input_json_delta", partial_json='{"query":"x"}'),
            stop(1),
            block(
                2,
                "web_search_tool_result",
                tool_use_id="srvtoolu_1",
                content=[{"type": "web_search_result", "url": "u"}],
            ),
            stop(2),
            block(3, "text", text="", citations=[]),
            delta(3, "citations_delta", citation={"type": "web_search_result_location", "text": 5}),
            delta(3, "text_delta", text="Found."),
            stop(3),
            end(),
            STOP,
        ],
        [STARTED, TextDelta("I search."), TextDelta("Found."), FINAL],
    ),
    "events, deltas and fields of the future": (
        [
            START,
            {"type": "message_hint", "delta": "not an object", "index": "x"},
            *text(0, "Hi"),
            block(1, "hologram", text={"layers": 3}, data=7),
            delta(1, "hologram_delta", text=[1]),
            delta(1, "text_delta", text="its caption"),
            stop(1),
            end(container={"id": "c"}),
            STOP,
        ],
        [STARTED, TextDelta("Hi"), FINAL],
    ),
    "a refusal that explains itself": (
        [
            START,
            *text(0, "I"),
            end("refusal", stop_details={"type": "refusal", "category": "cyber", "explanation": "no"}),
            STOP,
        ],
        [STARTED, TextDelta("I"), Finished(FinishReason.CONTENT_FILTER, "refusal", "no")],
    ),
    "a refusal by its category": (
        [START, end("refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}), STOP],
        [STARTED, Finished(FinishReason.CONTENT_FILTER, "refusal", "bio")],
    ),
    "a reason of the future": (
        [START, *text(0, "Hi"), end("tired"), STOP],
        [STARTED, TextDelta("Hi"), Finished(FinishReason.STOP, "tired")],
    ),
    "no reason at all": ([START, *text(0, "Hi"), STOP], [STARTED, TextDelta("Hi"), Finished(FinishReason.STOP)]),
    "a reason sent before the last count": (
        [START, *text(0, "Hi"), end("max_tokens"), end(None), STOP],
        [STARTED, TextDelta("Hi"), Finished(FinishReason.LENGTH, "max_tokens")],
    ),
    "words after the last": ([*HELLO, *text(1, "again"), STOP], [STARTED, TextDelta("Hel"), TextDelta("lo"), FINAL]),
    "a second start": ([START, START, *text(0, "Hi"), end(), STOP], [STARTED, TextDelta("Hi"), FINAL]),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_is_read(case: str) -> None:
    sent, events = STREAMS[case]
    assert without_usage(events_of([sse(*sent)])) == events


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_reads_the_same_however_its_bytes_are_split(case: str) -> None:
    stream = sse(*STREAMS[case][0])
    whole = events_of([stream])
    for at in range(len(stream)):
        assert events_of([stream[:at], stream[at:]]) == whole
    assert events_of([stream[at : at + 1] for at in range(len(stream))]) == whole


def test_lines_may_end_in_other_ways_and_events_may_go_without_names() -> None:
    plain = b"".join(b"data: %b\r\n\r\n" % msgspec.json.encode(event) for event in HELLO)
    assert events_of([plain]) == events_of([sse(*HELLO)])


def test_a_type_that_only_the_events_name_tells_is_understood() -> None:
    stream = sse(*HELLO[:-1]) + b"event: message_stop\ndata: {}\n\n"
    assert finished(events_of([stream])) == FINAL


def test_usage_is_reported_in_all_its_classes_and_later_totals_replace_earlier_ones() -> None:
    last = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 30, "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}},
    }
    reports = [event.usage for event in events_of([sse(START, last, STOP)]) if isinstance(event, UsageReport)]
    first = Usage(input_tokens=25, cache_read_tokens=4, cache_write_tokens=6, cache_write_1h_tokens=3, output_tokens=1)
    assert reports == [first, msgspec.structs.replace(first, input_tokens=30, output_tokens=50, reasoning_tokens=20)]


def test_what_a_summary_of_the_conversation_took_is_counted_too() -> None:
    """The counts of the answer as a whole are without it, and it is billed."""
    made = {"type": "compaction", "input_tokens": 180, "output_tokens": 35, "cache_read_input_tokens": 7}
    declined = {"type": "fallback_message", "input_tokens": 500, "output_tokens": 1}
    own = {"type": "message", "input_tokens": 30, "output_tokens": 50}
    last = end()
    last["usage"] = {"input_tokens": 30, "output_tokens": 50, "iterations": [made, declined, own]}
    *_, usage = [event.usage for event in events_of([sse(START, last, STOP)]) if isinstance(event, UsageReport)]
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (30 + 180, 50 + 35, 4 + 7)


def test_usage_without_counts_is_not_reported() -> None:
    events = events_of([sse({"type": "message_start", "message": {"id": "a", "usage": {"input_tokens": 0}}}, STOP)])
    assert not [event for event in events if isinstance(event, UsageReport)]


def test_a_decoder_is_complete_at_its_last_word_and_not_before() -> None:
    decoder = Upstream().decoder("text/event-stream; charset=utf-8")
    complete = []
    for event in HELLO:
        decoder.feed(sse(event))
        complete.append(decoder.complete)
    assert complete == [False] * (len(HELLO) - 1) + [True]
    assert decoder.feed(sse(*HELLO)) == []
    assert decoder.eof() == []


@pytest.mark.parametrize("cut", range(len(HELLO) - 1))
def test_a_stream_that_ends_before_its_stop_reason_is_broken(cut: int) -> None:
    *earlier, last = events_of([sse(*HELLO[:cut])])
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.message) == (
        FailureKind.BROKEN,
        "the stream ended before the answer was complete",
    )
    assert not [event for event in earlier if isinstance(event, Finished | Failed)]


def test_with_its_stop_reason_an_answer_is_whole_without_the_last_event() -> None:
    assert events_of([sse(*HELLO[:-1])]) == events_of([sse(*HELLO)])


def test_a_stream_cut_at_any_byte_before_its_stop_reason_never_passes_for_whole() -> None:
    stream = sse(*HELLO[:-1]).rstrip()
    for at in range(len(stream)):
        last = events_of([stream[:at]])[-1]
        assert isinstance(last, Failed)
        assert last.failure.kind is FailureKind.BROKEN


@pytest.mark.parametrize(
    "broken",
    [
        b"event: content_block_delta\ndata: {oops\n\n",
        b"event: content_block_delta\ndata: \xff\xfe\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":true}}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
    ids=[
        "no JSON",
        "no UTF-8",
        "an array",
        "a text that is true",
        "too deep",
    ],
)
def test_an_event_that_can_not_be_read_breaks_the_answer_with_a_short_word(broken: bytes) -> None:
    events = events_of([sse(*HELLO[:2]), broken, sse(*HELLO[2:])])
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.BROKEN
    assert len(events[-1].failure.message) <= 200
    assert not [event for event in events if isinstance(event, Finished)]


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("overloaded_error", FailureKind.OVERLOAD),
        ("api_error", FailureKind.OVERLOAD),
        ("timeout_error", FailureKind.OVERLOAD),
        ("rate_limit_error", FailureKind.RATE),
        ("billing_error", FailureKind.MONEY),
        ("something_new_error", FailureKind.OVERLOAD),
    ],
)
def test_an_error_within_the_stream_is_judged_like_any_other(type: str, kind: FailureKind) -> None:
    error = {"type": "error", "error": {"details": None, "type": type, "message": "Not now"}, "request_id": "req_1"}
    events = events_of([sse(*HELLO[:3], error, *HELLO[3:])])
    assert isinstance(events[-1], Failed)
    failure = events[-1].failure
    assert (failure.kind, failure.message, failure.code, failure.status) == (kind, "Not now", type, None)


@pytest.mark.parametrize(
    ("frame", "kind", "message", "status"),
    [
        (b'data: {"error":{"message":"Busy","type":"None","param":"None","code":"529"}}', FailureKind.OVERLOAD, "Busy", 529),
        (b'data: {"error":{"message":"Calm down","type":null,"code":"429"}}', FailureKind.RATE, "Calm down", 429),
        (b'data: {"error":{"message":"Pay first","type":"insufficient_quota","code":429}}', FailureKind.MONEY, "Pay first", 429),
        (b'data: {"error":{"message":"Busy","type":"overloaded_error"}}', FailureKind.OVERLOAD, "Busy", None),
        (b"event: error\ndata: upstream timeout", FailureKind.OVERLOAD, "upstream timeout", None),
    ],
)  # fmt: skip
def test_a_gateways_error_in_another_dialect_is_judged_at_once(
    frame: bytes, kind: FailureKind, message: str, status: int | None
) -> None:
    """LiteLLM sends its errors of Chat Completions here too: github.com/BerriAI/litellm/issues/38610."""
    decoder = Upstream().decoder("text/event-stream")
    events = decoder.feed(sse(*HELLO[:3]) + frame + b"\n\n")
    assert decoder.complete
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, events[-1].failure.message, events[-1].failure.status) == (kind, message, status)


def test_a_filtered_answer_is_a_matter_of_policy() -> None:
    message = "Output blocked by content filtering policy"
    events = events_of([sse(START, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})])
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.POLICY


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", ""])
@pytest.mark.parametrize("begin", [b"", sse(*HELLO[:3])])
def test_a_bare_error_document_is_judged_wherever_it_stands(content_type: str, begin: bytes) -> None:
    if begin and "json" in content_type:
        begin = b""
    raw = b'{\n  "type": "error",\n  "error": {"type": "overloaded_error", "message": "Busy"}\n}'
    last = events_of([begin, raw], content_type)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.message) == (FailureKind.OVERLOAD, "Busy")


def test_a_whole_answer_gives_the_same_events() -> None:
    document = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "I look.", "citations": None},
            {"type": "server_tool_use", "id": "s", "name": "x", "input": {}},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"q": [1, {"a": None}]}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    raw = msgspec.json.encode(document)
    assert events_of([raw[:20], raw[20:]], "application/json") == [
        STARTED,
        UsageReport(Usage(input_tokens=3, output_tokens=4)),
        ThinkingDelta("hm", "c2ln", dialect="claude"),
        TextDelta("I look."),
        ToolCallDelta(0, "toolu_1", "look"),
        ToolCallDelta(0, arguments='{"q":[1,{"a":null}]}'),
        ToolCallEnd(0),
        Finished(FinishReason.TOOL_CALLS, "tool_use"),
    ]


@pytest.mark.parametrize("raw", [b"", b"null", b"{}", b"<html>", b'{"type":"message","content":true}', b"[" * 100_000])
def test_a_document_that_is_no_message_is_broken(raw: bytes) -> None:
    (failed,) = events_of([raw], "application/json")
    assert isinstance(failed, Failed)
    assert failed.failure.kind is FailureKind.BROKEN


FRAGMENTS = [sse(event) for event in (*HELLO, PING)] + [
    b"event: ",
    b"data: ",
    b"\n\n",
    b"\r\n",
    b'{"type":"',
    b'"delta":{"type":"text_delta","text":',
    b'data: {"type":"content_block_start","index":-1,"content_block":{"type":"tool_use","input":[]}}\n\n',
    b'data: {"type":"message_start","message":null}\n\n',
    b'data: {"type":"message_delta","usage":{"cache_creation":{"ephemeral_1h_input_tokens":-5}}}\n\n',
    b'data: {"type":"message_delta","usage":{"iterations":[{"type":"compaction","cache_creation":7}, 3]}}\n\n',
    b"\xef\xbb\xbf",
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(FRAGMENTS)), max_size=12),
    st.sampled_from(["text/event-stream", "application/json"]),
)
def test_no_bytes_make_a_decoder_raise_and_it_either_finishes_or_fails(pieces: list[bytes], content_type: str) -> None:
    events = events_of(pieces, content_type)
    assert any(isinstance(event, Finished | Failed) for event in events)
    assert not any(isinstance(event, Failed) for event in events[:-1])
    assert sum(isinstance(event, Started) for event in events) <= 1
