"""How long each kind of refusal cools."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.failure import FailureKind
from segue.health.cooldown import COOLS, Cooldown

RATE, MONEY, AUTH, GONE = FailureKind.RATE, FailureKind.MONEY, FailureKind.AUTH, FailureKind.MODEL_GONE


@pytest.mark.parametrize(
    ("kind", "stated", "seconds"),
    [
        (RATE, None, 5.0),
        (RATE, 0.0, None),
        (RATE, 17.5, 17.5),
        (RATE, 7200.0, 7200.0),
        (MONEY, None, 900.0),
        (MONEY, 86_400.0 * 9, 86_400.0 * 9),
        (MONEY, 120.0, 120.0),
        (MONEY, 10.7, 900.0),
        (AUTH, None, inf),
        (AUTH, 30.0, inf),
        (GONE, None, 600.0),
        (GONE, 3.0, 600.0),
    ],
)
def test_how_long_a_first_refusal_cools(kind: FailureKind, stated: float | None, seconds: float | None) -> None:
    cooldown = Cooldown()
    cooldown.cool(kind, 1000.0, stated)
    assert cooldown.until(1000.0) == (None if seconds is None else 1000.0 + seconds)


def test_nothing_is_cool_at_first_and_again_at_the_end() -> None:
    cooldown = Cooldown()
    assert cooldown.until(0.0) is None
    assert cooldown.kind(0.0) is None
    cooldown.cool(RATE, 0.0)
    assert cooldown.until(4.999) == 5.0
    assert cooldown.until(5.0) is None
    assert cooldown.kind(5.0) is None


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind not in COOLS])
def test_a_failure_that_does_not_cool_is_refused(kind: FailureKind) -> None:
    with pytest.raises(ValueError, match="does not cool"):
        Cooldown().cool(kind, 0.0)


def test_the_money_cooldown_doubles_up_to_six_hours() -> None:
    cooldown = Cooldown()
    now, minutes = 0.0, []
    for _ in range(8):
        cooldown.cool(MONEY, now)
        until = cooldown.until(now)
        assert until is not None
        minutes.append((until - now) / 60)
        now = until
    assert minutes == [15, 30, 60, 120, 240, 360, 360, 360]


def test_a_burst_of_refusals_is_one_refusal() -> None:
    cooldown = Cooldown()
    assert [cooldown.cool(MONEY, 0.1 * step) for step in range(20)] == [True] + [False] * 19
    assert cooldown.until(2.0) == 900.0
    cooldown.cool(MONEY, 900.0)
    assert cooldown.until(900.0) == 900.0 + 1800.0


def test_a_success_after_the_cooldown_clears_the_doubling() -> None:
    cooldown = Cooldown()
    cooldown.cool(MONEY, 0.0)
    cooldown.succeeded(901.0)
    cooldown.cool(MONEY, 1000.0)
    assert cooldown.until(1000.0) == 1900.0


def test_a_success_of_a_request_begun_before_the_refusal_clears_nothing() -> None:
    cooldown = Cooldown()
    cooldown.cool(MONEY, 0.0)
    cooldown.succeeded(3.0)
    assert cooldown.until(3.0) == 900.0
    cooldown.cool(MONEY, 900.0)
    assert cooldown.until(900.0) == 2700.0


def test_the_longest_wins() -> None:
    cooldown = Cooldown()
    cooldown.cool(RATE, 0.0, 60.0)
    cooldown.cool(RATE, 1.0, 5.0)
    assert cooldown.until(1.0) == 60.0
    cooldown.cool(GONE, 1.0)
    assert cooldown.until(1.0) == 601.0
    assert cooldown.kind(1.0) is GONE
    cooldown.cool(RATE, 2.0, 3600.0)
    assert cooldown.kind(2.0) is RATE


def test_what_is_hopeless_stays_hopeless_under_a_longer_cooldown() -> None:
    cooldown = Cooldown()
    cooldown.cool(RATE, 0.0, 7200.0)
    assert not cooldown.hopeless(0.0)
    cooldown.cool(MONEY, 0.0)
    assert cooldown.hopeless(899.0)
    assert cooldown.kind(899.0) is MONEY
    assert cooldown.until(899.0) == 7200.0
    assert not cooldown.hopeless(900.0)


def test_a_refused_key_stays_off_until_it_is_cleared() -> None:
    cooldown = Cooldown()
    cooldown.cool(AUTH, 0.0)
    cooldown.succeeded(1e9)
    assert cooldown.needs_probe
    assert cooldown.until(1e9) == inf
    cooldown.clear(AUTH)
    assert cooldown.probe_at is None
    assert cooldown.until(1e9) is None


def test_free_probes_back_off_from_thirty_seconds_to_ten_minutes() -> None:
    cooldown = Cooldown()
    cooldown.cool(AUTH, 0.0)
    now, waits = 0.0, []
    for _ in range(7):
        at = cooldown.probe_at
        assert at is not None
        waits.append(at - now)
        now = at
        cooldown.probe_failed(now)
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_more_refusals_of_the_same_key_do_not_hurry_or_delay_the_probe() -> None:
    cooldown = Cooldown()
    cooldown.cool(AUTH, 0.0)
    cooldown.probe_failed(30.0)
    cooldown.cool(AUTH, 31.0)
    assert cooldown.probe_at == 90.0


def test_clearing_one_kind_leaves_the_others() -> None:
    cooldown = Cooldown()
    cooldown.cool(AUTH, 0.0)
    cooldown.cool(RATE, 0.0, 40.0)
    cooldown.clear(AUTH)
    assert cooldown.until(0.0) == 40.0
    cooldown.clear()
    assert cooldown.until(0.0) is None


def test_clearing_money_forgets_the_doubling() -> None:
    cooldown = Cooldown()
    cooldown.cool(MONEY, 0.0)
    cooldown.clear(MONEY)
    cooldown.cool(MONEY, 1.0)
    assert cooldown.until(1.0) == 901.0


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(COOLS - {AUTH})), st.floats(0, 50), st.none() | st.floats(0, 1e5)), max_size=30
    )
)
def test_a_refusal_never_shortens_a_cooldown(refusals: list[tuple[FailureKind, float, float | None]]) -> None:
    cooldown, now, end = Cooldown(), 0.0, 0.0
    for kind, pause, stated in refusals:
        now += pause
        cooldown.cool(kind, now, stated)
        until = cooldown.until(now) or now
        assert until >= end or end <= now
        end = max(end, until)
