from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.failover.budget import CONTINUATION, HEDGE, Deadline, HedgeBudget, round_wait


def test_a_full_bucket_pays_ten_hedges_and_no_more() -> None:
    budget = HedgeBudget()
    assert [budget.take(HEDGE) for _ in range(11)] == [True] * 10 + [False]


def test_a_full_bucket_pays_five_continuations_and_no_more() -> None:
    budget = HedgeBudget()
    assert [budget.take(CONTINUATION) for _ in range(6)] == [True] * 5 + [False]


def test_a_continuation_is_refused_where_a_hedge_can_still_be_paid() -> None:
    budget = HedgeBudget(capacity=1.0)
    assert not budget.take(CONTINUATION)
    assert budget.take(HEDGE)


def test_twenty_successes_earn_exactly_one_hedge() -> None:
    budget = HedgeBudget()
    while budget.take(HEDGE):
        pass
    for _ in range(19):
        budget.success()
    assert not budget.take(HEDGE)
    budget.success()
    assert budget.take(HEDGE)
    assert not budget.take(HEDGE)


def test_gains_that_add_up_to_a_hair_less_than_a_hedge_pay_for_one() -> None:
    budget = HedgeBudget(capacity=1.0, per_success=0.1)
    assert budget.take(HEDGE)
    for _ in range(10):
        budget.success()
    assert budget.level < HEDGE
    assert budget.take(HEDGE)


def test_successes_never_fill_the_bucket_over_its_capacity() -> None:
    budget = HedgeBudget()
    for _ in range(1000):
        budget.success()
    assert budget.level == 10.0


@pytest.mark.parametrize(("share_open", "granted"), [(0.0, True), (0.49, True), (0.5, False), (1.0, False)])
def test_nothing_is_paid_out_once_half_of_the_targets_are_open(share_open: float, granted: bool) -> None:
    budget = HedgeBudget()
    assert budget.take(HEDGE, share_open=share_open) is granted
    assert budget.level == (9.0 if granted else 10.0)


@given(st.lists(st.sampled_from(["success", "hedge", "continuation"]), max_size=300))
def test_what_is_spent_never_exceeds_the_capacity_and_what_was_earned(steps: list[str]) -> None:
    budget = HedgeBudget()
    spent = earned = 0.0
    for step in steps:
        if step == "success":
            budget.success()
            earned += 0.05
        elif budget.take(cost := HEDGE if step == "hedge" else CONTINUATION):
            spent += cost
        assert spent <= 10.0 + earned + 1e-6
        assert 0.0 <= budget.level <= 10.0


def test_a_deadline_counts_down_from_its_start_and_stops_at_zero() -> None:
    deadline = Deadline(120.0, 1000.0, 0.25)
    assert deadline.at == 1120.0
    assert [deadline.remaining(now) for now in (1000.0, 1100.0, 1120.0, 1500.0)] == [120.0, 20.0, 0.0, 0.0]


def test_an_earlier_attempt_leaves_the_last_hop_its_share_and_the_last_one_may_use_it() -> None:
    deadline = Deadline(120.0, 1000.0, 0.25)
    assert deadline.attempt_limit(1000.0, last=False) == 1090.0
    assert deadline.attempt_limit(1050.0, last=False) == 1090.0
    assert deadline.attempt_limit(1050.0, last=True) == 1120.0


def test_an_attempt_that_begins_when_little_more_than_the_last_share_is_left_is_the_last_hop() -> None:
    deadline = Deadline(120.0, 1000.0, 0.25)
    assert deadline.attempt_limit(1075.0, last=False) == 1090.0
    assert deadline.attempt_limit(1076.0, last=False) == 1120.0
    assert deadline.attempt_limit(1119.0, last=False) == 1120.0


def test_without_a_deadline_nothing_is_limited() -> None:
    deadline = Deadline(None, 1000.0, 0.25)
    assert deadline.at is None
    assert deadline.remaining(9e9) is None
    assert deadline.attempt_limit(9e9, last=False) is None


@pytest.mark.parametrize(
    ("round_number", "least", "most"), [(1, 4.0, 8.0), (2, 5.0, 10.0), (3, 5.0, 10.0), (5000, 5.0, 10.0)]
)
def test_the_wait_between_rounds_grows_and_keeps_its_jitter(round_number: int, least: float, most: float) -> None:
    assert round_wait(round_number, (4.0, 10.0), 0.0) == least
    assert round_wait(round_number, (4.0, 10.0), 1.0) == most


@given(
    st.integers(1, 100),
    st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: (min(pair), max(pair))),
    st.floats(0, 1),
)
def test_the_wait_between_rounds_stays_within_its_bounds(
    round_number: int, bounds: tuple[float, float], jitter: float
) -> None:
    low, high = bounds
    assert low <= round_wait(round_number, bounds, jitter) <= high + 1e-9
