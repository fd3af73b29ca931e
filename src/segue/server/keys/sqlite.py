"""The file of the gateway's keys: one SQLite file that the command line and all worker processes of a machine share.

It is in WAL mode, so that readers never wait. The file and its directory are created with the first key, for the owner only.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from segue.errors import ConfigurationError
from segue.ledger.stores.factory import default_path
from segue.ledger.stores.schema import (
    Migrations,
    NewerSchemaError,
    explained,
    in_wal_mode,
    make_file,
    migrate,
    set_aside,
    version,
)
from segue.server.keys.store import Hashed, Key, KeyRing
from segue.settings import Settings

logger = logging.getLogger("segue.server")

FILE_NAME: Final = "keys.sqlite3"
FRESH: Final = 1.0
"""Seconds between checks whether another process created or revoked a key."""
BUSY: Final = 5.0
"""Seconds that a writer waits for another one."""

MIGRATIONS: Migrations = (
    (
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            rate INTEGER,
            daily_budget TEXT,
            models TEXT NOT NULL,
            created REAL NOT NULL,
            revoked REAL
        )
        """,
        "CREATE TABLE spend (key TEXT, day TEXT, pico INTEGER NOT NULL, PRIMARY KEY (key, day)) WITHOUT ROWID",
    ),
    ("DROP TABLE spend",),  # what keys spend is shared with all other budgets: `ledger.budgets`
    ("ALTER TABLE keys ADD COLUMN scope TEXT NOT NULL DEFAULT 'calls'",),
)
"""Only ever appended to, see `ledger.stores.schema`."""
SCOPED: Final = 3
"""The version from which on keys have a scope."""


def keys_path(settings: Settings) -> Path:
    """Where the keys are kept: `SEGUE_KEYS`, else `keys.sqlite3` beside the ledger's default file."""
    if settings.keys:
        return Path(settings.keys).expanduser().absolute()
    return default_path().absolute().with_name(FILE_NAME)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A read-only connection; None if no key was ever created. Raises `sqlite3.Error`."""
    if not path.exists():
        yield None
        return
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.1)) as connection:
        found = version(connection)
        if found > len(MIGRATIONS):
            raise NewerSchemaError("it was written by a later version: upgrade segue")
        yield connection if found else None


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to a file that is created if needed; one that is not a database is renamed first.

    Raises `OSError` or `sqlite3.Error`.
    """
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if not set_aside(path, error):
            raise
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    make_file(path)
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    try:
        in_wal_mode(connection, BUSY)
        connection.execute("PRAGMA synchronous=NORMAL")
        migrate(connection, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


class FileKeyRing(KeyRing):
    """The keys in the file `path`. `clock` is monotonic.

    A look-up reads the file at most once a second (`FRESH`), in a fraction of a millisecond: a key created or revoked elsewhere takes
    effect then. If the file is unreadable, the last known keys stay valid.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        super().__init__(str(path), wall)
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._state: tuple[int, ...] = ()
        self._troubled = False

    def watch(self) -> tuple[Key, ...]:
        return self.listed()

    def close(self) -> None:
        pass

    def _add(self, key: Key, digest: bytes) -> None:
        with contextlib.closing(open_for_writing(self.path)) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _to_row(key, digest))

    def _end(self, id: str, moment: float) -> None:
        with contextlib.closing(open_for_writing(self.path)) as connection:
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (moment, id))

    def _rows(self) -> list[Hashed]:
        with reading(self.path) as connection:
            return [] if connection is None else list(_from_rows(connection))

    def _changed(self) -> None:
        self._looked = None

    def _refresh(self) -> None:
        if self._fresh():
            return
        with self._lock:
            if self._fresh():
                return
            try:
                self._look()
                self._troubled = False
            except (sqlite3.Error, OSError, msgspec.ValidationError) as error:
                if not self._troubled:
                    logger.error("the keys in %s can't be read, the last known keys stay valid: %s", self.path, error)
                self._troubled = True
            self._looked = self._clock()

    def _fresh(self) -> bool:
        looked = self._looked
        return looked is not None and self._clock() - looked < FRESH

    def _look(self) -> None:
        """Reads the keys if any was created or revoked: no key is ever changed otherwise, or removed."""
        with reading(self.path) as connection:
            state: tuple[int, ...] = ()
            if connection is not None:
                counts = connection.execute("SELECT COUNT(*), COUNT(revoked) FROM keys").fetchone()
                state = (self.path.stat().st_ino, *counts)
            if state != self._state:
                self._take([] if connection is None else _from_rows(connection))
                self._state = state

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.ValidationError) as error:
            why: object = error
            if isinstance(error, sqlite3.Error):
                why = explained(error, self.path)
            elif isinstance(error, OSError):
                why = f"{error.strerror}; let this user write there"
            raise ConfigurationError(
                f"the keys in {self.path} can't be used: {why}; or set SEGUE_KEYS to another file"
            ) from error


def _from_rows(connection: sqlite3.Connection) -> Iterator[Hashed]:
    fields = "id, name, rate, daily_budget, models, created, revoked"
    if version(connection) >= SCOPED:
        fields += ", scope"  # a file that is only read keeps the format of an earlier version
    for digest, *values in connection.execute(f"SELECT hash, {fields} FROM keys ORDER BY created, id"):
        row: dict[str, Any] = dict(zip(fields.split(", "), values, strict=True))
        yield digest, msgspec.convert({**row, "models": msgspec.json.decode(row["models"])}, Key)


def _to_row(key: Key, digest: bytes) -> tuple[Any, ...]:
    budget = None if key.daily_budget is None else str(key.daily_budget)
    models = msgspec.json.encode(key.models).decode()
    return key.id, key.name, digest, key.rate, budget, models, key.created, key.revoked, key.scope
