"""The fast path and the relay are two roads to the same answer: wherever a relay takes over, nothing can tell."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import pytest

from segue.chat.events import ChatEvent
from segue.failover.fast_path import Carrier, FastPath, start
from segue.failover.job import Job
from segue.failover.relay import Relay, Take

from .answers import REFERENCES
from .cases import Case, play
from .faults import act
from .histories import live
from .provider import Provider
from .test_matrix import BY_FAULT, SAMPLE
from .world import Outcome, World, run

STEPS = (0, 1, 2, 3, 5, 9)
"""Steps after which a relay takes over; 0: it carries the request from the start."""


def account_of(outcome: Outcome) -> dict[str, Any]:
    """All that a caller, a listener and the ledger learn of a request."""
    error, report = outcome.error, outcome.relay.report
    return {
        "events": outcome.events,
        "error": error and (type(error), error.message, error.request_id, getattr(error, "attempts", None)),
        "cancelled": outcome.cancelled,
        "report": report,
        "starts": outcome.starts,
        "ends": outcome.ends,
        "seconds": outcome.ended - outcome.began,
    }


def parted(fast: Any, slow: Any) -> str:
    """Where two values part."""
    one, other = repr(fast), repr(slow)
    at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return f"…{one[at - 60 : at + 60]}… != …{other[at - 60 : at + 60]}…"


def differences(cases: list[Case], steps: tuple[float, ...], patch: pytest.MonkeyPatch, tally: Any) -> list[str]:
    found = []
    with tally("cases on both roads", len(cases) * len(steps)):
        for case in cases:
            fast = account_of(play(case)[0])
            for count, takes in [(inf, False), *((count, True) for count in steps)]:
                with patch.context() as within:
                    within.setattr(World, "fast_steps", count)
                    within.setattr(World, "takes", takes)
                    slow = account_of(play(case)[0])
                found += [
                    f"{case.name}, after {count}: {what}: {parted(fast[what], slow[what])}"
                    for what in fast
                    if fast[what] != slow[what]
                ]
    return found


def test_both_roads_lead_to_the_same(monkeypatch: pytest.MonkeyPatch, tally: Any) -> None:
    cases = [case for fault, sample in SAMPLE.items() for case in sample[::9]]
    found = differences(cases, STEPS[:1], monkeypatch, tally)
    found += differences(cases[::5], STEPS[1:], monkeypatch, tally)
    assert not found, f"{len(found)} differences, among them:\n" + "\n".join(found[:5])


@pytest.mark.long
@pytest.mark.parametrize("fault", BY_FAULT)
def test_both_roads_lead_to_the_same_in_every_case(fault: str, monkeypatch: pytest.MonkeyPatch, tally: Any) -> None:
    found = differences(BY_FAULT[fault], STEPS, monkeypatch, tally)
    assert not found, f"{len(found)} differences, among them:\n" + "\n".join(found[:5])


def test_histories_are_the_same_on_both_roads(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(20, 40)
    fast = [live(seed) for seed in seeds]
    monkeypatch.setattr(World, "fast_steps", 0)
    assert fast == [live(seed) for seed in seeds]


async def asked(dialect: str, reference: str, *, hold: bool = False) -> Outcome:
    world = World(Provider("a", dialect, act))
    outcome = await world.ask(REFERENCES[reference], hold=hold)
    await world.settle()
    return outcome


@pytest.mark.parametrize("dialect", ["openai_chat", "claude", "gemini", "openai_responses"])
@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("reference", ["prose", "thinking", "korean"])
def test_a_healthy_target_needs_no_relay(dialect: str, hold: bool, reference: str) -> None:
    outcome = run(asked(dialect, reference, hold=hold))
    assert outcome.answered
    assert isinstance(outcome.relay, FastPath)
    assert outcome.relay.promoted is False


def test_a_tool_call_and_an_answer_to_be_checked_have_a_relay() -> None:
    called, checked = run(asked("openai_chat", "tools")), run(asked("openai_chat", "json"))
    assert isinstance(called.relay, FastPath)
    assert called.relay.promoted is True
    assert isinstance(checked.relay, Relay)


def test_text_that_comes_meanwhile_needs_no_turn_of_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[bool] = []
    carry_on = FastPath.next

    async def counted(self: FastPath, take: Take | None = None) -> list[ChatEvent]:
        turns.append(take is not None)
        return await carry_on(self, take)

    monkeypatch.setattr(FastPath, "next", counted)
    taking = run(asked("openai_chat", "prose"))
    monkeypatch.setattr(World, "takes", False)
    waiting = run(asked("openai_chat", "prose"))
    assert taking.events == waiting.events
    assert turns.count(True) < 6 < turns.count(False)


def test_no_more_is_read_until_what_was_taken_is_dealt_with() -> None:
    async def scene() -> Outcome:
        async def dealt_with(outcome: Outcome) -> None:
            known = len(outcome.events)
            await asyncio.sleep(0.03)
            assert len(outcome.events) == known

        world = World(Provider("a", "openai_chat", act))
        outcome = await world.ask(REFERENCES["prose"], read=dealt_with)
        await world.settle()
        return outcome

    slow = run(scene())
    assert slow.answered
    assert slow.text == run(asked("openai_chat", "prose")).text


def test_a_defect_of_what_takes_the_text_closes_the_request() -> None:
    async def scene() -> tuple[World, Carrier]:
        world = World(Provider("a", "openai_chat", act))
        target = world.providers["a"].target
        carrier = start(world.engine, Job(request=REFERENCES["prose"].request(0), targets=(target,)))

        def broken(event: ChatEvent) -> None:
            raise LookupError("a defect")

        with pytest.raises(LookupError):
            while await carrier.next(broken):
                pass
        assert await carrier.next() == []
        await world.settle()
        return world, carrier

    world, carrier = run(scene())
    assert [record.outcome for record in world.store.records(limit=None)] == ["cancelled"]
    assert carrier.promoted is False
