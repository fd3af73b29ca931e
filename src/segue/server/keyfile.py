"""The file of the gateway's keys: one SQLite file that the command line and all worker processes of a machine share.

It is in WAL mode, so that whoever reads waits for nobody. The file and its directory are made with the first key, for the owner only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from segue.ledger.stores.opening import default_path
from segue.ledger.stores.schema import Migrations, NewerSchemaError, migrate, version
from segue.settings import Settings

FILE_NAME: Final = "keys.sqlite3"
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
)
"""Only ever appended to, see `ledger.stores.schema`."""


def keys_path(settings: Settings) -> Path:
    """Where the keys are kept: `SEGUE_KEYS`, else `keys.sqlite3` beside the ledger's default file."""
    if settings.keys:
        return Path(settings.keys).expanduser().absolute()
    return default_path().absolute().with_name(FILE_NAME)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that can only read; None where no key was ever made. Raises `sqlite3.Error`."""
    if not path.exists():
        yield None
        return
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.1)) as connection:
        found = version(connection)
        if found > len(MIGRATIONS):
            raise NewerSchemaError("it was written by a later version: upgrade segue")
        yield connection if found else None


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to a file that is made if need be. Raises `OSError` or `sqlite3.Error`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        migrate(connection, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection
