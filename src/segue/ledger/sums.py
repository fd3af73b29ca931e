"""Daily sums, added up further: over days, and over what nobody asked to have apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from segue.ledger.store import DailyRow, Dimension

Column: TypeAlias = Dimension | Literal["day"]
"""What sums can be taken apart by."""

_ADDED = tuple(name for name in DailyRow.__struct_fields__ if name not in ("day", "group"))


def add_up(rows: Iterable[DailyRow], by: Sequence[Column]) -> list[DailyRow]:
    """One row for each combination of values of `by`, which the rows must have in their groups; its `day` is the first that is in it.

    `requests` are added too: a request whose attempts are in several rows counts in each.
    """
    sums: dict[tuple[str, ...], DailyRow] = {}
    for row in rows:
        values = {name: row.day.isoformat() if name == "day" else row.group[name] for name in by}
        place = tuple(values.values())
        known = sums.get(place)
        changes = {} if known is None else {name: getattr(known, name) + getattr(row, name) for name in _ADDED}
        sums[place] = msgspec.structs.replace(known or row, group=values, **changes)
    return list(sums.values())
