"""The window of outcomes, against a list of all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segue.health.outcomes import OutcomeWindow


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 4.75, 5.0, 12.0, 54.0, 55.0, 60.0, 130.0]), st.sampled_from([0.0, 0.5, 1.0])
        ),
        max_size=60,
    ),
    st.floats(0, 1000),
)
def test_the_present_twelfth_of_the_window_counts_and_the_eleven_before_it(
    steps: list[tuple[float, float]], now: float
) -> None:
    window, seen = OutcomeWindow(60.0), []
    for pause, weight in steps:
        now += pause
        window.record(now, weight)
        seen.append((now, weight))
        counted = [kept for moment, kept in seen if moment // 5 > now // 5 - 12]
        assert window.totals(now) == (len(counted), sum(counted))


def test_time_alone_empties_the_window() -> None:
    window = OutcomeWindow(60.0)
    window.record(3.0, 1.0)
    assert window.totals(59.9) == (1, 1.0)
    assert window.totals(60.0) == (0, 0.0)


def test_a_window_before_its_first_outcome_is_empty() -> None:
    assert OutcomeWindow(60.0).totals(1e9) == (0, 0.0)


def test_a_clock_that_steps_back_within_a_slot_or_two_loses_nothing() -> None:
    window = OutcomeWindow(60.0)
    window.record(20.0)
    window.record(14.0, 1.0)
    assert window.totals(20.0) == (2, 1.0)
