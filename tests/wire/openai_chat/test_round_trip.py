"""One table of requests and one of answers drive both sides of the dialect against each other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Seam,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.wire.openai_chat.ingress.codec import Ingress
from segue.wire.openai_chat.upstream.codec import Upstream

from .harness import call, decoded, received, shown

WEATHER = Tool(
    name="weather",
    description="The weather at a place.",
    parameters={
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
    strict=True,
)
CLOCK = Tool(name="clock", parameters={"type": "object", "properties": {}})
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}
TURNS = (
    system("Be brief."),
    user("What is the weather in Seoul and what time is it?"),
    Message(
        "assistant",
        (
            Text("I shall look."),
            ToolCall(id="call_1", name="weather", arguments='{"place":"Seoul"}'),
            ToolCall(id="call_2", name="clock"),
        ),
    ),
    Message(
        "tool",
        (
            ToolResult(call_id="call_1", name="weather", content=(Text("rain"),)),
            ToolResult(call_id="call_2", name="clock", content=(Text("noon"),)),
        ),
    ),
    user("And in Busan?"),
)

REQUESTS: dict[str, ChatRequest] = {
    "one user turn": ChatRequest(messages=(user("Hello"),)),
    "system messages anywhere": ChatRequest(messages=(system("a"), user("b"), system("c"), assistant("d"), user("e"))),
    "a conversation that the assistant starts": ChatRequest(messages=(assistant("Welcome"), user("Hi"))),
    "two turns of one role": ChatRequest(messages=(user("a"), user("b"))),
    "several texts in a turn": ChatRequest(messages=(Message("user", (Text("a"), Text("b"))),)),
    "Korean and emoji": ChatRequest(messages=(user("안녕하세요 🙂 \u2028 \x00"),)),
    "pictures": ChatRequest(
        messages=(
            Message(
                "user",
                (
                    Text("What is this?"),
                    Image(data="aGVsbG8=", media_type="image/png"),
                    Image(url="https://example.org/cat.jpg", detail="high"),
                ),
            ),
        )
    ),
    "tools and their results": ChatRequest(messages=TURNS, tools=(WEATHER, CLOCK)),
    "a call without text": ChatRequest(
        messages=(
            user("now?"),
            Message("assistant", (ToolCall(id="call_9", name="clock"),)),
            Message("tool", (ToolResult(call_id="call_9", name="clock"),)),
        ),
        tools=(CLOCK,),
    ),
    "a demanded tool": ChatRequest(
        messages=(user("now?"),), tools=(WEATHER, CLOCK), tool_choice=ToolChoice(mode="tool", name="clock")
    ),
    "some tool demanded, one at a time": ChatRequest(
        messages=(user("?"),), tools=(CLOCK,), tool_choice=ToolChoice(mode="required"), parallel_tool_calls=False
    ),
    "a schema": ChatRequest(
        messages=(user("How old?"),),
        output=OutputSchema(schema=SCHEMA, name="person", description="A person", strict=True),
    ),
    "a JSON object": ChatRequest(messages=(user("Answer in JSON."),), output=OutputSchema()),
    "all the knobs": ChatRequest(
        messages=(user("?"),),
        temperature=0.3,
        top_p=0.9,
        max_tokens=99,
        stop=("END", "STOP"),
        seed=7,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        effort="low",
        user="u-1",
    ),
    "fields of the dialect alone": ChatRequest(
        messages=(user("?"),),
        extra={"openai_chat": {"service_tier": "flex", "metadata": {"a": "b"}, "logit_bias": {"50256": -100}}},
    ),
    "the effort between ours": ChatRequest(
        messages=(user("?"),), effort="max", extra={"openai_chat": {"reasoning_effort": "xhigh"}}
    ),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_what_upstream_encodes_ingress_decodes_to_the_same_request(request_: ChatRequest) -> None:
    wire = Upstream().encode(request_, call())
    assert received(wire.body).request == request_
    assert wire.omitted == ()


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_what_ingress_decodes_upstream_encodes_to_the_same_body(request_: ChatRequest) -> None:
    body = Upstream().encode(request_, call()).body
    again = Upstream().encode(received(body).request, call()).body
    assert msgspec.json.decode(again) == msgspec.json.decode(body)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_bodies_have_the_shape_that_the_official_sdk_declares(request_: ChatRequest) -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
    from pydantic import TypeAdapter

    body = msgspec.json.decode(Upstream().encode(request_, call()).body)
    declared = TypeAdapter[Any](CompletionCreateParamsStreaming)
    _walk(declared.validate_python(body))
    assert set(body) <= set(CompletionCreateParamsStreaming.__annotations__)


def _walk(value: Any) -> None:
    """Pydantic checks the items of an `Iterable` only when they are taken."""
    if isinstance(value, str | int | float | None):
        return
    for item in value.values() if isinstance(value, dict) else value:
        _walk(item)


def test_thinking_comes_back_to_the_provider_that_wants_it() -> None:
    asked = ChatRequest(
        messages=(
            user("now?"),
            Message("assistant", (Thinking(text="Look.", dialect="openai_chat"), ToolCall(id="call_9", name="clock"))),
            Message("tool", (ToolResult(call_id="call_9", name="clock"),)),
        )
    )
    wire = Upstream().encode(asked, call(quirks={"reasoning_field": "reasoning_content"}))
    assert received(wire.body).request == asked


USAGE = Usage(input_tokens=5, cache_read_tokens=3, cache_write_tokens=2, output_tokens=9, reasoning_tokens=4)
CALLS = (
    ToolCalled(0, ToolCall(id="call_1", name="weather", arguments='{"place": "Seoul"}')),
    ToolCalled(1, ToolCall(id="call_2", name="clock", arguments="{}", signature="c2ln")),
)
ANSWERS: dict[str, list[ChatEvent]] = {
    "text": [TextDelta("Hel"), TextDelta("lo \n\n 안녕 🙂 \u2028"), Finished(FinishReason.STOP, "stop")],
    "usage": [TextDelta("Hi"), UsageReport(USAGE), Finished(FinishReason.STOP, "stop")],
    "cut at the limit": [TextDelta("Hi"), UsageReport(USAGE), Finished(FinishReason.LENGTH, "length")],
    "thinking": [
        ThinkingDelta("Let me "),
        ThinkingDelta("see."),
        TextDelta("42"),
        Finished(FinishReason.STOP, "stop"),
    ],
    "calls": [TextDelta("I shall look."), *CALLS, Finished(FinishReason.TOOL_CALLS, "tool_calls")],
    "a call alone": [CALLS[0], UsageReport(USAGE), Finished(FinishReason.TOOL_CALLS, "tool_calls")],
    "a filter's cut": [TextDelta("Hm"), Finished(FinishReason.CONTENT_FILTER, "content_filter")],
    "a refusal": [Finished(FinishReason.CONTENT_FILTER, "stop", "I won't.")],
}


def _encoded(events: list[ChatEvent], *, stream: bool) -> list[bytes]:
    asked = received({"model": "m", "messages": [], "stream": stream} | _ASKING)
    if stream:
        asked = msgspec.structs.replace(asked, options={"include_usage": True})
    encoder = Ingress().encoder(asked, id="abc", created=1_790_000_000)
    return [encoder.feed(event) for event in [Started("upstream-id", "gpt-6-luna"), *events]]


_ASKING: dict[str, Any] = {"messages": [{"role": "user", "content": "?"}]}
_STARTED = Started("chatcmpl-abc", "gpt-6-luna")


@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS.keys())
def test_what_ingress_streams_upstream_decodes_to_the_same_events(events: list[ChatEvent]) -> None:
    assert shown(decoded(_encoded(events, stream=True))) == [_STARTED, *events]


@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_whole_answer_holds_what_its_events_say(events: list[ChatEvent]) -> None:
    *before, document = _encoded(events, stream=False)
    assert not any(before)
    assert shown(decoded([document])) == [_STARTED, *_merged(events)]


def _merged(events: list[ChatEvent]) -> list[ChatEvent]:
    """A document says its thinking and its text in one piece each."""
    thoughts = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    rest = [event for event in events if not isinstance(event, ThinkingDelta | TextDelta)]
    head: list[ChatEvent] = [ThinkingDelta(thoughts)] if thoughts else []
    return head + ([TextDelta(text)] if text else []) + rest


def test_seams_do_not_show() -> None:
    plain: list[ChatEvent] = [TextDelta("a"), TextDelta("b"), Finished(FinishReason.STOP, "stop")]
    seamed = [plain[0], Seam("gemini", "openai", 1), *plain[1:]]
    assert b"".join(_encoded(plain, stream=True)) == b"".join(_encoded(seamed, stream=True))
    assert b"".join(_encoded(plain, stream=False)) == b"".join(_encoded(seamed, stream=False))
