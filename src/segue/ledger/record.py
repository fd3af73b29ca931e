"""One attempt, as it is booked."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from segue.chat.usage import Usage


class Settlement(StrEnum):
    """How far an attempt's cost is known. Every attempt leaves `RESERVED` once and for good."""

    RESERVED = "reserved"
    """Sent, not ended: it may cost up to its bound."""
    SETTLED = "settled"
    """The provider reported the usage."""
    FREE = "free"
    """Nothing was generated: refused, unreachable, or skipped."""
    ESTIMATED = "estimated"
    """It ended without a report: the cost is what was sent and delivered, the bound the most that can have been billed."""


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt of one request.

    `started` is in epoch seconds, durations in seconds, money in US dollars. `cost` is what it cost, or likely cost where it is estimated;
    None where the model has no known price, and where the process died before the attempt ended. `bound` is the most that can have been
    billed, where that is not certain. `outcome` is "pending" while it is reserved,
    then "ok", "cancelled", "skipped", "lost" (its process died) or a failure's kind. `shown` says that (part of) this attempt's
    content reached the caller. `tracked` says that the caller booked it by hand with `track_request`. `metadata` is the caller's own.
    """

    attempt_id: str
    request_id: str
    started: float
    target: str
    provider: str
    model: str
    outcome: str
    settlement: Settlement
    usage: Usage = Usage()
    cost: Decimal | None = None
    bound: Decimal | None = None
    seconds: float = 0.0
    first_content: float | None = None
    status: int | None = None
    reason: str = ""
    chain: str = ""
    key: str = ""
    hedge: bool = False
    continuation: bool = False
    shown: bool = False
    simulated: bool = False
    tracked: bool = False
    metadata: dict[str, str] = {}

    @property
    def most(self) -> Decimal | None:
        """The most that can have been billed: the bound while it is open or estimated, else the cost; each in the other's want."""
        if self.settlement is Settlement.SETTLED or self.settlement is Settlement.FREE:
            return self.bound if self.cost is None else self.cost
        return self.cost if self.bound is None else self.bound


def book(books: dict[str, AttemptRecord], record: AttemptRecord) -> bool:
    """Enters `record` into `books` by its attempt id, if it is new or settles a reservation; says whether it did.

    This is the whole rule of settlement: the first word that is not `RESERVED` stands, whatever comes later or twice.
    """
    known = books.get(record.attempt_id)
    if known is not None and not (
        known.settlement is Settlement.RESERVED and record.settlement is not Settlement.RESERVED
    ):
        return False
    books[record.attempt_id] = record
    return True


def check_reservation(record: AttemptRecord) -> AttemptRecord:
    """The record itself; `ValueError` unless it is `RESERVED`."""
    if record.settlement is not Settlement.RESERVED:
        raise ValueError(f"attempt {record.attempt_id} is {record.settlement}: only a reservation can be reserved")
    return record


def check_settlement(record: AttemptRecord) -> AttemptRecord:
    """The record itself; `ValueError` if it is `RESERVED`."""
    if record.settlement is Settlement.RESERVED:
        raise ValueError(f"attempt {record.attempt_id} is still reserved: settle it as settled, free or estimated")
    return record
