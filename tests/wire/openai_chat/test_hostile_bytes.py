"""Any bytes at all: decoders raise nothing, the server side only `InvalidRequestError`, and the order of events always holds."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segue.chat.events import (
    Failed,
    Finished,
    Started,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
)
from segue.errors import InvalidRequestError
from segue.wire.openai_chat.upstream.codec import Upstream

from .harness import call, chunk, decoded, received, sse

WORDS = st.sampled_from(["", "a", "f", "null", '{"a":', "1}", "{}", "안", "\u2028", "stop", "error", "tool_calls"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
ANSWER_FIELDS = [
    *("choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index"),
    *(
        "id",
        "finish_reason",
        "usage",
        "error",
        "x_groq",
        "refusal",
        "reasoning_content",
        "function_call",
        "prompt_tokens",
    ),
    *(
        "prompt_tokens_details",
        "cached_tokens",
        "detail",
        "type",
        "text",
        "total_tokens",
        "completion_tokens",
        "extra_content",
        "google",
    ),
    *("thought_signature",),
]
REQUEST_FIELDS = [
    *("messages", "role", "content", "tools", "tool_choice", "function", "name", "arguments", "type"),
    *("text", "image_url", "url", "id", "stop", "tool_calls", "tool_call_id", "response_format", "json_schema"),
    *("schema", "stream", "stream_options", "include_usage", "reasoning_effort", "allowed_tools", "mode", "parameters"),
]


def documents(fields: list[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(fields), inner, max_size=4),
        max_leaves=10,
    )


PIECES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2),
        "id": st.sampled_from(["x", "y", ""]),
        "function": st.fixed_dictionaries({}, optional={"name": st.sampled_from(["f", ""]), "arguments": WORDS}),
    },
)
DELTAS = st.fixed_dictionaries(
    {}, optional={"content": WORDS, "reasoning": WORDS, "refusal": WORDS, "tool_calls": st.lists(PIECES, max_size=3)}
)
CHUNKS = st.one_of(
    st.builds(chunk, DELTAS),
    st.builds(chunk, DELTAS, st.sampled_from(["stop", "length", "tool_calls", "error", "odd", ""])),
    st.fixed_dictionaries({"choices": st.just([]), "usage": documents(["prompt_tokens", "total_tokens"])}),
    documents(ANSWER_FIELDS),
)
LINES = st.sampled_from([b"data: [DONE]\n\n", b"event: error\n", b": c\n\n", b"\r\n", b"{", b"data:", b"\xef\xbb\xbf"])
STREAMS = st.lists(st.one_of(CHUNKS.map(lambda one: sse(one, done=False)), LINES, st.binary(max_size=8)), max_size=8)


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


NAMELESS = chunk(
    {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}, {"index": 1, "function": {"name": "f"}}]}
)


@settings(max_examples=200, deadline=None)
@given(STREAMS, st.integers(1, 40))
@example([sse(NAMELESS)], 40)
def test_any_stream_gives_ordered_events_and_the_same_ones_however_it_is_split(stream: list[bytes], size: int) -> None:
    data = b"".join(stream)
    events = decoded([data])
    check_order(events)
    assert decoded(data[n : n + size] for n in range(0, len(data), size)) == events


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), documents(ANSWER_FIELDS).map(msgspec.json.encode)))
def test_any_document_gives_ordered_events(data: bytes) -> None:
    check_order(decoded([data]))


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        documents(REQUEST_FIELDS).map(msgspec.json.encode),
        st.fixed_dictionaries(
            {"messages": st.lists(documents(REQUEST_FIELDS), max_size=3)},
            optional={name: documents(REQUEST_FIELDS) for name in REQUEST_FIELDS if name != "messages"},
        ).map(msgspec.json.encode),
    )
)
def test_any_body_is_either_understood_or_refused_by_name(data: bytes) -> None:
    with contextlib.suppress(InvalidRequestError):
        asked = received(data)
        assert asked.request.messages
        Upstream().encode(asked.request, call())
