"""The tables, and how files of older versions get them.

`MIGRATIONS` is only ever appended to: step n takes a file from version n - 1 to n, in one transaction together with its entry in
`schema_version`, so a crash leaves a file of the one or of the other version. A file of a later version than this program knows is
neither read nor written.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import disk_usage
from typing import Final

logger = logging.getLogger("segue.ledger")

Migrations = Sequence[Sequence[str]]

MIGRATIONS: Migrations = (
    (
        """
        CREATE TABLE attempts (
            attempt_id TEXT PRIMARY KEY,
            request_id TEXT NOT NULL,
            started REAL NOT NULL,
            target TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            outcome TEXT NOT NULL,
            settlement TEXT NOT NULL,
            input_tokens INTEGER NOT NULL,
            cache_read_tokens INTEGER NOT NULL,
            cache_write_tokens INTEGER NOT NULL,
            cache_write_1h_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cost TEXT,
            cost_pico INTEGER,
            bound TEXT,
            bound_pico INTEGER,
            seconds REAL NOT NULL,
            first_content REAL,
            status INTEGER,
            reason TEXT NOT NULL,
            chain TEXT NOT NULL,
            key TEXT NOT NULL,
            hedge INTEGER NOT NULL,
            continuation INTEGER NOT NULL,
            shown INTEGER NOT NULL,
            simulated INTEGER NOT NULL,
            tracked INTEGER NOT NULL,
            metadata TEXT
        )
        """,
        "CREATE INDEX attempts_by_start ON attempts (started)",
        "CREATE INDEX attempts_by_request ON attempts (request_id)",
        "CREATE TABLE states (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    (
        "ALTER TABLE attempts ADD COLUMN owner TEXT",  # of a reservation: the process that will settle it, see `alive`
        "ALTER TABLE attempts ADD COLUMN shipped INTEGER NOT NULL DEFAULT 0",  # 1: MongoDB has it as it is here
        "CREATE INDEX attempts_reserved ON attempts (owner) WHERE settlement = 'reserved'",
    ),
    (
        # What remains of attempts that have left, see `retention`.
        """
        CREATE TABLE sums (
            slot INTEGER NOT NULL,
            target TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            outcome TEXT NOT NULL,
            settlement TEXT NOT NULL,
            chain TEXT NOT NULL,
            key TEXT NOT NULL,
            simulated INTEGER NOT NULL,
            tracked INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            requests_at_target INTEGER NOT NULL,
            requests_alike INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            unpriced INTEGER NOT NULL,
            cost_micro INTEGER NOT NULL,
            cost_rest INTEGER NOT NULL,
            bound_micro INTEGER NOT NULL,
            bound_rest INTEGER NOT NULL,
            seconds REAL NOT NULL,
            input_tokens INTEGER NOT NULL,
            cache_read_tokens INTEGER NOT NULL,
            cache_write_tokens INTEGER NOT NULL,
            cache_write_1h_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            PRIMARY KEY (slot, target, provider, model, outcome, settlement, chain, key, simulated, tracked)
        ) WITHOUT ROWID
        """,
    ),
)


SUFFIXES: Final = (".sqlite3", ".sqlite", ".db")
"""What the names of databases end with."""
FULL: Final = 1 << 20
"""Bytes on a disk below which it is full."""


class NewerSchemaError(sqlite3.DatabaseError):
    """The file was written by a later version."""


def version(connection: sqlite3.Connection) -> int:
    """The file's version; 0 if it is empty."""
    present = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    ).fetchone()
    if present is None:
        return 0
    latest: int | None = connection.execute("SELECT MAX(version) FROM schema_version").fetchone()[0]
    return latest or 0


def migrate(connection: sqlite3.Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Brings the file to the latest version; safe while other processes do the same. `connection` is in autocommit mode."""
    while (found := version(connection)) < len(migrations):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) == found:
                for statement in migrations[found]:
                    connection.execute(statement)
                _enter(connection, found + 1)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    if found > len(migrations):
        raise NewerSchemaError(
            f"it was written by a later version (schema {found}, this one knows {len(migrations)}): upgrade segue"
        )


def _enter(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
    connection.execute("INSERT INTO schema_version VALUES (?, datetime('now'))", (number,))


def in_wal_mode(connection: sqlite3.Connection, patience: float) -> None:
    """Switches to a write-ahead log. SQLite does not wait for others who open a new file at the same moment, so this does."""
    give_up = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                raise
            time.sleep(0.01)


def make_file(path: Path) -> None:
    """Makes the file and its directory, for the owner only, where there is none. One that is there isn't opened: with any handle on it
    that closes, the process would lose the locks that SQLite holds on it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def set_aside(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Moves away a file that is no database, so that a new one can be begun; False where the error is another, or the file's name is not a
    database's: then a setting that is wrong points at something that is not ours to move."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB or path.suffix not in SUFFIXES:
        return False
    kept = path.with_name(f"{path.name}.unreadable-{time.strftime('%Y%m%d-%H%M%S')}")
    path.replace(kept)
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    logger.error("%s is no SQLite database: it is kept as %s, and a new one is begun", path, kept.name)
    return True


def explained(error: sqlite3.Error, path: Path) -> sqlite3.Error:
    """The error, in plain words where the disk is full."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and disk_usage(path.parent).free < FULL):
        return sqlite3.OperationalError(f"the disk is full, or the file may not grow: make room for {path}")
    return error
