"""Values of another type than the dialect gives them: one that does not matter costs nothing, one whose meaning is plain is read."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest
from tests.wire.transcripts import answers

from segue.chat.failure import FailureKind
from segue.chat.usage import Usage
from segue.wire.dialects import DIALECTS, upstream
from segue.wire.sse import BOM

from .harness import NAMED, Answer, frame, read

Path = tuple[str | int, ...]

USAGE: Final[dict[str, dict[str, Any]]] = {
    "openai_chat": {"id": "c", "model": "a", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 30, "total_tokens": 39, "prompt_tokens_details": {"cached_tokens": 4}}},
    "openai_responses": {"input_tokens": 9, "output_tokens": 30, "total_tokens": 39, "input_tokens_details": {"cached_tokens": 4}},
    "claude": {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 30},
    "gemini": {"promptTokenCount": 9, "candidatesTokenCount": 30, "cachedContentTokenCount": 4, "totalTokenCount": 39},
}  # fmt: skip


WHOLE: Final = " whole"
"""Behind a dialect's name: its answer as one JSON document."""
FORMS: Final = (*DIALECTS, *(dialect + WHOLE for dialect in DIALECTS))


def events_of(form: str) -> list[dict[str, Any]]:
    """The same answer in each dialect, with usage: the events of a stream, or one document."""
    return [_document(form.removesuffix(WHOLE))] if form.endswith(WHOLE) else _events(form)


def _document(dialect: str) -> dict[str, Any]:
    stream = _events(dialect)
    calls = [(call["id"], call["function"]) for call in CALLS]
    if dialect == "openai_chat":
        message = {
            "role": "assistant",
            "content": answers.TEXT,
            "reasoning_content": answers.THOUGHT,
            "tool_calls": CALLS,
        }
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return {"id": "c", "object": "chat.completion", "model": "a", "choices": [choice], "usage": stream[-1]["usage"]}
    if dialect == "openai_responses":
        return stream[-1]["response"]  # type: ignore[no-any-return]
    if dialect == "claude":
        blocks = [
            {"type": "tool_use", "id": id, "name": made["name"], "input": json.loads(made["arguments"])}
            for id, made in calls
        ]
        content = [
            {"type": "thinking", "thinking": answers.THOUGHT, "signature": answers.SIGNATURES["claude"]},
            {"type": "text", "text": answers.TEXT},
            *blocks,
        ]
        return stream[0]["message"] | {"content": content, "stop_reason": "tool_use", "usage": USAGE[dialect]}  # type: ignore[no-any-return]
    parts = [part for event in stream for part in event["candidates"][0]["content"]["parts"]]
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    return {"candidates": [candidate], "modelVersion": "a", "usageMetadata": USAGE[dialect]}


CALLS: Final = [
    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": json.dumps(answers.WEATHER)}},
    {"id": "call_2", "type": "function", "function": {"name": "clock", "arguments": json.dumps(answers.CLOCK)}},
]


def _events(dialect: str) -> list[dict[str, Any]]:
    lines = answers.body(dialect).decode().splitlines()
    events: list[dict[str, Any]] = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    if dialect == "openai_chat":
        events.append(USAGE[dialect])
    elif dialect == "openai_responses":
        events[-1]["response"]["usage"] = USAGE[dialect]
    elif dialect == "claude":
        events[-2]["usage"] = USAGE[dialect]
    else:
        events[-1]["usageMetadata"] = USAGE[dialect]
    return events


def read_form(form: str, events: list[dict[str, Any]]) -> Answer:
    if form.endswith(WHOLE):
        return read(form.removesuffix(WHOLE), json.dumps(events[0]).encode(), "application/json")
    return read(form, bytes_of(form, events))


@pytest.mark.parametrize("form", FORMS)
def test_a_byte_order_mark_before_an_answer_means_nothing(form: str) -> None:
    dialect, events = form.removesuffix(WHOLE), events_of(form)
    data = json.dumps(events[0]).encode() if form.endswith(WHOLE) else bytes_of(form, events)
    content_type = "application/json" if form.endswith(WHOLE) else "text/event-stream"
    assert read(dialect, BOM + data, content_type) == CLEAN[form]


def bytes_of(dialect: str, events: list[dict[str, Any]]) -> bytes:
    """A name that was changed is not repeated beside the data."""
    frames = b"".join(frame(event, dialect in NAMED and isinstance(event.get("type"), str)) for event in events)
    return frames + (b"data: [DONE]\n\n" if dialect == "openai_chat" else b"")


CLEAN: Final = {form: read_form(form, events_of(form)) for form in FORMS}


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Of every value inside; arguments of a tool are its own affair, so what is in them is not looked at."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        if name not in ("args", "input"):
            yield from paths(inner, (*path, name))


def at(events: Any, path: Path) -> Any:
    for step in path:
        events = events[step]
    return events


def with_change(dialect: str, path: Path, new: Any) -> Answer:
    events = copy.deepcopy(events_of(dialect))
    at(events, path[:-1])[path[-1]] = new
    return read_form(dialect, events)


def changes(dialect: str, change: Callable[[Any], Any]) -> Iterator[tuple[Path, Any]]:
    """Every place where `change` gives something else than what stands there."""
    events = events_of(dialect)
    for path in paths(events):
        if len(path) > 1 and (new := change(at(events, path))) is not KEEP:
            yield path, new


KEEP: Final = object()


def number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else KEEP


def number_as_float_text(value: Any) -> Any:
    return f"{value}.0" if isinstance(value, int) and not isinstance(value, bool) else KEEP


def number_as_float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else KEEP


def text_in_an_object(value: Any) -> Any:
    return {"type": "text", "text": value} if value in (answers.TEXT, answers.THOUGHT) else KEEP


