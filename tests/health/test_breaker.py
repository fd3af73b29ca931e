"""The breaker's rules, one by one. test_breaker_machine.py checks their interplay."""

from __future__ import annotations

import pytest

from segue.health.breaker import Breaker, BreakerState, Permit
from segue.policy import BreakerPolicy

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def tripped(at: float = 100.0, jitter: float = 0.0) -> Breaker:
    breaker = Breaker(BreakerPolicy())
    for _ in range(3):
        breaker.failed(at, jitter=jitter)
    return breaker


def probed(breaker: Breaker, at: float) -> None:
    assert breaker.admit(at) is Permit.PROBE


def test_a_new_breaker_lets_everything_through() -> None:
    breaker = Breaker(BreakerPolicy())
    assert [breaker.admit(0.0) for _ in range(5)] == [Permit.YES] * 5
    assert breaker.state(0.0) is CLOSED
    assert breaker.opens_until is None


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        pytest.param("FF", CLOSED, id="two failures"),
        pytest.param("FFF", OPEN, id="three failures"),
        pytest.param("FFSFF", CLOSED, id="a success between them"),
        pytest.param("HHHHH", CLOSED, id="five stalls"),
        pytest.param("HHHHHH", OPEN, id="six stalls"),
        pytest.param("FFH", CLOSED, id="two failures and a stall"),
        pytest.param("FHFH", OPEN, id="two failures and two stalls"),
        pytest.param("SFSFSFSFF", CLOSED, id="more than half of nine"),
        pytest.param("SFSFSFSFSF", OPEN, id="half of ten"),
        pytest.param("SFSFSFSSFS", CLOSED, id="four of ten"),
        pytest.param("FFSFFSFFSS", CLOSED, id="a success never trips, also where six of ten failed"),
        pytest.param("FFSFFSFFSSF", OPEN, id="… but the next failure does"),
        pytest.param("HSHSHSHSHSHSHSHSHSHS", CLOSED, id="stalls weigh half in the share too"),
    ],
)
def test_what_trips(outcomes: str, state: BreakerState) -> None:
    breaker = Breaker(BreakerPolicy())
    for outcome in outcomes:
        if outcome == "S":
            breaker.succeeded(1.0)
        else:
            breaker.failed(1.0, {"F": 1.0, "H": 0.5}[outcome])
    assert breaker.state(1.0) is state


def test_failures_older_than_the_window_no_longer_count_towards_the_share() -> None:
    breaker = Breaker(BreakerPolicy())
    for second in range(0, 8, 2):
        breaker.failed(float(second))
        breaker.succeeded(float(second))
    for _ in range(8):
        breaker.succeeded(65.0)
    breaker.failed(65.0)
    assert breaker.state(65.0) is CLOSED


def test_failures_within_the_window_count_even_if_they_are_spread_over_it() -> None:
    breaker = Breaker(BreakerPolicy())
    for second in range(0, 50, 10):
        breaker.succeeded(float(second))
        breaker.failed(float(second))
    assert breaker.state(40.0) is OPEN


def test_an_open_breaker_lets_nothing_through_until_its_time_is_over() -> None:
    breaker = tripped(100.0)
    assert breaker.opens_until == 102.0
    assert breaker.admit(101.999) is Permit.NO
    assert breaker.state(101.999) is OPEN
    assert breaker.state(102.0) is HALF_OPEN
    assert breaker.admit(102.0) is Permit.PROBE


def test_looking_changes_nothing() -> None:
    breaker = tripped(100.0)
    assert [breaker.would_admit(102.0) for _ in range(3)] == [Permit.PROBE] * 3
    assert breaker.recorded is OPEN


@pytest.mark.parametrize(("jitter", "until"), [(-1.0, 101.6), (0.0, 102.0), (0.5, 102.2), (1.0, 102.4)])
def test_jitter_stretches_or_shortens_an_opening_by_a_fifth_at_most(jitter: float, until: float) -> None:
    assert tripped(100.0, jitter).opens_until == pytest.approx(until)


