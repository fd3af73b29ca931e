"""An attempt as a row: one column a field, so that any SQLite tool can read the books.

Money is there twice: as the exact decimal text, and as whole pico-dollars for sums (see `money`).
"""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from segue.chat.usage import Usage
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.money import to_pico

Row: TypeAlias = tuple[Any, ...]

USAGE = Usage.__struct_fields__
PLAIN = (
    "attempt_id",
    "request_id",
    "started",
    "target",
    "provider",
    "model",
    "outcome",
    "seconds",
    "reason",
    "chain",
    "key",
)
FLAGS = ("hedge", "continuation", "shown", "simulated", "tracked")
READ = (*PLAIN, *FLAGS, *USAGE, "settlement", "first_content", "status", "cost", "bound", "metadata")
COLUMNS = (*READ, "cost_pico", "bound_pico", "owner")

_plain = attrgetter(*PLAIN)
_counts = attrgetter(*USAGE)
_metadata = msgspec.json.Decoder(dict[str, str])
_encoded = msgspec.json.Encoder().encode


def to_row(record: AttemptRecord, owner: str | None = None, null: Any = None) -> Row:
    """The values of `COLUMNS`, with `null` for none; `owner` is who will settle a reservation.

    Raises `ValueError` or `OverflowError` for money that is no number.
    """
    cost, bound, metadata = record.cost, record.bound, record.metadata
    return (
        *_plain(record),
        1 if record.hedge else 0,
        1 if record.continuation else 0,
        1 if record.shown else 0,
        1 if record.simulated else 0,
        1 if record.tracked else 0,
        *_counts(record.usage),
        record.settlement._value_,
        null if record.first_content is None else record.first_content,
        null if record.status is None else record.status,
        null if cost is None else str(cost),
        null if bound is None else str(bound),
        _encoded(metadata).decode() if metadata else null,
        null if cost is None else to_pico(cost),
        null if bound is None else to_pico(bound),
        owner if owner is not None and record.settlement is Settlement.RESERVED else null,
    )


def from_row(row: Row) -> AttemptRecord:
    """The record whose values of `READ` these are."""
    values = dict(zip(READ, row, strict=True))
    values.update({name: bool(values[name]) for name in FLAGS})
    values["usage"] = Usage(**{name: values.pop(name) for name in USAGE})
    values["settlement"] = Settlement(values["settlement"])
    for name in ("cost", "bound"):
        if values[name] is not None:
            values[name] = Decimal(values[name])
    values["metadata"] = _metadata.decode(values["metadata"]) if values["metadata"] else {}
    return AttemptRecord(**values)
