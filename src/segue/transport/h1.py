"""The fast transport: HTTP/1.1 on httptools and asyncio's protocols, without a task, a timer or a time-out for each request.

It knows no proxy; `default` sends requests that need one over `aio`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import zlib
from collections.abc import Mapping

from segue.transport.base import TransportError, close_elsewhere
from segue.transport.h1_connection import Connection, H1Exchange
from segue.transport.h1_pool import Pool
from segue.transport.h1_request import Origin, head, place
from segue.transport.tls import tls_context
from segue.wire.codec import WireRequest

_context = functools.lru_cache(maxsize=8)(tls_context)
_MOST_INFLATED = 16 * 2**20
"""Bytes that one read of a compressed body may grow to."""
_MOST_MEMBERS = 64
"""Members of gzip in one read: what follows a member is copied."""


class H1Transport:
    """A `Transport` of our own. May be made anywhere and used in several event loops, which share no connections.

    `limit` is the most connections an event loop may have at a time, not counting second tries; `None` for no limit. `keepalive` is
    how many seconds an idle connection is kept for the next request. The certificates to trust come from the environment
    (SSL_CERT_FILE, SSL_CERT_DIR). Raises `ConfigurationError` if the environment's are of no use.
    """

    def __init__(self, *, limit: int | None = None, keepalive: float = 60.0) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._context = _context(os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}

    async def send(self, request: WireRequest, *, connect: float) -> H1Answer:
        at = place(request.url)
        start = head(request, at)
        pool = self._pools.get(asyncio.get_running_loop()) or await self._pool()
        connection = pool.idle(at.origin) or await pool.connection(at.origin, seconds=connect)
        return await self.answer(_sent(connection, request, start), request, connect=connect)

    def begin(self, request: WireRequest, *, connect: float) -> H1Exchange | None:
        at = place(request.url)
        start = head(request, at)
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is None:
            return None
        if (connection := pool.idle(at.origin)) is not None:
            return _sent(connection, request, start)
        exchange = H1Exchange(pool.loop, bodiless=request.method == "HEAD")
        exchange.dialling = pool.loop.create_task(_dialled(pool, exchange, request, at.origin, start, connect))
        return exchange

    async def answer(self, sent: H1Exchange, request: WireRequest, *, connect: float) -> H1Answer:
        exchange = await _answered(sent)
        pool = self._pools.get(sent.loop)
        if exchange.stale and pool is not None and not pool.closed:
            at = place(request.url)
            connection = await pool.dial(at.origin, seconds=connect)
            exchange = await _answered(_sent(connection, request, head(request, at)))
        if exchange.answered:
            return H1Answer(exchange)
        raise exchange.failure()

    async def aclose(self) -> None:
        here = asyncio.get_running_loop()
        pools, self._pools = self._pools, {}
        for loop, pool in pools.items():
            if loop is here:
                await pool.aclose()
            elif loop.is_running():
                await close_elsewhere(pool.aclose(), loop)

    async def _pool(self) -> Pool:
        for ended in [known for known in self._pools if known.is_closed()]:
            self._pools.pop(ended).discard()
        pool = Pool(self._context, limit=self._limit, keepalive=self._keepalive)
        self._pools[pool.loop] = pool
        await pool.start()
        return pool


def _sent(connection: Connection, request: WireRequest, start: bytes) -> H1Exchange:
    exchange = H1Exchange(asyncio.get_running_loop(), bodiless=request.method == "HEAD")
    connection.start(exchange, start, request.body)
    return exchange


async def _dialled(
    pool: Pool, exchange: H1Exchange, request: WireRequest, origin: Origin, start: bytes, connect: float
) -> None:
    """Sends once there is a connection."""
    try:
        connection = await pool.connection(origin, seconds=connect)
    except TransportError as error:
        exchange.fail(error.phase, error.message, error.__cause__)
    else:
        connection.start(exchange, start, request.body)
    finally:
        exchange.dialling = None


async def _answered(exchange: H1Exchange) -> H1Exchange:
    """Waits until the answer's headers are there or the connection is not."""
    try:
        while not exchange.answered and exchange.error is None:
            await exchange.more()
    except asyncio.CancelledError:
        exchange.abort()
        await asyncio.sleep(0)  # the socket is closed in the loop's next turn
        raise
    return exchange


