"""A provider without end is given up at one bound for all dialects, by bytes and by events, and does not keep others of the loop waiting.

How long the loop stood still is measured in this thread's own time of the processor, so other programs don't count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest

from segue.failover import upstream
from segue.server.app import Gateway
from segue.settings_loading import load

from .flood import ARGUMENTS, CONTENT, SHAPELESS, THINKING, Flood, Flow, flooding
from .gateway import Answered, asking, call, served

DIALECTS = ("openai_chat", "openai_responses", "claude", "gemini")
BYTES, EVENTS = 2 * 2**20, 10_000
ON_THE_WAY = 12 * 2**20
"""Bytes that the sockets of both sides may hold."""
STALL = 0.3
"""Seconds of this thread's time; 0.1 is promised of an answer as it may really be."""


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are reached soon."""
    monkeypatch.setattr(upstream, "ANSWER_MOST", BYTES)
    monkeypatch.setattr(upstream, "EVENTS_MOST", EVENTS)


@asynccontextmanager
async def before(flood: Flood, dialect: str, *, deadline: float = 60.0) -> AsyncIterator[Gateway]:
    environ = {"SEGUE_CHAIN": "it", "IT_API_KEY": "k", "IT_MODEL": "m", "IT_DIALECT": dialect, "SEGUE_LEDGER": "none"}
    settings = load({**environ, "IT_BASE_URL": flood.address}, directory="/nonexistent")
    policy = settings.policy.replace(deadline=deadline, rounds=1)
    async with served(msgspec.structs.replace(settings, policy=policy)) as gateway:
        yield gateway


class Stalls:
    longest = 0.0


@contextmanager
def watched() -> Iterator[Stalls]:
    """Measures the longest time between two turns of the loop."""
    stalls = Stalls()

    async def tick() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            stalls.longest = max(stalls.longest, now - last)
            last = now

    ticking = asyncio.ensure_future(tick())
    try:
        yield stalls
    finally:
        ticking.cancel()


async def ask(flow: Flow, dialect: str, *, stream: bool, **options: Any) -> tuple[Answered, Flood, Stalls]:
    with flooding(flow) as flood:
        async with before(flood, dialect, **options) as gateway:
            with watched() as stalls:
                answer = await call(gateway, *asking("openai_chat", stream=stream))
    return answer, flood, stalls


def is_whole(answer: Answered) -> bool:
    return answer.status == 200 and b'"error"' not in answer.body


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("flows", [CONTENT, ARGUMENTS, THINKING], ids=["content", "arguments", "thinking"])
async def test_an_answer_without_end_is_an_error(low: None, flows: dict[str, Flow], dialect: str, stream: bool) -> None:
    answer, flood, stalls = await ask(flows[dialect], dialect, stream=stream)
    assert not is_whole(answer)
    assert flood.taken < BYTES + ON_THE_WAY
    assert stalls.longest < STALL


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", SHAPELESS)
async def test_what_is_no_answer_and_has_no_end_is_one_too(low: None, dialect: str, kind: str) -> None:
    answer, flood, stalls = await ask(SHAPELESS[kind], dialect, stream=True)
    assert not is_whole(answer)
    assert flood.taken < BYTES + ON_THE_WAY
    assert stalls.longest < STALL


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_deadline_holds_while_content_comes_without_end(dialect: str, stream: bool) -> None:
    answer, _, stalls = await ask(CONTENT[dialect], dialect, stream=stream, deadline=0.4)
    assert b"deadline" in answer.body
    assert stalls.longest < STALL


async def test_embeddings_without_end_are_an_error(low: None) -> None:
    with flooding(Flow(SHAPELESS["a document"].start, b"0.1," * 1024)) as flood:
        async with before(flood, "openai_chat") as gateway:
            answer = await call(gateway, "/v1/embeddings", {"model": "it/m", "input": "Hi"})
    assert answer.status == 500
    assert flood.taken < BYTES + ON_THE_WAY
