"""Attempts that are older than they are kept: they leave the file in small steps, and their sums stay.

Sums are kept for each quarter of an hour, so that days can be added up in any time zone: all of today's begin on a quarter of an hour UTC.
A request counts where its last attempt is counted, which is known when that attempt leaves, however the steps fall. What it counts
as depends on what sums are taken apart by, so three counts are kept: of requests, of requests at a target, and of requests
whose attempts there ended alike.

A step is one transaction on the writer's thread, after those who waited for it were answered. Reservations stay until they are settled.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from segue.ledger.daily import Dimension, Where
from segue.ledger.stores import queries
from segue.ledger.stores.reference_queries import DayBounds
from segue.ledger.stores.rows import USAGE

STEP: Final = 500
"""Attempts that leave in one step: some 10 ms of work."""
PAUSE: Final = 0.25
"""Seconds between two steps, while there is more to do."""
LOOK: Final = 60.0
"""Seconds between two looks for attempts that have become too old."""
SLOT: Final = 900
"""Seconds that are added up to one row of sums of each kind."""

_AT_TARGET = ("target", "provider", "model")
_SAME = (*_AT_TARGET, "outcome", "settlement", "chain", "key", "simulated", "tracked")
"""What a row of sums can be taken apart by: all of `Dimension`, and the flags that `Where` knows."""
_REQUESTS = ("requests", "requests_at_target", "requests_alike")
_ADDED = (*_REQUESTS, "attempts", "unpriced", "cost_micro", "cost_rest", "bound_micro", "bound_rest", "seconds", *USAGE)


def _last(*same: str) -> str:
    """How many of a group's attempts are their request's last, of those that share its `same` fields."""
    alike = "".join(f" AND later.{name} = attempts.{name}" for name in same)
    return (
        "SUM(NOT EXISTS (SELECT 1 FROM attempts AS later WHERE later.request_id = attempts.request_id"
        f"{alike} AND (later.started, later.rowid) > (attempts.started, attempts.rowid)))"
    )


_LEAVING = "rowid IN (SELECT rowid FROM attempts WHERE started < ? AND settlement <> 'reserved' ORDER BY started, rowid LIMIT ?)"
_SLOT = f"CAST(started / {SLOT} AS INTEGER) * {SLOT}"
_KEEP = (
    f"INSERT INTO sums (slot, {', '.join((*_SAME, *_ADDED))})"
    f" SELECT {_SLOT}, {', '.join(_SAME)}, {_last()}, {_last(*_AT_TARGET)}, {_last(*_SAME)}, COUNT(*), {queries.UNPRICED},"
    f" {queries.MONEY_AND_TIME}, {', '.join(map(queries.tokens, USAGE))}"
    f" FROM attempts WHERE {_LEAVING} GROUP BY {_SLOT}, {', '.join(_SAME)}"
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _ADDED)}"
)
_DROP = f"DELETE FROM attempts WHERE {_LEAVING}"


class Retention:
    """Keeps attempts for `days`. `wall` is epoch seconds; `clock` (monotonic) paces the steps."""

    def __init__(
        self, days: float, *, wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.days = days
        self._wall = wall
        self._clock = clock
        self._due = clock()

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Takes the next step, if it is time for one. `connection` is in autocommit mode; raises `sqlite3.Error`."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + LOOK  # also where the step fails
        if step(connection, self._wall() - self.days * 86_400.0) == STEP:
            self._due = now + PAUSE


def step(connection: sqlite3.Connection, before: float, limit: int = STEP) -> int:
    """Adds up to `limit` of the oldest attempts that started before that epoch second to the sums and drops them; says how many."""
    oldest = connection.execute("SELECT MIN(started) FROM attempts").fetchone()[0]
    if oldest is None or oldest >= before:
        return 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_KEEP, (before, limit))
        dropped = connection.execute(_DROP, (before, limit)).rowcount
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return dropped


def daily(days: Sequence[DayBounds], by: Sequence[Dimension], where: Where) -> tuple[str, list[Any]]:
    """`queries.daily` of the attempts that have left: the same columns. Not for a `where` with a request's id, which sums don't have."""
    conditions, values = queries.conditions(where)
    used = {*by, *where.conditions()}
    requests = _REQUESTS[2 if used & {"outcome", "settlement"} else 1 if used & set(_AT_TARGET) else 0]
    columns = ", ".join(("days.day", *by))
    clause = " AND ".join(("slot >= days.opens", "slot < days.closes", *conditions))
    estimated, free = (f"SUM(attempts * (settlement = '{name}'))" for name in ("estimated", "free"))
    money = _ADDED[_ADDED.index("unpriced") : -len(USAGE)]
    sums = ", ".join((*(f"SUM({name})" for name in money), *map(queries.tokens, USAGE)))
    statement = (
        f"WITH {queries.days_table(days)} SELECT {columns}, SUM({requests}), SUM(attempts), 0, {estimated}, {free}, {sums}"
        f" FROM days CROSS JOIN sums WHERE {clause} GROUP BY {columns} ORDER BY {columns}"
    )
    return statement, [*queries.day_values(days), *values]