class H1Answer:
    __slots__ = ("_closed", "_exchange", "_unpack", "headers", "status")

    def __init__(self, exchange: H1Exchange) -> None:
        self._exchange = exchange
        self._closed = False
        self.status = exchange.status
        self.headers: Mapping[str, str] = exchange.headers
        self._unpack: _Unpacker | None = None
        if "content-encoding" in exchange.headers:
            self._expect_packed(exchange.headers)

    async def read(self) -> bytes:
        exchange = self._exchange
        while not self._closed:
            if exchange.pieces:
                data = exchange.take()
                if self._unpack is None or (data := self._unpacked(self._unpack, data)):
                    return data
            elif exchange.error is not None:
                raise exchange.failure()
            elif exchange.complete:
                if self._unpack is not None and not self._unpack.ended:
                    raise TransportError("body", "the compressed body ended early")
                return b""
            else:
                await exchange.more()
        raise TransportError("body", "the answer was closed")

    def close(self) -> None:
        exchange = self._exchange
        exchange.abort("the answer was closed")
        if not self._closed:
            self._closed = True
            exchange.pieces = []
            exchange.wake()

    def __del__(self) -> None:
        """An answer dropped half read gives its socket up. The collector may run in any thread and after the loop's end."""
        if self._exchange.connection is not None:
            with contextlib.suppress(RuntimeError):
                self._exchange.loop.call_soon_threadsafe(self._exchange.abort)

    def _expect_packed(self, headers: dict[str, str]) -> None:
        """No encoding was asked for; some servers encode all the same."""
        encoding = headers["content-encoding"].strip().lower()
        if encoding in _NO_CODINGS:
            return
        if encoding not in _WINDOW_BITS:
            self.close()
            raise TransportError("headers", f"the body is encoded as {encoding!r}, which was not asked for")
        self._unpack = _Unpacker(_WINDOW_BITS[encoding])
        del headers["content-encoding"]  # neither would be true of what `read` gives
        headers.pop("content-length", None)

    def _unpacked(self, unpack: _Unpacker, data: bytes) -> bytes:
        try:
            return unpack.feed(data)
        except (zlib.error, ValueError) as exc:
            exchange = self._exchange
            exchange.abort()
            exchange.complete, exchange.pieces = False, []
            exchange.phase, exchange.error, exchange.cause = "body", "the compressed body is not valid", exc
            raise exchange.failure() from exc


_NO_CODINGS = frozenset({"", "identity", "none", "utf-8", "utf8"})
"""A character set is none, but is sent as one (locustio/locust#1233)."""
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class _Unpacker:
    """Unpacks gzip, of one member or several (RFC 1952 2.2), and deflate with and without zlib's wrapping."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._zlib = zlib.decompressobj(wbits=bits)
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._zlib.eof or not self._begun

    def feed(self, data: bytes) -> bytes:
        """Raises `zlib.error` or `ValueError` for what is not packed, goes on after its end, or grows too much."""
        if not self._begun and self._bits == 15 and data[0] & 0x0F != 8:
            self._zlib = zlib.decompressobj(wbits=-15)
        self._begun = True
        text = b""
        for _ in range(_MOST_MEMBERS):
            if self._zlib.eof:
                if self._bits != _WINDOW_BITS["gzip"]:
                    break
                self._zlib = zlib.decompressobj(wbits=self._bits)
            text += self._zlib.decompress(data, _MOST_INFLATED + 1 - len(text))
            if len(text) > _MOST_INFLATED:
                break
            if not (data := self._zlib.unused_data):
                return text
        raise ValueError("more than one compressed body, or one too large")
