"""One HTTP exchange over ASGI: reads the request within its limits, writes the answer, and watches for a disconnect.

A caller who disconnects ends the task that answers: everything below it closes by cancellation.
"""

from __future__ import annotations

import asyncio
import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from segue.errors import InvalidRequestError
from segue.failover.job import new_id
from segue.server.content_coding import TooLargeError, expanded, readers_of

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Reply: TypeAlias = tuple[int, Mapping[str, str], bytes]

WATCH_AFTER = 0.05
"""Seconds until a caller is watched for a disconnect: a faster answer does not pay for it."""

ENDING = "segue.ending"
"""What the server puts into a request's scope when it is asked to end while the request is being answered."""

_SLASHES = re.compile("/{2,}")
_CONTROLS = bytes((*range(32), 127))
_ONE_LINE = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one caller. `body` in bytes; `body_wait` seconds for the whole body to arrive; `ping` seconds of silence
    after which a stream sends a ping."""

    body: int = 32 * 1024 * 1024
    body_wait: float = 60.0
    ping: float = 15.0


class Direct(Protocol):
    """What our own server offers beside ASGI, in the scope under `DIRECT`: a head that it need not check."""

    @property
    def more_body(self) -> bool:
        """Whether a part of the request's body has not come yet."""
        ...

    async def start(self, status: int, fields: bytes, length: int | None) -> None:
        """Writes the answer's head. `fields` are its lines, each with its end; `length` is the body's in bytes, where it is known."""
        ...

    async def write(self, data: bytes, *, more: bool) -> None:
        """Writes a piece of the answer's body, the last if not `more`."""
        ...


DIRECT: Final = "segue.direct"

MOST_VALUE: Final = 1000
"""Characters of a header's value: a caller's field names come back in some, and Node refuses a head of more than 16 kB."""


class CallerLeftError(Exception):
    """The caller has disconnected."""


class Exchange:
    """A request and its answer. `headers` have lower-case names; of several with one name the last counts."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, bounds: Bounds) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        if "//" in self.raw_path:
            self.path, self.raw_path = _SLASHES.sub("/", self.path), _SLASHES.sub("/", self.raw_path)
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.status = 0
        """The answer's status, 0 before its head is sent."""
        self.streamed = False
        self.key = ""
        """The id of the caller's key, once it is known."""
        self.request_id = ""
        """The engine's request id, once it has one."""
        self.extra: Mapping[str, str] = {}
        """Headers of every answer."""
        self.writing = False
        self.written = 0.0
        """The time of the last write, on the event loop's clock."""
        self.loop = asyncio.get_running_loop()
        self._scope = scope
        self._receive = receive
        self._send = send
        self._direct: Direct | None = scope.pop(DIRECT, None)  # it holds the scope: together they would be garbage
        self._bounds = bounds

    @property
    def ending(self) -> bool:
        """Whether the server has been asked to end, and waits for this answer."""
        return ENDING in self._scope

    async def body(self) -> bytes:
        """The whole body. Raises `InvalidRequestError` (413, 408, 415, 400) if it is too large, too slow or wrongly compressed, and
        `CallerLeftError`."""
        coding = self.headers.get("content-encoding")
        readers = () if coding is None else readers_of(coding)
        body = await self._sent()
        if readers:
            try:
                body = await asyncio.to_thread(expanded, body, readers, self._bounds.body)
            except TooLargeError:
                raise _too_large(self._bounds.body) from None
        return body[3:] if body[:3] == BOM_UTF8 else body

    async def _sent(self) -> bytes:
        most = self._bounds.body
        value = self.headers.get("content-length", "")
        if value.isdigit() and int(value) > most:
            raise _too_large(most)
        if self._direct is not None and not self._direct.more_body:
            message = await self._receive()
            data: bytes = message.get("body", b"")
            _check(message, data, most)
            return data
        try:
            async with asyncio.timeout(self._bounds.body_wait):
                message = await self._receive()
                data = message.get("body", b"")
                if not message.get("more_body"):
                    _check(message, data, most)
                    return data
                body = bytearray(data)
                while message.get("more_body"):
                    message = await self._receive()
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise _too_large(most)
        except TimeoutError:
            raise InvalidRequestError(
                f"the body did not come within {self._bounds.body_wait:g} s", status=408, code="request_timeout"
            ) from None
        _check(message, b"", most)
        return bytes(body)

    async def reply(self, reply: Reply, headers: Mapping[str, str]) -> None:
        """Sends a whole answer. For HEAD the server leaves out the body."""
        status, own, body = reply
        await self.start(status, {**own, **headers, "content-length": str(len(body))})
        await self._write(body, more=False)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        if "x-request-id" not in headers:
            id = self.request_id or new_id()
            headers = {**headers, "x-request-id": id, "request-id": id}
        if self.extra:
            headers = {**headers, **self.extra}
        fields = [_field(name, value[:MOST_VALUE]) for name, value in headers.items()]
        if self._direct is None:
            await self._send({"type": "http.response.start", "status": status, "headers": fields})
        else:
            length = headers.get("content-length")
            lines = b"".join([b"%b: %b\r\n" % field for field in fields])
            await self._direct.start(status, lines, None if length is None else int(length))

    async def write(self, data: bytes, *, more: bool = True) -> None:
        self.streamed = True
        await self._write(data, more=more)

    def watch(self) -> CallerWatch:
        return CallerWatch(self, self._receive, self._bounds)

    async def _write(self, data: bytes, *, more: bool) -> None:
        self.writing = True
        if self._direct is None:
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
        else:
            await self._direct.write(data, more=more)
        self.writing = False
        self.written = self.loop.time()