def test_openings_in_a_row_grow_and_the_last_length_repeats() -> None:
    breaker = tripped(0.0)
    lengths = []
    now = 0.0
    for _ in range(9):
        until = breaker.opens_until
        assert until is not None
        lengths.append(until - now)
        now = until
        probed(breaker, now)
        breaker.failed(now, started=now)
    assert lengths == [2, 5, 15, 30, 60, 120, 300, 300, 300]


def test_only_one_probe_goes_at_a_time() -> None:
    breaker = tripped(100.0)
    probed(breaker, 102.0)
    assert breaker.admit(103.0) is Permit.NO
    breaker.succeeded(104.0, started=102.0)
    assert breaker.state(104.0) is HALF_OPEN
    probed(breaker, 104.0)


def test_two_successes_in_a_row_close_and_forget_the_earlier_openings() -> None:
    breaker = tripped(100.0)
    probed(breaker, 102.0)
    breaker.failed(102.0, started=102.0)
    for now in (107.0, 108.0):
        probed(breaker, now)
        breaker.succeeded(now, started=now)
    assert breaker.state(108.0) is CLOSED
    for _ in range(3):
        breaker.failed(109.0, started=109.0)
    assert breaker.opens_until == 111.0


def test_a_failed_probe_opens_again_also_after_a_success_and_also_if_it_only_stalled() -> None:
    breaker = tripped(100.0)
    probed(breaker, 102.0)
    breaker.succeeded(102.0, started=102.0)
    probed(breaker, 103.0)
    assert breaker.failed(104.0, 0.5, started=103.0)
    assert breaker.opens_until == 109.0
    probed(breaker, 109.0)
    breaker.succeeded(110.0, started=109.0)
    assert breaker.state(110.0) is HALF_OPEN


def test_a_cancelled_probe_gives_its_slot_back_unjudged() -> None:
    breaker = tripped(100.0)
    for _ in range(5):
        probed(breaker, 102.0)
        breaker.release(started=102.0)
    assert breaker.state(102.0) is HALF_OPEN


def test_a_cancelled_attempt_from_before_the_trip_does_not_give_the_probes_slot_away() -> None:
    breaker = tripped(100.0)
    probed(breaker, 102.0)
    breaker.release(started=99.0)
    assert breaker.admit(103.0) is Permit.NO


def test_nothing_of_the_time_before_the_trip_is_left_after_closing() -> None:
    breaker = tripped(100.0)
    for now in (102.0, 103.0):
        probed(breaker, now)
        breaker.succeeded(now, started=now)
    breaker.failed(104.0, started=104.0)
    breaker.failed(104.0, started=104.0)
    assert breaker.state(104.0) is CLOSED
    assert not breaker.sound


def test_outcomes_from_before_the_trip_do_not_count_towards_the_share_after_closing() -> None:
    breaker = Breaker(BreakerPolicy())
    for outcome in "FSFSFSFFF":
        breaker.succeeded(100.0) if outcome == "S" else breaker.failed(100.0)
    for now in (102.0, 103.0):
        probed(breaker, now)
        breaker.succeeded(now, started=now)
    breaker.succeeded(104.0, started=104.0)
    breaker.failed(104.0, started=104.0)
    assert breaker.state(104.0) is CLOSED


@pytest.mark.parametrize("started", [None, 50.0, 100.0])
def test_late_outcomes_while_open_neither_close_nor_extend(started: float | None) -> None:
    breaker = tripped(100.0)
    breaker.succeeded(101.0, started=started)
    assert not breaker.failed(101.5, started=started)
    assert breaker.opens_until == 102.0
    assert breaker.state(101.9) is OPEN


@pytest.mark.parametrize("started", [None, 50.0])
def test_late_outcomes_while_half_open_are_not_taken_for_the_probes(started: float | None) -> None:
    breaker = tripped(100.0)
    for _ in range(3):
        breaker.succeeded(102.5, started=started)
        breaker.failed(102.5, started=started)
    assert breaker.state(102.5) is HALF_OPEN
    probed(breaker, 103.0)


