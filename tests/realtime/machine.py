"""How long this process as a whole was kept from running, by others on the machine: no client can close a socket meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time

TICK = 0.005
NOTABLE = 0.01
"""Seconds late that are more than threads of one process cost each other."""


class Machine:
    """A thread that sleeps and notes when it was woken late. Times are those of `time.monotonic`, as are a loop's."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._late: list[tuple[float, float]] = []

    def start(self) -> None:
        self._over.clear()
        self._thread = threading.Thread(target=self._watch, name="machine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def held_up(self, since: float, until: float) -> float:
        """Seconds between the two for which nothing of this process ran."""
        late = self._late
        return sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in late)

    def _watch(self) -> None:
        while not self._over.is_set():
            due = time.monotonic() + TICK
            self._over.wait(TICK)
            now = time.monotonic()
            if now - due > NOTABLE:
                self._late.append((due, now))


MACHINE = Machine()


class Lateness:
    """How late the running loop was while this context was open: `seconds`, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> Lateness:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            late = loop.time() - due
            if late > NOTABLE:
                self.seconds += late
