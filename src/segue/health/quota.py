"""Quotas known beforehand: better to skip a target than to earn a 429.

A free tier allows so many requests and input tokens a minute and so many requests (rarely tokens) a day, for each model under each
key. The book reserves before sending: a request goes if it keeps every count within 90 % of its limit, or if nothing else counts yet
and it fits the whole limit; else the book says how many seconds until it would go. The margin is for what others send with the same
quota, and for estimated tokens. What was reserved stays counted whether the attempt fails or not: providers count failures too.

The minute slides. The day ends at the next midnight in America/Los_Angeles, where Gemini's quotas reset, or when a refusal says.

A 429 teaches. The limit it names replaces the one configured. A spent day stays spent until the stated delay if that is 15 minutes
or more, else until the day ends: with a daily quota Gemini also states delays of seconds, after which it refuses again. A spent
minute is left alone for the stated delay, else for a whole minute. Of several such words the longest wins. A limit of zero is a
matter of money (no free tier for that model), and is not learned.

`wall` is seconds since the epoch, and decides only about days; `now` is monotonic and decides about everything else. Days outlive
the process by `snapshot` and `restore`.

The time zone is read once, from the system's database or, where there is none (Windows, slim containers), from the package `tzdata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from segue.chat.failure import QuotaHint
from segue.health.minute import MINUTE, MinuteLog

SHARE: Final = 0.9
DAY: Final = 86_400.0
DAY_BELIEVED_FROM: Final = 15 * 60.0
NEVER: Final = float("inf")


class QuotaKey(NamedTuple):
    """Whose quota: the name of a credential, never the secret itself, and the model.

    Gemini counts per project and model: keys of one project share one name.
    """

    credential: str
    model: str


class QuotaLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tier allows; `None` is no limit."""

    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None


class DayCount(msgspec.Struct, omit_defaults=True):
    """One day's use. `ends` is the wall time at which it is forgotten; `spent`: the provider reported it as used up."""

    ends: float
    requests: int = 0
    tokens: int = 0
    spent: bool = False


_LIMIT_FIELD: Final = {
    (MINUTE, False): "requests_per_minute",
    (MINUTE, True): "input_tokens_per_minute",
    (DAY, False): "requests_per_day",
    (DAY, True): "tokens_per_day",
}


