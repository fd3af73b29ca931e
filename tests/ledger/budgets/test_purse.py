"""The arithmetic of slices."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from segue.budgets.lease import SHARE, Budget, Purse, day_of, slice_of, until_midnight

AMOUNTS = st.integers(0, 10**15)


@given(budget=AMOUNTS, taken=AMOUNTS, least=AMOUNTS)
def test_a_slice_is_what_is_lacking_or_a_sixteenth_of_what_is_left_and_never_more_than_that(
    budget: int, taken: int, least: int
) -> None:
    got = slice_of(budget, taken, least)
    left = budget - taken
    if least > left:
        assert got == 0
    else:
        assert least <= got <= max(left, 0)
        assert got in (least, left // SHARE)


@given(st.lists(st.tuples(st.integers(0, 3), AMOUNTS, AMOUNTS), max_size=60))
def test_whatever_happens_to_purses_what_was_taken_is_what_is_in_hand_held_or_spent(
    steps: list[tuple[int, int, int]],
) -> None:
    budget = Budget(name="b", pico=10**15, label="b")
    purse = Purse(budget, "2026-11-28")
    taken = spent = 0
    holds: list[int] = []
    for step, (kind, one, other) in enumerate(steps):
        if kind == 0:
            got = slice_of(budget.pico, taken, purse.lacks(one))
            taken += got
            purse.fill(got)
        elif kind == 1 and not purse.lacks(one):
            purse.hold(one, float(step))
            holds.append(one)
        elif kind == 2 and holds:
            purse.settle(holds.pop(), other)
            spent += other
        elif kind == 3:
            taken += purse.give_back(float(step), 3.0)
        assert taken == purse.in_hand + purse.held + spent
        assert purse.unreported == spent


def test_a_purse_that_runs_low_is_known_by_the_half_of_its_last_slice() -> None:
    purse = Purse(Budget(name="b", pico=1000, label="b"), "2026-11-28")
    purse.fill(100)
    assert purse.low == 50
    purse.fill(0)
    assert purse.low == 0


def test_a_day_begins_at_midnight_where_it_is_to_begin() -> None:
    seoul = ZoneInfo("Asia/Seoul")
    evening = datetime.datetime(2026, 11, 28, 15, 0, tzinfo=datetime.UTC).timestamp()
    assert (day_of(evening, datetime.UTC), day_of(evening, seoul)) == ("2026-11-28", "2026-11-29")
    assert (until_midnight(evening, datetime.UTC), until_midnight(evening, seoul)) == (9 * 3600.0, 86400.0)
