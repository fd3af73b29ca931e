"""The embedded books: one SQLite file, next to no work for the thread that serves.

The file is in WAL mode with `synchronous=NORMAL`. What `written` or `flush` has acknowledged survives the death of the process, `kill -9`
included; a power cut or a crash of the system may take the last commits with it but never leaves the file corrupt. What
that no caller waits for is written within about 50 ms. Several processes may write to one file: a transaction starts with the write lock
(`BEGIN IMMEDIATE`) and waits for it up to `busy` seconds, on the writer's thread only.
What a process that died had reserved is booked at its bound by the next that writes to the file, or within a minute by one that does
already.

Checkpoints are made beside the writer, so that no answer waits for the disk (see `checkpoints`).

A file system that is full, read-only or gone is a matter of the writer (see `writer`): meanwhile reads add what is held in memory.
The file and its directory are made with the first write, for the owner only.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import math
import os
import sqlite3
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from segue.chat.usage import Usage
from segue.errors import ConfigurationError
from segue.ledger.daily import EVERYTHING, DailyRow, Dimension, Where, add_up
from segue.ledger.record import AttemptRecord, book, check_reservation, check_settlement
from segue.ledger.store import StoreStatus
from segue.ledger.stores import queries, retention
from segue.ledger.stores.checkpoints import MOST_PAGES, PAGE, Checkpoints
from segue.ledger.stores.money import from_pico
from segue.ledger.stores.process_lock import Lock
from segue.ledger.stores.reference_queries import DayBounds, check_dimensions, day_bounds, select, summarise
from segue.ledger.stores.retention import Retention
from segue.ledger.stores.rows import from_row, to_row
from segue.ledger.stores.schema import explained, in_wal_mode, make_file, migrate, set_aside
from segue.ledger.stores.writer import Batch, Forget, GroupWriter, State

logger = logging.getLogger("segue.ledger")

_UNSTORABLE = (
    ValueError,
    OverflowError,
    TypeError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
)
"""What an entry raises that can never be stored, e.g. a token count beyond 64 bits; all else is the file's trouble."""

NULL = math.nan
"""SQLite takes it for its null, and quicker than None, for which Python's module looks for an adapter each time."""

LOOK_FOR_DEAD = 60.0
"""Seconds between looks for processes that died, while something is written."""

DailyQuery: TypeAlias = Callable[[Sequence[DayBounds], Sequence[Dimension], Where], tuple[str, list[Any]]]
"""A statement of daily sums, and its parameters."""

_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)

_inherited: list[sqlite3.Connection] = []
"""Connections that a fork brought along: closing them here could disturb the parent's file, so they are kept for ever."""


