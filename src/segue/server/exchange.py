"""One HTTP exchange: reads the request within its limits, writes the answer, and watches for a disconnect.

What comes and goes does so over a `Channel`: ASGI messages (`asgi`), or our own server's connection (`protocol`). A caller who disconnects
ends the task that answers: everything below it closes by cancellation.
"""

from __future__ import annotations

import asyncio
import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

import msgspec

from segue.errors import InvalidRequestError
from segue.failover.job import new_id
from segue.server.content_coding import TooLargeError, expanded, readers_of

Reply: TypeAlias = tuple[int, Mapping[str, str], bytes]
Fields: TypeAlias = Mapping[str, str]
"""Headers of an answer: names in lower case, values on one line, both in ASCII."""

MOST_VALUE: Final = 1000
"""Characters of a header's value: a caller's field names come back in some, and Node refuses a head of more than 16 kB."""

_SLASHES = re.compile("/{2,}")
_CONTROLS = bytes((*range(32), 127))
_ONE_LINE = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
BODILESS: Final = (204, 304)
"""Statuses whose answers have no body, and thus no length (RFC 9110 8.6)."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one caller. `body` in bytes; `body_wait` seconds for the whole body to arrive; `ping` seconds of silence
    after which a stream sends a ping."""

    body: int = 32 * 1024 * 1024
    body_wait: float = 60.0
    ping: float = 15.0


class CallerLeftError(Exception):
    """The caller has disconnected."""


class Channel(Protocol):
    """One request and its answer on the wire. What `start` and `write` return must be awaited, where it is not None, before the next call;
    nothing is written to a caller who has left."""

    @property
    def blocked(self) -> bool:
        """Whether a write waits for the caller to read."""
        ...

    @property
    def ending(self) -> bool:
        """Whether the server has been asked to end, and waits for this answer."""
        ...

    def whole(self) -> bytes | None:
        """The request's body if it has come as a whole and none of it was read, else None."""
        ...

    async def read(self) -> bytes:
        """The next piece of the request's body, b"" at its end. Raises `CallerLeftError`."""
        ...

    def start(self, status: int, fields: Fields, length: int | None) -> Awaitable[None] | None:
        """Writes the answer's head. `length` is the body's in bytes, None where it is unknown or there can be no body."""
        ...

    def write(self, data: bytes, *, more: bool) -> asyncio.Future[None] | None:
        """Writes a piece of the answer's body, the last if not `more`. It is on its way on return."""
        ...

    def watch(self, left: Callable[[], None]) -> None:
        """Calls `left` once the caller has disconnected, until `unwatch`."""
        ...

    def unwatch(self) -> None: ...


