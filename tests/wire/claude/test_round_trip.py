"""One table of requests and one of answers, each read and written."""

from __future__ import annotations

from typing import Any, Literal

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
    UpstreamEvent,
    UsageReport,
)
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage

from .harness import as_upstream_says, body_of, decoded, encoded, events_of, without_usage

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}

CALLED = Message(
    "assistant", (Text("Let me look."), ToolCall(id="toolu_1", name="weather", arguments='{"city":"Oslo"}'))
)
ANSWERED = Message("tool", (ToolResult(call_id="toolu_1", name="weather", content=(Text("4 degrees"),)),))
CALLED_BLOCKS = {
    "role": "assistant",
    "content": [
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ],
}

CHOICES: tuple[tuple[Literal["auto", "none", "required"], str], ...] = (
    ("auto", "auto"),
    ("none", "none"),
    ("required", "any"),
)

HI = {"role": "user", "content": "hi"}

REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one word": ({"messages": (user("hi"),)}, {"messages": [HI]}),
    "a system text": (
        {"messages": (system("be brief"), user("hi"))},
        {"system": "be brief", "messages": [HI]},
    ),
    "a system text in parts": (
        {"messages": (Message("system", (Text("be brief"), Text("be kind"))), user("hi"))},
        {"system": [{"type": "text", "text": "be brief"}, {"type": "text", "text": "be kind"}], "messages": [HI]},
    ),
    "turns": (
        {"messages": (user("hi"), assistant("hello"), user("again"))},
        {"messages": [HI, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "again"}]},
    ),
    "pictures": (
        {
            "messages": (
                Message("user", (Text("see"), Image(data="QUJD", media_type="image/png"), Image(url="https://a/b"))),
            )
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                        {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
                    ],
                }
            ]
        },
    ),
    "tools": (
        {
            "messages": (user("hi"),),
            "tools": (
                Tool(name="weather", description="The weather", parameters=WEATHER),
                Tool(name="sum", parameters=CLOSED, strict=True),
            ),
            "tool_choice": ToolChoice(mode="tool", name="weather"),
            "parallel_tool_calls": False,
        },
        {
            "messages": [HI],
            "tools": [
                {"name": "weather", "description": "The weather", "input_schema": WEATHER},
                {"name": "sum", "input_schema": CLOSED, "strict": True},
            ],
            "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        },
    ),
    **{
        f"the tool choice {mode}": (
            {
                "messages": (user("hi"),),
                "tools": (Tool(name="weather", parameters=WEATHER),),
                "tool_choice": ToolChoice(mode=mode),
            },
            {
                "messages": [HI],
                "tools": [{"name": "weather", "input_schema": WEATHER}],
                "tool_choice": {"type": word},
            },
        )
        for mode, word in CHOICES
    },
    "a tool's result": (
        {"messages": (user("hi"), CALLED, ANSWERED)},
        {
            "messages": [
                HI,
                CALLED_BLOCKS,
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "4 degrees"}],
                },
            ]
        },
    ),
    "a failed tool's result with a picture, and a word after it": (
        {
            "messages": (
                user("hi"),
                CALLED,
                Message(
                    "tool",
                    (
                        ToolResult(
                            call_id="toolu_1",
                            name="weather",
                            content=(Text("broken"), Image(data="QUJD", media_type="image/jpeg")),
                            is_error=True,
                        ),
                    ),
                ),
                user("and now?"),
            )
        },
        {
            "messages": [
                HI,
                CALLED_BLOCKS,
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [
                                {"type": "text", "text": "broken"},
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"},
                                },
                            ],
                            "is_error": True,
                        },
                        {"type": "text", "text": "and now?"},
                    ],
                },
            ]
        },
    ),
    "thinking given back": (
        {
            "messages": (
                user("hi"),
                Message(
                    "assistant",
                    (
                        Thinking(text="hm", signature="c2ln", dialect="claude"),
                        Thinking(redacted="b3BhcXVl", dialect="claude"),
                        Text("yes"),
                    ),
                ),
                user("more"),
            )
        },
        {
            "messages": [
                HI,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                        {"type": "redacted_thinking", "data": "b3BhcXVl"},
                        {"type": "text", "text": "yes"},
                    ],
                },
                {"role": "user", "content": "more"},
            ]
        },
    ),
    "sampling": (
        {"messages": (user("hi"),), "temperature": 0.7, "top_k": 40, "stop": ("END",), "user": "u-1"},
        {
            "messages": [HI],
            "temperature": 0.7,
            "top_k": 40,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u-1"},
        },
    ),
    "an answer in JSON": (
        {"messages": (user("hi"),), "output": OutputSchema(schema=CLOSED)},
        {"messages": [HI], "output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
    ),
    "fields that only this dialect knows": (
        {
            "messages": (user("hi"),),
            "extra": {
                "claude": {
                    "service_tier": "auto",
                    "container": {"id": "c-1"},
                    "output_config": {"task_budget": {"type": "tokens", "total": 9}},
                }
            },
        },
        {
            "messages": [HI],
            "service_tier": "auto",
            "container": {"id": "c-1"},
            "output_config": {"task_budget": {"type": "tokens", "total": 9}},
        },
    ),
    "marks for the prompt cache": (
        {
            "messages": (system("long"), user("hi")),
            "extra": {
                "claude": {
                    "cache_breakpoints": [[0, 0, {"type": "ephemeral", "ttl": "1h"}], [1, 0, {"type": "ephemeral"}]]
                }
            },
        },
        {
            "system": [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}
            ],
        },
    ),
    "tools with more to them, and a server's tool": (
        {
            "messages": (user("hi"),),
            "tools": (Tool(name="weather", parameters=WEATHER),),
            "extra": {
                "claude": {
                    "tools": [
                        {"name": "weather", "input_schema": WEATHER, "cache_control": {"type": "ephemeral"}},
                        {"name": "web_search", "type": "web_search_20260318", "max_uses": 2},
                    ]
                }
            },
        },
        {
            "messages": [HI],
            "tools": [
                {"name": "weather", "input_schema": WEATHER, "cache_control": {"type": "ephemeral"}},
                {"name": "web_search", "type": "web_search_20260318", "max_uses": 2},
            ],
        },
    ),
    "adaptive thinking": (
        {
            "messages": (user("hi"),),
            "effort": "max",
            "extra": {
                "claude": {
                    "thinking": {"type": "adaptive", "display": "summarized"},
                    "output_config": {"effort": "max"},
                }
            },
        },
        {
            "messages": [HI],
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": "max"},
        },
    ),
    "an effort alone": (
        {
            "messages": (user("hi"),),
            "effort": "low",
            "extra": {"claude": {"thinking": None, "output_config": {"effort": "low"}}},
        },
        {"messages": [HI], "output_config": {"effort": "low"}},
    ),
}

