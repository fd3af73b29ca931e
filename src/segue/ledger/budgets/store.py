"""The seam to where budgets are shared: one protocol, in SQLite for a machine, in MongoDB for many, in memory for a process.

All of it blocks, and may be called from any thread.
"""

from __future__ import annotations

import threading
from typing import Protocol

from segue.ledger.budgets.purse import Budget, Shared, slice_of


class BudgetStore(Protocol):
    def take(self, budget: Budget, day: str, *, least: int, spent: int) -> Shared:
        """Takes a slice of the day's budget, at least `least`, or 0 where there is not as much; reports `spent` beside it."""
        ...

    def report(self, name: str, day: str, *, spent: int, taken: int) -> None:
        """Adds to what was spent, and to what was taken (less than 0: gives back)."""
        ...

    def spent(self, day: str) -> dict[str, int]:
        """What was reported as spent on a day, by the budget's name."""
        ...

    def close(self) -> None: ...


class MemoryBudgets:
    """For one process. Also a double for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, budget: Budget, day: str, *, least: int, spent: int) -> Shared:
        with self._lock:
            taken, before = self._rows.get((budget.name, day), (0, 0))
            got = slice_of(budget.pico, taken, least)
            self._rows[budget.name, day] = taken + got, before + spent
            return Shared(got, taken + got, before + spent)

    def report(self, name: str, day: str, *, spent: int, taken: int) -> None:
        with self._lock:
            before = self._rows.get((name, day), (0, 0))
            self._rows[name, day] = before[0] + taken, before[1] + spent

    def spent(self, day: str) -> dict[str, int]:
        with self._lock:
            return {name: spent for (name, when), (_, spent) in self._rows.items() if when == day}

    def close(self) -> None:
        pass
