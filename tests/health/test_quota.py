"""The quota book's rules, one by one. test_quota_machine.py checks their interplay."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from segue.chat.failure import QuotaHint
from segue.health.quota import QuotaBook, QuotaKey, QuotaLimits, next_reset

KEY = QuotaKey("gemini-key", "gemini-3.5-flash")
FLASH = QuotaLimits(requests_per_minute=5, input_tokens_per_minute=250_000, requests_per_day=20)
NOON = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
TO_MIDNIGHT = 12 * 3600.0
PER_MINUTE = QuotaHint(period=60)
PER_DAY = QuotaHint(period=86_400)


def book(limits: QuotaLimits = FLASH) -> QuotaBook:
    made = QuotaBook()
    made.configure(KEY, limits)
    return made


def reserve(quotas: QuotaBook, times: int, *, now: float = 0.0, tokens: int = 100, wall: float = NOON) -> list[float]:
    return [quotas.reserve(KEY, tokens, now, wall) for _ in range(times)]


def test_a_key_without_limits_is_free() -> None:
    assert reserve(QuotaBook(), 1000, tokens=10**9) == [0.0] * 1000


@pytest.mark.parametrize(("limit", "fit"), [(1, 1), (2, 1), (5, 4), (10, 9), (15, 13), (20, 18), (100, 90)])
def test_nine_tenths_of_a_minutes_requests_are_used_but_at_least_one(limit: int, fit: int) -> None:
    waits = reserve(book(QuotaLimits(requests_per_minute=limit)), limit)
    assert waits[:fit] == [0.0] * fit
    assert all(wait == 60.0 for wait in waits[fit:])


def test_the_wait_ends_when_the_oldest_request_leaves_the_minute() -> None:
    quotas = book()
    for now in (0.0, 10.0, 20.0, 30.0):
        assert reserve(quotas, 1, now=now) == [0.0]
    assert reserve(quotas, 1, now=45.0) == [15.0]
    assert reserve(quotas, 1, now=59.5) == [0.5]
    assert reserve(quotas, 2, now=60.0) == [0.0, 10.0]


def test_input_tokens_wait_for_enough_of_the_oldest_to_leave() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    for now, tokens in ((0.0, 300), (10.0, 300), (20.0, 300)):
        assert reserve(quotas, 1, now=now, tokens=tokens) == [0.0]
    assert reserve(quotas, 1, now=30.0, tokens=300) == [30.0]
    assert reserve(quotas, 1, now=30.0, tokens=301) == [40.0]
    assert reserve(quotas, 1, now=30.0, tokens=900) == [50.0]


def test_a_request_above_nine_tenths_goes_alone_and_one_above_the_limit_never() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    assert reserve(quotas, 1, tokens=1001) == [inf]
    assert reserve(quotas, 1, tokens=1000) == [0.0]
    assert reserve(quotas, 1, now=10.0, tokens=1) == [50.0]
    assert reserve(quotas, 1, now=10.0, tokens=950) == [50.0]


def test_a_days_requests_wait_for_midnight_in_los_angeles() -> None:
    quotas = book(QuotaLimits(requests_per_day=20))
    assert reserve(quotas, 19) == [0.0] * 18 + [TO_MIDNIGHT]
    assert reserve(quotas, 1, now=3600.0, wall=NOON + 3600.0) == [TO_MIDNIGHT - 3600.0]
    assert reserve(quotas, 1, now=TO_MIDNIGHT, wall=NOON + TO_MIDNIGHT) == [0.0]


def test_a_days_tokens_have_a_limit_too() -> None:
    quotas = book(QuotaLimits(tokens_per_day=1000))
    assert reserve(quotas, 1, tokens=1001) == [inf]
    assert reserve(quotas, 2, tokens=450) == [0.0, 0.0]
    assert reserve(quotas, 1, tokens=1) == [TO_MIDNIGHT]


def test_the_longest_of_several_waits_is_reported() -> None:
    quotas = book(QuotaLimits(requests_per_minute=5, requests_per_day=4))
    assert reserve(quotas, 4) == [0.0, 0.0, 0.0, TO_MIDNIGHT]


def test_looking_reserves_nothing() -> None:
    quotas = book(QuotaLimits(requests_per_minute=1))
    assert [quotas.wait(KEY, 10, 0.0, NOON) for _ in range(3)] == [0.0] * 3
    reserve(quotas, 1)
    assert quotas.wait(KEY, 10, 0.0, NOON) == 60.0


def test_a_refused_reservation_counts_nothing() -> None:
    quotas = book(QuotaLimits(requests_per_minute=2, requests_per_day=3))
    reserve(quotas, 50)
    assert reserve(quotas, 1, now=60.0) == [0.0]


def test_models_and_credentials_have_quotas_of_their_own() -> None:
    quotas = book(QuotaLimits(requests_per_minute=1))
    other = QuotaKey("other-key", KEY.model)
    quotas.configure(other, QuotaLimits(requests_per_minute=1))
    reserve(quotas, 1)
    assert quotas.reserve(other, 1, 0.0, NOON) == 0.0
    assert quotas.reserve(KEY._replace(model="gemini-3.5-flash-lite"), 1, 0.0, NOON) == 0.0


@pytest.mark.parametrize(("real", "wait"), [(100, 0.0), (400, 0.0), (401, 60.0), (900, 60.0)])
def test_the_real_usage_corrects_a_reservation(real: int, wait: float) -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    reserve(quotas, 1, tokens=400)
    quotas.adjust(KEY, real - 400, 0.0, reserved_at=0.0)
    assert quotas.wait(KEY, 500, 0.0, NOON) == wait


def test_a_correction_finds_its_reservation_among_later_ones() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    for now in (0.0, 10.0, 20.0):
        reserve(quotas, 1, now=now, tokens=200)
    quotas.adjust(KEY, 300, 30.0, reserved_at=10.0)
    assert quotas.wait(KEY, 200, 61.0, NOON) == 0.0
    assert quotas.wait(KEY, 201, 61.0, NOON) == 9.0


def test_a_correction_finds_its_reservation_by_the_dispatch_that_followed_it() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    for now in (0.0, 20.0):
        reserve(quotas, 1, now=now, tokens=200)
    quotas.adjust(KEY, 300, 30.0, reserved_at=0.001)
    assert quotas.wait(KEY, 700, 60.0, NOON) == 0.0
    assert quotas.wait(KEY, 701, 60.0, NOON) == 20.0


def test_a_correction_of_a_reservation_that_left_the_minute_changes_no_other() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    for now in (0.0, 20.0):
        reserve(quotas, 1, now=now, tokens=200)
    quotas.adjust(KEY, 300, 65.0, reserved_at=0.0)
    assert quotas.wait(KEY, 700, 65.0, NOON) == 0.0


def test_without_a_moment_the_newest_reservation_is_corrected_and_never_below_zero() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000))
    reserve(quotas, 1, now=0.0, tokens=400)
    reserve(quotas, 1, now=10.0, tokens=400)
    quotas.adjust(KEY, -900, 10.0)
    assert quotas.wait(KEY, 500, 10.0, NOON) == 0.0
    assert quotas.wait(KEY, 501, 10.0, NOON) == 50.0


def test_a_correction_of_a_reservation_that_left_the_minute_still_counts_for_the_day() -> None:
    quotas = book(QuotaLimits(input_tokens_per_minute=1000, tokens_per_day=1000))
    reserve(quotas, 1, tokens=400)
    quotas.adjust(KEY, 500, 100.0, reserved_at=0.0)
    assert quotas.wait(KEY, 1, 100.0, NOON + 100.0) == TO_MIDNIGHT - 100.0


def test_a_correction_of_yesterdays_reservation_does_not_touch_today() -> None:
    quotas = book(QuotaLimits(tokens_per_day=1000))
    reserve(quotas, 1, tokens=400)
    tomorrow = NOON + TO_MIDNIGHT
    reserve(quotas, 1, now=TO_MIDNIGHT, wall=tomorrow, tokens=400)
    quotas.adjust(KEY, 500, TO_MIDNIGHT, reserved_at=0.0)
    assert quotas.wait(KEY, 500, TO_MIDNIGHT, tomorrow) == 0.0


@pytest.mark.parametrize(
    ("hint", "retry_after", "wait"),
    [
        pytest.param(PER_MINUTE, 26.0, 26.0, id="a minute, stated"),
        pytest.param(PER_MINUTE, None, 60.0, id="a minute, unstated"),
        pytest.param(PER_DAY, None, TO_MIDNIGHT, id="a day, unstated"),
        pytest.param(PER_DAY, 58.8, TO_MIDNIGHT, id="a day, with a delay of seconds"),
        pytest.param(PER_DAY, 899.0, TO_MIDNIGHT, id="a day, just under fifteen minutes"),
        pytest.param(PER_DAY, 900.0, 900.0, id="a day, fifteen minutes"),
        pytest.param(PER_DAY, 20 * 3600.0, 20 * 3600.0, id="a day, longer than to midnight"),
        pytest.param(QuotaHint(period=3600), None, 3600.0, id="an hour, unstated"),
    ],
)
def test_how_long_a_refusal_exhausts(hint: QuotaHint, retry_after: float | None, wait: float) -> None:
    quotas = QuotaBook()
    quotas.learn(KEY, hint, retry_after, 0.0, NOON)
    assert reserve(quotas, 1) == [pytest.approx(wait)]
    assert reserve(quotas, 1, now=wait, wall=NOON + wait) == [0.0]


def test_of_several_refusals_the_longest_wins() -> None:
    quotas = QuotaBook()
    quotas.learn(KEY, PER_MINUTE, 40.0, 0.0, NOON)
    quotas.learn(KEY, PER_MINUTE, 10.0, 1.0, NOON + 1)
    assert reserve(quotas, 1, now=1.0, wall=NOON + 1) == [39.0]
    quotas.learn(KEY, PER_DAY, 7200.0, 1.0, NOON + 1)
    quotas.learn(KEY, PER_DAY, 3600.0, 2.0, NOON + 2)
    quotas.learn(KEY, PER_MINUTE, 10.0, 2.0, NOON + 2)
    assert reserve(quotas, 1, now=2.0, wall=NOON + 2) == [7199.0]


@pytest.mark.parametrize(
    ("period", "tokens", "field"),
    [
        (60.0, False, "requests_per_minute"),
        (60.0, True, "input_tokens_per_minute"),
        (86_400.0, False, "requests_per_day"),
        (86_400.0, True, "tokens_per_day"),
    ],
)
def test_a_limit_named_by_the_provider_replaces_the_configured_one(period: float, tokens: bool, field: str) -> None:
    quotas = book()
    quotas.learn(KEY, QuotaHint(period=period, limit=7, tokens=tokens), 1.0, 0.0, NOON)
    assert quotas.limits(KEY) == msgspec.structs.replace(FLASH, **{field: 7})


@pytest.mark.parametrize("hint", [QuotaHint(period=60, limit=0), PER_DAY, QuotaHint(period=3600, limit=9)])
def test_a_limit_of_zero_an_unnamed_one_and_one_of_another_period_are_not_learned(hint: QuotaHint) -> None:
    quotas = book()
    quotas.learn(KEY, hint, 5.0, 0.0, NOON)
    assert quotas.limits(KEY) == FLASH


def test_a_learned_limit_is_kept_to_after_the_refusal() -> None:
    quotas = QuotaBook()
    quotas.learn(KEY, QuotaHint(period=60, limit=2), 5.0, 0.0, NOON)
    assert reserve(quotas, 2, now=5.0) == [0.0, 60.0]


def test_a_learned_limit_below_what_was_sent_waits_for_all_that_is_too_much() -> None:
    quotas = book(QuotaLimits(requests_per_minute=5, input_tokens_per_minute=1000))
    for now, tokens in ((0.0, 800), (10.0, 10), (20.0, 10), (30.0, 10)):
        reserve(quotas, 1, now=now, tokens=tokens)
    quotas.learn(KEY, QuotaHint(period=60, limit=3), 1.0, 30.0, NOON + 30)
    assert quotas.wait(KEY, 100, 40.0, NOON + 40) == 40.0


def test_a_refusal_on_a_new_day_resets_its_counts() -> None:
    quotas = book()
    reserve(quotas, 4)
    quotas.learn(KEY, PER_DAY, None, TO_MIDNIGHT, NOON + TO_MIDNIGHT)
    ends = NOON + TO_MIDNIGHT + 86_400.0
    assert quotas.snapshot() == {KEY.credential: {KEY.model: {"ends": ends, "spent": True}}}


def test_the_limits_of_an_unknown_key_are_none() -> None:
    assert QuotaBook().limits(KEY) == QuotaLimits()


def test_day_counts_survive_a_restart() -> None:
    before = book()
    for minute in range(6):
        reserve(before, 3, now=60.0 * minute, wall=NOON + 60.0 * minute)
    saved = json.loads(json.dumps(before.snapshot()))
    after = QuotaBook()
    after.restore(saved, NOON + 400.0)
    after.configure(KEY, FLASH)
    assert reserve(after, 1, now=7.0, wall=NOON + 400.0) == [TO_MIDNIGHT - 400.0]


def test_a_spent_day_survives_a_restart() -> None:
    before = QuotaBook()
    before.learn(KEY, PER_DAY, None, 0.0, NOON)
    after = QuotaBook()
    after.restore(before.snapshot(), NOON + 1)
    assert reserve(after, 1, wall=NOON + 1) == [TO_MIDNIGHT - 1]
    assert reserve(after, 1, wall=NOON + TO_MIDNIGHT) == [0.0]


def test_a_day_that_is_over_is_not_restored() -> None:
    before = book()
    reserve(before, 4)
    after = QuotaBook()
    after.restore(before.snapshot(), NOON + TO_MIDNIGHT)
    assert after.snapshot() == {}


def test_an_unused_book_has_nothing_to_save() -> None:
    quotas = book()
    quotas.wait(KEY, 1, 0.0, NOON)
    assert quotas.snapshot() == {}


@pytest.mark.parametrize("damaged", [{"k": {"m": {"requests": 3}}}, {"k": {"m": {"ends": "soon"}}}, {"k": {"m": 4}}])
def test_a_damaged_snapshot_is_refused(damaged: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        QuotaBook().restore(damaged, NOON)


@pytest.mark.parametrize(
    ("moment", "reset"),
    [
        pytest.param("2026-11-20T20:00:00", "2026-11-21T08:00:00", id="winter"),
        pytest.param("2026-07-01T06:59:59", "2026-07-01T07:00:00", id="a second before, in summer"),
        pytest.param("2026-07-01T07:00:00", "2026-07-02T07:00:00", id="at midnight itself"),
        pytest.param("2026-03-08T09:00:00", "2026-03-09T07:00:00", id="the day of 23 hours"),
        pytest.param("2026-11-01T07:00:00", "2026-11-02T08:00:00", id="the day of 25 hours"),
        pytest.param("2026-12-31T23:00:00", "2027-01-01T08:00:00", id="the year's end"),
    ],
)
def test_the_day_ends_at_midnight_in_los_angeles(moment: str, reset: str) -> None:
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in (moment, reset))
    assert next_reset(at) == expected
