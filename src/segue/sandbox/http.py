"""A small HTTP/1.1 server on asyncio's transports, with what a well-behaved server never does: resets, broken bodies, silence.

Requests on a connection are answered one after another. A client that goes away cancels the answer that it was getting, so that
`asyncio.CancelledError` in a handler means exactly that (or that the server is closing).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import httptools

_log = logging.getLogger(__name__)

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER, on, with no time to linger: closing sends RST."""


class SandboxExchange:
    """One request, and the means to answer it."""

    def __init__(self, connection: SandboxConnection) -> None:
        self._connection = connection
        self._chunked = False
        self.method = ""
        self.path = ""
        self.query = ""
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self.body = b""
        self.keep_alive = True

    async def start(self, status: int, headers: Mapping[str, str], *, length: int | None = None) -> None:
        """Sends the head of the answer. A body of unknown `length` is sent in chunks."""
        self._chunked = length is None
        framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        lines = [
            f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}",
            framing,
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        await self._connection.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def write(self, data: bytes) -> None:
        """Sends a piece of the body."""
        if data:
            await self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        """Ends the body as HTTP wants it."""
        if self._chunked:
            await self._connection.write(b"0\r\n\r\n")

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The whole answer at once."""
        await self.start(status, headers, length=len(body))
        await self.write(body)

    def drop(self) -> None:
        """Closes the connection in the middle of the answer."""
        self._connection.close()

    def reset(self) -> None:
        """Breaks the connection with a TCP reset."""
        self._connection.reset()


Handler = Callable[[SandboxExchange], Awaitable[None]]


class SandboxConnection(asyncio.Protocol):
    """Parses requests and hands them to the handler in turn."""

    def __init__(self, handler: Handler, connections: set[SandboxConnection]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._coming = SandboxExchange(self)
        self._url = b""
        self._body: list[bytes] = []
        self._waiting: deque[SandboxExchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def write(self, data: bytes) -> None:
        await self._writable.wait()
        if self._transport is None or self._transport.is_closing():
            raise asyncio.CancelledError
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        if self._transport is not None:
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    # httptools

    def on_message_begin(self) -> None:
        self._coming, self._url, self._body = SandboxExchange(self), b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._coming.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if "100-continue" in self._coming.headers.get("expect", "").lower() and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        exchange = self._coming
        path, _, query = self._url.decode("latin-1").partition("?")
        exchange.method, exchange.path, exchange.query = self._parser.get_method().decode(), path, query
        exchange.body = b"".join(self._body)
        exchange.keep_alive = self._parser.should_keep_alive()
        self._waiting.append(exchange)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._waiting:
                exchange = self._waiting.popleft()
                await self._handler(exchange)
                if not exchange.keep_alive:
                    self.close()
            self._task = None
        except asyncio.CancelledError:
            pass
        except Exception:
            _log.exception("the sandbox failed to answer")
            self.abort()
