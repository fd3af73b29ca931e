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
    "first_content",
    "status",
    "reason",
    "chain",
    "key",
)
FLAGS = ("hedge", "continuation", "shown", "simulated", "tracked")
READ = (*PLAIN, *FLAGS, *USAGE, "settlement", "cost", "bound", "metadata")
COLUMNS = (*READ, "cost_pico", "bound_pico", "owner")

_plain = attrgetter(*PLAIN)
_counts = attrgetter(*USAGE)
_metadata = msgspec.json.Decoder(dict[str, str])
_encoded = msgspec.json.Encoder().encode


def to_row(record: AttemptRecord, owner: str | None = None) -> Row:
    """The values of `COLUMNS`; `owner` is who will settle a reservation. Raises `ValueError` or `OverflowError` for money that is no number."""
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
        None if cost is None else str(cost),
        None if bound is None else str(bound),
        _encoded(metadata).decode() if metadata else None,
        None if cost is None else to_pico(cost),
        None if bound is None else to_pico(bound),
        owner if record.settlement is Settlement.RESERVED else None,
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
