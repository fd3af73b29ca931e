"""What this process alone has used of a ledger that others may write to as well: sums by provider for today, in memory."""

from __future__ import annotations

import threading
import weakref
from decimal import Decimal
from typing import Any, Final

import msgspec

from segue.ledger.record import AttemptRecord, Settlement

QUARTER: Final = 900.0
"""Seconds of a sum: every time zone's midnight falls between two quarters of an hour."""
KEPT: Final = int(2 * 86_400 / QUARTER)
"""Quarters of an hour that are kept: today's in any time zone."""

_Key = tuple[int, str, bool]


class Sums(msgspec.Struct):
    """Requests that cost something, their tokens and US dollars, and how many of them have no known price."""

    requests: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, other: Sums) -> None:
        self.requests += other.requests
        self.tokens += other.tokens
        self.cost += other.cost
        self.unpriced += other.unpriced


class ProcessTally:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._sums: dict[_Key, Sums] = {}
        self._lock = threading.Lock()

    def add(self, record: AttemptRecord) -> None:
        """Counts a settled attempt, unless it was free or simulated."""
        if record.settlement is Settlement.FREE or (record.simulated and not record.tracked):
            return
        quarter, cost = int(record.started // QUARTER), record.cost
        key = quarter, record.provider, record.tracked
        with self._lock:
            if (sums := self._sums.get(key)) is None:
                self._sums = {old: kept for old, kept in self._sums.items() if old[0] > quarter - KEPT}
                sums = self._sums[key] = Sums()
            sums.requests += 1
            sums.tokens += record.usage.total_tokens
            if cost is None:
                sums.unpriced += 1
            else:
                sums.cost += cost

    def since(self, start: float) -> dict[str, Sums]:
        """Sums by provider from an epoch second on; of a provider whose requests were tracked by hand, of these only."""
        found: dict[bool, dict[str, Sums]] = {False: {}, True: {}}
        with self._lock:
            for (quarter, provider, tracked), sums in self._sums.items():
                if quarter >= start // QUARTER:
                    found[tracked].setdefault(provider, Sums()).add(sums)
        return found[False] | found[True]


def tally_of(store: Any) -> ProcessTally:
    """The tally of a store object in this process."""
    with _lock:
        return _tallies.setdefault(store, ProcessTally())


_tallies: Final[weakref.WeakKeyDictionary[Any, ProcessTally]] = weakref.WeakKeyDictionary()
_lock: Final = threading.Lock()
