"""The connections of one event loop: which is used next, when one is let go, and how many there may be."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import deque
from collections.abc import AsyncGenerator

from segue.transport.base import TransportError
from segue.transport.h1_connection import Connection
from segue.transport.h1_dial import dial
from segue.transport.h1_request import Origin

_CLOSED = "the transport was closed"
_SWEEP = 1.0
"""Seconds between two looks for connections that were idle for too long, while there are idle ones."""


class Pool:
    """Keeps what is idle for `keepalive` seconds and gives the latest kept first; may hold `limit` connections, `None` for any.

    Second tries are dialled beyond the limit.
    """

    def __init__(self, context: ssl.SSLContext, *, limit: int | None, keepalive: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self._context = context
        self._limit = limit
        self._keepalive = keepalive
        self._idle: dict[Origin, list[Connection]] = {}
        self._live: set[Connection] = set()
        self._dialling: set[asyncio.Timeout] = set()
        self._promised = 0
        """Connections that are being dialled and are not yet among the live."""
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._open = self._until_closed()

    async def start(self) -> None:
        await anext(self._open)

    async def aclose(self) -> None:
        await self._open.aclose()

    def discard(self) -> None:
        """Closes the connections of a loop that was closed without closing its asynchronous generators."""
        self.closed = True
        for connection in list(self._live):
            connection.discard()
        self._live.clear()

    def idle(self, origin: Origin) -> Connection | None:
        """The connection to reuse, if there is one."""
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.usable and self.loop.time() - connection.idle_since < self._keepalive:
                return connection
            connection.close()
        return None

    async def connection(self, origin: Origin, *, seconds: float) -> Connection:
        """One to use, once the limit allows; that wait counts to no limit of time."""
        while (connection := self.idle(origin)) is None:
            if self._has_room():
                return await self.dial(origin, seconds=seconds)
            await self._turn()
        return connection

    async def dial(self, origin: Origin, *, seconds: float) -> Connection:
        """A new connection."""
        make = functools.partial(Connection, self, origin)
        self._promised += 1
        try:
            connection = await dial(origin, make, self._context, seconds=seconds, limits=self._dialling)
        except TransportError as error:
            raise TransportError(error.phase, _CLOSED) if self.closed else error from error.__cause__
        finally:
            self._promised -= 1
            self._call_next()
        if self.closed:
            connection.abort(_CLOSED)
            raise TransportError("connect", _CLOSED)
        return connection

    # What connections tell their keeper.

    def opened(self, connection: Connection) -> None:
        self._live.add(connection)

    def freed(self, connection: Connection) -> None:
        connection.idle_since = self.loop.time()
        self._idle.setdefault(connection.origin, []).append(connection)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(_SWEEP, self._sweep)
        self._call_next()

    def lost(self, connection: Connection) -> None:
        self._live.discard(connection)
        if connection in (kept := self._idle.get(connection.origin, [])):
            kept.remove(connection)
        self._call_next()

    def _has_room(self) -> bool:
        """Makes room, if need be, by closing what is idle for another origin."""
        if self._limit is None or len(self._live) + self._promised < self._limit:
            return True
        for kept in self._idle.values():
            if kept:
                kept[0].close()
                return True
        return False

    async def _turn(self) -> None:
        turn = self.loop.create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            elif not turn.cancelled():
                self._call_next()
            raise

    def _call_next(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _sweep(self) -> None:
        self._sweeper = None
        oldest = self.loop.time() - self._keepalive
        for kept in list(self._idle.values()):
            for connection in [one for one in kept if one.idle_since <= oldest]:
                connection.close()
        self._idle = {origin: kept for origin, kept in self._idle.items() if kept}
        if self._idle:
            self._sweeper = self.loop.call_later(_SWEEP, self._sweep)

    async def _until_closed(self) -> AsyncGenerator[None, None]:
        """A generator, because asyncio finishes those before a loop ends: sockets are closed even if `aclose` was forgotten."""
        try:
            yield
        finally:
            self.closed = True
            if self._sweeper is not None:
                self._sweeper.cancel()
            for limit in list(self._dialling):
                limit.reschedule(self.loop.time())
            for turn in self._queue:
                if not turn.done():
                    turn.set_exception(TransportError("connect", _CLOSED))
            self._queue.clear()
            for connection in list(self._live):
                connection.abort(_CLOSED)
            await asyncio.sleep(0)
