"""Where LangChain's models are asked: in a separate task, whose context has no listeners, and in an event loop that stays.

Their SDKs keep connections from one call to the next, which belong to the event loop of the first. In another loop, and there is
another with every `asyncio.run` and for synchronous calls, the kept connections fail with "Event loop is closed". So there is one loop
for all of them, in its own thread, for as long as the process lives.

LangChain hands listeners down by context variables too (a graph's streaming, usage counters, tracers). They hear of the outer
call; a model within it would tell them everything a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, Literal, TypeVar

from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers import context as tracing
from langsmith.run_helpers import tracing_context

from segue.portal import Portal

T = TypeVar("T")

WINDOW: Final = 64
"""Pieces on their way to a reader; a reader who is slow makes the model wait."""

FAREWELL: Final = 1.0
"""Seconds that a reader who leaves waits for the model to close its connection."""

_Item = tuple[Literal["piece", "failed", "over"], Any]

_portal = Portal()


def at_home(make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The pieces of the generator that `make` makes, in the models' loop. Closing this one closes that one."""
    return _apart(make, _portal.loop())


def at_hand(make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The same in the caller's loop."""
    return _apart(make, asyncio.get_running_loop())


async def _apart(
    make: Callable[[], AsyncGenerator[T, None]], home: asyncio.AbstractEventLoop
) -> AsyncGenerator[T, None]:
    here = asyncio.get_running_loop()
    arrived: asyncio.Queue[_Item] = asyncio.Queue()
    room = asyncio.Semaphore(WINDOW)

    def tell(item: _Item) -> None:
        # The reader's loop may be closed by now: then the piece is dropped.
        with contextlib.suppress(RuntimeError):
            here.call_soon_threadsafe(arrived.put_nowait, item)

    async def produce() -> None:
        _silence()
        try:
            with tracing_context(enabled=False, parent=False):
                async with contextlib.aclosing(make()) as pieces:
                    async for piece in pieces:
                        await room.acquire()
                        tell(("piece", piece))
        except Exception as error:
            tell(("failed", error))
        finally:
            tell(("over", None))

    running = asyncio.run_coroutine_threadsafe(produce(), home)
    over = False
    try:
        while not over:
            kind, value = await arrived.get()
            over = kind == "over"
            if kind == "failed":
                raise value
            if kind == "piece":
                home.call_soon_threadsafe(room.release)
                yield value
    finally:
        if not over:
            running.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    while (await arrived.get())[0] != "over":
                        pass


def _silence() -> None:
    """Clears what LangChain hands down in this task's own copy of the context; what others keep there (traces of HTTP …) stays."""
    var_child_runnable_config.set(None)
    for hook in tracing._configure_hooks:
        hook[0].set(None)
