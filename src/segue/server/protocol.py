"""HTTP/1.1 on a socket, parsed by httptools: each request becomes an `Exchange`, which the application answers in one task.

uvicorn starts and ends connections and keeps the date (`Config(http=HttpProtocol)`); its own protocol is not used.

- Requests are answered in turn. Reading pauses while one waits for its turn, and while a long body waits to be read.
- Writing waits for a caller who does not read, and so does closing, as long as anything is unsent. After `READ_WAIT` the connection is aborted.
- All other limits of time share one timer a connection: it is moved when it fires, not with each request.
- An offer of another protocol (`Upgrade: h2c`, in every request of Java's HttpClient and of Ktor) may be ignored (RFC 9110 7.8). The parser
  stops there without the body, so a new one reads the head again, without the offer.
- An answer of unknown length is sent to HTTP/1.0, which has no chunks, without them: it ends with the connection.
- What is not a request is refused once the requests before it are answered.
- After a refusal, or an answer that does not wait for its request's body, only the sending side is closed, and bytes that still arrive are
  dropped for up to `LINGER`, and up to `DROPPED` of them. A closed socket would reply to them with a reset, which can destroy the answer before the caller reads it
  (RFC 9112 9.6).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from math import inf
from typing import Final, NoReturn, Protocol
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from segue.server.exchange import BODILESS, Bounds, CallerLeftError, Exchange, Fields

log = logging.getLogger("segue.server")

HEAD_WAIT: Final = 15.0
"""Seconds for a head to arrive, from the start of the connection or the head's first byte on."""
HEAD_MOST: Final = 64 * 1024
"""Bytes of a head, its first line included, and of the framing of a body: a chunk's extensions, the fields that follow it."""
READ_WAIT: Final = 60.0
"""Seconds for a caller to take some of what was written to it."""
LINGER: Final = 5.0
"""Seconds for which bytes are dropped after the last answer; as nginx's `lingering_timeout`."""
DROPPED: Final = 32 * 1024 * 1024
"""Bytes that are dropped in that time, about what a body may have; a caller who sends more is cut off."""
AHEAD: Final = 64
"""Requests that may come in one piece behind one that is being answered."""
UNREAD: Final = 64 * 1024
"""Bytes of a body that are kept before the application asks for it."""

_OFFERS: Final = (b"upgrade", b"http2-settings")
_NOT_AWAITED: Final = (408, 413)
"""Answers that do not wait for the request's body: it is too slow or too large."""


def _refusal(status: int, text: str = "") -> bytes:
    kind = "content-type: text/plain; charset=utf-8\r\n" if text else ""
    fields = f"{kind}content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}"
    return _status_line(status) + fields.encode("ascii")


@cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("ascii")


_INVALID: Final = _refusal(400, "Invalid HTTP request received.")
_TOO_LARGE: Final = _refusal(431)
_NO_SUCH_CODING: Final = _refusal(501, "The only transfer coding of requests is chunked.")
_NO_SUCH_VERSION: Final = _refusal(505)
_ENDED: Final = _refusal(503)
_TOO_MANY: Final = b""
"""Requests that were not answered are sent again on another connection (RFC 9112 9.3.2)."""


class Application(Protocol):
    """What answers: a `Gateway`."""

    @property
    def bounds(self) -> Bounds: ...

    async def handle(self, exchange: Exchange) -> None:
        """Answers, or raises where the answer has begun and can't go on."""
        ...


class _RefusedError(Exception):
    """Stops the parser."""


