"""uvicorn's HTTP protocol with further limits: on how long a head may take to arrive, on how large it may be, and on a caller who
does not read. It also serves two kinds of callers: those that offer another protocol, and those of HTTP/1.0.

Timers run only while a head is incomplete, or while nothing more can be written; a request that comes in one piece and whose answer is
taken never starts one. A caller who does not read is aborted, since closing would wait for what is unsent.

An offer of another protocol (`Upgrade: h2c`, in every request of Java's HttpClient and of Ktor) may be ignored (RFC 9110 7.8).
The parser stops there without the body, so a new one reads the head again, without the offer.

An answer of unknown length is sent to HTTP/1.0, which has no chunks, without them: it ends with the connection.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from segue.server.asgi import DIRECT, ENDING

HEAD_WAIT: Final = 15.0
"""Seconds for a head to arrive, from the start of the connection or the head's first byte on."""
HEAD_MOST: Final = 64 * 1024
"""Bytes of a head, its first line included, and of the framing of a body: a chunk's extensions, the fields that follow it."""
READ_WAIT: Final = 60.0
"""Seconds for a caller to take some of what was written to it."""

_OFFER: Final = re.compile(rb"\r\n(?:upgrade|http2-settings)[ \t]*:[^\r\n]*(?=\r\n)", re.IGNORECASE)
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _TooLargeError(Exception):
    """Stops the parser."""


class BoundedProtocol(HttpToolsProtocol):
    # In slots, because uvicorn's protocol has 28 attributes, and beyond 30 an instance costs 1.3 kB more.
    __slots__ = ("_fields", "_head", "_heads", "_offered", "_quiet", "_reading", "_timer")

    read_wait = READ_WAIT

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._fields = 0
        """Bytes of the first line and the fields of one request, those after its body included."""
        self._quiet = 0
        """Bytes since the parser last recognised anything in them."""
        self._head = b""
        """The part of a head that has arrived, while no request is being answered."""
        self._heads = 0
        """How many complete heads it held."""
        self._offered = False
        self._reading: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_WAIT, self.transport.close)

    def data_received(self, data: bytes) -> None:
        between = self._between()
        if between:
            self._head += data
            self._heads = 0
        self._quiet += len(data)
        super().data_received(data)
        if self._offered:
            self._read_again()
        if not (between and self._between()):
            self._head = b""
        if self.transport.is_closing():
            return
        if self._quiet > HEAD_MOST or len(self._head) > HEAD_MOST:
            self._refuse()
        elif self._head and self._timer is None:
            self._timer = self.loop.call_later(HEAD_WAIT, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        if self._fields > HEAD_MOST:
            self._refuse()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._quiet = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._disarm()
        self._heads += 1
        if self.parser.should_upgrade() and self._heads == 1 and self._between():
            self._offered = True
            return
        super().on_headers_complete()
        self.cycle.__class__ = _UntilClose if self.scope["http_version"] == "1.0" else _Answer
        self.scope[DIRECT] = self.cycle  # type: ignore[typeddict-unknown-key]

    def on_message_complete(self) -> None:
        self._quiet = 0
        if not self._offered:
            super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Such a caller gets an answer in HTTP/1.1, which needs no warning."""

    def _read_again(self) -> None:
        """Reads the received bytes again, the head without the offer."""
        head, ends, rest = self._head.partition(b"\r\n\r\n")
        self._offered = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        super().data_received(_OFFER.sub(b"", head + b"\r\n")[:-2] + ends + rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._reading = self.loop.call_later(self.read_wait, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def shutdown(self) -> None:
        super().shutdown()
        if not self._between():
            self.scope[ENDING] = True  # type: ignore[literal-required]

    def _count(self, size: int) -> None:
        self._quiet = 0
        self._fields += size
        if self._fields > HEAD_MOST:
            raise _TooLargeError

    def _refuse(self) -> None:
        """Answers 431 if no answer has begun, and closes."""
        if self._between() or not self.cycle.response_started:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        else:
            self.transport.abort()

    def _between(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _taken(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Answer(RequestResponseCycle):
    """A `Direct`."""

    async def start(self, status: int, fields: bytes, length: int | None) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        head = [STATUS_LINE[status], *(b"%b: %b\r\n" % field for field in self.default_headers), fields]
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        self.chunked_encoding = self._is_chunked(status, length)
        if self.chunked_encoding:
            head.append(b"transfer-encoding: chunked\r\n")
        self.expected_content_length = length or 0
        self.transport.write(b"".join([*head, b"\r\n"]))

    async def write(self, data: bytes, *, more: bool) -> None:
        if not (more and self.chunked_encoding and data):
            await self.send({"type": "http.response.body", "body": data, "more_body": more})
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _is_chunked(self, status: int, length: int | None) -> bool:
        return length is None and self.scope["method"] != "HEAD" and status not in (204, 304)


class _UntilClose(_Answer):
    """An answer that ends with its connection, unless it states its length."""

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            if not any(name == b"content-length" for name, _ in message["headers"]):
                self.chunked_encoding = False
        elif self.chunked_encoding is False and not self.expected_content_length:
            body: bytes = message.get("body", b"")  # type: ignore[assignment]
            self.expected_content_length = len(body)
        await super().send(message)

    def _is_chunked(self, status: int, length: int | None) -> bool:
        return False
