"""Every fault, at every phase, position, dialect and mode: the invariants hold for each of the requests.

The whole matrix is part of the long run; otherwise every fifth case of it is played, always the same ones.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from segue.chat.events import TextDelta

from .answers import REFERENCES
from .cases import POSITIONS, RULES, Case, everything, play, possible
from .faults import FAULTS, PHASES, act
from .invariants import violations
from .provider import Provider
from .world import World, run

CASES, LEFT_OUT = possible()
BY_FAULT: dict[str, list[Case]] = defaultdict(list)
for case in CASES:
    BY_FAULT[case.fault].append(case)


SAMPLING, FEW = 7, 50
"""One case in so many is played outside the long run: it divides no dimension of the matrix. Faults of few cases are played whole."""
SAMPLE = {
    fault: cases if len(cases) < FEW else cases[number % SAMPLING :: SAMPLING]
    for number, (fault, cases) in enumerate(BY_FAULT.items())
}


def check(cases: list[Case], tally: Any) -> None:
    broken = []
    with tally("cases of the fault matrix", len(cases)):
        for case in cases:
            _, found = play(case)
            broken += [f"{case.name}: {sentence}" for sentence in found]
    assert not broken, f"{len(broken)} violations, among them:\n" + "\n".join(broken[:20])


@pytest.mark.parametrize("fault", SAMPLE)
def test_the_invariants_hold_whatever_goes_wrong(fault: str, tally: Any) -> None:
    check(SAMPLE[fault], tally)


@pytest.mark.long
@pytest.mark.parametrize("fault", BY_FAULT)
def test_the_invariants_hold_in_every_case_of_the_matrix(fault: str, tally: Any) -> None:
    check(BY_FAULT[fault], tally)


@pytest.mark.parametrize("cases", [BY_FAULT, SAMPLE], ids=["the matrix", "its sample"])
def test_every_fault_phase_position_and_dialect_is_in(cases: dict[str, list[Case]]) -> None:
    played = [case for of_fault in cases.values() for case in of_fault]
    assert {case.fault for case in played} >= FAULTS.keys()
    assert {case.phase for case in played} == set(PHASES)
    assert {case.position for case in played} == set(POSITIONS)
    assert len({case.name for case in played}) == len(played)
    for fault, of_fault in BY_FAULT.items():
        for dimension in ("position", "dialect", "mode"):
            wanted = {getattr(case, dimension) for case in of_fault}
            assert {getattr(case, dimension) for case in cases[fault]} == wanted, f"{fault}: {dimension}"


def test_every_combination_that_is_left_out_is_left_out_for_a_reason() -> None:
    assert len(CASES) + sum(LEFT_OUT.values()) == sum(1 for _ in everything())
    assert all(LEFT_OUT.values())


def test_every_rule_leaves_out_something_that_no_rule_before_it_does() -> None:
    assert set(LEFT_OUT) == set(RULES)


def test_a_missing_token_a_second_terminal_and_an_unsettled_attempt_are_noticed() -> None:
    """The checker can fail: it sees what is done to a sound outcome."""

    async def tampered() -> dict[str, list[str]]:
        world = World(Provider("a", "claude", act))
        outcome = await world.ask(REFERENCES["prose"])
        await world.settle()
        events = outcome.events
        assert not violations(world, outcome, must_answer=True)
        found = {}
        outcome.events = [event for event in events if event != TextDelta("t0 ")]
        found["gap"] = violations(world, outcome)
        outcome.events = [*events, events[-1]]
        found["terminal"] = violations(world, outcome)
        outcome.events = events
        world.store.settlements[outcome.starts[0][1].attempt_id] = 2
        found["settlement"] = violations(world, outcome)
        return found

    found = run(tampered())
    assert [sentence[0] for sentence in found["gap"]] == ["1"]
    assert [sentence[0] for sentence in found["terminal"]] == ["2"]
    assert [sentence[0] for sentence in found["settlement"]] == ["5"]
