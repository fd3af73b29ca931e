"""The original guide's decorator."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from segue.guide.monitor import monitor_llm_performance


class Clock:
    """Shows whatever second it was set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    caplog.set_level(logging.INFO, "segue")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "segue"]


Log = Callable[[], list[tuple[str, str]]]


async def test_a_coroutine_function_is_timed_and_gives_its_answer(log: Log) -> None:
    @monitor_llm_performance
    async def ask(prompt: str, *, loud: bool = False) -> str:
        """Asks."""
        await asyncio.sleep(0.02)
        return prompt.upper() if loud else prompt

    assert inspect.iscoroutinefunction(ask)
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert await ask("hello", loud=True) == "HELLO"
    ((level, message),) = log()
    assert level == "INFO"
    assert re.search(r"ask: LLM call succeeded in \d\.\d\d s$", message)


async def test_an_error_is_logged_without_its_text_and_raised_again(log: Log, clock: Clock) -> None:
    error = ValueError("sk-secret and the prompt's words")

    @monitor_llm_performance(name="coach", clock=clock)
    async def ask(prompt: str) -> str:
        clock.now += 1.5
        raise error

    with pytest.raises(ValueError) as caught:
        await ask("private words")
    assert caught.value is error
    assert log() == [("ERROR", "coach: LLM call failed after 1.50 s: ValueError")]


async def test_cancelling_is_no_failure_and_goes_through(log: Log, clock: Clock) -> None:
    @monitor_llm_performance(name="ask", clock=clock)
    async def ask() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log() == [("INFO", "ask: LLM call cancelled after 0.00 s")]


@pytest.mark.parametrize(("seconds", "level"), [(0.5, "INFO"), (1.0, "INFO"), (1.01, "WARNING")])
def test_a_call_beyond_the_threshold_is_a_warning(seconds: float, level: str, log: Log, clock: Clock) -> None:
    @monitor_llm_performance(name="ask", threshold=1.0, clock=clock)
    def ask() -> int:
        clock.now += seconds
        return 42

    assert ask() == 42
    assert log() == [(level, f"ask: LLM call succeeded in {seconds:.2f} s")]


def test_a_plain_function_is_timed_and_its_error_raised_again(log: Log) -> None:
    @monitor_llm_performance
    def ask() -> None:
        raise KeyError("words")

    with pytest.raises(KeyError):
        ask()
    ((level, message),) = log()
    assert level == "ERROR"
    assert message.endswith("KeyError")


async def test_a_stream_is_timed_to_its_end(log: Log, clock: Clock) -> None:
    @monitor_llm_performance(name="stream", clock=clock)
    async def stream() -> AsyncIterator[int]:
        for number in range(3):
            clock.now += 1
            yield number

    assert inspect.isasyncgenfunction(stream)
    assert [number async for number in stream()] == [0, 1, 2]
    assert log() == [("INFO", "stream: LLM call succeeded in 3.00 s")]


async def test_a_stream_that_breaks_is_logged_and_its_error_raised_again(log: Log, clock: Clock) -> None:
    @monitor_llm_performance(name="stream", clock=clock)
    async def stream() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("words")

    seen = []
    with pytest.raises(ConnectionError):
        async for number in stream():
            seen.append(number)
    assert seen == [1]
    assert log() == [("ERROR", "stream: LLM call failed after 0.00 s: ConnectionError")]


async def test_a_reader_who_leaves_closes_the_stream_at_once(log: Log, clock: Clock) -> None:
    closed = []

    @monitor_llm_performance(name="stream", clock=clock)
    async def stream() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    items: Any = stream()
    async with contextlib.aclosing(items):
        await anext(items)
    assert closed == [True]
    assert log() == [("INFO", "stream: LLM call cancelled after 0.00 s")]


def test_a_generator_is_timed_and_keeps_what_is_sent_and_returned(log: Log, clock: Clock) -> None:
    @monitor_llm_performance(name="stream", clock=clock)
    def stream() -> Iterator[Any]:
        got = yield 1
        clock.now += 2
        return got

    items: Any = stream()
    assert next(items) == 1
    with pytest.raises(StopIteration) as end:
        items.send("sent")
    assert end.value.value == "sent"
    assert log() == [("INFO", "stream: LLM call succeeded in 2.00 s")]


async def test_a_method_and_a_partial_can_be_monitored(log: Log) -> None:
    class Client:
        @monitor_llm_performance
        async def ainvoke(self, prompt: str) -> str:
            return prompt

    async def ask(a: str, b: str) -> str:
        return a + b

    assert await Client().ainvoke("x") == "x"
    assert await monitor_llm_performance(functools.partial(ask, "a"))("b") == "ab"
    assert ["Client.ainvoke" in log()[0][1], "partial: LLM call succeeded" in log()[1][1]] == [True, True]
