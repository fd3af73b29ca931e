"""One connection of HTTP/1.1, and the exchange of one request and its answer that it carries at a time.

A connection's life: dialled, then alternately busy (it has an exchange) and idle, until it is closed. It closes when either side
says so, when the framing breaks, when a byte arrives that no request asked for, and when an answer ends before its request was
all sent. An exchange outlives its connection: what had arrived is still given.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools

from segue.transport.base import STALE, TransportError
from segue.transport.h1_dial import explained
from segue.transport.h1_request import Origin

_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_MOST_UNREAD = 256 * 1024
"""Bytes of a body that wait for their reader before the server has to."""
_MOST_HEAD = 64 * 1024
"""Bytes of an answer's headers, those of interim answers included. Each header counts 32 more, as in RFC 9113."""
_SMALL = 64 * 1024
"""Bytes up to which a request's body goes with its head in one write; a longer one is written in pieces of this size."""


class H1Exchange:
    """What has arrived of one answer. A bare future wakes the one who waits for more."""

    __slots__ = (
        "answered",
        "began",
        "bodiless",
        "cause",
        "complete",
        "connection",
        "delimited",
        "dialling",
        "error",
        "headers",
        "listener",
        "loop",
        "phase",
        "pieces",
        "stale",
        "started",
        "status",
        "unread",
        "waiter",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, *, bodiless: bool) -> None:
        self.loop = loop
        self.bodiless = bodiless
        self.connection: Connection | None = None
        self.dialling: asyncio.Task[None] | None = None
        """What waits for a connection to send the request over."""
        self.waiter: asyncio.Future[None] | None = None
        self.listener: Callable[[], None] | None = None
        self.began = 0.0
        """When it was given its connection."""
        self.started = False
        """Whether a byte of an answer has arrived."""
        self.answered = False
        """Whether its headers have."""
        self.complete = False
        self.delimited = True
        """False: only the connection's end is the body's end."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.unread = 0
        self.error: str | None = None
        self.phase = "headers"
        self.cause: BaseException | None = None
        self.stale = False
        """Whether it failed because a kept connection was dead already."""

    def more(self) -> asyncio.Future[None]:
        self.waiter = self.loop.create_future()
        return self.waiter

    def listen(self, call: Callable[[], None] | None) -> None:
        self.listener = call

    def wake(self) -> None:
        if self.listener is not None:
            self.listener()
        elif self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def fail(self, phase: str, message: str, cause: BaseException | None = None) -> None:
        if self.error is None and not self.complete:
            self.phase, self.error, self.cause = phase, message, cause
            self.wake()

    def abort(self, message: str = "the connection was closed") -> None:
        """Closes the socket now, unless the exchange is over: the connection may be another's by then."""
        if self.connection is not None:
            self.connection.abort(message)
        elif self.dialling is not None:
            self.dialling.cancel()
            self.fail("connect", message)

    def drain(self, seconds: float) -> None:
        if self.connection is not None:
            self.loop.call_later(seconds, self.abort)

    def failure(self) -> TransportError:
        error = TransportError(self.phase, self.error or "the connection was lost")
        error.__cause__ = self.cause
        return error

    def take(self) -> bytes:
        """All that is there, at least one byte."""
        pieces, self.pieces, self.unread = self.pieces, [], 0
        if (connection := self.connection) is not None and connection.reading_paused:
            connection.read_on()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Keeper(Protocol):
    """The receiver of a connection's events."""

    def opened(self, connection: Connection) -> None: ...
    def freed(self, connection: Connection) -> None: ...
    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, keeper: Keeper, origin: Origin) -> None:
        self.origin = origin
        self.usable = True
        self.reused = False
        self.idle_since = 0.0
        self._keeper = keeper
        self._exchange: H1Exchange | None = None
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # what the parser calls: a burst has a piece for each of its chunks
        self._parser = httptools.HttpResponseParser(self)
        # A folded header is to be read (RFC 9112 5.2); a lone LF may be (2.2), and chunks that stand beside a length (6.3).
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,
        )
        self._keep = False
        self._head_size = 0
        self._fields_size = 0
        self._quiet = 0
        """Bytes since the last of the body."""
        self.reading_paused = False
        self._writing_paused = False
        self._unsent: memoryview | None = None

    def start(self, exchange: H1Exchange, head: bytes, body: bytes) -> None:
        if not self.usable:  # it went, or spoke unasked, between its opening and now
            exchange.fail("send", "the server closed the connection")
            return
        self._exchange = exchange
        exchange.connection = self
        exchange.began = exchange.loop.time()
        self._head_size = self._fields_size = self._quiet = 0
        if len(body) <= _SMALL:
            self.transport.write(head + body)
        else:
            self._unsent = memoryview(body)
            self.transport.write(head)
            self._write_on()

    def abort(self, message: str) -> None:
        """Closes the socket now. Unsent bytes are dropped, which the server sees as a reset."""
        with contextlib.suppress(AttributeError, OSError, RuntimeError, ValueError):  # it may be long closed
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._fail(message)
        self.close()

    def close(self) -> None:
        """Closes a socket whose work is done, without TLS's good-byes."""
        self._leave()
        self.transport.abort()

    def discard(self) -> None:
        """Closes the socket where the event loop is closed: asyncio's transports can't do it then, and would warn that it was not done."""
        transport: Any = self.transport
        if (secured := getattr(transport, "_ssl_protocol", None)) is not None:
            transport._closed = True
            transport = secured._transport
        unclosed = getattr(transport, "_sock", None)
        if unclosed is not None:
            transport._sock = None
            unclosed.close()

    def read_on(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._keeper.opened(self)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:  # an answer to no request, such as an idle server's 408
            self.close()
            return
        exchange.started = True
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._take_body(exchange)
            if not exchange.complete:
                self.abort("the body is not valid" if exchange.answered else "the answer is not valid HTTP")
                return
            self.usable = False
        else:
            if self._pieces:
                self._take_body(exchange)
        if exchange.complete:
            self._finish(exchange)
        elif exchange.answered:
            if self._quiet > _MOST_HEAD:
                self.abort("what frames the body has no end")
                return
            exchange.wake()
            if exchange.unread > _MOST_UNREAD and not self.reading_paused:
                self.reading_paused = True
                self.transport.pause_reading()
        else:
            self._head_size += len(data)
            if max(self._head_size, self._fields_size) > _MOST_HEAD:
                self.abort(f"the headers are longer than {_MOST_HEAD // 1024} KiB")

    def eof_received(self) -> None:
        self._end(None)
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)
        self._leave()
        del self._parser  # it holds this connection's methods

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._write_on()

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._exchange is None or self._exchange.complete:
            self.usable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._exchange
        if exchange is None or exchange.answered:  # what follows a body is of no interest
            return
        self._fields_size += len(name) + len(value) + 32
        key = name.lower().decode("latin-1")
        text = value.decode("utf-8", "surrogateescape").replace("\0", " ")  # as RFC 9110 5.5 says
        headers = exchange.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        if exchange is None or exchange.complete:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            exchange.headers = {}
            return
        if self._fields_size > _MOST_HEAD:
            return
        exchange.status = status
        exchange.answered = True
        headers = exchange.headers
        exchange.delimited = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        if exchange.bodiless:
            exchange.complete = True
            self.usable = False

    def on_message_complete(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.answered and not exchange.complete:
            self._take_body(exchange)
            exchange.complete = True
            self._keep = self._parser.should_keep_alive()  # it is true nowhere else
            if "transfer-encoding" in exchange.headers:
                old = self._parser.get_http_version() == "1.0"
                if old or "content-length" in exchange.headers:
                    self._keep = False  # RFC 9112 6.1 and 6.3: it may be framed wrongly

    def _take_body(self, exchange: H1Exchange) -> None:
        """Passes on what the parser found of the body; what follows the end of an answer is dropped."""
        pieces = self._pieces
        if not pieces:
            return
        self._quiet = 0
        if exchange.answered and not exchange.complete:
            exchange.pieces += pieces
            exchange.unread += len(pieces[0]) if len(pieces) == 1 else sum(map(len, pieces))
        pieces.clear()

    def _write_on(self) -> None:
        while self._unsent and not self._writing_paused:
            piece, rest = self._unsent[:_SMALL], self._unsent[_SMALL:]
            self._unsent = rest or None  # an empty rest would keep the whole
            self.transport.write(piece)

    def _finish(self, exchange: H1Exchange) -> None:
        self._exchange = exchange.connection = None
        exchange.wake()
        if self.usable and self._keep and not self._unsent and not self._writing_paused:
            self.reused = True
            self.read_on()
            self._keeper.freed(self)
        elif self._unsent or self._writing_paused:
            self.abort("the answer came before the request was sent")
        else:
            self.close()

    def _end(self, exc: Exception | None) -> None:
        """The server closed the connection, or `exc` broke it."""
        exchange = self._exchange
        if exchange is None:
            return
        if exc is None and exchange.answered and not exchange.delimited:
            exchange.complete = True
            self._exchange = exchange.connection = None
            exchange.wake()
            return
        exchange.stale = self.reused and not exchange.started and exchange.loop.time() - exchange.began < STALE
        self._fail(explained(exc) if exc else "the server closed the connection", exc)

    def _fail(self, message: str, cause: BaseException | None = None) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            sending = self._unsent or self._writing_paused
            exchange.connection = None
            exchange.fail("body" if exchange.answered else "send" if sending else "headers", message, cause)

    def _leave(self) -> None:
        self.usable = False
        self._unsent = None
        self._keeper.lost(self)
