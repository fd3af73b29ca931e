"""Where attempts put their events and one relay takes them: a queue whose reader can also wait for a point in time."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from segue.failover.alarm import Alarm
from segue.failover.budget import FOREVER

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """One reader, any number of writers, all in one event loop. `close` it after the last read. It rarely holds more than one item, for
    which a list needs a tenth of a deque's memory."""

    __slots__ = ("_alarm", "_items", "_loop", "_reader", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: list[Item] = []
        self._reader: asyncio.Future[bool] | None = None
        self._until = FOREVER
        self._alarm = Alarm(loop)

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
        return self._items.pop(0) if self._items else None

    async def wait(self, until: float) -> bool:
        """Returns when there is an item, when woken, or at `until` (the loop's clock; may be infinite): then with True."""
        if self._items:
            await asyncio.sleep(0)  # there was more than one read took
            return False
        self._until = until
        self._alarm.set(until, self._ring)
        reader: asyncio.Future[bool] = self._loop.create_future()
        self._reader = reader
        try:
            return await reader
        finally:
            self._reader = None

    def close(self) -> None:
        """Cancels the alarm; a waiting reader looks again."""
        self._alarm.stop()
        self.wake()

    def _ring(self, at: float) -> None:
        reader = self._reader
        if reader is None or reader.done():
            return
        if self._until <= at:
            reader.set_result(True)
        else:
            self._alarm.set(self._until, self._ring)
