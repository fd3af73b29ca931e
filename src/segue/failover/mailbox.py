"""Where attempts put what arrives and one relay takes it: a queue whose reader can also wait for a moment in time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """One reader, any number of writers, all in one event loop."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._reader: asyncio.Future[bool] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        self._items.append(item)
        self.wake()

    def wake(self) -> None:
        """Lets the reader look again."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(False)

    def take(self) -> Item | None:
        """The oldest item, or None."""
        return self._items.popleft() if self._items else None

    async def wait(self, until: float) -> bool:
        """Returns when there is an item, when woken, or at `until` (the loop's clock; may be infinite): then with True.

        A timer may go off a little before its moment, by the resolution of the loop's clock: its word counts, not the clock's.
        """
        if self._items:
            return False
        loop = asyncio.get_running_loop()
        reader: asyncio.Future[bool] = loop.create_future()
        self._reader = reader
        timer = loop.call_at(until, self._time_out, reader) if until != float("inf") else None
        try:
            return await reader
        finally:
            self._reader = None
            if timer is not None:
                timer.cancel()

    @staticmethod
    def _time_out(reader: asyncio.Future[bool]) -> None:
        if not reader.done():
            reader.set_result(True)
