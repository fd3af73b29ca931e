"""What a caller's next turn says of the answer before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.messages import Message, Text, ToolCall, assistant, tool_result, user
from segue.chat.request import ChatRequest
from segue.routing.turns import Turn, turn_of

QUESTION = "Why does the build fail on Windows?"


def ask(*messages: Message) -> ChatRequest:
    return ChatRequest(messages=messages)


def followed(text: str) -> Turn:
    found = turn_of(ask(user(QUESTION), assistant("Because of a path."), user(text)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (QUESTION, "bad"),
        ("That's wrong, it also fails on Linux.", "bad"),
        ("It still fails.", "bad"),
        ("doesn't work", "bad"),
        ("아니야, 그게 아니라 리눅스에서도 실패해", "bad"),
        ("다시 해줘", "bad"),
        ("違います。もう一度お願いします", "bad"),
        ("不对,重新来", "bad"),
        ("no funciona", "bad"),
        ("Das ist falsch.", "bad"),
        ("ça ne marche pas", "bad"),
        ("Thanks, that works!", "good"),
        ("고마워요", "good"),
        ("ありがとうございます", "good"),
        ("谢谢", "good"),
        ("¡gracias!", "good"),
        ("Danke dir", "good"),
        ("merci", "good"),
        ("And on macOS?", "on"),
        ("이제 테스트도 써줘", "on"),
        ("Write the wrongdoer's biography.", "on"),
    ],
)
def test_a_turn_complains_thanks_or_goes_on(text: str, verdict: str) -> None:
    assert followed(text).verdict == verdict


def test_a_turn_names_the_one_before_it_by_the_mark_that_was_its_own() -> None:
    first = turn_of(ask(user(QUESTION)))
    assert first is not None
    assert first == Turn(first.mark)
    assert followed("And on macOS?").before == first.mark


def test_the_same_words_later_in_a_conversation_are_another_turn() -> None:
    assert followed(QUESTION).mark != followed(QUESTION).before


def test_a_request_that_ends_with_a_tools_result_is_no_turn() -> None:
    call = ToolCall(id="1", name="look", arguments="{}")
    assert turn_of(ask(user(QUESTION), Message("assistant", (call,)), tool_result(call, "found"))) is None
    assert turn_of(ask()) is None
    assert turn_of(ask(Message("user", (Text(""),)))) is None


@given(st.text(), st.text())
def test_any_texts_have_marks_of_eight_digits(earlier: str, last: str) -> None:
    found = turn_of(ask(user(earlier), assistant("…"), user(last)))
    assert found is None if not last else found is not None and len(found.mark) == 8