class HttpProtocol(asyncio.Protocol):
    """One connection. Made by uvicorn, for each, with its own arguments."""

    __slots__ = (
        "_ahead", "_app", "_armed", "_current", "_deadline", "_dropped", "_ended", "_framing", "_idle", "_names", "_parser", "_paused",
        "_piece", "_progress", "_receiving", "_refusal", "_server", "_timer", "_unread", "_url", "_values", "ending", "loop", "transport", "writable",
    )  # fmt: skip

    read_wait = READ_WAIT

    transport: asyncio.Transport

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: object = None,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.ending = False
        """Whether the server is to end."""
        self.writable: asyncio.Future[None] | None = None
        """Done once the caller has read enough; None while it does."""
        self._app: Application = config.loaded_app
        self._idle = config.timeout_keep_alive
        self._server = server_state

        # What is read.
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._receiving: HttpChannel | None = None
        """The request whose body has not come as a whole."""
        self._piece = 0
        """Bytes of the piece that is parsed."""
        self._progress = False
        """Whether a part of a body, or a request's end, was in it."""
        self._framing = 0
        """Bytes that came before it, since the last such piece."""
        self._paused = False

        # What is answered.
        self._current: HttpChannel | None = None
        self._ahead: list[tuple[HttpChannel, Exchange]] = []
        """Requests that came before their turn."""
        self._ended = False
        """Whether what comes is dropped."""
        self._dropped = 0
        """Bytes of it."""
        self._refusal: bytes | None = None
        """The answer to what is not a request, until its turn."""

        # How long the caller has.
        self._deadline = inf
        self._armed = inf
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._close_within(HEAD_WAIT)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._ended = True
        self._parser = None  # type: ignore[assignment]  # it holds this protocol: together they would be garbage
        self._ahead.clear()
        if self._timer is not None:
            self._timer.cancel()
        current, self._current = self._current, None
        if current is not None:
            current.leave()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            self._dropped += len(data)
            if self._dropped > DROPPED:
                self.transport.abort()
            return
        self._piece = len(data)
        self._progress = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._read_without_offer(data[stopped.args[0] :])
            return
        except httptools.HttpParserCallbackError:
            if self._refusal is not None:
                self._refuse(self._refusal)
            elif not self._ended:
                raise  # a defect of ours
            return
        except httptools.HttpParserError:
            if not self._ended:
                self._refuse(_INVALID)
            return
        self._framing = 0 if self._progress else self._framing + len(data)
        if self._framing > HEAD_MOST:
            self._refuse(_TOO_LARGE)
        elif self._framing and self._current is None and self._receiving is None:
            self._close_within(min(HEAD_WAIT, self._deadline - self.loop.time()))

    def pause_writing(self) -> None:
        self.writable = self.loop.create_future()
        self._unread = self.loop.call_later(self.read_wait, self.transport.abort)

    def resume_writing(self) -> None:
        writable, self.writable = self.writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self._current is not None and self._current.answered:
            self.finished(self._current)

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self._ahead and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def shutdown(self) -> None:
        """What uvicorn calls when it is to end."""
        self.ending = True
        if self._current is None:
            self.close()
        else:
            self._current.keep = False

    def close(self) -> None:
        """Closes the connection once all that was written is sent, or after `read_wait`."""
        self.transport.close()
        self._close_within(self.read_wait)

    def default_fields(self) -> bytes:
        """Lines of every head: the date, which uvicorn renews."""
        return b"".join([b"%b: %b\r\n" % field for field in self._server.default_headers])

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._ended:
            raise _RefusedError
        self._url = b""
        self._names = []
        self._values = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._names.append(name)
        self._values.append(value)

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._framing + self._piece > HEAD_MOST:
            self._check_size()
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                self._stop(_INVALID)
            return
        version = parser.get_http_version()
        headers = self._headers()
        self._check(version, headers)
        method = parser.get_method().decode("ascii")
        try:
            raw_path, query = _parts(self._url)
        except httptools.HttpParserInvalidURLError:
            self._stop(_INVALID)
        channel = HttpChannel(
            self,
            headless=method == "HEAD",
            chunks=version == "1.1",
            keep=version == "1.1" and parser.should_keep_alive(),
            expects="expect" in headers and version == "1.1" and headers["expect"].lower() == "100-continue",
        )
        exchange = Exchange(
            channel,
            self._app.bounds,
            method=method,
            path=unquote(raw_path) if "%" in raw_path else raw_path,
            raw_path=raw_path,
            query=query,
            headers=headers,
        )
        self._deadline = inf
        if self._current is None:
            self._begin(channel, exchange)
        elif len(self._ahead) < AHEAD:
            self._ahead.append((channel, exchange))
            self.pause_reading()
        else:
            self._stop(_TOO_MANY)
        self._receiving = channel
        self._names, self._values = [], []  # else an idle connection would keep them

    def on_body(self, body: bytes) -> None:
        self._progress = True
        if self._receiving is not None:
            self._receiving.feed(body)

    def on_message_complete(self) -> None:
        self._progress = True
        channel = self._receiving
        if channel is None:  # it offers another protocol, and is read again
            return
        self._receiving = None
        self._ended = not channel.keep
        channel.feed_end()
        if channel.answered and channel is not self._current:
            self._go_on()

    def _check_size(self) -> None:
        if sum(map(len, (self._url, *self._names, *self._values))) + 4 * len(self._names) > HEAD_MOST:
            self._stop(_TOO_LARGE)

    def _headers(self) -> dict[str, str]:
        """Decoded all at once, which is much faster than one by one; the parser lets no LF through."""
        if not self._names:
            return {}
        names = b"\n".join(self._names).lower().decode("latin-1").split("\n")
        values = b"\n".join(self._values).decode("latin-1").split("\n")
        return dict(zip(names, values, strict=True))

    def _check(self, version: str, headers: dict[str, str]) -> None:
        """What the parser lets through."""
        if version not in ("1.1", "1.0"):
            self._stop(_NO_SUCH_VERSION)
        if "host" not in headers:
            if version == "1.1":
                self._stop(_INVALID)
        elif len(headers) < len(self._names) and self._lines(b"host") > 1:
            self._stop(_INVALID)
        if "transfer-encoding" in headers and (
            headers["transfer-encoding"].strip().lower() != "chunked" or self._lines(b"transfer-encoding") > 1
        ):
            self._stop(_NO_SUCH_CODING)

    def _lines(self, name: bytes) -> int:
        return sum(given.lower() == name for given in self._names)

    def _stop(self, refusal: bytes) -> NoReturn:
        self._refusal = refusal
        raise _RefusedError

    def _read_without_offer(self, rest: bytes) -> None:
        parser, self._parser = self._parser, httptools.HttpRequestParser(self)
        line = b"%b %b HTTP/%b\r\n" % (parser.get_method(), self._url, parser.get_http_version().encode("ascii"))
        fields = zip(self._names, self._values, strict=True)
        kept = [b"%b: %b\r\n" % field for field in fields if field[0].lower() not in _OFFERS]
        self._framing = 0  # the whole head comes again
        self.data_received(b"".join([line, *kept, b"\r\n", rest]))

    # The requests, one after the other.

    def _begin(self, channel: HttpChannel, exchange: Exchange) -> None:
        self._current = channel
        self._server.tasks.add(self.loop.create_task(self._answer(channel, exchange)))

    async def _answer(self, channel: HttpChannel, exchange: Exchange) -> None:
        try:
            await self._app.handle(exchange)
        except asyncio.CancelledError:
            pass  # the time for open answers is over
        except Exception:
            log.exception("internal error in an answer to %s %s", exchange.method, exchange.path)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._server.tasks.discard(task)
            channel.cut()

    def finished(self, channel: HttpChannel) -> None:
        """The answer is written, and the caller reads."""
        self._current = None
        if not channel.keep:
            self._ahead.clear()
            if channel.complete:
                self.close()
            else:
                self._close_gently()
        elif channel.complete:
            self._go_on()
        else:
            self._close_within(HEAD_WAIT)  # or the rest of the body comes, and is dropped
            self.resume_reading()

    def _go_on(self) -> None:
        if self._ahead:
            channel, exchange = self._ahead.pop(0)
            self.resume_reading()
            self._begin(channel, exchange)
        elif self._refusal is not None:
            self._close_gently()
        else:
            self.resume_reading()
            self._close_within(HEAD_WAIT if self._framing else self._idle)

    def _refuse(self, refusal: bytes) -> None:
        """Answers what is not a request, at its turn."""
        log.warning(
            "what a caller sent was refused: %s", refusal[:64].partition(b"\r\n")[0].decode() or "too much at once"
        )
        self._ended = True
        self._refusal = refusal
        current, receiving = self._current, self._receiving
        if current is None:
            if receiving is not None:
                self._refusal = b""  # it has its answer
            self._close_gently()
        elif receiving is current and not current.started:
            self._current = None
            current.leave()
            self._close_gently()
        elif receiving is not None:
            self.transport.abort()

    def _close_gently(self) -> None:
        self._ended = True
        if self._refusal:
            self.transport.write(self._refusal)
        self.transport.write_eof()
        self._close_within(LINGER)
        self.resume_reading()

    def _close_within(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        if self._deadline < self._armed:
            if self._timer is not None:
                self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        self._armed = self._deadline
        self._timer = None if self._armed == inf else self.loop.call_at(self._armed, self._look)

    def _look(self) -> None:
        if self._deadline <= self.loop.time():
            if self.transport.is_closing():
                self.transport.abort()
                return
            self.close()
        self._arm()


class HttpChannel:
    """A `Channel` of a connection."""

    __slots__ = (
        "_chunked", "_chunks", "_connection", "_expects", "_headless", "_left", "_pieces", "_size", "_waiter",
        "answered", "complete", "keep", "left", "started",
    )  # fmt: skip

    def __init__(self, connection: HttpProtocol, *, headless: bool, chunks: bool, keep: bool, expects: bool) -> None:
        self._connection = connection
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._expects = expects
        """Whether the caller waits for 100 Continue before it sends the body."""
        self._headless = headless
        self._chunks = chunks
        """Whether the caller reads chunks."""
        self._chunked = False
        self._left: Callable[[], None] | None = None
        self.keep = keep
        """Whether the connection stays open after the answer."""
        self.complete = False
        """Whether the request has come as a whole."""
        self.started = False
        self.answered = False
        self.left = False

    @property
    def ending(self) -> bool:
        return self._connection.ending

    # The connection calls these.

    def feed(self, body: bytes) -> None:
        if self.answered:
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._size > UNREAD:
            self._connection.pause_reading()
        self._wake()

    def feed_end(self) -> None:
        self.complete = True
        self._wake()

    def leave(self) -> None:
        """The caller has disconnected, or was refused."""
        self.left = True
        self._wake()
        if self._left is not None:
            self._left()

    def cut(self) -> None:
        """Ends the connection if its answer is not complete."""
        if self.answered or self.left:
            return
        self.left = True
        if not self.started:
            self._connection.transport.write(_ENDED)
        self._connection.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The exchange calls these.

    def whole(self) -> bytes | None:
        return self._taken() if self.complete else None

    async def read(self) -> bytes:
        if self._expects and not (self.complete or self.left):
            self._expects = False
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self._pieces and not self.complete:
            if self.left:
                raise CallerLeftError
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        return self._taken()

    def _taken(self) -> bytes:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._connection.resume_reading()
        return data

    def start(self, status: int, fields: Fields, length: int | None) -> None:
        if self.left:
            return
        self.started = True
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        if length is not None:
            lines += f"content-length: {length}\r\n"
        elif self._chunks and not self._headless and status not in BODILESS:
            self._chunked = True
            lines += "transfer-encoding: chunked\r\n"
        if not self.complete and (self._expects or status in _NOT_AWAITED):
            self.keep = False
        if not self.keep:
            lines += "connection: close\r\n"
        head = (_status_line(status), self._connection.default_fields(), lines.encode("ascii"), b"\r\n")
        self._connection.transport.write(b"".join(head))

    @property
    def blocked(self) -> bool:
        return self._connection.writable is not None

    def write(self, data: bytes, *, more: bool) -> asyncio.Future[None] | None:
        connection = self._connection
        if self.left:
            return None
        if self._chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if not more:
                data += b"0\r\n\r\n"
        if data and not self._headless:
            connection.transport.write(data)
        if not more:
            self.answered = True
            if connection.writable is None:
                connection.finished(self)
        if connection.writable is not None and connection.writable.done():  # cancelled, with a task that waited for it
            connection.writable = connection.loop.create_future()
        return connection.writable

    def watch(self, left: Callable[[], None]) -> None:
        self._left = left
        if self.left:
            left()

    def unwatch(self) -> None:
        self._left = None


def _parts(url: bytes) -> tuple[str, str]:
    """The path as it was sent, and the query. Raises `HttpParserInvalidURLError`."""
    if url[:1] == b"/" and b"#" not in url:
        path, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        path, query = parsed.path or b"/", parsed.query or b""
    return path.decode("latin-1"), query.decode("latin-1")
