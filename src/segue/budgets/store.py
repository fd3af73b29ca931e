"""The seam to where budgets are shared: one protocol, in SQLite for a machine, in MongoDB for many, in memory for a process.

All of it blocks, and may be called from any thread.
"""

from __future__ import annotations

import threading
from typing import Protocol

from segue.budgets.lease import Budget, LeaseReport, Shared, slice_of


class BudgetStore(Protocol):
    def take(self, budget: Budget, day: str, *, least: int) -> Shared:
        """Takes a slice of the day's budget, at least `least`, or 0 where there is not as much."""
        ...

    def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
        """Adds to what was spent, and to what was taken. Where it raises, the same report of the same source is to be made again
        before any other: it counts once, whether the first came through or not."""
        ...

    def spent(self, day: str) -> dict[str, int]:
        """What was reported as spent on a day, by the budget's name."""
        ...

    def close(self) -> None: ...

    def abandon(self) -> None:
        """Forgets what it holds without touching it: the process was forked, and the parent goes on using it."""
        ...


class MemoryBudgets:
    """For one process. Also a double for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, budget: Budget, day: str, *, least: int) -> Shared:
        with self._lock:
            taken, spent = self._rows.get((budget.name, day), (0, 0))
            got = slice_of(budget.pico, taken, least)
            self._rows[budget.name, day] = taken + got, spent
            return Shared(got, taken + got, spent)

    def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
        with self._lock:
            taken, spent = self._rows.get((name, day), (0, 0))
            self._rows[name, day] = taken + report.taken, spent + report.spent

    def spent(self, day: str) -> dict[str, int]:
        with self._lock:
            return {name: spent for (name, when), (_, spent) in self._rows.items() if when == day}

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        self._lock = threading.Lock()
