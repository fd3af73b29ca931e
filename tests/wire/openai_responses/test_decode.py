"""One table of answers; each is fed whole and split at every byte, and read by the official SDK's types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

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
from segue.wire.openai_responses.upstream.codec import Upstream

from .upstream_harness import (
    added,
    arguments,
    arguments_done,
    counts,
    created,
    decoded,
    done,
    ended,
    function,
    message,
    output_text,
    reasoning,
    response,
    sse,
    text,
    thought,
)

STARTED = Started("resp_1", "gpt-6-luna")
STOP = Finished(FinishReason.STOP, "completed")
WHOLE_SO_FAR = Finished(FinishReason.STOP, provisional=True)
CALLED = Finished(FinishReason.TOOL_CALLS, "completed")
SIGNED = ThinkingDelta("", "rs_1:gAAA==", dialect="openai_responses")
HELLO = message(output_text("Hello 안녕 🙂"))
WEATHER = function("weather", '{"place":"Seoul"}')
CLOCK = function("clock", "{}", 2)
OPEN_WEATHER = function("weather", status="in_progress")
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}


def refusal(delta: str) -> dict[str, Any]:
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    return {"type": "response.refusal.delta", "delta": delta, **place}


def part_done(kind: str, text: str, part: int = 0, index: int = 0) -> list[dict[str, Any]]:
    """The two events with which OpenAI ends a part; `kind` is the part's type."""
    name, field = ("refusal", "refusal") if kind == "refusal" else (kind, "text")
    place = {"output_index": index, "item_id": "msg_1", "content_index": part}
    more: dict[str, Any] = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
    return [
        {"type": f"response.{name}.done", field: text, "logprobs": [], **place},
        {"type": "response.content_part.done", "part": {"type": kind, field: text} | more, **place},
    ]


def cut(reason: str) -> dict[str, Any]:
    return {"incomplete_details": {"reason": reason}}


