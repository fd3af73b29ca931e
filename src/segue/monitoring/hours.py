"""What an hour was like at one target: how many attempts ended how, whom it was left for, and how long one waited. Pure.

Waits are counted in bins a quarter of an octave wide (their bounds are powers of the fourth root of 2), so hours of several processes
add up exactly, and a quantile read from them is within 9 % of the true one.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import ceil, floor, log2
from typing import Final

import msgspec

HOUR: Final = 3600
_BINS: Final = 4
"""To an octave."""
_SHORTEST: Final = 0.001
"""Seconds; what is shorter counts as this."""


class Hour(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One hour at one target, as one process or all of them saw it. `start` is epoch seconds.

    `outcomes` counts attempts by how they ended, `left_for` failovers by where they went, `first` and `seconds` the waits for the first content
    and for the end in bins. `cost` is in US dollars, of what has a known price, `bound` the most that can have been billed. `simulated`: a stand-in answered, no model.
    """

    start: int
    target: str
    simulated: bool = False
    outcomes: dict[str, int] = {}
    left_for: dict[str, int] = {}
    first: dict[int, int] = {}
    seconds: dict[int, int] = {}
    cost: Decimal = Decimal(0)
    bound: Decimal = Decimal(0)

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    def add(
        self, outcome: str, seconds: float, first: float | None, cost: Decimal | None, bound: Decimal | None = None
    ) -> None:
        """Counts an attempt that ended; times in seconds. Without a `bound` that is the cost."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        place = _bin(seconds)
        self.seconds[place] = self.seconds.get(place, 0) + 1
        if first is not None:
            place = _bin(first)
            self.first[place] = self.first.get(place, 0) + 1
        if cost:
            self.cost += cost
        if most := bound or cost:
            self.bound += most

    def add_failover(self, to: str) -> None:
        self.left_for[to] = self.left_for.get(to, 0) + 1


NOT_FAILED: Final = frozenset({"ok", "cancelled", "pending", "lost", "skipped"})
"""Outcomes that are no failure of the provider."""


class HourSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An hour in numbers: waits in seconds, to within 9 %; None of none."""

    start: int
    target: str
    simulated: bool
    attempts: int
    failed: int
    outcomes: dict[str, int]
    left_for: dict[str, int]
    first_p50: float | None
    first_p95: float | None
    seconds_p50: float | None
    seconds_p95: float | None
    cost: Decimal
    bound: Decimal


def summary(hour: Hour) -> HourSummary:
    return HourSummary(
        start=hour.start,
        target=hour.target,
        simulated=hour.simulated,
        attempts=hour.attempts,
        failed=sum(count for outcome, count in hour.outcomes.items() if outcome not in NOT_FAILED),
        outcomes=hour.outcomes,
        left_for=hour.left_for,
        first_p50=quantile(hour.first, 0.5),
        first_p95=quantile(hour.first, 0.95),
        seconds_p50=quantile(hour.seconds, 0.5),
        seconds_p95=quantile(hour.seconds, 0.95),
        cost=hour.cost,
        bound=max(hour.cost, hour.bound),  # hours that were kept without a bound have none
    )


def quantile(bins: dict[int, int], q: float) -> float | None:
    """The wait, in seconds, that the share `q` (0 to 1) of all did not exceed, to within 9 %; None of none."""
    rank = max(1, ceil(q * sum(bins.values()) - 1e-9))
    for place in sorted(bins):
        rank -= bins[place]
        if rank <= 0:
            return float(2.0 ** ((place + 0.5) / _BINS))
    return None


def merge(hours: Iterable[Hour]) -> list[Hour]:
    """One for each hour and target, in this order: what several processes saw, added up."""
    merged: dict[tuple[int, str, bool], Hour] = {}
    for hour in hours:
        place = hour.start, hour.target, hour.simulated
        total = merged.setdefault(place, Hour(start=hour.start, target=hour.target, simulated=hour.simulated))
        for name in ("outcomes", "left_for", "first", "seconds"):
            mine = getattr(total, name)
            for key, count in getattr(hour, name).items():
                mine[key] = mine.get(key, 0) + count
        total.cost += hour.cost
        total.bound += max(hour.cost, hour.bound)
    return [merged[key] for key in sorted(merged)]


def _bin(seconds: float) -> int:
    return floor(log2(max(seconds, _SHORTEST)) * _BINS)
