"""Books in MongoDB that lose nothing when it is away: whatever is written goes to a local file first, and is shipped from there.

Writing is `SqliteStore`'s, so it never waits for the database. A thread ships what the file holds, in batches, at most `INTERVAL` seconds
after it was written; a batch is booked by attempt id, so it does no harm if it arrives twice. An outage is waited out, with tries
after 1 s, then twice as long each time up to 30 s; a process that starts goes on where another ended. `flush` and `close` ship at once; a
program that just ends leaves its last half second to the next. Of several processes with one file one ships: the one that holds a lock, which
its death releases.

Reading asks MongoDB and adds what the file still holds, so a process sees what it wrote, and all of a fleet what was shipped. While
MongoDB is away a read raises `ConfigurationError`: half the books are not shown as if they were all.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import msgspec
from pymongo.errors import PyMongoError

from segue.errors import ConfigurationError
from segue.ledger.daily import EVERYTHING, DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import StoreStatus
from segue.ledger.stores import mongodb
from segue.ledger.stores.mongodb_connection import MongoConnection, Work, shared_connection
from segue.ledger.stores.process_lock import Lock
from segue.ledger.stores.reference_queries import Summary, check_dimensions, day_bounds, select
from segue.ledger.stores.sqlite import SqliteStore
from segue.ledger.stores.unshipped import Backlog
from segue.secret import Secret

T = TypeVar("T")

logger = logging.getLogger("segue.ledger")

INTERVAL: Final = 0.5
RETRY: Final = (1.0, 30.0)
"""Seconds."""
LAST_WORDS: Final = 5.0
"""Seconds that a forgotten store's records have to be shipped in; what is left is in the file."""
BATCH: Final = 500
REASON: Final = 200
"""Characters of what MongoDB says of a record."""
LOG_INTERVAL: Final = 60.0


class Shipper:
    """The thread that ships. It knows nothing of its store, which may therefore be forgotten."""

    def __init__(
        self,
        local: SqliteStore,
        url: Secret,
        *,
        ttl_days: float | None,
        interval: float = INTERVAL,
        retry: tuple[float, float] = RETRY,
    ) -> None:
        self._path = local.path
        self._backlog = Backlog(local.path, busy=5.0)
        self._url = url
        self._ttl_days = ttl_days
        self._interval = interval
        self._retry = retry
        self.waiting = 0
        self.problem = ""
        self._begin()
        _shippers.add(self)

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._stop = False
        self._give_up = 0.0
        self._wake = threading.Event()
        self._asked: list[threading.Event] = []
        self._lock = threading.Lock()
        self._turn: Lock | None = None
        self._prepared = False
        self._logged = -LOG_INTERVAL

    @property
    def connection(self) -> MongoConnection:
        return shared_connection(self._url)

    def start(self) -> None:
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="segue-outbox", daemon=True)
                self._thread.start()

    def ship(self, timeout: float) -> None:
        """Has shipped what the file holds now, and waits for it; not while MongoDB is known to be away."""
        if self._thread is not None and not (self._stop or self.problem):
            done = threading.Event()
            self._asked.append(done)
            self._wake.set()
            done.wait(timeout)

    def stop(self, timeout: float = LAST_WORDS) -> None:
        """Has the thread ship once more what is there, as far as that is done in time, and end."""
        self._give_up = time.monotonic() + timeout
        self._stop = True
        self._wake.set()

    def close(self, timeout: float) -> None:
        """Ships once more what is there, if that is done in time."""
        self.stop(timeout)
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        wait = self._interval
        last = False
        while not last:
            self._wake.wait(wait)
            self._wake.clear()
            last = self._stop
            asked, self._asked = self._asked, []
            wait = self._try(wait)
            for done in asked:
                done.set()
        if self._turn is not None:
            with contextlib.suppress(OSError):
                self._turn.release()

    def _try(self, wait: float) -> float:
        """Ships what there is; gives the seconds to wait before the next time."""
        try:
            if os.path.exists(self._path) and self._has_turn():
                self._ship()
            self._recovered()
            return self._interval
        except Exception as error:  # whatever it is, the thread must live: it is logged and tried again
            self._complain(error)
            return min(max(2 * wait, self._retry[0]), self._retry[1]) if self.problem else self._retry[0]

    def _has_turn(self) -> bool:
        """Whether this process is the one that ships; where there are no locks all do, which does no harm."""
        if self._turn is None or not self._turn.stands:
            self._turn = Lock.take(self._path.with_name(self._path.name + "-shipper"))
        if self._turn is None and os.name == "posix":
            self.waiting = self._backlog.count()
            return False
        return True

    def _ship(self) -> None:
        if not self._prepared:
            self.connection.run(lambda db: mongodb.prepare(db, ttl_days=self._ttl_days))
            self._prepared = True
        place = 0
        refused: dict[str, str] = {}
        while True:
            records, place = self._backlog.waiting(place, BATCH)
            if not records:
                break
            answer = self._book(records)
            self._backlog.shipped([record for record in records if record.attempt_id not in answer])
            refused |= answer
            if self._stop and time.monotonic() >= self._give_up:
                break
        self.waiting = self._backlog.count()
        if refused:
            raise _RefusedError(f"MongoDB refuses {len(refused)} attempts: {next(iter(refused.values()))[:REASON]}")

    def _book(self, records: list[AttemptRecord]) -> dict[str, str]:
        return self.connection.run(lambda db: mongodb.book(db, records))

    def _recovered(self) -> None:
        if self.problem:
            logger.info("ledger %s: MongoDB takes records again", self._path)
        self.problem = ""

    def _complain(self, error: Exception) -> None:
        with contextlib.suppress(sqlite3.Error):
            self.waiting = self._backlog.count() if os.path.exists(self._path) else 0
        self.problem = why(error)
        now = time.monotonic()
        if now - self._logged >= LOG_INTERVAL:
            self._logged = now
            logger.error(
                "ledger %s: records can't be shipped to MongoDB, %d wait in the file: %s",
                self._path,
                self.waiting,
                self.problem,
            )

    def after_fork(self) -> None:
        """In the child: the thread did not come along, and the turn is the parent's."""
        if self._turn is not None:
            self._turn.forget()
        self._begin()


