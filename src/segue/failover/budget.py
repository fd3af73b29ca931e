"""Limits of failing over: hedges in requests, attempts in time, rounds in waiting."""

from __future__ import annotations

from typing import Final

import msgspec

FOREVER: Final = float("inf")
"""A moment that never comes, on the event loop's clock."""

HEDGE: Final = 1.0
"""Tokens that racing a silent target costs."""

CONTINUATION: Final = 2.0
"""Tokens that continuing a broken answer elsewhere costs: the prompt and the delivered text are both billed again."""

_OPEN_LIMIT: Final = 0.5
_ROUNDING: Final = 1e-9


class HedgeBudget:
    """A bucket of tokens that bounds the extra requests to a small share of the successful ones.

    It starts full with `capacity` tokens and gains `per_success` for each answered request, so that in the long run at most one
    request in twenty is hedged. Failing over after a failure is not charged here.
    """

    __slots__ = ("_capacity", "_level", "_per_success")

    def __init__(self, *, capacity: float = 10.0, per_success: float = 0.05) -> None:
        self._capacity = capacity
        self._per_success = per_success
        self._level = capacity

    @property
    def level(self) -> float:
        return self._level

    def success(self) -> None:
        self._level = min(self._capacity, self._level + self._per_success)

    def take(self, cost: float, *, share_open: float = 0.0) -> bool:
        """Pays `cost` (more than 0) and returns True, or leaves the bucket unchanged and returns False.

        `share_open` is the share of targets whose breaker is open, 0 to 1. From one half on nothing is paid out: extra load
        would only overload the remaining targets.
        """
        # Twenty gains of 0.05 do not add up to exactly 1.
        if share_open >= _OPEN_LIMIT or cost > self._level + _ROUNDING:
            return False
        self._level = max(0.0, self._level - cost)
        return True


class Deadline(msgspec.Struct, frozen=True):
    """The moment by which a request must be answered, and the share of its time that is kept for the last hop.

    `total` is in seconds from `started`, None is no limit. `last_share` is 0 to 1.
    """

    total: float | None
    started: float
    last_share: float

    @property
    def at(self) -> float | None:
        return None if self.total is None else self.started + self.total

    def remaining(self, now: float) -> float | None:
        """Seconds left, never below 0; None is no limit."""
        return None if self.at is None else max(0.0, self.at - now)

    def attempt_limit(self, now: float, *, last: bool) -> float | None:
        """The moment by which an attempt that begins now must have shown content; None is no limit.

        For the last live target that is the deadline itself. Earlier ones leave it its share: `started + total × (1 - last_share)`.
        One that would have less than half such a share until then is itself the last hop, even if others follow it: a request
        whose answer is not waited for costs money for nothing.
        """
        if self.total is None:
            return None
        kept = self.total * self.last_share
        end = self.started + self.total
        return end if last or end - kept - now < kept / 2 else end - kept


def round_wait(round: int, bounds: tuple[float, float], jitter01: float) -> float:
    """Seconds to wait after round number `round` (from 1) of the whole chain failed.

        upper = min(high, low × 2^round)
        lower = max(low, upper / 2)
        wait  = lower + jitter01 × (upper - lower)

    With the bounds 4 and 10: 4 to 8 s, then 5 to 10 s. `jitter01` is a random number from 0 to 1; every wait keeps some jitter, so
    that many callers that failed together do not come back together.
    """
    low, high = bounds
    upper = min(high, low * 2.0 ** min(round, 64))
    lower = max(low, upper / 2)
    return lower + jitter01 * (upper - lower)
