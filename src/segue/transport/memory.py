"""A transport without a network: it plays a script and keeps a log. For tests, ours and those of applications built on Segue.

A script says what the far side does, on the far side's own clock: a step falls due when the pauses before it are over, however
late it is read. Only `asyncio`'s timers are used, so that virtual time works.

    transport = MemoryTransport([Reply(steps=[b"data: 1\\n\\n", Pause(2.0), Reset()]), Reply(before=[Refuse("connect")])])
    transport = MemoryTransport(lambda request: Reply(steps=[request.body]))
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from segue.transport.base import TransportError
from segue.wire.codec import WireRequest


class Pause(msgspec.Struct, frozen=True):
    """Nothing happens for so many seconds."""

    seconds: float


class Hang(msgspec.Struct, frozen=True):
    """Nothing happens any more."""


class Reset(msgspec.Struct, frozen=True):
    """The connection breaks: before the headers, or in the body before its end."""


class Refuse(msgspec.Struct, frozen=True):
    """The request fails in this phase, before there is an answer."""

    phase: str = "connect"


class Connecting(msgspec.Struct, frozen=True):
    """The connection takes so many seconds; if that is longer than the caller allows, the request fails in this phase."""

    seconds: float = math.inf
    phase: str = "connect"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one request: what happens before the headers, then the headers, then the body.

    Each piece of bytes among `steps` is one `read()`; after the last step the body ends. Header names are lower-case.
    """

    status: int = 200
    headers: dict[str, str] = {}
    before: Sequence[Connecting | Refuse | Pause | Hang | Reset] = ()
    steps: Sequence[bytes | Pause | Hang | Reset] = ()


class MemoryExchange(msgspec.Struct, kw_only=True):
    """The log of one request. Times are the event loop's, in seconds.

    `closed` is None as long as the connection is the request's: until the body was read to its end, the answer was closed, the
    request was cancelled or the connection broke. `cancelled` tells that the caller gave up before the end; `delivered` counts the
    body's bytes that were read.
    """

    request: WireRequest
    opened: float
    closed: float | None = None
    cancelled: bool = False
    status: int | None = None
    delivered: int = 0


Script = Callable[[WireRequest], Reply | Awaitable[Reply]]


class MemoryTransport:
    """A `Transport` that plays replies: those of a list, one a request, or what a function (plain or async) makes of each request.

    `requests` is the log, in the order of sending. A list that is used up raises `LookupError`: the test sent more than it meant to.
    """

    def __init__(self, script: Script | Iterable[Reply]) -> None:
        self._script = script if callable(script) else _in_turn(script)
        self._lines: set[_Line] = set()
        self.requests: list[MemoryExchange] = []

    @property
    def open(self) -> list[MemoryExchange]:
        """The requests whose connections are still theirs."""
        return [exchange for exchange in self.requests if exchange.closed is None]

    async def send(self, request: WireRequest, *, connect: float) -> MemoryAnswer:
        return await self.answer(self.begin(request, connect=connect), request, connect=connect)

    def begin(self, request: WireRequest, *, connect: float) -> MemoryInFlight:
        """Sends a request."""
        line = _Line(request, self._lines)
        self.requests.append(line.exchange)
        try:
            reply = self._script(request)
        except BaseException:
            line.end()
            raise
        return MemoryInFlight(reply, line, connect)

    async def answer(self, sent: MemoryInFlight, request: WireRequest, *, connect: float) -> MemoryAnswer:
        """The answer to what was begun, once its headers are there. Raises `TransportError`."""
        try:
            while not sent.answered:
                sent.check()
                await sent.more()
        except asyncio.CancelledError:
            sent.abort()
            raise
        return MemoryAnswer(sent)

    async def aclose(self) -> None:
        for line in list(self._lines):
            line.end(cancelled=True)


def _in_turn(replies: Iterable[Reply]) -> Script:
    left = iter(replies)

    def script(request: WireRequest) -> Reply:
        for reply in left:
            return reply
        raise LookupError(f"the script has no reply left for {request!r}")

    return script