class _File:
    """The writer's end of the file: a `Sink`, opened with the first batch and again after every error."""

    def __init__(self, path: Path, *, busy: float) -> None:
        self.location = str(path)
        self._path = path
        self._busy = busy
        self._connection: sqlite3.Connection | None = None
        self._alive: Lock | None = None
        self._name = ""
        self._looked = 0.0
        self._checkpoints = Checkpoints(path)
        self.retention: Retention | None = None

    def commit(self, batch: Batch) -> int:
        if self._connection is not None and not os.path.exists(self.location):
            self._disconnect()  # the file was removed to start again; what is written to the old one would be lost
        try:
            connection = self._connection or self._open()
            refused = self._write(connection, batch)
            self._checkpoints.committed(len(batch))
            if time.monotonic() - self._looked >= LOOK_FOR_DEAD:
                self._settle_lost(connection)
            return refused
        except sqlite3.Error as error:
            self._disconnect()
            raise explained(error, self._path) from error
        except BaseException:
            self._disconnect()
            raise

    def tidy(self) -> None:
        if self.retention is None or self._connection is None:
            return
        try:
            self.retention.tidy(self._connection)
        except sqlite3.Error as error:
            logger.warning("ledger %s: old attempts can't be taken out: %s", self._path, error)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except sqlite3.DatabaseError as error:
            self._disconnect()
            if not set_aside(self._path, error):
                raise
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        make_file(self._path)
        self._connection = connection = sqlite3.connect(self._path, timeout=self._busy, isolation_level=None)
        in_wal_mode(connection, self._busy)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={MOST_PAGES * PAGE}")
        migrate(connection)
        self._show_life()
        self._settle_lost(connection)
        return connection

    def _show_life(self) -> None:
        """Takes a lock under a unique name, by which others know whether its reservations may still be settled."""
        if self._alive is None or not self._alive.stands:
            self._name = uuid.uuid4().hex
            self._alive = Lock.take(self._lock_of(self._name))

    def _lock_of(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-alive-{name}")

    def _settle_lost(self, connection: sqlite3.Connection) -> None:
        for (name,) in connection.execute(queries.OWNERS, (self._name,)).fetchall():
            if (lock := Lock.take(self._lock_of(name))) is not None:
                try:
                    count = connection.execute(queries.LOST, (name,)).rowcount
                finally:
                    lock.release()  # kept, it would be taken for a process that lives
                logger.warning(
                    "ledger %s: recovered %d unfinished attempts of a process that ended, at their maximum cost",
                    self._path,
                    count,
                )
        self._looked = time.monotonic()

    def _write(self, connection: sqlite3.Connection, batch: Batch) -> int:
        owner = self._name if self._alive is not None else None
        records = list(batch.records.values())
        if len(batch) == len(records) <= queries.ROWS_A_STATEMENT:
            # One statement is a transaction by itself: two waits less for Python's lock, which the event loop has most of the time.
            with contextlib.suppress(*_UNSTORABLE):
                _book(connection, records, owner)
                return 0
        connection.execute("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(records), queries.ROWS_A_STATEMENT):
                _book(connection, records[start : start + queries.ROWS_A_STATEMENT], owner)
            refused = 0
        except _UNSTORABLE:
            refused = sum(not _stored(connection, record, owner) for record in records)
        if batch.forgotten:
            connection.executemany(queries.FORGET, batch.forgotten)
        if batch.states:
            connection.executemany(queries.SAVE, batch.states.items())
        connection.execute("COMMIT")
        return refused

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._checkpoints.wait()  # the last to close the file empties its log
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        self._disconnect()
        alive, self._alive = self._alive, None
        if alive is not None:
            with contextlib.suppress(OSError):
                alive.release()

    def abandon(self) -> None:
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None
        self._checkpoints.abandon()
        if self._alive is not None:
            self._alive.forget()
            self._alive = None


def _book(connection: sqlite3.Connection, records: Sequence[AttemptRecord], owner: str | None) -> None:
    values: list[Any] = []
    for record in records:
        values += to_row(record, owner, NULL)
    connection.execute(queries.book(len(records)), values)


def _stored(connection: sqlite3.Connection, record: AttemptRecord, owner: str | None) -> bool:
    try:
        _book(connection, [record], owner)
    except _UNSTORABLE:
        return False
    return True


class SqliteStore:
    """A `LedgerStore` in the file `path`.

    `gather` is how long writes are collected for one transaction, `busy` how long another process's transaction is waited for,
    `retry` the first and the longest wait after an error, `patience` the longest that `written` waits, all in seconds; `max_pending`
    bounds the entries held in memory. `clock` (monotonic) only paces the log.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        gather: float = 0.05,
        busy: float = 5.0,
        retry: tuple[float, float] = (0.1, 30.0),
        max_pending: int = 10_000,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._busy = busy
        self._file = _File(self.path, busy=busy)
        self._writer = GroupWriter(
            self._file,
            gather=gather,
            retry=retry,
            max_pending=max_pending,
            patience=patience,
            clock=clock,
        )
        weakref.finalize(self, self._writer.stop).atexit = False

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def keep(self, days: float) -> None:
        """From now on attempts leave the file `days` after they began, and their sums stay (`retention`)."""
        known = self._file.retention
        if known is None or known.days != days:
            self._file.retention = Retention(days)

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    def reserve(self, record: AttemptRecord) -> None:
        self._writer.put(check_reservation(record))

    def settle(self, record: AttemptRecord) -> None:
        self._writer.put(check_settlement(record))

    def save(self, name: str, value: dict[str, Any]) -> None:
        self._writer.put(State(name, msgspec.json.encode(value).decode()))

    def written(self) -> Coroutine[Any, Any, bool]:
        return self._writer.written()

    def load(self, name: str) -> dict[str, Any] | None:
        """Never raises: what can't be read was never saved."""
        try:
            held = self._held()
            encoded = held.states.get(name)
            if encoded is None and not any(range_.means(name) for range_ in held.forgotten):
                with self._reading() as connection:
                    row = connection and connection.execute(queries.LOAD, (name,)).fetchone()
                encoded = row[0] if row else None
            return None if encoded is None else msgspec.json.decode(encoded, type=dict[str, Any])
        except (ConfigurationError, TimeoutError, msgspec.DecodeError):
            return None

    def states(self, first: str, last: str) -> dict[str, dict[str, Any]]:
        try:
            held = self._held()
            with self._reading() as connection:
                found = dict(connection.execute(queries.STATES, (first, last)).fetchall()) if connection else {}
            found = {name: value for name, value in found.items() if not any(f.means(name) for f in held.forgotten)}
            found |= {name: value for name, value in held.states.items() if first <= name < last}
            return {name: msgspec.json.decode(found[name], type=dict[str, Any]) for name in sorted(found)}
        except (ConfigurationError, TimeoutError, msgspec.DecodeError):
            return {}

    def forget(self, first: str, last: str) -> None:
        self._writer.put(Forget(first, last))

    def records(
        self,
        since: float | None = None,
        until: float | None = None,
        *,
        where: Where = EVERYTHING,
        limit: int | None = 1000,
        newest_first: bool = False,
    ) -> list[AttemptRecord]:
        held = self._held().records
        with self._reading() as connection:
            if held:
                books = _books_with(connection, held, since, until)
                return select(books, since, until, where=where, limit=limit, newest_first=newest_first)
            return _select(connection, since, until, where=where, limit=limit, newest_first=newest_first)

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
        held = self._held().records
        with self._reading() as connection:
            if connection is not None:
                connection.execute("BEGIN")  # one snapshot: attempts may move to the sums meanwhile
            if held and days:
                present = summarise(_books_with(connection, held, days[0].start, days[-1].end), days, by, where)
            else:
                present = _add_up(connection, queries.daily, days, by, where)
            past = [] if where.request_id is not None else _add_up(connection, retention.daily, days, by, where)
        return _together([*past, *present], by) if past else present

    def status(self) -> StoreStatus:
        return self._writer.status()

    def flush(self, timeout: float = 5.0) -> bool:
        try:
            return not self._writer.settle_down(timeout)
        except TimeoutError:
            return False

    def close(self, timeout: float = 5.0) -> bool:
        return self._writer.close(timeout)

    def _held(self) -> Batch:
        """What the file would not take, after a try to write it: two waits for another process's transaction at most."""
        return self._writer.settle_down(2 * self._busy + 5.0)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection of the caller's own, for the time of one read; None where there is no file yet."""
        if not self._exists():
            yield None
            return
        try:
            with contextlib.closing(self._open_to_read()) as connection:
                yield connection
        except sqlite3.Error as error:
            raise ConfigurationError(f"the ledger {self.path} can't be read: {explained(error, self.path)}") from error

    def _exists(self) -> bool:
        try:
            return self.path.exists()
        except OSError as error:
            raise ConfigurationError(f"the ledger {self.path} can't be read: {error.strerror}") from error

    def _open_to_read(self) -> sqlite3.Connection:
        try:
            return self._connect("mode=rw")
        except sqlite3.OperationalError as error:
            # A WAL file on a medium that can't be written opens only as immutable, which would pass over a log left beside it.
            log = Path(f"{self.path}-wal")
            if error.sqlite_errorcode & 0xFF not in _NOT_WRITABLE or (log.exists() and log.stat().st_size):
                raise
            return self._connect("mode=ro&immutable=1")

    def _connect(self, how: str) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?{how}"
        connection = sqlite3.connect(uri, uri=True, timeout=self._busy, isolation_level=None)
        try:
            migrate(connection)
            connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
        return connection


def _books_with(
    connection: sqlite3.Connection | None, held: dict[str, AttemptRecord], since: float | None, until: float | None
) -> list[AttemptRecord]:
    written = _select(connection, since, until, where=EVERYTHING, limit=None, newest_first=False)
    books = {record.attempt_id: record for record in written}
    for record in held.values():
        book(books, record)
    return list(books.values())


def _select(
    connection: sqlite3.Connection | None,
    since: float | None,
    until: float | None,
    *,
    where: Where,
    limit: int | None,
    newest_first: bool,
) -> list[AttemptRecord]:
    statement, values = queries.select(since, until, where=where, limit=limit, newest_first=newest_first)
    return [from_row(row) for row in connection.execute(statement, values)] if connection else []


def _add_up(
    connection: sqlite3.Connection | None,
    query: DailyQuery,
    days: Sequence[DayBounds],
    by: Sequence[Dimension],
    where: Where,
) -> list[DailyRow]:
    rows: list[DailyRow] = []
    if connection is not None:
        for chunk in queries.chunks(days):
            statement, values = query(chunk, by, where)
            rows.extend(_daily_row(row, by) for row in connection.execute(statement, values))
    return rows


def _together(rows: Iterable[DailyRow], by: Sequence[Dimension]) -> list[DailyRow]:
    """The rows of one day and group added up, in order of day and group."""
    added = [
        msgspec.structs.replace(row, group={name: row.group[name] for name in by}) for row in add_up(rows, ("day", *by))
    ]
    return sorted(added, key=lambda row: (row.day, *row.group.values()))


def _daily_row(row: tuple[Any, ...], by: Sequence[Dimension]) -> DailyRow:
    day, *rest = row
    group, rest = rest[: len(by)], rest[len(by) :]
    counts, (cost_micro, cost_rest, bound_micro, bound_rest, seconds), usage = rest[:6], rest[6:11], rest[11:]
    return DailyRow(
        day=datetime.date.fromisoformat(day),
        group=dict(zip(by, group, strict=True)),
        **dict(zip(queries.COUNTS, counts, strict=True)),
        cost=from_pico(cost_micro * queries.MICRO + cost_rest),
        bound=from_pico(bound_micro * queries.MICRO + bound_rest),
        seconds=seconds,
        usage=Usage(**dict(zip(Usage.__struct_fields__, usage, strict=True))),
    )