class CallerWatch:
    """Watches for a disconnect while the running task answers; use it as

    a context. Leaves the block with `CallerLeftError` when the caller has disconnected. `on_silence` is called and awaited each time
    nothing was written for `ping` seconds; a write in progress is not silence, however long it takes.
    """

    def __init__(self, exchange: Exchange, receive: Receive, bounds: Bounds) -> None:
        self._exchange = exchange
        self._receive = receive
        self._bounds = bounds
        self._loop = exchange.loop
        self._timer: asyncio.TimerHandle | None = None
        self._listening: asyncio.Future[Message] | None = None
        self._pinging: asyncio.Task[None] | None = None
        self.left = False
        """Whether the caller has disconnected."""
        self._over = False
        self.on_silence: Callable[[], Awaitable[None]] | None = None

    def __enter__(self) -> CallerWatch:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._exchange.written = self._loop.time()
        self._timer = self._loop.call_later(WATCH_AFTER, self._listen)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over = True
        for pending in (self._timer, self._listening, self._pinging):
            if pending is not None:
                pending.cancel()
        if self.left and kind is asyncio.CancelledError and not self._task.uncancel():
            raise CallerLeftError from None

    def _listen(self) -> None:
        self._listening = asyncio.ensure_future(self._receive())
        self._listening.add_done_callback(self._received)
        self._timer = self._loop.call_at(self._exchange.written + self._bounds.ping, self._look)

    def _received(self, listening: asyncio.Future[Message]) -> None:
        if not self._over and not listening.cancelled() and listening.exception() is None:
            self.left = True
            self._task.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        silent_until = self._exchange.written + self._bounds.ping
        if self._exchange.writing:
            silent_until = now + self._bounds.ping
        elif self.on_silence is not None and now >= silent_until:
            self._pinging = asyncio.ensure_future(self.on_silence())
            silent_until = now + self._bounds.ping
        self._timer = self._loop.call_at(silent_until, self._look)


def bearer(headers: Mapping[str, str], names: Iterable[str] = ("x-api-key", "x-goog-api-key", "api-key")) -> str:
    """The caller's key from one of the headers in which official SDKs put it; "" for none."""
    value = headers.get("authorization", "")
    if value[:7].lower() == "bearer ":
        return value[7:].strip()
    return next((headers[name].strip() for name in names if name in headers), "")


@lru_cache(maxsize=1024)
def _field(name: str, value: str) -> tuple[bytes, bytes]:
    """A header's value on one line, in characters that HTTP allows."""
    return name.encode("latin-1"), value.encode("ascii", "replace").translate(_ONE_LINE)


def _check(message: Message, data: bytes, most: int) -> None:
    if message["type"] == "http.disconnect":
        raise CallerLeftError
    if len(data) > most:
        raise _too_large(most)


def _too_large(most: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"the body is larger than {most} bytes: send less, or raise the server's --max-body",
        status=413,
        code="too_large",
    )
