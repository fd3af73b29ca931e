"""The original guide's decorator: how long a call took, in the log.

Only the call's name, its time and the kind of error are logged: messages, answers and the texts of errors may hold what
must not be in a log.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, TypeVar, overload

logger = logging.getLogger("segue")

F = TypeVar("F", bound=Callable[..., Any])


@overload
def monitor_llm_performance(func: F) -> F: ...
@overload
def monitor_llm_performance(
    *, name: str | None = None, threshold: float | None = None, clock: Callable[[], float] = time.perf_counter
) -> Callable[[F], F]: ...
def monitor_llm_performance(
    func: F | None = None,
    *,
    name: str | None = None,
    threshold: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> F | Callable[[F], F]:
    """Logs the response time of a function, coroutine function, generator or asynchronous generator; errors are raised again.

    Success is logged as information, or as a warning if it took more than `threshold` seconds; failure as an error; a call that was
    cancelled or whose reader left, as information. A generator's time runs to its end, waits of its reader included. `name` stands
    for the function's own in the log.
    """
    if func is None:
        return functools.partial(monitor_llm_performance, name=name, threshold=threshold, clock=clock)
    timed = functools.partial(_timed, name or str(getattr(func, "__qualname__", type(func).__name__)), threshold, clock)
    return functools.wraps(func)(_wrapper(func, timed))


def _wrapper(
    func: Callable[..., Any], timed: Callable[[], contextlib.AbstractContextManager[None]]
) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(func):

        async def monitored_stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with timed():
                async with contextlib.aclosing(func(*args, **kwargs)) as items:
                    async for item in items:
                        yield item

        return monitored_stream
    if inspect.iscoroutinefunction(func):

        async def monitored_coroutine(*args: Any, **kwargs: Any) -> Any:
            with timed():
                return await func(*args, **kwargs)

        return monitored_coroutine
    if inspect.isgeneratorfunction(func):

        def monitored_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with timed():
                return (yield from func(*args, **kwargs))

        return monitored_generator

    def monitored(*args: Any, **kwargs: Any) -> Any:
        with timed():
            return func(*args, **kwargs)

    return monitored


@contextlib.contextmanager
def _timed(name: str, threshold: float | None, clock: Callable[[], float]) -> Iterator[None]:
    start = clock()
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        logger.info("%s: LLM call cancelled after %.2f s", name, clock() - start)
        raise
    except BaseException as error:
        logger.error("%s: LLM call failed after %.2f s: %s", name, clock() - start, type(error).__name__)
        raise
    seconds = clock() - start
    slow = threshold is not None and seconds > threshold
    logger.log(logging.WARNING if slow else logging.INFO, "%s: LLM call succeeded in %.2f s", name, seconds)
