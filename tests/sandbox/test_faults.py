"""Every fault over real sockets: what the engine makes of it, and that the caller never notices more than a seam."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from segue.answer import Answer
from segue.chat.events import TextDelta
from segue.chat.request import Tool
from segue.client import Segue
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy, StallPolicy
from segue.sandbox import Sandbox
from segue.sandbox.faults import KINDS
from segue.settings import Settings

QUICK = Policy(
    deadline=20.0,
    quick_retry=(0.0, 0.01),
    stall=StallPolicy(
        first_hedge_unknown=0.15,
        first_hedge_reasoning=0.15,
        first_give_up=0.5,
        first_give_up_reasoning=0.5,
        gap_hedge=(0.15, 0.15),
        gap_give_up=0.5,
        drip_window=0.5,
        drip_floor=60.0,
    ),
)
"""For faults of silence, which are found by waiting. Any other fault speaks for itself, and a busy machine is not to be taken for silence."""

BEFORE_CONTENT = {
    "refused": "transport",
    "reset": "transport",
    "hang": "stall",
    "rate": "rate",
    "quota": "money",
    "error": "overload",
    "bad_gateway": "overload",
    "unavailable": "overload",
    "overloaded": "overload",
    "auth": "auth",
    "model_gone": "model_gone",
    "silence": "stall",
    "ping_only": "stall",
    "garbage": "broken",
    "empty": "broken",
    "role_only": "stall",
}
"""What the engine calls each fault that strikes before content."""
IN_THE_TEXT = {
    "cut": "broken",
    "drop": "transport",
    "break": "transport",
    "error_event": "overload",
    "raw_error": "overload",
    "malformed": "broken",
    "freeze": "stall",
    "stall": "stall",
}
PACED = {"drip:seconds=0.14": ("stall", "cancelled"), "split": ("ok",)}
ELSEWHERE = {"context_length"}
"""Faults with a separate test."""

QUESTION = "Tell me about Redis"


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with Sandbox() as box:
        client = Segue(box.settings(Settings()), ledger=MemoryStore())
        yield client.complete(QUESTION).text
        client.close()


def _stream(settings: Settings, chain: list[str], *, silent: bool = False) -> tuple[str, Answer]:
    policy = QUICK if silent else QUICK.replace(hedge=False, stall=StallPolicy())
    client = Segue(msgspec.structs.replace(settings, policy=policy), ledger=MemoryStore())
    try:
        stream = client.stream(QUESTION, chain=chain)
        text = "".join(event.text for event in stream if isinstance(event, TextDelta))
        return text, stream.answer
    finally:
        client.close()


@pytest.mark.parametrize("first", ["gemini", "openai", "claude"])
@pytest.mark.parametrize("fault", BEFORE_CONTENT)
def test_a_fault_before_content_is_answered_by_the_next_target_without_a_seam(
    fault: str, first: str, plain: Settings, reference: str
) -> None:
    second = "claude" if first == "openai" else "openai"
    with Sandbox(faults={first: fault}) as box:
        text, answer = _stream(box.settings(plain), [first, second], silent=BEFORE_CONTENT[fault] == "stall")
    assert text == reference
    assert (answer.target, answer.seams) == (second, 0)
    assert answer.attempts[0].outcome == BEFORE_CONTENT[fault]


@pytest.mark.parametrize("first", ["gemini", "openai", "claude"])
@pytest.mark.parametrize("fault", IN_THE_TEXT)
def test_a_fault_in_the_text_is_mended_by_the_next_target_to_the_letter(
    fault: str, first: str, plain: Settings, reference: str
) -> None:
    second = "claude" if first == "openai" else "openai"
    with Sandbox(faults={first: f"{fault}:after=20"}, delay=0.001) as box:
        text, answer = _stream(box.settings(plain), [first, second], silent=IN_THE_TEXT[fault] == "stall")
    assert text == reference
    assert (answer.target, answer.seams) == (second, 1)
    assert answer.attempts[0].outcome == IN_THE_TEXT[fault]


@pytest.mark.parametrize("fault", PACED)
def test_an_odd_pace_is_borne_or_left_behind(fault: str, plain: Settings, reference: str) -> None:
    with Sandbox(faults={"openai": fault}) as box:
        text, answer = _stream(box.settings(plain), ["openai", "claude"], silent=True)
    assert text == reference
    assert answer.attempts[0].outcome in PACED[fault]


def test_a_window_that_is_too_small_moves_the_request_to_a_larger_one(plain: Settings, reference: str) -> None:
    with Sandbox(faults={"openai": "context_length"}) as box:
        text, answer = _stream(box.settings(plain), ["openai", "gemini"])
    assert (text, answer.target) == (reference, "gemini")


def test_every_fault_has_been_played() -> None:
    played = {*BEFORE_CONTENT, *IN_THE_TEXT, *ELSEWHERE, *(fault.partition(":")[0] for fault in PACED)}
    assert played == set(KINDS)


@pytest.mark.parametrize("at", [0, 1, 5, 10_000])
@pytest.mark.parametrize("fault", ["cut", "drop", "break"])
def test_a_text_may_break_anywhere(fault: str, at: int, plain: Settings, reference: str) -> None:
    with Sandbox(faults={"gemini": f"{fault}:after={at}"}, delay=0.0005) as box:
        text, answer = _stream(box.settings(plain), ["gemini", "claude"])
    assert (text, answer.target) == (reference, "claude")


@pytest.mark.parametrize("first", ["gemini", "openai", "claude"])
@pytest.mark.parametrize("fault", ["cut:after=0", "cut:after=1", "drop:after=1", "cut:after=9"])
def test_a_tool_call_that_breaks_off_is_called_once(fault: str, first: str, plain: Settings) -> None:
    tool = Tool(name="get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
    second = "claude" if first == "openai" else "openai"
    with Sandbox(faults={first: fault}) as box:
        client = Segue(box.settings(plain), ledger=MemoryStore())
        answer = client.complete("What is the weather in Seoul?", tools=[tool], chain=[first, second])
        client.close()
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("get_weather", '{"city":"Seoul"}')]
    assert [attempt.outcome for attempt in answer.attempts][-1] == "ok"


def test_two_targets_may_break_one_after_the_other(plain: Settings, reference: str) -> None:
    with Sandbox(faults={"gemini": "cut:after=10", "openai": "break:after=10"}, delay=0.001) as box:
        text, answer = _stream(box.settings(plain), ["gemini", "openai", "claude"])
    assert (text, answer.target, answer.seams) == (reference, "claude", 2)
