"""Daily sums of attempts: what they can be taken apart by, which attempts are meant, and how sums are added up further."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from segue.chat.usage import Usage
from segue.ledger.record import Settlement

Dimension: TypeAlias = Literal["provider", "model", "target", "outcome", "settlement", "chain", "key"]
"""What daily sums can be taken apart by."""


class Where(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts are meant: those equal in every field that is not None."""

    provider: str | None = None
    model: str | None = None
    target: str | None = None
    outcome: str | None = None
    settlement: Settlement | None = None
    request_id: str | None = None
    chain: str | None = None
    key: str | None = None
    simulated: bool | None = None
    tracked: bool | None = None

    def conditions(self) -> dict[str, str | bool]:
        """The fields that are set, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


EVERYTHING = Where()

KINDS: Final = {
    "booked": Where(tracked=False, simulated=False),
    "tracked": Where(tracked=True),
    "simulated": Where(tracked=False, simulated=True),
}
"""Never added together: what a caller booked by hand may have been booked by the engine too, and stand-ins cost nothing."""


class DailyRow(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of one day that share the values in `group`, added up.

    `requests` counts those whose id has an attempt in this row, so rows of one day may count the same one. `cost` adds what is
    known: settled and estimated. `bound` is the most that all of it can have cost: estimates and open reservations at their bound, all else at its cost.
    `unpriced` attempts are in neither, because they have no price. Money is added in whole pico-dollars (1e-12): exact for every
    price that is a multiple of a micro-dollar per million tokens.
    """

    day: datetime.date
    group: dict[str, str]
    requests: int = 0
    attempts: int = 0
    reserved: int = 0
    estimated: int = 0
    free: int = 0
    unpriced: int = 0
    usage: Usage = Usage()
    cost: Decimal = Decimal(0)
    bound: Decimal = Decimal(0)
    seconds: float = 0.0


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
