"""Checkpoints beside the writer: what its log holds is copied into the file by another thread, with another connection.

SQLite makes a checkpoint within the commit that finds the log long, and waits for the disk meanwhile, and so would the answers that wait for
that commit. Beside the writer a checkpoint can't keep it from going on, but the log starts again only where nothing was added to it meanwhile. So the
writer still makes one itself where the log is `MOST_PAGES` long: by then there is little left to copy.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Final

EVERY_PAGES: Final = 1000
"""Pages that are written between two checkpoints; SQLite's own measure."""
MOST_PAGES: Final = 4096
"""Pages of the log at which the writer makes a checkpoint and waits for it: 16 MiB. It may be longer while one state of the
file is read, by a backup for instance, and is cut to this length afterwards."""
PAGE: Final = 4096
"""Bytes of a page, which is SQLite's own measure."""
PAGES_A_COMMIT: Final = 4
"""An attempt is in the table and in three indexes. Records of one commit share most of their pages."""
RECORDS_A_PAGE: Final = 4


class Checkpoints:
    """The checkpoints of one file. Used in the writer's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pages = 0
        self._thread: threading.Thread | None = None

    def committed(self, entries: int) -> None:
        """Begins a checkpoint if enough was written since the last."""
        self._pages += PAGES_A_COMMIT + entries // RECORDS_A_PAGE
        if self._pages >= EVERY_PAGES and (self._thread is None or not self._thread.is_alive()):
            self._pages = 0
            self._thread = threading.Thread(
                target=_checkpoint, args=(self._path,), name="segue-checkpoint", daemon=True
            )
            self._thread.start()

    def wait(self) -> None:
        """Waits for the end of one that has begun."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def abandon(self) -> None:
        """The process was forked: no thread came along."""
        self._pages, self._thread = 0, None


def _checkpoint(path: Path) -> None:
    # What fails here fails in the writer's thread, too, where it is reported.
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
