"""What a ledger file holds that MongoDB does not have yet.

A reservation that was shipped stays in the file, for who settles it; everything else leaves it with being shipped. So the file holds what
is under way and what waits.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.rows import READ, from_row
from segue.ledger.stores.schema import migrate

_WAITING = f"SELECT rowid, {', '.join(READ)} FROM attempts WHERE shipped = 0 AND rowid > ? ORDER BY rowid LIMIT ?"
_COUNT = "SELECT COUNT(*) FROM attempts WHERE shipped = 0"
_STAYS = "UPDATE attempts SET shipped = 1 WHERE attempt_id = ? AND settlement = 'reserved'"
_LEAVES = "DELETE FROM attempts WHERE attempt_id = ? AND settlement <> 'reserved'"


class Backlog:
    """Of the file at `path`, which must exist. Waits for other writers up to `busy` seconds, and raises `sqlite3.Error`."""

    def __init__(self, path: Path, *, busy: float) -> None:
        self._path = path
        self._busy = busy

    def waiting(self, after: int, limit: int) -> tuple[list[AttemptRecord], int]:
        """Up to `limit` attempts that wait behind the place `after` (0: from the first on), and the place of the last of them."""
        with self._connected() as connection:
            rows = connection.execute(_WAITING, (after, limit)).fetchall()
        return [from_row(row[1:]) for row in rows], rows[-1][0] if rows else after

    def count(self) -> int:
        """How many attempts wait."""
        with self._connected() as connection:
            return int(connection.execute(_COUNT).fetchone()[0])

    def shipped(self, records: Sequence[AttemptRecord]) -> None:
        """Notes that MongoDB has these; what has become of a reservation since still waits."""
        stay = [(record.attempt_id,) for record in records if record.settlement is Settlement.RESERVED]
        leave = [(record.attempt_id,) for record in records if record.settlement is not Settlement.RESERVED]
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_STAYS, stay)
            connection.executemany(_LEAVES, leave)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        uri = f"{self._path.as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=self._busy, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=NORMAL")
            migrate(connection)
            yield connection
