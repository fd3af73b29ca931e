"""Where LangChain's models live: one event loop, in a thread of its own, for as long as the process lasts.

Their SDKs keep connections from one call to the next, which belong to the event loop of the first. In another loop, and there is
another with every `asyncio.run` and for synchronous calls, the kept connections fail with "Event loop is closed".
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, Literal, TypeVar

from segue.portal import Portal

T = TypeVar("T")

WINDOW: Final = 64
"""Pieces on their way to a reader; a reader who is slow makes the model wait."""

FAREWELL: Final = 1.0
"""Seconds that a reader who leaves waits for the model to close its connection."""

_Told = tuple[Literal["piece", "failed", "over"], Any]

_portal = Portal()
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


async def at_home(make: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """The pieces of the generator that `make` makes in the models' loop. Closing this one closes that one."""
    here, home = asyncio.get_running_loop(), _home()
    if here is home:
        async with contextlib.aclosing(make()) as pieces:
            async for piece in pieces:
                yield piece
        return
    arrived: asyncio.Queue[_Told] = asyncio.Queue()
    room = asyncio.Semaphore(WINDOW)

    def tell(told: _Told) -> None:
        # The reader's loop may be gone by now: then there is nobody to tell.
        with contextlib.suppress(RuntimeError):
            here.call_soon_threadsafe(arrived.put_nowait, told)

    async def produce() -> None:
        try:
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


def _home() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = _portal.run(_own())
        return _loop


async def _own() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
