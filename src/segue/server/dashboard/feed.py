"""The live view: server-sent events with one look at the ledger a second, shared by all watchers of a process.

Without watchers the ledger is not read. A look is encoded once; all watchers send the same bytes, and at most `BEHIND` looks wait in a
watcher's queue. The stream of a watcher that is further behind is ended; its browser reconnects.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Final

import msgspec

from segue.errors import ConfigurationError, InvalidRequestError
from segue.monitoring.redaction import Redactor
from segue.runtime import Runtime
from segue.server.dashboard.assets import NOT_KEPT
from segue.server.dashboard.look import look
from segue.server.exchange import Exchange
from segue.server.health import states

log = logging.getLogger("segue.server")

EVERY: Final = 1.0
"""Seconds between two looks."""
REST: Final = 50
"""The pause after a look is at least so many times as long as the look took."""
LONGEST_REST: Final = 10.0
"""Seconds."""
CHECK: Final = 1.0
"""Seconds between two checks of whether the server is to end."""
WATCHERS: Final = 16
"""The most watchers of a process."""
BEHIND: Final = 4
"""The most looks that wait for a slow watcher."""
KEPT: Final = 0.9
"""Seconds for which `now` returns the same look."""

HEADERS: Final = {**NOT_KEPT, "content-type": "text/event-stream", "x-accel-buffering": "no"}
HELLO: Final = b"retry: 1000\n\n"
"""Browsers reconnect a second after their stream ended."""
NOTHING: Final = b":\n\n"
"""A comment, which keeps the connection alive."""


class Watcher:
    """The queue of one open stream. `dropped`: it was too far behind."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.ready = asyncio.Event()
        self.dropped = False

    def tell(self, data: bytes) -> None:
        """Queues a look; never waits."""
        if len(self.waiting) >= BEHIND:
            self.dropped = True
            self.waiting.clear()
        else:
            self.waiting.append(data)
        self.ready.set()


class Feed:
    """The looks of one process. `every` is the seconds between two of them."""

    def __init__(self, runtime: Runtime, redact: Redactor, *, every: float = EVERY) -> None:
        self._runtime = runtime
        self._redact = redact
        self._every = every
        self._watchers: set[Watcher] = set()
        self._looking: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._latest = b""
        self._looked = 0.0
        self.looks = 0
        """How many looks there have been."""

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    async def now(self) -> bytes:
        """The latest look as JSON, at most a second old."""
        async with self._lock:
            if time.monotonic() - self._looked > KEPT:
                await self._look()
            return self._latest

    async def watch(self, exchange: Exchange) -> None:
        """Streams every look until the caller leaves or falls behind, or the server ends. Raises `InvalidRequestError` (503) if there are too
        many watchers."""
        if len(self._watchers) >= WATCHERS:
            raise InvalidRequestError(
                f"{WATCHERS} dashboards are open already: close one", status=503, code="too_many_watchers"
            )
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            with exchange.watch():
                first = await self.now()
                await exchange.start(200, HEADERS)
                await exchange.write(HELLO + event("now", first))
                if self._looking is None:
                    self._looking = asyncio.create_task(self._keep_looking())
                await self._tell(exchange, watcher)
        finally:
            self._watchers.discard(watcher)

    async def _tell(self, exchange: Exchange, watcher: Watcher) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK):
                    await watcher.ready.wait()
            watcher.ready.clear()
            while watcher.waiting:
                await exchange.write(watcher.waiting.popleft())
            if watcher.dropped or exchange.ending:
                await exchange.write(b"", more=False)
                return

    async def _keep_looking(self) -> None:
        try:
            while self._watchers:
                began = time.monotonic()
                try:
                    async with self._lock:
                        await self._look()
                except Exception:  # watchers keep the look they have, which shows its time
                    log.exception("the dashboard can't read the ledger")
                    data = NOTHING
                else:
                    data = event("now", self._latest)
                for watcher in self._watchers:
                    watcher.tell(data)
                took = time.monotonic() - began
                await asyncio.sleep(max(self._every - took, min(REST * took, LONGEST_REST)))
        finally:
            self._looking = None

    async def _look(self) -> None:
        found = await asyncio.to_thread(
            look, self._runtime.ledger, states(self._runtime), stand_ins(self._runtime), self._redact, time.time()
        )
        self._latest, self._looked = msgspec.json.encode(found), time.monotonic()
        self.looks += 1


def event(name: str, data: bytes) -> bytes:
    """A server-sent event; `data` is JSON on one line."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def stand_ins(runtime: Runtime) -> frozenset[str]:
    """The names of the targets whose answers are simulated."""
    found = set()
    for name in runtime.targets.names:
        try:
            if runtime.targets[name].simulated:
                found.add(name)
        except ConfigurationError:
            continue
    return frozenset(found)