class _RefusedError(Exception):
    """MongoDB is there, but does not take some attempts."""


class OutboxStore:
    """A `LedgerStore` in MongoDB, behind `local`.

    `ttl_days` after their start attempts vanish from MongoDB; None keeps them for ever. States (`save`, `load`) are this machine's own and
    stay in the file.
    """

    def __init__(self, local: SqliteStore, url: Secret, *, ttl_days: float | None = None, **options: Any) -> None:
        self.local = local
        shared_connection(url)
        self._shipper = Shipper(local, url, ttl_days=ttl_days, **options)
        weakref.finalize(self, self._shipper.stop).atexit = False
        if os.path.exists(local.path):
            self._shipper.start()

    @property
    def closed(self) -> bool:
        return self.local.closed

    def __repr__(self) -> str:
        return f"OutboxStore({str(self.local.path)!r})"

    def reserve(self, record: AttemptRecord) -> None:
        self.local.reserve(record)
        self._shipper.start()

    def settle(self, record: AttemptRecord) -> None:
        self.local.settle(record)
        self._shipper.start()

    def save(self, name: str, value: dict[str, Any]) -> None:
        self.local.save(name, value)

    def load(self, name: str) -> dict[str, Any] | None:
        return self.local.load(name)

    def states(self, first: str, last: str) -> dict[str, dict[str, Any]]:
        return self.local.states(first, last)

    def forget(self, first: str, last: str) -> None:
        self.local.forget(first, last)

    def written(self) -> Coroutine[Any, Any, bool]:
        return self.local.written()

    def records(
        self,
        since: float | None = None,
        until: float | None = None,
        *,
        where: Where = EVERYTHING,
        limit: int | None = 1000,
        newest_first: bool = False,
    ) -> list[AttemptRecord]:
        held = self._held(since, until)
        most = None if limit is None else limit + len(held)
        books: list[AttemptRecord] = []
        self._show(books.append, held, since, until, where=where, limit=most, newest_first=newest_first)
        return select(books, since, until, where=where, limit=limit, newest_first=newest_first)

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
        days = list(day_bounds(day_from, day_to, tz))
        if not days:
            return []
        summary = Summary(days, by, where)
        since, until = days[0].start, days[-1].end
        self._show(summary.add, self._held(since, until), since, until, where=where)
        return summary.rows()

    def _held(self, since: float | None, until: float | None) -> dict[str, AttemptRecord]:
        """What the file has, by attempt id. To be read before MongoDB: what is shipped in between is then found twice, not never."""
        return {record.attempt_id: record for record in self.local.records(since, until, limit=None)}

    def _show(
        self,
        see: Callable[[AttemptRecord], None],
        held: dict[str, AttemptRecord],
        since: float | None,
        until: float | None,
        **choice: Any,
    ) -> None:
        """Shows what MongoDB has and what is held, each attempt once as it stands in the end."""

        def settled(record: AttemptRecord) -> None:
            mine = held.pop(record.attempt_id, record)
            see(mine if record.settlement is Settlement.RESERVED else record)

        self._ask(lambda db: mongodb.find(db, since, until, settled, **choice))
        for record in held.values():
            see(record)

    def _ask(self, work: Work[T]) -> T:
        try:
            return self._shipper.connection.run(work)
        except PyMongoError as error:
            raise ConfigurationError(
                f"the ledger in MongoDB can't be read: {why(error)}. Nothing is lost: what was not shipped waits in {self.local.path}"
            ) from error

    def status(self) -> StoreStatus:
        return msgspec.structs.replace(
            self.local.status(), unshipped=self._shipper.waiting, unreachable=self._shipper.problem
        )

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until all is in the file, which is what counts, and for the rest of the time until it is shipped, where that is possible."""
        give_up = time.monotonic() + timeout
        stored = self.local.flush(timeout)
        self._shipper.ship(max(0.0, give_up - time.monotonic()))
        return stored

    def close(self, timeout: float = 5.0) -> bool:
        """Flushes, ships what can be shipped in time and leaves the rest in the file for the next process."""
        give_up = time.monotonic() + timeout
        closed = self.local.close(timeout)
        self._shipper.close(max(0.0, give_up - time.monotonic()))
        return closed


def why(error: Exception) -> str:
    """The first line of what PyMongo says: the rest describes its topology."""
    return str(error).split(", Timeout: ", 1)[0].split("\n", 1)[0] or type(error).__name__


_shippers: weakref.WeakSet[Shipper] = weakref.WeakSet()


def _after_fork() -> None:
    for shipper in _shippers:
        shipper.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
