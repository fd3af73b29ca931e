"""The library before a real server, in each dialect that it speaks."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator

import pytest

from segue import InvalidRequestError, LLMServiceUnavailableError, Segue
from segue.chat.events import Finished, FinishReason, Seam, TextDelta
from segue.chat.messages import Image, Message, Text, user
from segue.embedded.process import ModelProcess

from .conftest import Make, settings_for

DIALECTS = ("openai_chat", "claude", "openai_responses")
QUESTIONS = (
    "Write a short story about a harbour.",
    "Write a list of ten things to pack.",
    "List five fruits in a table.",
)
TOKENS = 32
MANY = 700
"""Tokens that take far longer than any of these tests looks on."""


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def segue(one: ModelProcess, dialect: str) -> Iterator[Segue]:
    with_one = Segue(settings_for([one], dialect))
    yield with_one
    with_one.close()


def test_a_whole_answer_and_a_stream_say_the_same_and_are_counted(segue: Segue, dialect: str) -> None:
    answer = segue.complete(QUESTIONS[0], max_tokens=TOKENS)
    stream = segue.stream(QUESTIONS[0], max_tokens=TOKENS)
    pieces = [event.text for event in stream if isinstance(event, TextDelta)]
    assert len(pieces) > 10
    assert "".join(pieces) == answer.text == stream.answer.text
    # In the Responses' dialect this server says "completed" whatever ended the answer.
    assert answer.finish_reason is (FinishReason.STOP if dialect == "openai_responses" else FinishReason.LENGTH)
    for result in (answer, stream.answer):
        assert result.usage.output_tokens == TOKENS
        assert 20 < result.usage.input_tokens < 60
        assert len(result.attempts) == 1


def test_a_stream_that_is_closed_stops_the_generation(segue: Segue, one: ModelProcess) -> None:
    stream = segue.stream(QUESTIONS[0], max_tokens=MANY)
    assert not any(isinstance(event, Finished) for _, event in zip(range(4), stream, strict=False))
    stream.close()
    assert becomes_idle(one)


def test_a_prompt_that_is_too_long_is_refused_by_the_server_and_rests_no_target(segue: Segue) -> None:
    with pytest.raises((LLMServiceUnavailableError, InvalidRequestError)) as caught:
        segue.complete("word " * 3000)
    assert "context" in str(caught.value)
    assert len(caught.value.attempts) == 1
    assert segue.complete("Say hello.", max_tokens=4).text


def test_a_picture_is_refused_by_the_server_once_and_rests_no_target(segue: Segue) -> None:
    pixel = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
    question = Message("user", (Text("What is this?"), Image(data=pixel, media_type="image/png")))
    with pytest.raises((LLMServiceUnavailableError, InvalidRequestError)) as caught:
        segue.complete([question])
    assert "image" in str(caught.value)
    assert len(caught.value.attempts) == 1
    assert segue.complete("Say hello.", max_tokens=4).text


def test_a_conversation_goes_on(segue: Segue) -> None:
    first = segue.complete("Name a colour.", max_tokens=8)
    turns = [user("Name a colour."), Message("assistant", (Text(first.text),)), user("And another one.")]
    assert segue.complete(turns, max_tokens=8).text


@pytest.mark.parametrize(
    ("question", "dialect"),
    [*((question, "openai_chat") for question in QUESTIONS), *((QUESTIONS[1], other) for other in DIALECTS[1:])],
)
def test_a_server_killed_in_mid_answer_leaves_no_trace_in_the_text(
    question: str, dialect: str, two: ModelProcess, make: Make
) -> None:
    victim = make()
    segue = Segue(settings_for([victim, two], dialect))
    whole = Segue(settings_for([two], dialect)).complete(question, max_tokens=TOKENS)
    stream = segue.stream(question, max_tokens=TOKENS)
    text, seams = "", []
    for event in stream:
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Seam):
            seams.append(event)
        if len(text) > 30 and victim.pid is not None:
            os.kill(victim.pid, signal.SIGKILL)
            victim.close()
    segue.close()
    assert [(seam.source, seam.target, seam.restarted) for seam in seams] == [("server1", "server2", False)]
    assert text == whole.text


def becomes_idle(process: ModelProcess) -> bool:
    """Whether the server stops generating within a time that by far would not be enough for the rest."""
    until = time.monotonic() + 8
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{process.address()}/slots") as answer:
            if not any(slot["is_processing"] for slot in json.load(answer)):
                return True
        time.sleep(0.02)
    return False
