"""A conversation moves between providers in the middle: every ordered pair of dialects, judged by the official SDKs' types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from segue.chat.messages import Image, Message, Part, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest
from segue.errors import InvalidRequestError
from segue.wire.dialects import DIALECTS, upstream

from . import answers
from .conversation import HEADINGS, LINKED, PHOTO, TOOLS, begun_by, call, conversation, fate, parts, put, read, table
from .judges import judge

PAGE = Path(__file__).parents[3] / "docs" / "transcripts.md"

PAIRS = [(source, target) for source in DIALECTS for target in DIALECTS]
pairs = pytest.mark.parametrize(("source", "target"), PAIRS, ids=map("-to-".join, PAIRS))
each = pytest.mark.parametrize("dialect", DIALECTS)


@each
def test_the_answer_is_read_whole_from_its_providers_bytes(dialect: str) -> None:
    message = begun_by(dialect)
    assert [type(part) for part in message.parts] == [Thinking, Text, ToolCall, ToolCall]
    thought, text, weather, clock = message.parts
    assert isinstance(thought, Thinking)
    assert isinstance(weather, ToolCall)
    assert isinstance(clock, ToolCall)
    assert (thought.text, text) == (answers.THOUGHT, Text(answers.TEXT))
    assert [msgspec.json.decode(called.arguments) for called in (weather, clock)] == [answers.WEATHER, answers.CLOCK]
    assert weather.id != clock.id
    assert (thought.signature or weather.signature) == answers.SIGNATURES.get(dialect, "")


@pairs
def test_the_other_provider_takes_the_conversation(source: str, target: str) -> None:
    judge(target, put(conversation(source), target).body)


@pairs
def test_no_text_and_no_call_is_lost(source: str, target: str) -> None:
    became = fate(source, target)
    assert (became.text, became.calls, became.images) == ("kept", "kept", "kept")
    assert "dropped" not in (became.tool_images, became.tool_errors, became.system)


@pairs
def test_what_proves_a_thought_goes_to_its_maker_and_to_no_other(source: str, target: str) -> None:
    proof = answers.SIGNATURES.get(source, "").rpartition(":")[2]
    sent = put(conversation(source), target).body
    if proof:
        assert (proof.encode() in sent) is (source == target)
    if target == "gemini" and source != target:
        assert sent.count(b"skip_thought_signature_validator") == 1


@pairs
def test_a_conversation_that_comes_back_is_as_if_it_had_never_left(source: str, target: str) -> None:
    """The one history serves both: what the second cannot get is still there for the first."""
    between = (*conversation(source), begun_by(target), *_results(begun_by(target)), user("Go on."))
    judge(target, put(between, target).body)
    body = put(between, source).body
    judge(source, body)
    proof = answers.SIGNATURES.get(source, "").rpartition(":")[2]
    assert proof.encode() in body


@pairs
def test_a_callers_history_in_one_dialect_is_put_to_a_provider_of_another(source: str, target: str) -> None:
    """The gateway's way: the caller's SDK holds the history and uses `source`, whichever target has answered so far."""
    asked = read(put(conversation(source), source).body, source)
    wire = upstream(target).encode(asked, call(target))
    judge(target, wire.body)
    after = read(wire.body, target).messages
    assert [part.id for part in parts(after, ToolCall)] == [part.id for part in begun_by(source).tool_calls]
    assert answers.TEXT in {part.text for part in parts(after, Text)}


def _results(answer: Message) -> Iterator[Message]:
    yield Message("tool", tuple(ToolResult(call_id=made.id, name=made.name) for made in answer.tool_calls))


def called(*ids: str, arguments: str = "{}") -> Message:
    return Message("assistant", tuple(ToolCall(id=id, name="clock", arguments=arguments) for id in ids))


def results(*ids: str, content: tuple[Text | Image, ...] = (Text("12:00"),), name: str = "clock") -> Message:
    return Message("tool", tuple(ToolResult(call_id=id, name=name, content=content) for id in ids))


def turn(*pieces: Part) -> Message:
    return Message("assistant", pieces)


ODD: dict[str, tuple[Message, ...]] = {
    "nothing but a system text": (system("Be brief."),),
    "system text last": (user("hi"), system("Be brief.")),
    "system texts everywhere": (system("a"), user("hi"), system("b"), assistant("ho"), system("c"), user("go on")),
    "the assistant begins": (assistant("Hello."), user("hi")),
    "the assistant ends": (user("hi"), assistant("Hello, I ")),
    "blank texts": (user("hi"), assistant(" \n"), user(""), user(" "), user("there")),
    "a turn of nothing": (user("hi"), Message("assistant", ()), user("there")),
    "a turn of thoughts alone": (user("hi"), turn(Thinking(text="Hm.", signature="x", dialect="claude")), user("there")),
    "two users, two assistants": (user("a"), user("b"), assistant("c"), assistant("d"), user("e")),
    "calls with text on both sides": (
        user("?"),
        turn(Text("before"), ToolCall(id="1", name="clock"), Text("after")),
        results("1"),
    ),
    "results in two turns": (user("?"), called("a", "b"), results("a"), results("b"), user("so?")),
    "results in another order": (user("?"), called("a", "b"), results("b", "a")),
    "a question beside the results": (user("?"), called("a"), results("a"), user("and?")),
    "a question before the results": (user("?"), called("a", "b"), user("and?"), results("a"), system("c"), results("b")),
    "an id used again in a later turn": (user("?"), called("0"), results("0"), called("0"), results("0")),
    "ids of odd characters": (user("?"), called("functions.clock:0|x"), results("functions.clock:0|x")),
    "ids beyond all limits": (user("?"), called("i" * 300), results("i" * 300)),
    "no ids at all": (user("?"), called(""), results("")),
    "results that do not say their tool": (user("?"), called("a"), results("a", name="")),
    "results of nothing": (user("?"), called("a", "b"), results("a", content=()), results("b", content=(Text(""),))),
    "results of pictures alone": (user("?"), called("a"), results("a", content=(PHOTO, LINKED))),
    "arguments of nothing": (user("?"), called("a", arguments=""), results("a")),
    "arguments that are no JSON": (user("?"), called("a", arguments='{"zone": "Se'), results("a")),
    "a picture in the assistant's turn": (user("draw"), turn(Text("Here."), PHOTO), user("thanks")),
    "a picture in the system text": (Message("system", (Text("See:"), PHOTO)), user("hi")),
    "text with every odd character": (user("\x00 \u2028 \U0001f1f0\U0001f1f7 e\u0301 \u202e \ufeff"), assistant("\ufffd"), user("?")),
    "another Gemini's thoughts": (
        user("?"),
        turn(Thinking(signature="c2ln", dialect="gemini"), Text("Hi"), ToolCall(id="a", name="clock", signature="c2ln")),
        results("a"),
    ),
    "encrypted thoughts": (user("?"), turn(Thinking(redacted="EmwK", dialect="claude"), Text("Hi")), user("so?")),
}  # fmt: skip


@each
@pytest.mark.parametrize("messages", ODD.values(), ids=ODD.keys())
def test_odd_conversations_are_put_so_that_they_are_taken(messages: tuple[Message, ...], dialect: str) -> None:
    judge(dialect, put(messages, dialect).body)


@each
def test_a_conversation_of_nothing_is_refused_by_name(dialect: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages|says nothing") as caught:
        put((user(""),), dialect)
    assert caught.value.param == "messages"


def test_deepseek_gets_its_own_reasoning_back_and_a_blank_for_that_of_others() -> None:
    for source, thought in (("openai_chat", answers.THOUGHT), ("claude", " ")):
        target = msgspec.structs.replace(call("openai_chat"), quirks={"reasoning_field": "reasoning_content"})
        wire = upstream("openai_chat").encode(ChatRequest(messages=conversation(source), tools=TOOLS), target)
        turns = judge("openai_chat", wire.body)["messages"]
        assert [message["reasoning_content"] for message in turns if message["role"] == "assistant"] == [thought]


def test_the_page_shows_what_becomes_of_each_thing() -> None:
    """Regenerated with `python -m tests.wire.transcripts`."""
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page
    assert all(heading in page for heading in HEADINGS)


@each
def test_arguments_that_are_no_json_are_shown_to_the_model(dialect: str) -> None:
    sent = put(ODD["arguments that are no JSON"], dialect).body
    assert rb"not_json" in sent
    assert b"zone" in sent


@each
@pytest.mark.parametrize("odd", ["a picture in the system text", "a picture in the assistant's turn"])
def test_a_picture_that_has_no_place_is_named(odd: str, dialect: str) -> None:
    sent = put(ODD[odd], dialect)
    place = next(n for n, message in enumerate(ODD[odd]) if any(isinstance(part, Image) for part in message.parts))
    assert (PHOTO.data or "").encode() in sent.body or f"messages[{place}].images" in sent.omitted
