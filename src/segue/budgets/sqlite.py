"""Budgets shared by the processes of one machine: a SQLite file, made for the owner only.

It is written about once a second by each, and read as often: a rollback journal does, and needs no switch that others could be in the way of.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from segue.budgets.lease import Budget, LeaseReport, Shared, slice_of
from segue.ledger.stores.schema import Migrations, make_file, migrate

FILE_NAME: Final = "budgets.sqlite3"
BUSY: Final = 5.0
"""Seconds that one waits for another process."""
KEPT: Final = 40
"""Days; older ones are in the ledger."""

MIGRATIONS: Migrations = (
    (
        "CREATE TABLE budgets (name TEXT, day TEXT, taken INTEGER NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (name, day)) "
        "WITHOUT ROWID",
    ),
)
"""Only ever appended to, see `ledger.stores.schema`. Amounts are pico-dollars."""

_ADD: Final = (
    "INSERT INTO budgets VALUES (?, ?, ?, ?) "
    "ON CONFLICT (name, day) DO UPDATE SET taken = taken + excluded.taken, spent = spent + excluded.spent"
)

_inherited: list[sqlite3.Connection] = []
"""Connections that a fork brought along: closing one here could undo what the parent is about to write, so they are kept for ever."""


class SqliteBudgets:
    """Raises `sqlite3.Error` or `OSError` where the file can't be used; the next call tries again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def take(self, budget: Budget, day: str, *, least: int) -> Shared:
        with self._writing() as connection:
            row = connection.execute(
                "SELECT taken, spent FROM budgets WHERE name = ? AND day = ?", (budget.name, day)
            ).fetchone()
            taken, spent = row or (0, 0)
            if row is None:
                connection.execute("DELETE FROM budgets WHERE day < date(?, ?)", (day, f"-{KEPT} days"))
            got = slice_of(budget.pico, taken, least)
            connection.execute(_ADD, (budget.name, day, got, 0))
            return Shared(got, taken + got, spent)

    def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
        with self._writing() as connection:  # what raises here was not written, so there is nothing to know again
            connection.execute(_ADD, (name, day, report.taken, report.spent))

    def spent(self, day: str) -> dict[str, int]:
        if not self.path.exists():
            return {}
        with self._writing() as connection:
            return dict(connection.execute("SELECT name, spent FROM budgets WHERE day = ?", (day,)))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def abandon(self) -> None:
        if self._connection is not None:
            _inherited.append(self._connection)
        self._connection = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other process's comes between."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")  # which waits for readers, and may give up
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        make_file(self.path)
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=NORMAL")
            migrate(connection, MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return connection
