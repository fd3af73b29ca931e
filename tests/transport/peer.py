"""A server on loopback that plays `memory`'s scripts over real sockets, and does what no server should."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import cast

from segue.transport.memory import Hang, Pause, Reply, Reset
from segue.wire.codec import WireRequest

Handler = Callable[["Line", WireRequest], Awaitable[None]]


class Peer:
    """Answers each request with the next of `script`: a `Reply`, framed as `framing` says, or a function that has the line.

    `framing` is "chunked", "length" or "close". `lines` holds every connection that was accepted, `received` every whole request.
    """

    def __init__(self, framing: str = "chunked") -> None:
        self.framing = framing
        self.script: deque[Reply | Handler] = deque()
        self.lines: list[Line] = []
        self.received: list[WireRequest] = []
        self.port = 0
        self.reads = True
        """False: what a client sends is left unread in the kernel, once the head of a request has come."""

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Line(self), "127.0.0.1", 0, ssl=tls, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for line in self.lines:
                if not line.lost:
                    line.transport.abort()
            playing = [line.playing for line in self.lines if line.playing]
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)
            await server.wait_closed()


class Line(asyncio.Protocol):
    """One connection of the peer. `closed` is the loop's time at which the client was seen to have gone."""

    transport: asyncio.Transport

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.requests = 0
        self.closed: float | None = None
        self.lost = False
        self.playing: asyncio.Task[None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.peer.lines.append(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        size = int(headers.get("Content-Length", 0))
        if self.peer.reads and len(body) < size:
            return
        if not self.peer.reads:
            self.transport.pause_reading()
        self._buffer = b""
        method, target, _ = first.split(" ")
        request = WireRequest(method=method, url=target, headers=headers, body=body)
        self.requests += 1
        self.peer.received.append(request)
        self.playing = asyncio.create_task(self._answer(request))

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._gone()
        if self.playing:
            self.playing.cancel()

    def _gone(self) -> None:
        if self.closed is None:
            self.closed = asyncio.get_running_loop().time()

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def reset(self) -> None:
        """The client gets a reset, not the end of a stream."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def finish(self) -> None:
        """The client gets the end of a stream."""
        self.transport.close()

    async def _answer(self, request: WireRequest) -> None:
        reply = self.peer.script.popleft()
        if isinstance(reply, Reply):
            await self._play(reply)
        else:
            await reply(self, request)

    async def _play(self, reply: Reply) -> None:
        for early in reply.before:
            await self._wait(early)
        framing = self.peer.framing
        head = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if framing == "chunked":
            head.append("Transfer-Encoding: chunked")
        elif framing == "length":
            # A body that breaks off had promised more.
            rest = sum(1 for step in reply.steps if not isinstance(step, bytes | Pause))
            head.append(f"Content-Length: {rest + sum(len(step) for step in reply.steps if isinstance(step, bytes))}")
        else:
            head.append("Connection: close")
        self.write("\r\n".join([*head, "", ""]).encode())
        for step in reply.steps:
            if not isinstance(step, bytes):
                await self._wait(step)
            elif step:
                self.write(b"%x\r\n%b\r\n" % (len(step), step) if framing == "chunked" else step)
        if framing == "chunked":
            self.write(b"0\r\n\r\n")
        elif framing == "close":
            self.finish()

    async def _wait(self, step: object) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Hang():
                await asyncio.Event().wait()
            case Reset():
                self.reset()
                await asyncio.Event().wait()
            case _:
                raise TypeError(f"{step!r} happens before there is a connection")


def ok(body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port on which connecting neither succeeds nor fails: the queue of its listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A closed port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def raw(*pieces: bytes, end: str = "stay") -> Handler:
    """Writes these bytes, whatever they are, then stays, finishes or resets."""

    async def handle(line: Line, request: WireRequest) -> None:
        for piece in pieces:
            line.write(piece)
            await asyncio.sleep(0.02)
        if end == "reset":
            line.reset()
        elif end == "finish":
            line.finish()

    return handle


reset_at_once = raw(end="reset")
finish_at_once = raw(end="finish")