CASES: dict[str, tuple[list[dict[str, Any]], list[UpstreamEvent]]] = {
    "text and usage": (
        [
            created(),
            {"type": "response.in_progress", "response": response("in_progress")},
            added(0, message(status="in_progress")),
            text("Hello "),
            text("안녕 🙂"),
            {
                "type": "response.output_text.done",
                "output_index": 0,
                "item_id": "msg_1",
                "content_index": 0,
                "text": "Hello 안녕 🙂",
                "logprobs": [],
            },
            done(0, HELLO),
            ended("completed", HELLO, usage=counts(20, 9, cached=12, written=5, reasoned=4)),
        ],
        [
            STARTED,
            TextDelta("Hello "),
            TextDelta("안녕 🙂"),
            WHOLE_SO_FAR,
            UsageReport(
                Usage(input_tokens=3, cache_read_tokens=12, cache_write_tokens=5, output_tokens=9, reasoning_tokens=4)
            ),
            STOP,
        ],
    ),
    "two calls, pieces and the whole sent again": (
        [
            created(),
            added(0, OPEN_WEATHER),
            arguments('{"place"'),
            arguments(':"Seoul"}'),
            arguments_done('{"place":"Seoul"}'),
            done(0, WEATHER),
            added(1, function("clock", number=2, status="in_progress")),
            arguments("{}", 1, 2),
            arguments_done("{}", 1, 2, "clock"),
            done(1, CLOCK),
            ended("completed", WEATHER, CLOCK),
        ],
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"place"'),
            ToolCallDelta(0, arguments=':"Seoul"}'),
            ToolCallEnd(0),
            ToolCallDelta(1, "call_2", "clock"),
            ToolCallDelta(1, arguments="{}"),
            ToolCallEnd(1),
            CALLED,
        ],
    ),
    "calls whose pieces alternate": (
        [
            created(),
            added(0, OPEN_WEATHER),
            added(1, function("clock", number=2, status="in_progress")),
            arguments('{"place":', 0),
            arguments("{", 1, 2),
            arguments('"Seoul"}', 0),
            arguments("}", 1, 2),
            done(1, CLOCK),
            done(0, WEATHER),
            ended("completed", WEATHER, CLOCK),
        ],
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(1, "call_2", "clock"),
            ToolCallDelta(0, arguments='{"place":'),
            ToolCallDelta(1, arguments="{"),
            ToolCallDelta(0, arguments='"Seoul"}'),
            ToolCallDelta(1, arguments="}"),
            ToolCallEnd(1),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "a call whose arguments come only whole": (
        [created(), added(0, OPEN_WEATHER), done(0, WEATHER), ended("completed", WEATHER)],
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"place":"Seoul"}'),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "a call without arguments": (
        [created(), added(0, OPEN_WEATHER), done(0, function("weather")), ended("completed", function("weather"))],
        [STARTED, ToolCallDelta(0, "call_1", "weather"), ToolCallDelta(0, arguments="{}"), ToolCallEnd(0), CALLED],
    ),
    "all sent only at the terminal": (
        [created(), ended("completed", reasoning("Hm."), HELLO, WEATHER)],
        [
            STARTED,
            ThinkingDelta("Hm.", "rs_1:gAAA==", dialect="openai_responses"),
            TextDelta("Hello 안녕 🙂"),
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"place":"Seoul"}'),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "reasoning in two parts, its proof, then text and a call": (
        [
            created(),
            added(0, reasoning(encrypted="gAAA")),
            thought("Let me "),
            thought("see."),
            thought("Ah.", part=1),
            done(0, reasoning("Let me see.", "Ah.")),
            added(1, message(status="in_progress")),
            text("Hello 안녕 🙂", 1),
            done(1, HELLO),
            added(2, OPEN_WEATHER),
            arguments('{"place":"Seoul"}', 2),
            done(2, WEATHER),
            ended("completed", reasoning("Let me see.", "Ah."), HELLO, WEATHER),
        ],
        [
            STARTED,
            ThinkingDelta("Let me "),
            ThinkingDelta("see."),
            ThinkingDelta("\n\nAh."),
            SIGNED,
            TextDelta("Hello 안녕 🙂"),
            WHOLE_SO_FAR,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"place":"Seoul"}'),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "reasoning of which nothing is shown": (
        [created(), done(0, reasoning()), text("Hi", 1), ended("completed", reasoning(), message(output_text("Hi")))],
        [STARTED, SIGNED, TextDelta("Hi"), STOP],
    ),
    "reasoning that is shown openly, without proof": (
        [
            created(),
            {
                "type": "response.reasoning_text.delta",
                "delta": "Hm.",
                "output_index": 0,
                "item_id": "rs_1",
                "content_index": 0,
            },
            done(0, reasoning(encrypted=None)),
            text("Hi", 1),
            ended("completed"),
        ],
        [STARTED, ThinkingDelta("Hm."), TextDelta("Hi"), STOP],
    ),
    "reasoning that is shown openly, but only whole": (
        [
            created(),
            done(0, reasoning(encrypted=None) | {"content": [{"type": "reasoning_text", "text": "Hm."}]}),
            ended("completed"),
        ],
        [STARTED, ThinkingDelta("Hm."), STOP],
    ),
    "a search that the provider ran": (
        [created(), added(0, SEARCH), done(0, SEARCH), text("Hi", 1), ended("completed", SEARCH)],
        [STARTED, TextDelta("Hi"), STOP],
    ),
    "a refusal": (
        [created(), refusal("I can't "), refusal("do that."), ended("completed")],
        [STARTED, Finished(FinishReason.CONTENT_FILTER, "completed", "I can't do that.")],
    ),
    "a refusal sent only whole": (
        [created(), done(0, message({"type": "refusal", "refusal": "No."})), ended("completed")],
        [
            STARTED,
            Finished(FinishReason.CONTENT_FILTER, "", "No.", provisional=True),
            Finished(FinishReason.CONTENT_FILTER, "completed", "No."),
        ],
    ),
    "a message that is done before another thing is begun": (
        [created(), text("Hi"), done(0, HELLO), added(1, reasoning()), done(1, reasoning()), ended("completed")],
        [STARTED, TextDelta("Hi"), WHOLE_SO_FAR, ThinkingDelta(), SIGNED, STOP],
    ),
    "a message that is done while another thing is begun": (
        [created(), added(1, OPEN_WEATHER), text("Hi"), done(0, HELLO), done(1, WEATHER), ended("completed")],
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            TextDelta("Hi"),
            ToolCallDelta(0, arguments='{"place":"Seoul"}'),
            ToolCallEnd(0),
            CALLED,
        ],
    ),
    "a message that announces more": (
        [created(), text("I look."), done(0, HELLO | {"phase": "commentary"}), ended("completed")],
        [STARTED, TextDelta("I look."), STOP],
    ),
    "texts of which only the ends of their parts come": (
        [
            created(),
            added(0, message(status="in_progress")),
            *part_done("output_text", "Hello "),
            *part_done("output_text", "there", 1),
            ended("completed"),
        ],
        [STARTED, TextDelta("Hello "), TextDelta("there"), STOP],
    ),
    "texts, and then the item with the same": (
        [created(), *part_done("output_text", "Hello"), done(0, HELLO), ended("completed", HELLO)],
        [STARTED, TextDelta("Hello"), WHOLE_SO_FAR, STOP],
    ),
    "a refusal of which only the end comes": (
        [created(), *part_done("refusal", "No."), ended("completed", message({"type": "refusal", "refusal": "No."}))],
        [STARTED, Finished(FinishReason.CONTENT_FILTER, "completed", "No.")],
    ),
    "reasoning of which only the end comes": (
        [created(), *part_done("reasoning_text", "Hm."), text("Hi", 1), ended("completed")],
        [STARTED, ThinkingDelta("Hm."), TextDelta("Hi"), STOP],
    ),
    "deltas, and then the ends of their parts": (
        [
            created(),
            thought("Hm."),
            {**thought("", 0), "type": "response.reasoning_summary_text.done", "text": "Hm."},
            text("Hi", 1),
            *part_done("output_text", "Hi", index=1),
            ended("completed"),
        ],
        [STARTED, ThinkingDelta("Hm."), TextDelta("Hi"), STOP],
    ),
    "reasoning that is sent twice, openly and as its summary": (
        [
            created(),
            *(
                {**thought(word), "type": f"response.{kind}.delta", "content_index": 0}
                for word in ("The", " user")
                for kind in ("reasoning_text", "reasoning_summary_text")
            ),
            done(0, reasoning("The user", encrypted=None)),
            text("Hi", 1),
            ended("completed"),
        ],
        [STARTED, ThinkingDelta("The"), ThinkingDelta(" user"), TextDelta("Hi"), STOP],
    ),
    "an answer cut by its limit": (
        [created(), text("Hel"), ended("incomplete", **cut("max_output_tokens"), usage=counts(5, 16))],
        [
            STARTED,
            TextDelta("Hel"),
            UsageReport(Usage(input_tokens=5, output_tokens=16)),
            Finished(FinishReason.LENGTH, "max_output_tokens"),
        ],
    ),
    "a call cut by the limit is not whole": (
        [
            created(),
            added(0, OPEN_WEATHER),
            arguments('{"pla'),
            arguments_done('{"pla'),
            done(0, function("weather", '{"pla', status="incomplete")),
            ended("incomplete", function("weather", '{"pla', status="incomplete"), **cut("max_output_tokens")),
        ],
        [
            STARTED,
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"pla'),
            Finished(FinishReason.LENGTH, "max_output_tokens"),
        ],
    ),
    "an answer stopped by the filter": (
        [created(), text("Hel"), ended("incomplete", **cut("content_filter"))],
        [STARTED, TextDelta("Hel"), Finished(FinishReason.CONTENT_FILTER, "content_filter")],
    ),
    "an answer cut for a reason without a name": (
        [created(), text("Hel"), ended("incomplete")],
        [STARTED, TextDelta("Hel"), Finished(FinishReason.LENGTH, "incomplete")],
    ),
}
_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.mark.parametrize(("sent", "expected"), CASES.values(), ids=CASES.keys())
def test_an_answer_is_the_same_however_it_is_split(sent: list[dict[str, Any]], expected: list[UpstreamEvent]) -> None:
    data = sse(*sent)
    assert decoded([data]) == expected
    assert decoded(bytes([byte]) for byte in data) == expected
    for at in range(1, len(data)):
        assert decoded([data[:at], data[at:]]) == expected


