"""Both sides of the dialect, one speaking to the other: what our server says our client reads, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from segue.chat.events import (
    ChatEvent,
    Failed,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCalled,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import FailureKind
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.errors import LLMServiceUnavailableError
from segue.wire.codec import IngressRequest
from segue.wire.openai_responses.ingress.codec import Ingress
from segue.wire.openai_responses.upstream.codec import Upstream

from .upstream_harness import call, decoded

CALL = ToolCall(id="call_1", name="clock", arguments='{"zone":"KST"}')
CLOCK = Tool(name="clock", description="The time.", parameters={"type": "object", "properties": {}}, strict=False)
USAGE = Usage(input_tokens=5, cache_read_tokens=3, cache_write_tokens=2, output_tokens=9, reasoning_tokens=4)
PROOF = ThinkingDelta("", "rs_1:gAAA==", dialect="openai_responses")
STOP = Finished(FinishReason.STOP, "completed")


def asked(*, stream: bool) -> IngressRequest:
    body = {"model": "m", "input": "?", "stream": stream}
    return Ingress().decode(msgspec.json.encode(body), path="/v1/responses", query="", headers={})


def encoded(*events: ChatEvent, stream: bool) -> bytes:
    encoder = Ingress().encoder(asked(stream=stream), id="1", created=1_790_000_000)
    return b"".join(encoder.feed(event) for event in (Started("x", "gpt-6-luna"), *events))


ANSWERS: dict[str, list[ChatEvent]] = {
    "text": [TextDelta("Hello "), TextDelta("안녕"), UsageReport(USAGE), STOP],
    "a call": [ToolCalled(0, CALL), UsageReport(USAGE), Finished(FinishReason.TOOL_CALLS, "completed")],
    "reasoning, text and a call": [
        ThinkingDelta("Hm."),
        PROOF,
        TextDelta("So."),
        ToolCalled(0, CALL),
        UsageReport(USAGE),
        Finished(FinishReason.TOOL_CALLS, "completed"),
    ],
    "cut": [TextDelta("Hel"), UsageReport(USAGE), Finished(FinishReason.LENGTH, "max_output_tokens")],
    "refused": [UsageReport(USAGE), Finished(FinishReason.CONTENT_FILTER, "completed", "No.")],
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_comes_through(events: list[ChatEvent], stream: bool) -> None:
    received = decoded([encoded(*events, stream=stream)])
    assert isinstance(received[0], Started)
    assert _text(received) == _text(events)
    assert _calls(received) == [event.call for event in events if isinstance(event, ToolCalled)]
    assert [event.usage for event in received if isinstance(event, UsageReport)] == [USAGE]
    assert _thoughts(received) == _thoughts(events)
    assert _end(received) == _end(events)


def _calls(events: Sequence[UpstreamEvent]) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for event in events:
        if isinstance(event, ToolCallDelta) and event.index == len(calls):
            calls.append(ToolCall(id=event.id, name=event.name, arguments=event.arguments))
        elif isinstance(event, ToolCallDelta):
            before = calls[event.index]
            calls[event.index] = msgspec.structs.replace(before, arguments=before.arguments + event.arguments)
    assert sum(isinstance(event, ToolCallEnd) for event in events) == len(calls)
    return calls


def _text(events: Sequence[ChatEvent | UpstreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _end(events: Sequence[ChatEvent | UpstreamEvent]) -> tuple[FinishReason, str]:
    (end,) = [event for event in events if isinstance(event, Finished) and not event.provisional]
    return end.reason, end.refusal


def _thoughts(events: Sequence[ChatEvent | UpstreamEvent]) -> tuple[str, list[str]]:
    """What was thought, and the signatures as they go back to their provider."""
    thoughts = [event for event in events if isinstance(event, ThinkingDelta)]
    proofs = [one.signature.removeprefix("rs_1_0:") for one in thoughts if one.signature]
    return "".join(one.text for one in thoughts), proofs


def test_a_proof_that_went_through_two_servers_goes_back_as_it_was_made() -> None:
    (proof,) = [
        event.signature
        for event in decoded([encoded(*ANSWERS["reasoning, text and a call"], stream=True)])
        if isinstance(event, ThinkingDelta) and event.signature
    ]
    thought = Thinking(text="Hm.", signature=proof, dialect="openai_responses")
    wire = Upstream().encode(ChatRequest(messages=(user("?"), Message("assistant", (thought, CALL)))), call())
    received = Ingress().decode(wire.body, path="/v1/responses", query="", headers={}).request
    (kept,) = [part for message in received.messages for part in message.parts if isinstance(part, Thinking)]
    assert kept == Thinking(text="Hm.", signature="rs_1:gAAA==", dialect="openai_responses")


def test_a_failure_amid_a_stream_comes_through() -> None:
    encoder = Ingress().encoder(asked(stream=True), id="1", created=1_790_000_000)
    data = encoder.feed(Started("x", "m")) + encoder.feed(TextDelta("Hel"))
    events = decoded([data + encoder.fail(LLMServiceUnavailableError("All LLM providers failed"))])
    assert isinstance(last := events[-1], Failed)
    assert last.failure.kind is FailureKind.OVERLOAD
    assert "All LLM providers failed" in last.failure.message


REQUESTS = {
    "a conversation": ChatRequest(
        messages=(
            system("Be brief."),
            Message("user", (Text("Look:"), Image(data="aGk=", media_type="image/png", detail="low"))),
            Message("assistant", (Thinking(text="Hm.", signature="rs_1:gAAA==", dialect="openai_responses"), CALL)),
            Message("tool", (ToolResult(call_id="call_1", name="clock", content=(Text("12:00"),)),)),
            Message("assistant", (Text("Noon."),)),
            user("Thanks"),
        ),
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        user="me",
    ),
    "tools": ChatRequest(
        messages=(user("?"),),
        tools=(CLOCK,),
        tool_choice=ToolChoice(mode="tool", name="clock"),
        parallel_tool_calls=False,
    ),
    "a schema": ChatRequest(messages=(user("?"),), output=OutputSchema(schema={"type": "object"}, name="x", strict=False)),
    "an effort": ChatRequest(messages=(user("?"),), effort="high"),
}  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_a_request_comes_through(request_: ChatRequest) -> None:
    wire = Upstream().encode(request_, call())
    assert wire.omitted == ()
    received = Ingress().decode(wire.body, path="/v1/responses", query="", headers={}).request
    assert msgspec.structs.replace(received, extra={}) == request_
