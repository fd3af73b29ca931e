"""Characters cut in two, bytes that are not text, and events that say nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from segue.chat.events import Finished, FinishReason, Started, TextDelta
from segue.chat.failure import FailureKind
from segue.wire.dialects import DIALECTS, ingress, upstream

from .harness import NAMED, frame, read, stream

Event = dict[str, Any]


def chat(delta: Event, finish: str | None = None) -> Event:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def gemini(part: Event, finish: str | None = None) -> Event:
    return {"candidates": [{"content": {"parts": [part]}, **({"finishReason": finish} if finish else {})}]}


def responses(kind: str, **fields: Any) -> Event:
    return {"type": f"response.{kind}", "output_index": 0, **fields}


def claude(kind: str, **fields: Any) -> Event:
    return {"type": kind, **fields}


RESPONSE: Final = {"id": "r", "model": "m", "output": []}
COMPLETED: Final = responses("completed", response=RESPONSE | {"status": "completed"})
STARTED: Final = claude("message_start", message={"id": "m", "model": "m", "content": []})
STOPPED: Final = [
    claude("content_block_stop", index=0),
    claude("message_delta", delta={"stop_reason": "end_turn"}),
    claude("message_stop"),
]


def text_of(dialect: str, *pieces: str) -> list[Event]:
    """An answer whose text comes in these pieces."""
    match dialect:
        case "openai_chat":
            return [*(chat({"content": piece}) for piece in pieces), chat({}, "stop")]
        case "openai_responses":
            return [*(responses("output_text.delta", delta=piece) for piece in pieces), COMPLETED]
        case "claude":
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
            start = claude("content_block_start", index=0, content_block={"type": "text", "text": ""})
            return [
                STARTED,
                start,
                *(claude("content_block_delta", index=0, delta=delta) for delta in deltas),
                *STOPPED,
            ]
    return [*(gemini({"text": piece}) for piece in pieces), gemini({"text": ""}, "STOP")]


def thought_of(dialect: str, *pieces: str) -> list[Event]:
    match dialect:
        case "openai_chat":
            return [*(chat({"reasoning_content": piece}) for piece in pieces), chat({"content": "x"}, "stop")]
        case "openai_responses":
            thoughts = [responses("reasoning_summary_text.delta", delta=piece, summary_index=0) for piece in pieces]
            return [*thoughts, responses("output_text.delta", delta="x") | {"output_index": 1}, COMPLETED]
        case "claude":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            start = claude("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
            made = claude("content_block_start", index=1, content_block={"type": "text", "text": "x"})
            return [
                STARTED,
                start,
                *(claude("content_block_delta", index=0, delta=delta) for delta in deltas),
                made,
                *STOPPED,
            ]
    thoughts = [gemini({"text": piece, "thought": True}) for piece in pieces]
    return [*thoughts, gemini({"text": "x"}, "STOP")]


def call_of(dialect: str, *pieces: str) -> list[Event]:
    """An answer that is a call of `f`, whose arguments come in these pieces; Gemini sends them whole."""
    match dialect:
        case "openai_chat":
            first = chat({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]})
            more = [chat({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
            return [first, *more, chat({}, "tool_calls")]
        case "openai_responses":
            item = {"type": "function_call", "id": "fc", "call_id": "a", "name": "f", "arguments": ""}
            more = [responses("function_call_arguments.delta", delta=piece) for piece in pieces]
            return [responses("output_item.added", item=item), *more, COMPLETED]
        case "claude":
            block = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            start = claude("content_block_start", index=0, content_block=block)
            return [
                STARTED,
                start,
                *(claude("content_block_delta", index=0, delta=delta) for delta in deltas),
                *STOPPED,
            ]
    return [gemini({"functionCall": {"name": "f", "args": json.loads("".join(pieces))}}), gemini({"text": ""}, "STOP")]


HIGH, LOW = "\ud83d", "\ude00"

HALVES: Final[dict[str, tuple[list[str], str]]] = {
    "between two deltas": (["hi " + HIGH, LOW + "!"], "hi 😀!"),
    "with nothing between": ([HIGH, LOW], "😀"),
    "with an empty delta between": (["a" + HIGH, "", LOW], "a😀"),
    "twice": ([HIGH, LOW + HIGH, LOW], "😀😀"),
    "in one delta, as two escapes": (["a" + HIGH + LOW + "b"], "a😀b"),
    "the first half alone": (["a" + HIGH, "b"], "a\ufffdb"),
    "the first half alone at the end": (["a" + HIGH], "a\ufffd"),
    "the second half alone": (["a", LOW + "b"], "a\ufffdb"),
    "the halves in the wrong order": ([LOW, HIGH + "b"], "\ufffd\ufffdb"),
    "the same half twice": ([HIGH, HIGH, LOW], "\ufffd😀"),
    "in the middle of another text": (["서울 " + HIGH, LOW + " 🌦"], "서울 😀 🌦"),
}
halves = pytest.mark.parametrize(("pieces", "whole"), HALVES.values(), ids=HALVES.keys())
each = pytest.mark.parametrize("dialect", DIALECTS)


@each
@halves
def test_a_character_cut_in_two_is_whole_in_the_text(dialect: str, pieces: list[str], whole: str) -> None:
    assert read(dialect, stream(dialect, *text_of(dialect, *pieces))).text == whole


@each
@halves
def test_a_character_cut_in_two_is_whole_in_the_thinking(dialect: str, pieces: list[str], whole: str) -> None:
    answer = read(dialect, stream(dialect, *thought_of(dialect, *pieces)))
    assert (answer.thinking.removesuffix("\ufffd"), answer.text) == (whole.removesuffix("\ufffd"), "x")


@each
@halves
def test_a_character_cut_in_two_is_whole_in_the_arguments(dialect: str, pieces: list[str], whole: str) -> None:
    first, last = '{"a":"', '"}'
    answer = read(dialect, stream(dialect, *call_of(dialect, first, *pieces, last)))
    assert answer.failure is None
    assert answer.calls == (("f", {"a": whole}),)


@each
def test_a_character_cut_in_two_is_whole_however_the_bytes_are_split(dialect: str) -> None:
    data = stream(dialect, *text_of(dialect, "hi " + HIGH, LOW + "!"))
    assert read(dialect, [data[at : at + 1] for at in range(len(data))]).text == "hi 😀!"


@each
def test_half_a_character_before_a_break_is_never_shown(dialect: str) -> None:
    answer = read(dialect, stream(dialect, *text_of(dialect, "hi " + HIGH)[: 3 if dialect == "claude" else 1]))
    assert (answer.text, answer.failure and answer.failure.kind) == ("hi ", FailureKind.BROKEN)


ODD_BYTES: Final[dict[str, tuple[bytes, str]]] = {
    "bytes that are no UTF-8": (b"a\xff\xfeb", "a\ufffd\ufffdb"),
    "half a character of UTF-8": (b"a\xf0\x9f\x98", "a\ufffd"),
    "a line break as it is": (b"a\\n\tb", "a\n\tb"),
    "a zero byte": (b"a\x00b", "a\x00b"),
}


@each
@pytest.mark.parametrize(("odd", "text"), ODD_BYTES.values(), ids=ODD_BYTES.keys())
def test_a_text_of_odd_bytes_is_read_as_far_as_it_is_text(dialect: str, odd: bytes, text: str) -> None:
    data = stream(dialect, *text_of(dialect, "HERE")).replace(b"HERE", odd)
    assert read(dialect, data).text == text


SAYS_NOTHING: Final = [
    b"data:\n\n",
    b"data: \n\n",
    b"event: ping\ndata: \n\n",
    b"event: ping\ndata: {}\n\n",
    b'event: ping\ndata: {"type": "ping"}\n\n',
    b"event: ping\n\n",
    b"event: keepalive\ndata: null\n\n",
    b"data: null\n\n",
    b"data: {}\n\n",
    b"data: []\n\n",
    b'data: ""\n\n',
    b"data: true\n\n",
    b"data: ping\n\n",
    b"data: HEARTBEAT\n\n",
    b"data: : OPENROUTER PROCESSING\n\n",
    b": OPENROUTER PROCESSING\n\n",
    b"id: 7\nretry: 100\n\n",
    b"\n\n\n",
]


@each
@pytest.mark.parametrize("event", SAYS_NOTHING)
def test_an_event_that_says_nothing_costs_nothing_wherever_it_stands(dialect: str, event: bytes) -> None:
    pieces = [frame(one, dialect in NAMED) for one in text_of(dialect, "fine", " day")]
    expected = read(dialect, pieces)
    assert expected.text == "fine day"
    for place in range(len(pieces) + 1):
        assert read(dialect, [*pieces[:place], event, *pieces[place:]]) == expected


FRAMINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "no blank line between events": lambda data: data.replace(b"\n\n", b"\n"),
    "the prefix twice": lambda data: data.replace(b"data: ", b"data: data: "),
    "no space behind the prefix": lambda data: data.replace(b"data: ", b"data:"),
    "lines that end with CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "no names of events": lambda data: b"".join(
        line for line in data.splitlines(keepends=True) if not line.startswith(b"event:")
    ),
    "spaces around the data": lambda data: data.replace(b"data: ", b"data:   ").replace(b"}\n", b"} \n"),
    "no end of the last line": lambda data: data.rstrip(b"\n"),
    "a number to each event": lambda data: data.replace(b"data: ", b"id: 1\ndata: "),
}


@each
@pytest.mark.parametrize("change", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_a_stream_is_read_however_its_events_are_framed(dialect: str, change: Callable[[bytes], bytes]) -> None:
    clean = stream(dialect, *text_of(dialect, "fine", " day"))
    assert read(dialect, change(clean)) == read(dialect, clean)


@each
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_stream_is_read_whatever_type_its_head_gives_it(dialect: str, content_type: str) -> None:
    clean = stream(dialect, *text_of(dialect, "fine", " day"))
    assert read(dialect, clean, content_type) == read(dialect, clean)


STOPPED_BY: Final[dict[str, tuple[str, list[Event], str]]] = {
    "Claude": ("claude", [*text_of("claude", "a")[:-2], claude("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "END"}), claude("message_stop")], "END"),
    "vLLM": ("openai_chat", [{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "END"}]}], "END"),
    "SGLang": ("openai_chat", [{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "matched_stop": "END"}]}], "END"),
    "a token's number": ("openai_chat", [{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": 128009, "matched_stop": None}]}], ""),
    "another word for the reason": ("openai_chat", [{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "end_turn"}]}], ""),
    "none": ("claude", text_of("claude", "a"), ""),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "events", "stop"), STOPPED_BY.values(), ids=STOPPED_BY.keys())
def test_the_stop_sequence_that_was_met_is_known_where_the_server_names_it(
    dialect: str, events: list[Event], stop: str
) -> None:
    decoder = upstream(dialect).decoder("text/event-stream")
    made = decoder.feed(stream(dialect, *events)) + decoder.eof()
    assert [event.stop for event in made if isinstance(event, Finished)] == [stop]


@pytest.mark.parametrize("whole", [True, False])
def test_a_claude_caller_learns_which_stop_sequence_was_met(whole: bool) -> None:
    body = {"model": "m", "max_tokens": 9, "stream": not whole, "messages": [{"role": "user", "content": "hi"}]}
    codec = ingress("claude")
    encoder = codec.encoder(codec.decode(json.dumps(body).encode(), path="", query="", headers={}), id="1", created=1)
    events = (Started(), TextDelta("a"), Finished(FinishReason.STOP, "stop", stop="END"))
    data = b"".join(encoder.feed(event) for event in events)
    assert b'"stop_reason":"stop_sequence","stop_sequence":"END"' in data
