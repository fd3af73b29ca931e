"""The models' own event loop, seen from the loops of their callers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from segue.langchain.loop_thread import WINDOW, at_home


async def numbers(count: int, seen: list[Any] | None = None) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            if seen is not None:
                seen.append(number)
            yield number
    finally:
        if seen is not None:
            seen.append("closed")


async def gathered(count: int) -> list[int]:
    return [piece async for piece in at_home(lambda: numbers(count))]


def test_pieces_come_in_order_to_every_loop_and_from_the_same_one() -> None:
    homes = set()

    async def whose() -> AsyncGenerator[Any, None]:
        yield asyncio.get_running_loop(), threading.current_thread()

    async def ask() -> None:
        async for loop, thread in at_home(whose):
            assert loop is not asyncio.get_running_loop()
            homes.add((loop, thread))

    for _ in range(3):
        assert asyncio.run(gathered(500)) == list(range(500))
        asyncio.run(ask())
    assert len(homes) == 1


async def test_a_model_that_asks_another_does_not_wait_for_itself() -> None:
    async def outer() -> AsyncGenerator[int, None]:
        async for piece in at_home(lambda: numbers(3)):
            yield piece + 10

    assert [piece async for piece in at_home(outer)] == [10, 11, 12]


async def test_what_a_model_raises_arrives_after_its_text() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise ConnectionResetError("gone")

    seen = []
    with pytest.raises(ConnectionResetError):
        async for piece in at_home(failing):
            seen.append(piece)
    assert seen == [1]


async def test_leaving_early_closes_the_model_before_going_on() -> None:
    seen: list[Any] = []
    async with contextlib.aclosing(at_home(lambda: numbers(10_000, seen))) as pieces:
        async for piece in pieces:
            assert piece == 0
            break
    assert seen[-1] == "closed"


async def test_a_cancelled_reader_closes_the_model_too() -> None:
    closed = threading.Event()

    async def silent() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            closed.set()

    async def read() -> None:
        async for _ in at_home(silent):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_a_slow_reader_makes_the_model_wait() -> None:
    seen: list[Any] = []
    async with contextlib.aclosing(at_home(lambda: numbers(10_000, seen))) as pieces:
        assert await anext(pieces) == 0
        await asyncio.sleep(0.05)
        assert len(seen) <= WINDOW + 2