def text_in_a_list(value: Any) -> Any:
    return [{"type": "text", "text": value}] if value in (answers.TEXT, answers.THOUGHT) else KEEP


def list_of_one_as_its_item(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else KEEP


PLAIN = {
    "a number as text": number_as_text,
    "a whole number as text with a fraction": number_as_float_text,
    "a whole number as a float": number_as_float,
    "an object where its text is meant": text_in_an_object,
    "a list of parts where their text is meant": text_in_a_list,
    "one object where a list of one is meant": list_of_one_as_its_item,
}


@pytest.mark.parametrize("dialect", FORMS)
@pytest.mark.parametrize("change", PLAIN.values(), ids=PLAIN.keys())
def test_a_value_whose_meaning_is_plain_is_read_in_any_type(dialect: str, change: Callable[[Any], Any]) -> None:
    assert CLEAN[dialect] == CLEAN[dialect.removesuffix(WHOLE)]
    tried = list(changes(dialect, change))
    assert tried or change in (text_in_a_list, list_of_one_as_its_item, number_as_float_text)
    wrong = {path: with_change(dialect, path, new) for path, new in tried}
    assert {path: was for path, was in wrong.items() if was != CLEAN[dialect]} == {}


NOTHING: Final[dict[str, Any]] = {
    "null": None,
    "false": False,
    "an empty text": "",
    "an empty list": [],
    "an empty object": {},
}

_WORDS: Final = """
type choices delta content text tool_calls function name arguments finish_reason id index reasoning_content
item item_id output_index response output status summary call_id encrypted_content content_block thinking
partial_json signature stop_reason message candidates parts thought functionCall args thoughtSignature
finishReason usage prompt_tokens completion_tokens total_tokens prompt_tokens_details cached_tokens
input_tokens output_tokens input_tokens_details usageMetadata promptTokenCount candidatesTokenCount
cachedContentTokenCount cache_read_input_tokens totalTokenCount input
"""
BEARING: Final = frozenset(_WORDS.split())
"""The fields that carry the answer: what they say is lost with them."""


@pytest.mark.parametrize("dialect", FORMS)
@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_a_field_that_carries_nothing_of_the_answer_may_hold_nothing_in_any_form(dialect: str, nothing: Any) -> None:
    spared = [
        (path, nothing)
        for path, _ in changes(dialect, lambda _: nothing)
        if path[-1] not in BEARING and isinstance(path[-1], str)
    ]
    assert spared
    wrong = {path: with_change(dialect, path, new) for path, new in spared}
    assert {path: was for path, was in wrong.items() if was != CLEAN[dialect]} == {}


USAGE_FIELDS: Final = ("usage", "usageMetadata", "prompt_tokens_details", "input_tokens_details")
TRIFLES: Final[list[Any]] = [*NOTHING.values(), True, "many", -1, 1e400, ["x"], {"x": "y"}, [[]], "\ud83d"]


@pytest.mark.parametrize("dialect", FORMS)
def test_nothing_in_the_usage_costs_the_answer(dialect: str) -> None:
    without = CLEAN[dialect]._replace(usage=Usage())
    for path, value in changes(dialect, lambda value: value):
        if any(step in USAGE_FIELDS for step in path):
            for odd in TRIFLES:
                assert with_change(dialect, path, odd)._replace(usage=Usage()) == without, (path, value, odd)


@pytest.mark.parametrize("dialect", FORMS)
def test_whatever_is_in_a_field_the_decoder_raises_nothing(dialect: str) -> None:
    for path, _ in changes(dialect, lambda value: value):
        for odd in TRIFLES:
            failure = with_change(dialect, path, odd).failure
            assert failure is None or failure.message


@pytest.mark.parametrize("dialect", FORMS)
def test_half_a_character_in_any_word_leaves_events_that_can_be_sent(dialect: str) -> None:
    for path, value in changes(dialect, lambda value: value):
        if isinstance(value, str):
            events = copy.deepcopy(events_of(dialect))
            at(events, path[:-1])[path[-1]] = f"{value}\ud83d"
            whole = dialect.endswith(WHOLE)
            data = json.dumps(events[0]).encode() if whole else bytes_of(dialect, events)
            decoder = upstream(dialect.removesuffix(WHOLE)).decoder("application/json" if whole else "")
            assert all(map(msgspec.json.encode, decoder.feed(data) + decoder.eof()))


TEXTS: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "openai_chat": lambda text: {"choices": [{"index": 0, "delta": {"content": text}}]},
    "openai_responses": lambda text: {"type": "response.output_text.delta", "output_index": 0, "delta": text},
    "claude": lambda text: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    "gemini": lambda text: {"candidates": [{"content": {"parts": [{"text": text}]}}]},
}


@pytest.mark.parametrize("unreadable", [True, {"image": "x"}, [[True]]])
def test_a_text_that_cannot_be_read_breaks_a_whole_response_too(unreadable: Any) -> None:
    place = next(path for path in paths(events_of("openai_responses whole")) if path[-3:] == ("content", 0, "text"))
    failure = with_change("openai_responses whole", place, unreadable).failure
    assert failure is not None
    assert failure.kind is FailureKind.BROKEN


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "unreadable", [True, {"image": "x"}, [[True]]], ids=["true", "an object without text", "nested lists"]
)
def test_a_text_that_cannot_be_read_breaks_the_answer_rather_than_leave_a_hole(dialect: str, unreadable: Any) -> None:
    if dialect == "openai_chat" and unreadable is not True:
        pytest.skip("content may be a list of parts there, and unknown parts are passed over")
    failure = read(dialect, frame(TEXTS[dialect](unreadable), dialect in NAMED)).failure
    assert failure is not None
    assert failure.kind is FailureKind.BROKEN
    assert "can't be read" in failure.message
