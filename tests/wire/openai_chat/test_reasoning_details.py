"""OpenRouter's `reasoning_details`: the caller gets them, and they go back unchanged to OpenRouter and to no other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.catalog.providers import PROVIDERS
from segue.chat.events import ChatEvent, Finished, FinishReason, Started, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.messages import Thinking, ToolCall
from segue.wire.dialects import upstream
from segue.wire.openai_chat.ingress.codec import Ingress

from .harness import PLAIN, call, chunk, decoded, received, sse

ENCRYPTED = {"type": "reasoning.encrypted", "id": "tool_1", "format": "google-gemini-v1", "index": 1, "data": "c2ln"}


def text(piece: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": piece, "index": 0, "format": "anthropic-claude-v1"} | more


def summary(piece: str) -> dict[str, Any]:
    return {"type": "reasoning.summary", "summary": piece, "index": 0}


CALL = {"tool_calls": [{"index": 0, "id": "tool_1", "function": {"name": "f", "arguments": "{}"}}]}

STREAMS: dict[str, tuple[list[dict[str, Any]], str, list[list[dict[str, Any]]]]] = {
    "beside the call": ([CALL | {"reasoning_details": [ENCRYPTED]}], "", [[ENCRYPTED]]),
    "behind the call": ([CALL, {"reasoning_details": [ENCRYPTED]}], "", [[ENCRYPTED]]),
    "in pieces, with the text beside": (
        [{"reasoning": "a", "reasoning_details": [text("a")]}, {"reasoning": "b", "reasoning_details": [text("b")]}, CALL],
        "ab",
        [[text("ab")]],
    ),
    "in pieces, the signature at the end": (
        [{"reasoning_details": [text("a", signature=None)]}, {"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "c2ln"}]}, CALL],
        "a",
        [[text("a", signature="c2ln")]],
    ),
    "a summary in pieces": ([{"reasoning_details": [summary("a")]}, {"reasoning_details": [summary("b")]}, {"content": "x"}], "ab", [[summary("ab")]]),
    "two signed texts": (
        [{"reasoning_details": [text("a", signature="1")]}, {"reasoning_details": [text("b", signature="2")]}, CALL],
        "ab",
        [[text("a", signature="1"), text("b", signature="2")]],
    ),
    "a text and then a proof": ([{"reasoning_details": [text("a")]}, CALL | {"reasoning_details": [ENCRYPTED]}], "a", [[text("a"), ENCRYPTED]]),
    "before and between the calls": ([{"reasoning_details": [text("a")]}, CALL, {"reasoning_details": [ENCRYPTED]}], "a", [[text("a")], [ENCRYPTED]]),
    "nothing in them": ([CALL | {"reasoning_details": []}, {"reasoning_details": None}, {"reasoning_details": [None, "x"]}, {"reasoning_details": "x"}], "", []),
}  # fmt: skip


@pytest.mark.parametrize(("deltas", "thought", "details"), STREAMS.values(), ids=STREAMS.keys())
def test_the_details_of_a_stream_are_put_together(
    deltas: list[dict[str, Any]], thought: str, details: list[Any]
) -> None:
    events = decoded([sse(*(chunk(delta) for delta in deltas), chunk(finish="stop"))])
    thoughts = [event for event in events if isinstance(event, ThinkingDelta)]
    assert "".join(event.text for event in thoughts) == thought
    assert [msgspec.json.decode(event.signature) for event in thoughts if event.signature] == details
    assert {event.dialect for event in thoughts if event.signature} <= {"openai_chat"}
    finish = next(place for place, event in enumerate(events) if isinstance(event, Finished))
    assert not [event for event in events[finish:] if isinstance(event, ThinkingDelta)]


PROOF = ThinkingDelta(signature=msgspec.json.encode([text("a"), ENCRYPTED]).decode(), dialect="openai_chat")
FOREIGN = ThinkingDelta(signature="[]gAAA", dialect="claude")


def encoded(*thoughts: ThinkingDelta, stream: bool) -> list[Any]:
    """The `reasoning_details` that a caller gets."""
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    asked = received(body)
    encoder = Ingress().encoder(asked, id="1", created=1)
    made = ToolCalled(0, ToolCall(id="tool_1", name="f"))
    events: list[ChatEvent] = [Started("x", "m"), *thoughts, TextDelta("x"), made, Finished(FinishReason.TOOL_CALLS)]
    data = b"".join(encoder.feed(event) for event in events)
    if not stream:
        return msgspec.json.decode(data)["choices"][0]["message"].get("reasoning_details", [])
    lines = [line[6:] for line in data.splitlines() if line.startswith(b"data: {")]
    deltas = [msgspec.json.decode(line)["choices"][0]["delta"] for line in lines]
    return [detail for delta in deltas for detail in delta.get("reasoning_details", [])]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_the_caller_gets_the_details_and_no_other_makers_proof(stream: bool) -> None:
    assert encoded(ThinkingDelta("a"), PROOF, stream=stream) == [text("a"), ENCRYPTED]
    assert encoded(FOREIGN, stream=stream) == []


def history(details: Any) -> Any:
    turn = {"role": "assistant", "content": None, "reasoning_details": details, "tool_calls": [{"id": "tool_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}  # fmt: skip
    return received({"model": "m", "messages": [{"role": "user", "content": "go"}, turn, {"role": "tool", "tool_call_id": "tool_1", "content": "ok"}]}).request  # fmt: skip


def sent(details: Any, quirks: dict[str, Any]) -> dict[str, Any]:
    wire = upstream("openai_chat").encode(history(details), call(PLAIN, quirks=quirks))
    turn: dict[str, Any] = msgspec.json.decode(wire.body)["messages"][1]
    return turn


def test_the_details_go_back_unchanged_to_openrouter() -> None:
    assert sent([text("a"), ENCRYPTED], PROVIDERS["openrouter"].quirks)["reasoning_details"] == [text("a"), ENCRYPTED]


def test_the_details_go_to_no_provider_that_would_refuse_them() -> None:
    assert not any(
        name for name, preset in PROVIDERS.items() if "reasoning_details" in preset.quirks and name != "openrouter"
    )
    assert "reasoning_details" not in sent([ENCRYPTED], {})


@pytest.mark.parametrize("nothing", [None, [], {}, "x", [None], False])
def test_details_that_hold_nothing_are_nothing(nothing: Any) -> None:
    assert "reasoning_details" not in sent(nothing, PROVIDERS["openrouter"].quirks)
    assert not [part for part in history(nothing).messages[1].parts if isinstance(part, Thinking)]
