"""A provider on loopback with its hands on the socket: it answers in any dialect, exactly, until a fault strikes.

The right answer to a prompt is a pure function of it, so that every caller's text can be compared and a request to go on can be
answered from exactly where the text stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from .speech import Speech, speech_of

TOKENS = 24
PROMPT = "Count."
PHASES = ("request", "headers", "preamble", "token", "middle", "terminal", "after")
"""Where in an answer a fault can strike: before its headers, after them, after the dialect's opening, after one token, inside a
word, before the terminal, after it."""


def reference(prompt: str = PROMPT) -> str:
    """The right answer: numbered, so that nothing can be missing or come twice unseen."""
    tag = prompt.partition("#")[2]
    return " ".join(f"{tag}t{number}가" for number in range(TOKENS))


class Over(Exception):
    """The answer was ended by its fault."""


class Line(asyncio.Protocol):
    """A connection, as the provider sees it.

    `busy` while a request is being answered or was left half answered. `closed` is the loop's time at which the client was seen to
    be gone, or at which the provider itself reset the connection.
    """

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.asks: list[Ask] = []
        self.busy = False
        self.closed: float | None = None
        self.chunked = True
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def send(self, data: bytes) -> None:
        """Puts the bytes on the wire unchanged, as a separate packet if the machine allows."""
        await self._writable.wait()
        if self.transport.is_closing():
            raise Over
        self.transport.write(data)
        await asyncio.sleep(0)

    async def head(self, *fields: str, status: str = "200 OK", framing: str = "chunked") -> None:
        self.chunked = framing == "chunked"
        lines = [f"HTTP/1.1 {status}", *fields]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append("Connection: close" if framing == "close" else f"Content-Length: {framing}")
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def body(self, data: bytes) -> None:
        if data:
            await self.send(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        """The end of the body that HTTP asks for."""
        self.busy = False
        if self.chunked:
            await self.send(b"0\r\n\r\n")
        elif not self.transport.is_closing():
            self.transport.write_eof()

    def hang_up(self) -> None:
        """Ends the provider's half; what the client does with its own is seen."""
        if not self.transport.is_closing():
            self.transport.write_eof()

    def reset(self) -> None:
        """A true RST."""
        self._gone()
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.upstream.lines.append(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self._buffer = b""
        ask = Ask(first.split(" ")[1].partition("?")[0], json.loads(body))
        self.asks.append(ask)
        self.upstream.asks.append(ask)
        self.busy = True
        self._task = asyncio.get_running_loop().create_task(self._answer(ask))

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def _gone(self) -> None:
        if self.closed is None:
            self.closed = asyncio.get_running_loop().time()

    async def _answer(self, ask: Ask) -> None:
        script = self.upstream.script
        act = script.popleft() if script else self.upstream.usual
        with contextlib.suppress(Over):
            await act(self, ask)

    async def stopped(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class Ask:
    """A request as it arrived. `sent` is the text of its answer so far; `ended` says that its terminal was given too."""

    def __init__(self, path: str, body: Any) -> None:
        self.at = asyncio.get_running_loop().time()
        self.speech: Speech = speech_of(path)
        self.prompt = self.speech.prompt(body)
        self.begun = self.speech.begun(body)
        self.sent = ""
        self.ended = False
        self.struck: float | None = None
        """When its fault struck, by the loop's time."""

    def rest(self) -> str:
        """What is still to be sent."""
        return reference(self.prompt).removeprefix(self.begun)


Act = Callable[[Line, Ask], Awaitable[None]]
Strike = Callable[[Line, Ask], Awaitable[None]]


class Upstream:
    """Answers each request with the next of `script`, then as `usual`."""

    def __init__(self, *script: Act, usual: Act | None = None) -> None:
        self.script = deque(script)
        self.usual = usual or answering()
        self.lines: list[Line] = []
        self.asks: list[Ask] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Upstream]:
        server = await asyncio.get_running_loop().create_server(lambda: Line(self), "127.0.0.1", 0, backlog=4096)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for line in self.lines:
                line.transport.abort()
                await line.stopped()
            await server.wait_closed()

    def die(self) -> None:
        """Resets every connection and refuses new ones."""
        assert self._server is not None
        self._server.close()
        for line in self.lines:
            if line.closed is None:
                line.reset()

    @property
    def open(self) -> list[Line]:
        return [line for line in self.lines if line.closed is None]


def answering(
    phase: str = "", strike: Strike | None = None, *, framing: str = "chunked", pause: float = 0.0, after: int = 8
) -> Act:
    """An answer token by token, `pause` seconds between them, that `strike` ends in `phase` (the middle: after so many tokens)."""

    async def act(line: Line, ask: Ask) -> None:
        speech = ask.speech
        words = ask.rest().split(" ")
        tokens = [word if number == 0 else f" {word}" for number, word in enumerate(words)]
        middle = min(after, len(tokens) - 1)

        async def reached(here: str) -> None:
            if here == phase and strike is not None:
                ask.struck = asyncio.get_running_loop().time()
                await strike(line, ask)
                raise Over

        await reached("request")
        await line.head(f"Content-Type: {speech.content_type}", framing=framing)
        await reached("headers")
        await line.body(speech.opening())
        await reached("preamble")
        for number, token in enumerate(tokens):
            if number == middle and phase == "middle":
                ask.sent += token[:2]
                await line.body(speech.token(token[:2]))
                await reached("middle")
            ask.sent += token
            await line.body(speech.token(token))
            if number == 0:
                await reached("token")
            if pause:
                await asyncio.sleep(pause)
        await reached("terminal")
        await line.body(speech.terminal(len(tokens)))
        ask.ended = True
        await reached("after")
        await line.body(speech.trailing(len(tokens)))
        await line.end()

    return act
