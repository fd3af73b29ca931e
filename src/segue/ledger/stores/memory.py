"""Books that last as long as the process: for tests, and where the ledger is switched off."""

from __future__ import annotations

import datetime
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec

from segue.ledger.daily import EVERYTHING, DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, book, check_reservation, check_settlement
from segue.ledger.store import StoreStatus
from segue.ledger.stores.reference_queries import check_dimensions, day_bounds, select, summarise


class MemoryStore:
    """A `LedgerStore` that keeps the latest `limit` attempts; None keeps all."""

    def __init__(self, *, limit: int | None = 10_000) -> None:
        self._limit = limit
        self._books: OrderedDict[str, AttemptRecord] = OrderedDict()
        self._states: dict[str, bytes] = {}
        self._written = 0
        self._dropped = 0
        self._closed = False
        self._lock = threading.Lock()

    def reserve(self, record: AttemptRecord) -> None:
        self._enter(check_reservation(record))

    def settle(self, record: AttemptRecord) -> None:
        self._enter(check_settlement(record))

    def _enter(self, record: AttemptRecord) -> None:
        with self._lock:
            if self._closed:
                self._dropped += 1
            elif book(self._books, record):
                self._written += 1
                if self._limit is not None and len(self._books) > self._limit:
                    self._books.popitem(last=False)

    async def written(self) -> bool:
        return True

    def records(
        self,
        since: float | None = None,
        until: float | None = None,
        *,
        where: Where = EVERYTHING,
        limit: int | None = 1000,
        newest_first: bool = False,
    ) -> list[AttemptRecord]:
        return select(self._snapshot(), since, until, where=where, limit=limit, newest_first=newest_first)

    def daily(
        self,
        day_from: datetime.date,
        day_to: datetime.date,
        *,
        by: Sequence[Dimension] = ("provider",),
        tz: datetime.tzinfo | None = datetime.UTC,
        where: Where = EVERYTHING,
    ) -> list[DailyRow]:
        check_dimensions(by)
        return summarise(self._snapshot(), list(day_bounds(day_from, day_to, tz)), by, where)

    def _snapshot(self) -> list[AttemptRecord]:
        with self._lock:
            return list(self._books.values())

    def save(self, name: str, value: dict[str, Any]) -> None:
        encoded = msgspec.json.encode(value)
        with self._lock:
            if self._closed:
                self._dropped += 1
            else:
                self._states[name] = encoded
                self._written += 1

    def load(self, name: str) -> dict[str, Any] | None:
        encoded = self._states.get(name)
        return None if encoded is None else msgspec.json.decode(encoded, type=dict[str, Any])

    def states(self, first: str, last: str) -> dict[str, dict[str, Any]]:
        with self._lock:
            found = {name: self._states[name] for name in sorted(self._states) if first <= name < last}
        return {name: msgspec.json.decode(encoded, type=dict[str, Any]) for name, encoded in found.items()}

    def forget(self, first: str, last: str) -> None:
        with self._lock:
            for name in [name for name in self._states if first <= name < last]:
                del self._states[name]

    def status(self) -> StoreStatus:
        return StoreStatus(location=":memory:", written=self._written, dropped=self._dropped)

    @property
    def closed(self) -> bool:
        """Whether `close` was called: what is written now is dropped."""
        return self._closed

    def flush(self, timeout: float = 5.0) -> bool:
        return True

    def close(self, timeout: float = 5.0) -> bool:
        self._closed = True
        return True
