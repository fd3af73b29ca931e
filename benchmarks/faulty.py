"""Three upstreams in one process, of which the first ones fail as the prompt asks; each notes when a request came and when it failed.

    python -m benchmarks.faulty

It prints its ports as JSON, then answers every line on stdin with its notes since the last one, and ends with its stdin. Moments are
`time.monotonic`, which all processes of a machine share. A prompt that holds `case FAULT/NUMBER/BROKEN` meets FAULT at the first
BROKEN upstreams; any other is answered.

The right answer is numbered, so that nothing can be missing or come twice unseen. An upstream that is shown the beginning of
its answer continues it, however it is asked to: as a perfect model would. Only in the case `afresh` it starts again, as real models do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.dialects import Dialect, dialect_of

TOKENS = [f" token{number}" if number else "token0" for number in range(24)]
ANSWER = "".join(TOKENS)
PAUSE = 0.002
"""Seconds between two tokens."""
MIDDLE = 8
"""Tokens before what happens in mid-stream."""
DRIP = 0.7
"""Seconds between two characters of a slow drip."""
OUTAGE = 2.0
"""Seconds for which all upstreams refuse, from the first request on."""
FOREVER = 600.0
"""Longer than any client waits, in seconds."""

CASE = re.compile(rb"case ([a-z0-9-]+)/(\d+)/(\d)")


class Note:
    """One request as the upstream saw it. `struck` is when its fault began, if it met one.

    `continues`: it was shown the beginning of an answer; `tokens` is how many it generated.
    """

    def __init__(self, upstream: int, fault: str, number: int) -> None:
        self.upstream = upstream
        self.fault = fault
        self.number = number
        self.at = time.monotonic()
        self.struck: float | None = None
        self.continues = False
        self.tokens = 0

    def strikes(self) -> None:
        self.struck = time.monotonic()


class Line(asyncio.Protocol):
    """A connection of one of the upstreams."""

    transport: asyncio.Transport

    def __init__(self, upstream: int, notes: list[Note]) -> None:
        self.upstream = upstream
        self.notes = notes
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        size = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
        if not found or len(body) < (int(size[1]) if size else 0):
            return
        self.buffer = b""
        case = CASE.search(body)
        broken = case is not None and self.upstream < int(case[3])
        note = Note(self.upstream, case[1].decode() if case else "", int(case[2]) if case else -1)
        self.notes.append(note)
        path = head.split(b" ", 2)[1].partition(b"?")[0].decode().partition(":")[0]
        dialect = dialect_of(path)
        document = dialect.begun(json.loads(body))
        note.continues = bool(document)
        rest = ANSWER if note.fault == "afresh" else ANSWER.removeprefix(document)
        act = FAULTS[note.fault] if broken else whole
        self.task = asyncio.get_running_loop().create_task(self.answer(act, Exchange(self, note, dialect, rest)))

    async def answer(self, act: Act, exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            await act(exchange)


class Exchange:
    """A request and the means to answer it."""

    def __init__(self, line: Line, note: Note, dialect: Dialect, rest: str) -> None:
        self.line = line
        self.note = note
        self.dialect = dialect
        self.rest = rest

    def write(self, data: bytes) -> None:
        if self.line.transport.is_closing():
            raise ConnectionError
        self.line.transport.write(data)

    def head(self) -> None:
        self.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    def body(self, data: bytes) -> None:
        if data:
            self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.write(b"0\r\n\r\n")

    async def tokens(self, most: int | None = None) -> int:
        pieces = re.findall(r"\s*\S+", self.rest)[:most]
        for piece in pieces:
            self.body(self.dialect.token(piece))
            self.note.tokens += 1
            await asyncio.sleep(PAUSE)
        return len(pieces)

    async def begin(self, most: int) -> None:
        """Headers, opening, the first tokens; from here on the fault strikes."""
        self.head()
        self.body(self.dialect.opening())
        await self.tokens(most)
        self.note.strikes()

    def refuse(self, status: int, fields: str = "") -> None:
        self.note.strikes()
        body = self.dialect.refusal(status)
        head = f"HTTP/1.1 {status} Trouble\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{fields}\r\n"
        self.write(head.encode() + body)


Act = Callable[[Exchange], Awaitable[None]]


async def whole(exchange: Exchange) -> None:
    exchange.head()
    exchange.body(exchange.dialect.opening())
    exchange.body(exchange.dialect.terminal(await exchange.tokens()))
    exchange.end()


async def silence(exchange: Exchange) -> None:
    await asyncio.sleep(FOREVER)


def refusing(status: int, fields: str = "") -> Act:
    async def act(exchange: Exchange) -> None:
        exchange.refuse(status, fields)

    return act


async def reset(exchange: Exchange) -> None:
    """A true RST before any byte of an answer."""
    exchange.note.strikes()
    sock = exchange.line.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.line.transport.abort()


async def hang(exchange: Exchange) -> None:
    exchange.note.strikes()
    await silence(exchange)


async def hang_after_headers(exchange: Exchange) -> None:
    exchange.head()
    exchange.note.strikes()
    await silence(exchange)


async def keep_alives_only(exchange: Exchange) -> None:
    await exchange.begin(0)
    while True:
        exchange.body(b": keep-alive\n\n")
        await asyncio.sleep(0.2)


async def outage(exchange: Exchange) -> None:
    """All refuse for a while, and say when to come back."""
    before = [note for note in exchange.line.notes if note.fault == exchange.note.fault]
    if time.monotonic() - before[0].at < OUTAGE:
        exchange.refuse(429, "retry-after: 2\r\n")
    else:
        await whole(exchange)


def cut_after(tokens: int) -> Act:
    async def cut(exchange: Exchange) -> None:
        """The connection is closed inside the body."""
        await exchange.begin(tokens)
        exchange.line.transport.close()

    return cut


async def stopped(exchange: Exchange) -> None:
    """A whole answer with its stop reason, and the connection closed before the last frame."""
    exchange.head()
    exchange.body(exchange.dialect.opening())
    exchange.body(exchange.dialect.stop_reason(await exchange.tokens()))
    exchange.note.strikes()
    exchange.line.transport.close()


async def ended_early(exchange: Exchange) -> None:
    """The body ends as HTTP asks for, the answer does not."""
    await exchange.begin(MIDDLE)
    exchange.end()


async def error_event(exchange: Exchange) -> None:
    await exchange.begin(MIDDLE)
    exchange.body(exchange.dialect.error_event())
    exchange.end()


async def stall(exchange: Exchange) -> None:
    await exchange.begin(MIDDLE)
    await silence(exchange)


async def empty(exchange: Exchange) -> None:
    """An answer with a clean end and nothing in it."""
    await exchange.begin(0)
    exchange.body(exchange.dialect.terminal(0))
    exchange.end()


async def drip(exchange: Exchange) -> None:
    """Never silent, never done."""
    await exchange.begin(0)
    for character in exchange.rest:
        exchange.body(exchange.dialect.token(character))
        await asyncio.sleep(DRIP)


FAULTS: dict[str, Act] = {
    "none": whole,
    "refused": whole,  # its port is closed: no request arrives
    "500": refusing(500),
    "503": refusing(503),
    "429": refusing(429, "retry-after: 2\r\n"),
    "reset": reset,
    "hang": hang,
    "headers": hang_after_headers,
    "keepalive": keep_alives_only,
    "cut": cut_after(MIDDLE),
    "token": cut_after(1),
    "afresh": cut_after(MIDDLE),
    "stopped": stopped,
    "outage": outage,
    "early": ended_early,
    "error": error_event,
    "stall": stall,
    "empty": empty,
    "drip": drip,
}


async def main() -> None:
    loop = asyncio.get_running_loop()
    notes: list[Note] = []
    servers = [
        await loop.create_server(lambda place=place: Line(place, notes), "127.0.0.1", 0, backlog=1024)  # type: ignore[misc]
        for place in range(3)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        taken: list[dict[str, Any]] = [vars(note) for note in notes]
        notes.clear()
        print(json.dumps(taken), flush=True)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