class Exchange:
    """A request and its answer. `headers` have lower-case names; of several with one name the last counts."""

    def __init__(
        self,
        channel: Channel,
        bounds: Bounds,
        *,
        method: str,
        path: str,
        raw_path: str,
        query: str,
        headers: dict[str, str],
    ) -> None:
        self.method = method
        self.path = path
        self.raw_path = raw_path
        if "//" in raw_path:
            self.path, self.raw_path = _SLASHES.sub("/", path), _SLASHES.sub("/", raw_path)
        self.query = query
        self.headers = headers
        self.status = 0
        """The answer's status, 0 before its head is sent."""
        self.streamed = False
        self.key = ""
        """The id of the caller's key, once it is known."""
        self.request_id = ""
        """The engine's request id, once it has one."""
        self.extra: Mapping[str, str] = {}
        """Headers of every answer."""
        self.written = 0.0
        """The time of the last write, on the event loop's clock."""
        self.loop = asyncio.get_running_loop()
        self._channel = channel
        self._bounds = bounds

    @property
    def ending(self) -> bool:
        """Whether the server has been asked to end, and waits for this answer."""
        return self._channel.ending

    async def body(self) -> bytes:
        """The whole body. Raises `InvalidRequestError` (413, 408, 415, 400) if it is too large, too slow or wrongly compressed, and
        `CallerLeftError`."""
        coding = self.headers.get("content-encoding")
        readers = () if coding is None else readers_of(coding)
        most = self._bounds.body
        body = self._channel.whole()
        if body is None:
            body = await self._collected(most)
        elif len(body) > most:
            raise _too_large(most)
        if readers:
            try:
                body = await asyncio.to_thread(expanded, body, readers, most)
            except TooLargeError:
                raise _too_large(most) from None
        return body[3:] if body[:3] == BOM_UTF8 else body

    async def _collected(self, most: int) -> bytes:
        value = self.headers.get("content-length", "")
        if value.isdigit() and int(value) > most:
            raise _too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(self._bounds.body_wait):
                while piece := await self._channel.read():
                    body += piece
                    if len(body) > most:
                        raise _too_large(most)
        except TimeoutError:
            raise InvalidRequestError(
                f"the body did not come within {self._bounds.body_wait:g} s", status=408, code="request_timeout"
            ) from None
        return bytes(body)

    async def reply(self, reply: Reply, headers: Mapping[str, str]) -> None:
        """Sends a whole answer. For HEAD the server leaves out the body."""
        status, own, body = reply
        length = None if status in BODILESS else len(body)
        if (waiting := self._start(status, {**own, **headers}, length)) is not None:
            await waiting
        if (waiting := self._channel.write(body, more=False)) is not None:
            await waiting

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        if (waiting := self._start(status, headers, None)) is not None:
            await waiting

    async def write(self, data: bytes, *, more: bool = True) -> None:
        if (waiting := self.put(data, more=more)) is not None:
            await waiting

    def put(self, data: bytes, *, more: bool = True) -> Awaitable[None] | None:
        """`write`; where the caller does not read, what is returned is to be awaited before the next."""
        if not data and more:
            return None
        self.streamed = True
        self.written = self.loop.time()
        return self._channel.write(data, more=more)

    def watch(self) -> CallerWatch:
        return CallerWatch(self, self._channel, self._bounds)

    def _start(self, status: int, headers: Mapping[str, str], length: int | None) -> Awaitable[None] | None:
        self.status = status
        if "x-request-id" not in headers:
            id = self.request_id or new_id()
            headers = {**headers, "x-request-id": id, "request-id": id}
        if self.extra:
            headers = {**headers, **self.extra}
        return self._channel.start(status, _on_lines(headers), length)


class CallerWatch:
    """Watches for a disconnect while the running task answers; use it as a context.

    Leaves the block with `CallerLeftError` when the caller has disconnected.
    """

    def __init__(self, exchange: Exchange, channel: Channel, bounds: Bounds) -> None:
        self._exchange = exchange
        self._channel = channel
        self._bounds = bounds
        self._loop = exchange.loop
        self._timer: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._on_silence: Callable[[], Awaitable[None]] | None = None
        self.left = False
        """Whether the caller has disconnected."""

    def __enter__(self) -> CallerWatch:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._channel.watch(self._leave)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._channel.unwatch()
        for pending in (self._timer, self._pinging):
            if pending is not None:
                pending.cancel()
        if self.left and kind is asyncio.CancelledError and not self._task.uncancel():
            raise CallerLeftError from None

    def on_silence(self, call: Callable[[], Awaitable[None]] | None) -> None:
        """Has `call` called and awaited each time nothing was written for `ping` seconds; None ends that. A write in progress is not silence,
        however long it takes."""
        self._on_silence = call
        if self._timer is None:
            self._exchange.written = self._loop.time()
            self._timer = self._loop.call_later(self._bounds.ping, self._look)

    def _leave(self) -> None:
        self.left = True
        self._task.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        silent_until = self._exchange.written + self._bounds.ping
        if self._channel.blocked:
            silent_until = now + self._bounds.ping
        elif self._on_silence is not None and now >= silent_until:
            self._pinging = asyncio.ensure_future(self._on_silence())
            silent_until = now + self._bounds.ping
        self._timer = self._loop.call_at(silent_until, self._look)


def bearer(headers: Mapping[str, str], names: Iterable[str] = ("x-api-key", "x-goog-api-key", "api-key")) -> str:
    """The caller's key from one of the headers in which official SDKs put it; "" for none."""
    value = headers.get("authorization", "")
    if value[:7].lower() == "bearer ":
        return value[7:].strip()
    return next((headers[name].strip() for name in names if name in headers), "")


def _on_lines(headers: Mapping[str, str]) -> Fields:
    """The headers with each value on one line, in characters that HTTP allows, and not longer than `MOST_VALUE`."""
    values = "".join(headers.values())
    if len(values) <= MOST_VALUE and values.isascii() and values.isprintable():
        return headers
    return {
        name: value[:MOST_VALUE].encode("ascii", "replace").translate(_ONE_LINE).decode("ascii")
        for name, value in headers.items()
    }


def _too_large(most: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"the body is larger than {most} bytes: send less, or raise the server's --max-body",
        status=413,
        code="too_large",
    )
