"""Looks told to whoever watches, by server-sent events: one look for all watchers of a process, and none while nobody watches.

A look is encoded once and every watcher is given the same bytes, of which at most `BEHIND` wait for one. A watcher that falls further behind
is let go; its browser comes back by itself once it can read again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Final

import msgspec

from segue.errors import ConfigurationError, InvalidRequestError
from segue.monitoring.redaction import Redactor
from segue.runtime import Runtime
from segue.server.asgi import Exchange
from segue.server.dashboard.assets import NOT_KEPT
from segue.server.dashboard.look import look
from segue.server.health import states

log = logging.getLogger("segue.server")

EVERY: Final = 1.0
"""Seconds between two looks."""
REST: Final = 50
"""Times as long as a look took, at least, until the next one: looking takes at most a fiftieth of the time."""
WATCHERS: Final = 16
"""Watchers of a process."""
BEHIND: Final = 4
"""Looks that wait for a slow watcher."""
KEPT: Final = 0.9
"""Seconds for which a look answers those who ask for one."""

HEADERS: Final = {**NOT_KEPT, "content-type": "text/event-stream", "x-accel-buffering": "no"}
HELLO: Final = b"retry: 1000\n\n"
"""A browser whose stream has ended comes back after a second."""
NOTHING: Final = b":\n\n"
"""A sign of life."""


class Watcher:
    """One open stream. `task` ends when it falls behind."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.ready = asyncio.Event()
        self.dropped = False

    def tell(self, data: bytes) -> None:
        """Never waits."""
        if len(self.waiting) >= BEHIND:
            self.dropped = True
            self.waiting.clear()
        else:
            self.waiting.append(data)
        self.ready.set()


class Feed:
    """The looks of one process."""

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
        """How many there were."""

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    async def now(self) -> bytes:
        """The latest look as JSON, at most a second old. Waits for the ledger, aside."""
        async with self._lock:
            if time.monotonic() - self._looked > KEPT:
                await self._look()
            return self._latest

    async def watch(self, exchange: Exchange) -> None:
        """Tells a caller of every look until it leaves, falls behind, or the server ends. Raises `InvalidRequestError` (503) where too many watch."""
        if len(self._watchers) >= WATCHERS:
            raise InvalidRequestError(
                f"{WATCHERS} watch already: close another dashboard", status=503, code="too_many_watchers"
            )
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            await exchange.body()  # what comes next is then that the caller leaves
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
                except Exception:  # the ledger can't be read: watchers keep the look they have, and see how old it is
                    log.exception("the dashboard can't look at the ledger")
                    told = NOTHING
                else:
                    told = event("now", self._latest)
                for watcher in self._watchers:
                    watcher.tell(told)
                took = time.monotonic() - began
                await asyncio.sleep(max(self._every - took, REST * took))
        finally:
            self._looking = None

    async def _look(self) -> None:
        self._runtime.history.save()  # what this process counted in the last seconds
        found = await asyncio.to_thread(
            look, self._runtime.ledger, states(self._runtime), stand_ins(self._runtime), self._redact, time.time()
        )
        self._latest, self._looked = msgspec.json.encode(found), time.monotonic()
        self.looks += 1


def event(name: str, data: bytes) -> bytes:
    """A server-sent event; `data` is JSON on one line."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def stand_ins(runtime: Runtime) -> frozenset[str]:
    """The targets that no model answers for."""
    found = set()
    for name in runtime.targets.names:
        try:
            if runtime.targets[name].simulated:
                found.add(name)
        except ConfigurationError:
            continue
    return frozenset(found)
