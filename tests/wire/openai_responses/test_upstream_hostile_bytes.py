"""Any bytes at all: the decoder raises nothing, and the order of events always holds."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.chat.events import Failed, Finished, Started, ToolCallDelta, ToolCallEnd, UpstreamEvent

from .upstream_harness import decoded, sse

WORDS = st.sampled_from(["", "a", "f", "null", '{"a":', "1}", "{}", "안", "\u2028", "incomplete", "error", "failed"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
FIELDS = [
    *("type", "response", "item", "delta", "output_index", "item_id", "summary_index", "id", "status", "output"),
    *("usage", "input_tokens", "input_tokens_details", "cached_tokens", "total_tokens", "error", "code", "message"),
    *("incomplete_details", "reason", "content", "text", "refusal", "summary", "encrypted_content", "arguments"),
]
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10,
)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "function_call", "reasoning", "web_search_call", ""])},
    optional={
        "id": st.sampled_from(["x", "y", "", None]),
        "call_id": st.sampled_from(["c", "d", ""]),
        "name": st.sampled_from(["f", ""]),
        "arguments": WORDS | DOCUMENTS,
        "content": st.lists(st.fixed_dictionaries({}, optional={"text": WORDS, "refusal": WORDS}), max_size=2) | DOCUMENTS,
        "summary": st.lists(st.fixed_dictionaries({}, optional={"text": WORDS}), max_size=2) | DOCUMENTS,
        "encrypted_content": WORDS | SCALARS,
        "status": st.sampled_from(["completed", "incomplete", None]),
    },
)  # fmt: skip
PLACE = {"output_index": st.integers(0, 2), "item_id": st.sampled_from(["x", "y", ""])}
DELTAS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "response.output_text.delta",
                "response.refusal.delta",
                "response.reasoning_summary_text.delta",
                "response.function_call_arguments.delta",
            ]
        ),
        "delta": WORDS,
    },
    optional=PLACE | {"summary_index": st.integers(0, 2)},
)
ANNOUNCED = st.fixed_dictionaries(
    {"type": st.sampled_from(["response.output_item.added", "response.output_item.done"]), "item": ITEMS},
    optional={"output_index": st.integers(0, 2)},
)
RESPONSES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("r"),
        "model": WORDS,
        "status": st.sampled_from(["completed", "incomplete", "failed", "cancelled", "queued", "odd"]),
        "output": st.lists(ITEMS, max_size=3),
        "usage": DOCUMENTS,
        "error": DOCUMENTS,
        "incomplete_details": DOCUMENTS,
    },
)
ENDS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["created", "completed", "incomplete", "failed"]).map(lambda word: f"response.{word}"),
        "response": RESPONSES,
    }
)
ODD = DOCUMENTS.filter(lambda one: isinstance(one, dict)).map(lambda one: {"type": "response.odd"} | one)
LINES = st.sampled_from([b"data: [DONE]\n\n", b"event: error\n", b": c\n\n", b"\r\n", b"{", b"data:", b"\xef\xbb\xbf"])
NAMED = st.builds(lambda one, named: sse(one, named=named), st.one_of(DELTAS, ANNOUNCED, ENDS), st.booleans())
BARE = ODD.map(lambda one: sse(one, named=False))
STREAMS = st.lists(st.one_of(NAMED, NAMED, BARE, LINES, st.binary(max_size=8)), max_size=8)


def check_order(events: list[UpstreamEvent]) -> None:
    """The rules that every answer keeps, whole or broken."""
    assert sum(isinstance(event, Started) for event in events) <= 1
    assert any(isinstance(event, Finished | Failed) for event in events)
    assert not any(isinstance(event, Failed) for event in events[:-1])
    open_calls: set[int] = set()
    seen = 0
    for event in events:
        if isinstance(event, ToolCallDelta):
            if event.index == seen:
                assert event.id
                assert event.name
                open_calls.add(seen)
                seen += 1
            assert event.index in open_calls
        elif isinstance(event, ToolCallEnd):
            open_calls.remove(event.index)
    assert not [event for event in events if isinstance(event, Failed) and len(event.failure.message) > 500]


@settings(max_examples=200, deadline=None)
@given(STREAMS, st.integers(1, 40))
def test_any_stream_gives_ordered_events_and_the_same_ones_however_it_is_split(stream: list[bytes], size: int) -> None:
    data = b"".join(stream)
    events = decoded([data])
    check_order(events)
    assert decoded(data[n : n + size] for n in range(0, len(data), size)) == events


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), DOCUMENTS.map(msgspec.json.encode), RESPONSES.map(msgspec.json.encode)))
def test_any_document_gives_ordered_events(data: bytes) -> None:
    check_order(decoded([data]))


def test_a_depth_beyond_all_measure_is_survived() -> None:
    deep: Any = b'data: {"type":"response.completed","response":{"error":' + b"[" * 100_000
    check_order(decoded([deep + b"\n\n"]))
