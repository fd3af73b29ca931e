"""The SQL of the books. Only names from fixed lists become part of a statement; every value is a parameter."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from segue.ledger.daily import Dimension, Where
from segue.ledger.stores.reference_queries import DayBounds
from segue.ledger.stores.rows import COLUMNS, READ, USAGE

MICRO = 1_000_000
"""Pico-dollars in a micro-dollar; see `money` for why sums are taken in two parts."""

_SETTLED = [name for name in COLUMNS if name not in ("attempt_id", "request_id", "started")]
"""What may be another than when it was reserved. The three are an attempt's identity; to set them again writes their indexes again."""

ROWS_A_STATEMENT = 999 // len(COLUMNS)
"""SQLite before 3.32 takes 999 parameters."""


@functools.cache
def book(rows: int) -> str:
    """`record.book` for so many attempts, as the database does it: atomic between processes.

    One statement for many is one wait for Python's lock instead of one for each.
    """
    row = f"({', '.join('?' * len(COLUMNS))})"
    return (
        f"INSERT INTO attempts ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)}"
        f" ON CONFLICT (attempt_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _SETTLED)}, shipped = 0"
        " WHERE attempts.settlement = 'reserved' AND excluded.settlement <> 'reserved'"
    )


OWNERS = "SELECT DISTINCT owner FROM attempts WHERE settlement = 'reserved' AND owner <> ?"
LOST = (
    "UPDATE attempts SET settlement = 'estimated', outcome = 'lost', owner = NULL, shipped = 0"
    " WHERE settlement = 'reserved' AND owner = ?"
)
"""What a process that died left reserved has a bound, and a cost that is not known."""

SAVE = "INSERT INTO states (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
LOAD = "SELECT value FROM states WHERE name = ?"
STATES = "SELECT name, value FROM states WHERE name >= ? AND name < ? ORDER BY name"
FORGET = "DELETE FROM states WHERE name >= ? AND name < ?"

COUNTS = ("requests", "attempts", "reserved", "estimated", "free", "unpriced")
_BOUND = (
    "CASE WHEN settlement IN ('settled', 'free') THEN COALESCE(cost_pico, bound_pico)"
    " ELSE COALESCE(bound_pico, cost_pico) END"
)
UNPRICED = "SUM(settlement <> 'free' AND cost_pico IS NULL AND bound_pico IS NULL)"
MONEY_AND_TIME = ", ".join(
    (
        f"COALESCE(SUM(cost_pico / {MICRO}), 0)",
        f"COALESCE(SUM(cost_pico % {MICRO}), 0)",
        f"COALESCE(SUM(({_BOUND}) / {MICRO}), 0)",
        f"COALESCE(SUM(({_BOUND}) % {MICRO}), 0)",
        "SUM(seconds)",
    )
)


def tokens(name: str) -> str:
    """The sum of a token count: exact, and no error where an earlier version believed a count that no sum in 64 bits holds."""
    return f"CAST(TOTAL({name}) AS INTEGER)"


_SUMS = ", ".join(
    (
        "COUNT(DISTINCT request_id)",
        "COUNT(*)",
        "SUM(settlement = 'reserved')",
        "SUM(settlement = 'estimated')",
        "SUM(settlement = 'free')",
        UNPRICED,
        MONEY_AND_TIME,
        *map(tokens, USAGE),
    )
)
_DAYS_A_STATEMENT = 300
"""A day takes three parameters."""


def select(
    since: float | None, until: float | None, *, where: Where, limit: int | None, newest_first: bool
) -> tuple[str, list[Any]]:
    clauses, values = conditions(where)
    for comparison, moment in (("started >= ?", since), ("started < ?", until)):
        if moment is not None:
            clauses.append(comparison)
            values.append(moment)
    order = "DESC" if newest_first else "ASC"
    clause = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    statement = f"SELECT {', '.join(READ)} FROM attempts{clause} ORDER BY started {order}, attempt_id {order} LIMIT ?"
    return statement, [*values, -1 if limit is None else limit]


def daily(days: Sequence[DayBounds], by: Sequence[Dimension], where: Where) -> tuple[str, list[Any]]:
    clauses, values = conditions(where)
    columns = ", ".join(("days.day", *by))
    clause = " AND ".join(("started >= days.opens", "started < days.closes", *clauses))
    # For many days SQLite would build a temporary index by `conditions` and scan all of it for each day.
    statement = (
        f"WITH {days_table(days)} SELECT {columns}, {_SUMS} FROM days CROSS JOIN attempts INDEXED BY attempts_by_start WHERE {clause}"
        f" GROUP BY {columns} ORDER BY {columns}"
    )
    return statement, [*day_values(days), *values]


def days_table(days: Sequence[DayBounds]) -> str:
    """The days as a table of a statement's own, whose parameters are `day_values`."""
    return f"days (day, opens, closes) AS (VALUES {', '.join(['(?, ?, ?)'] * len(days))})"


def day_values(days: Sequence[DayBounds]) -> list[Any]:
    return [value for day in days for value in (day.day.isoformat(), day.start, day.end)]


def chunks(days: Sequence[DayBounds]) -> Iterator[Sequence[DayBounds]]:
    for start in range(0, len(days), _DAYS_A_STATEMENT):
        yield days[start : start + _DAYS_A_STATEMENT]


def conditions(where: Where) -> tuple[list[str], list[Any]]:
    """Of `where`, as clauses and their parameters."""
    meant = where.conditions()
    return [f"{name} = ?" for name in meant], [
        value.value if hasattr(value, "value") else value for value in meant.values()
    ]