class MemoryInFlight:
    """The `InFlight` of a scripted reply: a step is played while one waits or listens."""

    def __init__(self, reply: Reply | Awaitable[Reply], line: _Line, connect: float) -> None:
        self._reply = reply
        self._line = line
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._steps: deque[bytes | Pause | Hang | Reset] = deque()
        self._playing: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._listener: Callable[[], None] | None = None
        self._failure: Exception | None = None
        self.answered = self.complete = False
        self.error: str | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.unread = 0

    def take(self) -> bytes:
        data, self.pieces, self.unread = b"".join(self.pieces), [], 0
        self._line.exchange.delivered += len(data)
        return data

    def more(self) -> asyncio.Future[None]:
        self._play_on()
        self._waiter = self._loop.create_future()
        return self._waiter

    def listen(self, call: Callable[[], None] | None) -> None:
        self._listener = call
        if call is not None:
            self._play_on()

    def wake(self) -> None:
        if self._listener is not None:
            self._listener()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def abort(self, message: str = "the connection was closed") -> None:
        self._line.end(cancelled=True)
        if self._playing is not None:
            self._playing.cancel()
        if not self.complete:
            self._fail(TransportError("body" if self.answered else "headers", message))
        self.wake()

    def drain(self, seconds: float) -> None:
        self._playing = self._loop.create_task(self._drain(seconds))

    def check(self) -> None:
        """Raises what went wrong, if anything did: `TransportError`, or what the script raised."""
        if self._failure is not None:
            raise self._failure

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure, self.error = failure, str(failure)

    def _play_on(self) -> None:
        if self._playing is None:
            self._playing = self._loop.create_task(self._play())

    async def _play(self) -> None:
        try:
            await (self._read() if self.answered else self._begin())
        except Exception as failure:
            self._fail(failure)
        self._playing = None
        self.wake()
        if self._listener is not None and not (self.pieces or self.complete or self.error):
            self._play_on()

    async def _begin(self) -> None:
        """What comes before the body."""
        try:
            reply = await self._reply if inspect.isawaitable(self._reply) else self._reply
            self._line.restart()
            for step in reply.before:
                await self._line.play(step, "headers", self._connect)
        except BaseException:
            self._line.end()
            raise
        self.status = self._line.exchange.status = reply.status
        self.headers = reply.headers
        self._steps += reply.steps
        self.answered = True

    async def _read(self) -> None:
        """The next piece of the body, or its end."""
        while self._steps:
            step = self._steps.popleft()
            if not isinstance(step, bytes):
                await self._line.play(step, "body")
                continue
            self._line.check("body")
            if step:
                self.pieces, self.unread = [step], len(step)
                return
        self._line.check("body")
        self._line.end()
        self.complete = True

    async def _drain(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self.complete:
                    await self._read()
                    self.take()
        except (TransportError, TimeoutError):
            self._line.end(cancelled=True)


class MemoryAnswer:
    def __init__(self, sent: MemoryInFlight) -> None:
        self._sent = sent
        self.status = sent.status
        self.headers: Mapping[str, str] = sent.headers

    async def read(self) -> bytes:
        sent = self._sent
        while not sent.pieces:
            sent.check()
            if sent.complete:
                return b""
            await sent.more()
        return sent.take()

    def close(self) -> None:
        self._sent.abort("the answer was closed")


class _Line:
    """One request's connection and the far side's clock: `_due` is when the last step played was over."""

    def __init__(self, request: WireRequest, lines: set[_Line]) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._ended = asyncio.Event()
        self._lines = lines
        self.exchange = MemoryExchange(request=request, opened=self._due)
        lines.add(self)

    def restart(self) -> None:
        """Starts the clock, once the script has thought of its reply."""
        self._due = self._loop.time()

    def end(self, *, cancelled: bool = False) -> None:
        if self.exchange.closed is None:
            self.exchange.closed = self._loop.time()
            self.exchange.cancelled = cancelled
            self._ended.set()
            self._lines.discard(self)

    def check(self, phase: str) -> None:
        if self.exchange.closed is not None:
            raise TransportError(phase, "the connection was closed")

    async def play(
        self, step: Connecting | Refuse | Pause | Hang | Reset, phase: str, connect: float = math.inf
    ) -> None:
        match step:
            case Pause(seconds):
                await self._pass(seconds, phase)
            case Hang():
                await self._pass(math.inf, phase)
            case Connecting(seconds, where):
                await self._pass(min(seconds, connect), where)
                if seconds > connect:
                    self._break(where, f"no connection within {connect:g} s")
            case Refuse(where):
                self._break(where, "the connection was refused")
            case Reset():
                self._break(phase, "the connection was reset")

    async def _pass(self, seconds: float, phase: str) -> None:
        self.check(phase)
        due = self._due + seconds
        try:
            async with asyncio.timeout_at(None if math.isinf(due) else due):
                await self._ended.wait()
        except TimeoutError:
            self._due = due
        self.check(phase)

    def _break(self, phase: str, message: str) -> None:
        self.end()
        raise TransportError(phase, message)
