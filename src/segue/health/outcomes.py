"""The outcomes of the last minute, in constant memory.

The window is cut into twelve equal slots, each holding how many outcomes fell into it and what the failures among them weigh. The
current slot and the eleven before it count, so memory reaches back between eleven and twelve twelfths of the window. Recording
touches one slot; a slot is wiped when time comes round to it again.
"""

from __future__ import annotations

SLOTS = 12


class OutcomeWindow:
    """Counts outcomes over a sliding window of `seconds` (> 0)."""

    __slots__ = ("_counts", "_latest", "_slot", "_weights")

    def __init__(self, seconds: float) -> None:
        self._slot = seconds / SLOTS
        self._counts = [0] * SLOTS
        self._weights = [0.0] * SLOTS
        self._latest: int | None = None

    def record(self, now: float, weight: float = 0.0) -> None:
        """One outcome at `now`: a success if `weight` is 0, else a failure of that weight."""
        place = self._reach(now)
        self._counts[place] += 1
        self._weights[place] += weight

    def totals(self, now: float) -> tuple[int, float]:
        """How many outcomes the window holds, and the summed weight of its failures."""
        self._reach(now)
        return sum(self._counts), sum(self._weights)

    def clear(self) -> None:
        self._counts = [0] * SLOTS
        self._weights = [0.0] * SLOTS

    def _reach(self, now: float) -> int:
        number = int(now // self._slot)
        latest = self._latest
        if latest is None:
            self._latest = number
        elif number > latest:
            for stale in range(max(latest, number - SLOTS) + 1, number + 1):
                self._counts[stale % SLOTS] = 0
                self._weights[stale % SLOTS] = 0.0
            self._latest = number
        else:
            number = latest
        return number % SLOTS