DEFAULTS = {"model": "claude-sonnet-4-6", "max_tokens": 1500, "stream": True}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_is_written_as_the_api_reads_it(case: str) -> None:
    fields, body = REQUESTS[case]
    assert body_of(ChatRequest(max_tokens=1500, **fields)) == DEFAULTS | body


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_is_read_as_the_sdks_write_it(case: str) -> None:
    fields, body = REQUESTS[case]
    read = decoded(DEFAULTS | body)
    assert read.request == ChatRequest(max_tokens=1500, **fields)
    assert (read.model, read.stream) == ("claude-sonnet-4-6", True)


USED = Usage(
    input_tokens=10,
    cache_read_tokens=3,
    cache_write_tokens=2,
    cache_write_1h_tokens=1,
    output_tokens=7,
    reasoning_tokens=4,
)
DONE = (UsageReport(USED), Finished(FinishReason.STOP, "end_turn"))

ANSWERS: dict[str, tuple[ChatEvent, ...]] = {
    "text": (Started("", "m"), TextDelta("Hello"), TextDelta(" wörld\n\n\u2028😀"), *DONE),
    "thinking, then text": (
        Started("", "m"),
        ThinkingDelta("let me"),
        ThinkingDelta(" see"),
        ThinkingDelta(signature="c2ln", dialect="claude"),
        TextDelta("yes"),
        *DONE,
    ),
    "hidden thinking": (
        Started("", "m"),
        ThinkingDelta(redacted="b3BhcXVl", dialect="claude"),
        TextDelta("yes"),
        *DONE,
    ),
    "tool calls beside one another": (
        Started("", "m"),
        TextDelta("I call."),
        ToolCalled(0, ToolCall(id="toolu_1", name="weather", arguments='{"city":"Ōsaka"}')),
        ToolCalled(1, ToolCall(id="toolu_2", name="now", arguments="{}")),
        UsageReport(USED),
        Finished(FinishReason.TOOL_CALLS, "tool_use"),
    ),
    "a tool call alone": (
        Started("", "m"),
        ToolCalled(0, ToolCall(id="toolu_1", name="now")),
        UsageReport(USED),
        Finished(FinishReason.TOOL_CALLS, "tool_use"),
    ),
    "a refusal": (
        Started("", "m"),
        TextDelta("I"),
        UsageReport(USED),
        Finished(FinishReason.CONTENT_FILTER, "refusal", "not that"),
    ),
    "no usage": (Started("", "m"), TextDelta("Hello"), Finished(FinishReason.STOP, "end_turn")),
    "nothing": (Started("", "m"), Finished(FinishReason.STOP, "end_turn")),
    **{
        f"ended by {raw}": (Started("", "m"), TextDelta("Hello"), UsageReport(USED), Finished(reason, raw))
        for reason, raw in (
            (FinishReason.STOP, "stop_sequence"),
            (FinishReason.LENGTH, "max_tokens"),
            (FinishReason.LENGTH, "model_context_window_exceeded"),
            (FinishReason.PAUSE, "pause_turn"),
        )
    },
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_streamed_answer_comes_back_as_the_same_events(case: str) -> None:
    stream = encoded(ANSWERS[case], stream=True)
    started, _, *others = events_of([stream])
    assert without_usage([started, *others]) == without_usage(as_upstream_says(ANSWERS[case], id="msg_1"))
    reports = [event for event in ANSWERS[case] if isinstance(event, UsageReport)]
    assert not reports or reports == [event for event in others if isinstance(event, UsageReport)][-1:]


@pytest.mark.parametrize("case", ANSWERS)
def test_a_streamed_answer_means_the_same_however_its_bytes_are_split(case: str) -> None:
    stream = encoded(ANSWERS[case], stream=True)
    whole = events_of([stream])
    for at in range(len(stream)):
        assert events_of([stream[:at], stream[at:]]) == whole
    assert events_of([stream[at : at + 1] for at in range(len(stream))]) == whole


@pytest.mark.parametrize("case", ANSWERS)
def test_a_whole_answer_comes_back_as_the_same_message(case: str) -> None:
    document = encoded(ANSWERS[case], stream=False)
    split = [document[:9], document[9:]]
    assert _joined(events_of(split, "application/json")) == _joined(as_upstream_says(ANSWERS[case], id="msg_1"))


def test_a_seam_between_two_targets_is_not_sent() -> None:
    events = (Started("", "m"), TextDelta("a"), Seam(source="a", target="b", at=1), TextDelta("b"), *DONE)
    others = events_of([encoded(events, stream=True)])
    assert without_usage(others) == without_usage(as_upstream_says(events, id="msg_1"))


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        (FinishReason.STOP, "STOP", "end_turn"),
        (FinishReason.LENGTH, "MAX_TOKENS", "max_tokens"),
        (FinishReason.TOOL_CALLS, "stop", "tool_use"),
        (FinishReason.CONTENT_FILTER, "SAFETY", "refusal"),
        (FinishReason.PAUSE, "", "pause_turn"),
    ],
)
def test_another_dialects_word_for_the_end_becomes_this_dialects(reason: FinishReason, raw: str, word: str) -> None:
    document = msgspec.json.decode(encoded((Started(), Finished(reason, raw)), stream=False))
    assert document["stop_reason"] == word


def _joined(events: list[UpstreamEvent]) -> tuple[Any, ...]:
    """What the events amount to: in a document, pieces are one."""
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    thought = "".join(
        event.text + event.signature + event.redacted for event in events if isinstance(event, ThinkingDelta)
    )
    rest = [event for event in events if not isinstance(event, TextDelta | ThinkingDelta)]
    return text, thought, [event for event in rest if not isinstance(event, UsageReport)], rest[-1]
