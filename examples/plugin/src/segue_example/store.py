"""A ledger store: what `MemoryStore` keeps, and each settled attempt as a line of JSON in a file, for a log shipper to pick up.

`SEGUE_LEDGER=jsonl:///var/log/segue.jsonl` opens it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

import msgspec

from segue.ext import AttemptRecord, LedgerStore, MemoryStore


class JsonlStore(MemoryStore):
    """Booking an attempt must not wait for the disk, so lines are queued; `written` waits until they are in the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._lines: SimpleQueue[bytes] = SimpleQueue()

    def settle(self, record: AttemptRecord) -> None:
        super().settle(record)
        self._lines.put(msgspec.json.encode(record) + b"\n")

    async def written(self) -> bool:
        return await asyncio.to_thread(self.flush)

    def flush(self, timeout: float = 5.0) -> bool:
        with self._path.open("ab") as file:
            try:
                while True:
                    file.write(self._lines.get_nowait())
            except Empty:
                return True


def open_jsonl(url: str) -> LedgerStore:
    return JsonlStore(Path(urlsplit(url).path))
