"""From synchronous code into an event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import weakref

import pytest

from segue.portal import Portal


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "segue"]


def test_a_coroutine_runs_to_its_result_and_its_error_is_raised() -> None:
    portal = Portal()
    assert portal.run(double(21)) == 42

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        portal.run(fail())
    portal.close()


async def test_it_works_from_within_a_running_loop() -> None:
    portal = Portal()
    assert portal.run(double(1)) == 2
    portal.close()


def test_closing_ends_the_thread_and_what_still_runs_in_order() -> None:
    before = len(threads())
    portal = Portal()
    ended: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def generate() -> None:
        async def numbers():  # type: ignore[no-untyped-def]
            try:
                yield 1
            finally:
                ended.append("generator closed")

        kept.append(numbers())
        await anext(kept[-1])

    kept: list[object] = []

    async def begin() -> None:
        kept.append(asyncio.get_running_loop().create_task(linger()))
        await generate()
        await asyncio.sleep(0)

    portal.run(begin())
    assert len(threads()) == before + 1
    portal.close()
    assert ended == ["cancelled", "generator closed"]
    assert len(threads()) == before


def test_a_closed_portal_starts_again_when_it_is_used_again() -> None:
    portal = Portal()
    assert portal.run(double(1)) == 2
    portal.close()
    portal.close()
    assert portal.run(double(2)) == 4
    portal.close()


def test_a_forgotten_portal_ends_its_thread() -> None:
    before = len(threads())
    portal = Portal()
    portal.run(double(1))
    gone = weakref.ref(portal)
    del portal
    gc.collect()
    assert gone() is None
    assert len(threads()) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_starts_a_thread_of_its_own_and_leaves_its_parents_alone() -> None:
    portal = Portal()
    assert portal.run(double(1)) == 2
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # a thread that is not there is waited for for ever
        status = 1
        try:
            status = portal.run(double(21)) - 42
            portal.close()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert portal.run(double(2)) == 4
    portal.close()
