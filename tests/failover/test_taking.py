"""Text that is taken as it comes, over real sockets, where an answer's end may come in the same read as its last text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import pytest

from segue.catalog.models import find_model
from segue.chat.events import ChatEvent, TextDelta
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.errors import SegueError
from segue.failover.attempt import MAIL_ROOM
from segue.failover.budget import FOREVER
from segue.failover.engine import Engine
from segue.failover.fast_path import start
from segue.failover.job import Job
from segue.failover.relay import Relay
from segue.failover.upstream import HttpUpstream
from segue.health.book import HealthBook
from segue.policy import Policy, StallPolicy
from segue.routing.target import Target
from segue.secret import Secret
from segue.transport.h1 import H1Transport
from segue.wire.dialects import upstream

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
T = TypeVar("T")
END = b"0\r\n\r\n"
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
PATIENT = StallPolicy(
    first_hedge=(60, 60),
    first_hedge_unknown=60,
    first_give_up=60,
    gap_hedge=(60, 60),
    gap_give_up=60,
    no_byte=60,
    drip_floor=0,
)
"""No silence ends a test."""


def text(word: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % word.encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


Carrying = Callable[[Engine, Job], Awaitable[T]]


async def answered(reads: Sequence[bytes]) -> tuple[str, SegueError | None, int]:
    """What comes of an answer that arrives in these reads: its text, its error, and the pieces that were taken as they came."""
    return await carried(reads, read)


async def carried(reads: Sequence[bytes], carry: Carrying[T], *, fast_steps: float = FOREVER) -> T:
    """What `carry` makes of an answer that arrives in these reads."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in ([HEAD + chunk(text("well")) + chunk(STOP) + END], reads):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            for read in answer:
                with suppress(ConnectionError):
                    writer.write(read)
                    await writer.drain()
                await asyncio.sleep(0 if len(reads) > 9 else 0.05)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    model = find_model("openai", "gpt-4.1-mini")
    assert model is not None
    target = Target(
        name="openai", provider="openai", dialect="openai_chat", model=model, base_url=address, key=Secret("k")
    )
    transport = H1Transport()
    asked = HttpUpstream(target, upstream("openai_chat"), transport, time.time)
    policy = Policy(rounds=1, stall=PATIENT)
    engine = Engine(lambda target: asked, health=HealthBook(policy.breaker), fast_steps=fast_steps)
    request = ChatRequest(messages=(user("Hi"),))
    async with server, asyncio.timeout(20):
        try:
            await read(
                engine, Job(request=request, targets=(target,), policy=policy)
            )  # the first of a loop has a relay
            return await carry(engine, Job(request=request, targets=(target,), policy=policy))
        finally:
            await transport.aclose()


async def read(engine: Engine, job: Job) -> tuple[str, SegueError | None, int]:
    carrier = start(engine, job)
    events: list[ChatEvent] = []
    taken: list[ChatEvent] = []
    error = None

    def take(event: ChatEvent) -> None:
        events.append(event)
        taken.append(event)

    try:
        while batch := await carrier.next(take):
            events += batch
    except SegueError as failed:
        error = failed
    return "".join(event.text for event in events if isinstance(event, TextDelta)), error, len(taken)


@pytest.mark.parametrize("last", [text("three"), text("three") + STOP], ids=["nothing more", "a stop reason"])
@pytest.mark.parametrize("end", ["own read", "same read"])
async def test_the_end_is_seen_whatever_it_comes_with(last: bytes, end: str) -> None:
    reads = [HEAD + chunk(text("one ")), chunk(text("two "))]
    reads += [chunk(last), END] if end == "own read" else [chunk(last) + END]
    found, error, taken = await answered(reads)
    assert found == "one two three"
    assert taken >= 1
    assert (error is None) == last.endswith(STOP)


async def test_a_caller_who_takes_nothing_has_little_held_for_him_however_long_the_pieces_are() -> None:
    async def one_event(engine: Engine, job: Job) -> int:
        carrier = start(engine, job)
        assert isinstance(carrier, Relay)
        await carrier.next()
        for _ in range(100):
            await asyncio.sleep(0.02)
        mail = [event for _, events in carrier._attempts.mail._items for event in events or ()]
        carrier.close()
        await carrier.closed()
        return sum(len(event.text) for event in mail if isinstance(event, TextDelta))

    held = await carried([HEAD, *[chunk(text("x" * 30_000))] * 300], one_event, fast_steps=0)
    assert MAIL_ROOM // 2 < held < MAIL_ROOM + 100_000