def test_late_failures_after_closing_do_not_trip_again() -> None:
    breaker = tripped(100.0)
    for now in (102.0, 103.0):
        probed(breaker, now)
        breaker.succeeded(now, started=now)
    for _ in range(10):
        breaker.failed(110.0, started=99.0)
    assert breaker.state(110.0) is CLOSED
    assert breaker.sound


def test_without_a_start_an_outcome_while_a_probe_is_out_is_the_probes() -> None:
    breaker = tripped(100.0)
    for now in (102.0, 103.0):
        probed(breaker, now)
        breaker.succeeded(now)
    assert breaker.state(103.0) is CLOSED


def test_a_last_resort_that_succeeds_while_open_counts_like_a_probe() -> None:
    breaker = tripped(100.0)
    breaker.succeeded(101.5, started=101.0)
    assert breaker.state(101.5) is HALF_OPEN
    probed(breaker, 101.6)
    breaker.succeeded(101.7, started=101.6)
    assert breaker.state(101.7) is CLOSED


def test_a_last_resort_that_fails_while_open_changes_nothing() -> None:
    breaker = tripped(100.0)
    assert not breaker.failed(101.5, started=101.0)
    assert breaker.opens_until == 102.0


def test_a_last_resort_that_ends_after_the_opening_is_late() -> None:
    breaker = tripped(100.0)
    breaker.failed(102.5, started=101.5)
    assert breaker.state(102.5) is HALF_OPEN
    for now in (102.5, 102.6):
        breaker.succeeded(now, started=101.5)
    assert breaker.state(102.6) is HALF_OPEN


def test_tripping_from_outside_opens_and_does_not_extend_an_opening() -> None:
    breaker = Breaker(BreakerPolicy())
    breaker.trip(10.0)
    assert breaker.opens_until == 12.0
    breaker.trip(11.0)
    assert breaker.opens_until == 12.0
    breaker.trip(12.0)
    assert breaker.opens_until == 17.0


def test_the_policys_numbers_are_obeyed() -> None:
    policy = BreakerPolicy(consecutive=1, open_for=(7.0,), jitter=0.5, successes=1)
    breaker = Breaker(policy)
    breaker.failed(0.0, jitter=1.0)
    assert breaker.opens_until == 10.5
    probed(breaker, 10.5)
    breaker.succeeded(11.0, started=10.5)
    assert breaker.state(11.0) is CLOSED


def test_a_hundred_thousand_idle_seconds_cost_no_memory_and_no_steps() -> None:
    breaker = Breaker(BreakerPolicy())
    breaker.succeeded(0.0)
    breaker.succeeded(1e9)
    assert breaker.state(1e9) is CLOSED
    assert not hasattr(breaker, "__dict__")


def test_a_probe_that_showed_nothing_is_followed_by_the_same_wait_again() -> None:
    breaker = Breaker(BreakerPolicy(jitter=0.0))
    for _ in range(3):
        breaker.failed(0.0)
    assert breaker.opens_until == 2.0
    assert breaker.admit(2.0) is Permit.PROBE
    breaker.unproven(3.0, started=2.0)
    assert breaker.opens_until == 5.0
    assert breaker.admit(5.0) is Permit.PROBE
    breaker.failed(6.0, started=5.0)
    assert breaker.opens_until == 11.0


def test_only_the_probe_itself_can_be_without_proof() -> None:
    breaker = Breaker(BreakerPolicy(jitter=0.0))
    breaker.unproven(0.0, started=0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED
    for _ in range(3):
        breaker.failed(0.0)
    assert breaker.admit(2.0) is Permit.PROBE
    breaker.unproven(3.0, started=0.0)
    assert breaker.would_admit(3.0) is Permit.NO
    assert breaker.state(3.0) is BreakerState.HALF_OPEN