@pytest.mark.parametrize(("sent", "expected"), CASES.values(), ids=CASES.keys())
def test_the_official_sdk_knows_each_of_these_events(sent: list[dict[str, Any]], expected: list[UpstreamEvent]) -> None:
    for number, event in enumerate(sent):
        assert _EVENT.validate_python(event | {"sequence_number": number}).type == event["type"]


@pytest.mark.parametrize(("sent", "expected"), CASES.values(), ids=CASES.keys())
def test_events_without_a_name_beside_their_data_are_understood(
    sent: list[dict[str, Any]], expected: list[UpstreamEvent]
) -> None:
    bare = sse(*sent, named=False)
    assert decoded([bare + b"data: [DONE]\n\n"]) == expected
    assert decoded([b"data:  [DONE] \n\n" + bare.replace(b"data: ", b"event: message\ndata: ")]) == expected


@pytest.mark.parametrize(("sent", "expected"), CASES.values(), ids=CASES.keys())
def test_a_stream_without_its_terminal_is_broken(sent: list[dict[str, Any]], expected: list[UpstreamEvent]) -> None:
    last = decoded([sse(*sent[:-1]) + b"data: [DONE]\n\n"])[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.BROKEN
    assert last.failure.message == "the stream ended before the answer was complete"


DOCUMENTS: dict[str, tuple[dict[str, Any], list[UpstreamEvent]]] = {
    "text": (
        response("completed", HELLO, usage=counts(5, 3)),
        [STARTED, TextDelta("Hello 안녕 🙂"), UsageReport(Usage(input_tokens=5, output_tokens=3)), STOP],
    ),
    "two messages around a call": (
        response("completed", HELLO, WEATHER, message(output_text(" Bye."), id="msg_2")),
        [
            STARTED,
            TextDelta("Hello 안녕 🙂"),
            ToolCallDelta(0, "call_1", "weather"),
            ToolCallDelta(0, arguments='{"place":"Seoul"}'),
            ToolCallEnd(0),
            TextDelta(" Bye."),
            CALLED,
        ],
    ),
    "reasoning and a refusal": (
        response("completed", reasoning("A", "B"), message({"type": "refusal", "refusal": "No."})),
        [
            STARTED,
            ThinkingDelta("A\n\nB", "rs_1:gAAA==", dialect="openai_responses"),
            Finished(FinishReason.CONTENT_FILTER, "completed", "No."),
        ],
    ),
    "cut": (
        response("incomplete", message(output_text("Hel"), status="incomplete"), **cut("max_output_tokens")),
        [STARTED, TextDelta("Hel"), Finished(FinishReason.LENGTH, "max_output_tokens")],
    ),
}


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_gives_the_events_of_a_stream(document: dict[str, Any], expected: list[UpstreamEvent]) -> None:
    assert Response.model_validate(document).status == document["status"]
    data = msgspec.json.encode(document)
    assert decoded([data]) == expected
    assert decoded(bytes([byte]) for byte in data) == expected


def test_some_providers_send_arguments_as_an_object() -> None:
    odd = function("weather") | {"arguments": {"place": "Seoul"}}
    assert ToolCallDelta(0, arguments='{"place":"Seoul"}') in decoded([sse(created(), done(0, odd), ended())])


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("kind", ["completed", "done", "incomplete", "failed"])
def test_the_fields_of_a_response_may_stand_beside_the_events_type(kind: str, named: bool) -> None:
    """github.com/7836246/cursor2api/issues/114; `response.done` is how the Realtime API names its end."""
    error = {"code": "rate_limit_exceeded", "message": "slow down"}
    ends: dict[str, dict[str, Any]] = {
        "incomplete": response("incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "failed": response("failed", error=error),
    }
    first = {"type": "response.created"} | response("in_progress")
    last = {"type": f"response.{kind}"} | ends.get(kind, response("completed", HELLO))
    events = decoded([sse(first, text("Hello 안녕 🙂"), last, named=named)])
    assert events[:2] == [STARTED, TextDelta("Hello 안녕 🙂")]
    if kind == "failed":
        assert isinstance(events[2], Failed)
        assert (events[2].failure.kind, events[2].failure.message) == (FailureKind.RATE, "slow down")
    else:
        assert events[2:] == [Finished(FinishReason.LENGTH, "max_output_tokens") if kind == "incomplete" else STOP]


def test_nothing_is_listened_to_after_the_terminal() -> None:
    decoder = Upstream().decoder("text/event-stream")
    assert decoder.feed(sse(created(), text("Hi"), ended(), text("more"), ended("failed")))[-1] == STOP
    assert decoder.complete
    assert decoder.feed(sse(text("more"))) + decoder.eof() == []


NO_ANSWERS: dict[str, bytes] = {
    "nothing": b"",
    "comments": b": ping\n\n",
    "a chunk of the other dialect": sse({"type": "", "choices": [{"delta": {"content": "Hi"}}]}, named=False),
    "no JSON": b"data: <html>\n\n",
    "text that is no text": sse({"type": "response.output_text.delta", "delta": 5}),
    "a call without a name": sse(created(), done(0, function(""))),
    "a call without an id": sse(created(), done(0, function("f") | {"id": None, "call_id": None})),
    "a call that goes on": sse(created(), added(0, OPEN_WEATHER), done(0, WEATHER), arguments("}"), ended()),
    "cancelled": sse(created(), ended("cancelled")),
    "a document still in the making": msgspec.json.encode(response("queued")),
    "a document of the other dialect": b'{"choices": []}',
    "half a document": b'{"id": "resp_1", "output": [',
}


@pytest.mark.parametrize("data", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_is_broken(data: bytes) -> None:
    last = decoded([data])[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.BROKEN