class QuotaBook:
    """Every quota of the process. Keys that were neither configured nor refused are free and cost one look-up."""

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: dict[QuotaKey, _Account] = {}

    @property
    def free(self) -> bool:
        """Whether no key has a quota, so that none needs to be looked up."""
        return not self._accounts

    def configure(self, key: QuotaKey, limits: QuotaLimits) -> None:
        """Set what a key is allowed. Counts are kept; limits learned before are replaced."""
        self._account(key).limits = limits

    def limits(self, key: QuotaKey) -> QuotaLimits:
        """What a key is allowed as far as is known."""
        account = self._accounts.get(key)
        return account.limits if account else QuotaLimits()

    def left(self, key: QuotaKey, now: float, wall: float) -> dict[tuple[str, str], int]:
        """What is left of each limit that is known, by its window ("minute", "day") and unit ("requests", "tokens")."""
        account = self._accounts.get(key)
        return account.left(now, wall) if account else {}

    def wait(self, key: QuotaKey, tokens: int, now: float, wall: float) -> float:
        """Seconds until a request of so many input tokens would fit: 0.0 now, infinite never. Reserves nothing."""
        account = self._accounts.get(key)
        return account.wait(tokens, now, wall) if account else 0.0

    def day_left(self, key: QuotaKey, now: float, wall: float) -> tuple[float, float] | None:
        """The shares, 0 to 1, of the day's requests and of the day itself that are left; None where the day has no known limit."""
        account = self._accounts.get(key)
        return account.day_left(now, wall) if account else None

    def reserve(self, key: QuotaKey, tokens: int, now: float, wall: float) -> float:
        """Like `wait`, but 0.0 means that the request is reserved."""
        account = self._accounts.get(key)
        if account is None:
            return 0.0
        wait = account.wait(tokens, now, wall)
        if wait == 0.0:
            account.add(tokens, now)
        return wait

    def adjust(self, key: QuotaKey, difference: int, now: float, *, reserved_at: float | None = None) -> None:
        """Correct a reservation once its usage is known: `difference` is the real count of tokens less the reserved one.

        `reserved_at` is the `now` of that reservation, or of the dispatch that followed it: the newest reservation not later than
        this is corrected, without it the newest of all. One that has left the minute is still corrected for its day.
        """
        account = self._accounts.get(key)
        if account is not None:
            account.adjust(difference, now, reserved_at)

    def learn(self, key: QuotaKey, hint: QuotaHint, retry_after: float | None, now: float, wall: float) -> None:
        """A 429 named a quota; `retry_after` is in seconds from now."""
        self._account(key).learn(hint, retry_after, now, wall)

    def snapshot(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The day counts as plain JSON-able values: credential → model → day."""
        days: dict[str, dict[str, dict[str, Any]]] = {}
        for (credential, model), account in self._accounts.items():
            if account.day.requests or account.day.spent:
                days.setdefault(credential, {})[model] = msgspec.to_builtins(account.day)
        return days

    def restore(self, days: Mapping[str, Mapping[str, Any]], wall: float) -> None:
        """Take up the day counts of an earlier process, before the first reservation; days that are over are dropped.

        Raises `msgspec.ValidationError` if `days` is not what `snapshot` gave.
        """
        for credential, models in days.items():
            for model, saved in models.items():
                day = msgspec.convert(saved, DayCount)
                if day.ends > wall:
                    self._account(QuotaKey(credential, model)).day = day

    def _account(self, key: QuotaKey) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account()
        return account


class _Account:
    """One key's limits and counts."""

    __slots__ = ("_blocked_until", "_day_began", "_minute", "day", "limits")

    def __init__(self) -> None:
        self.limits = QuotaLimits()
        self.day = DayCount(ends=0.0)
        self._day_began = float("-inf")  # monotonic
        self._minute = MinuteLog()
        self._blocked_until = float("-inf")  # monotonic

    def wait(self, tokens: int, now: float, wall: float) -> float:
        self._begin_day(now, wall)
        return max(self._blocked_until - now, self._minute_wait(tokens, now), self._day_wait(tokens, wall), 0.0)

    def left(self, now: float, wall: float) -> dict[tuple[str, str], int]:
        self._begin_day(now, wall)
        requests, tokens = self._minute.used(now)
        limits, spent = self.limits, self.day.spent
        windows = (
            ("minute", "requests", limits.requests_per_minute, requests),
            ("minute", "tokens", limits.input_tokens_per_minute, tokens),
            ("day", "requests", limits.requests_per_day, self.day.requests),
            ("day", "tokens", limits.tokens_per_day, self.day.tokens),
        )
        return {
            (window, unit): 0 if spent and window == "day" else max(0, limit - used)
            for window, unit, limit, used in windows
            if limit is not None
        }

    def add(self, tokens: int, now: float) -> None:
        self._minute.add(now, tokens)
        self.day.requests += 1
        self.day.tokens += tokens

    def day_left(self, now: float, wall: float) -> tuple[float, float] | None:
        most = self.limits.requests_per_day
        if not most:
            return None
        self._begin_day(now, wall)
        requests = 0.0 if self.day.spent else max(1.0 - self.day.requests / most, 0.0)
        return requests, min((self.day.ends - wall) / DAY, 1.0)

    def adjust(self, difference: int, now: float, reserved_at: float | None) -> None:
        self._minute.used(now)
        self._minute.correct(difference, reserved_at)
        if reserved_at is None or reserved_at >= self._day_began:
            self.day.tokens = max(self.day.tokens + difference, 0)

    def learn(self, hint: QuotaHint, retry_after: float | None, now: float, wall: float) -> None:
        field = _LIMIT_FIELD.get((hint.period, hint.tokens))
        if field is not None and hint.limit:
            self.limits = msgspec.structs.replace(self.limits, **{field: hint.limit})
        if hint.period < DAY:
            pause = hint.period if retry_after is None else retry_after
            self._blocked_until = max(self._blocked_until, now + pause)
            return
        believed = retry_after is not None and retry_after >= DAY_BELIEVED_FROM
        ends = wall + retry_after if believed and retry_after is not None else next_reset(wall)
        self._begin_day(now, wall)
        self.day.ends = max(self.day.ends, ends) if self.day.spent else ends
        self.day.spent = True

    def _begin_day(self, now: float, wall: float) -> None:
        if wall >= self.day.ends:
            self.day = DayCount(ends=next_reset(wall))
            self._day_began = now

    def _minute_wait(self, tokens: int, now: float) -> float:
        requests_used, tokens_used = self._minute.used(now)
        requests = _excess(requests_used, 1, self.limits.requests_per_minute)
        spent = _excess(tokens_used, tokens, self.limits.input_tokens_per_minute)
        if NEVER in (requests, spent):
            return NEVER
        free_at = now
        if requests:
            free_at = self._minute.requests_leave_at(ceil(requests))
        if spent:
            free_at = max(free_at, self._minute.tokens_leave_at(spent))
        return free_at - now

    def _day_wait(self, tokens: int, wall: float) -> float:
        requests = _excess(self.day.requests, 1, self.limits.requests_per_day)
        spent = _excess(self.day.tokens, tokens, self.limits.tokens_per_day)
        if NEVER in (requests, spent):
            return NEVER
        return self.day.ends - wall if requests or spent or self.day.spent else 0.0


def _excess(used: int, more: int, limit: int | None) -> float:
    """How much of `used` must be forgotten before `more` fits: 0 if it fits now, infinite if it never will."""
    if limit is None:
        return 0.0
    if more > limit:
        return NEVER
    return max(min(used + more - SHARE * limit, used), 0.0)


@lru_cache(maxsize=1)
def _pacific() -> ZoneInfo:
    return ZoneInfo("America/Los_Angeles")


def next_reset(wall: float) -> float:
    """The first midnight in America/Los_Angeles after the moment `wall`, both in seconds since the epoch."""
    zone = _pacific()
    tomorrow = datetime.fromtimestamp(wall, zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).timestamp()
