"""A caller who leaves: every connection of the request is closed within 100 ms, wherever the answer was."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from segue import Segue, Settings
from segue.chat.events import TextDelta
from segue.ledger.stores.memory import MemoryStore

from .faults import hang, reset
from .upstream import PHASES, PROMPT, Upstream, answering
from .world import AT_ONCE, CHAINS, MEASURES, POLICY, STALL, World, on_each_chain, target, world


async def leaving_the_whole(client: Segue, ready: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(client.acomplete(PROMPT))
    await ready()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def leaving_the_stream(client: Segue, ready: Callable[[], Awaitable[None]]) -> None:
    async def read() -> None:
        async for _ in client.stream(PROMPT):
            pass

    task = asyncio.create_task(read())
    await ready()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def closing_the_stream(client: Segue, ready: Callable[[], Awaitable[None]]) -> None:
    stream = client.stream(PROMPT)

    async def read() -> None:
        while await stream.batch():
            pass

    task = asyncio.create_task(read())
    await ready()
    await stream.aclose()
    await task


async def being_too_late(client: Segue, ready: Callable[[], Awaitable[None]]) -> None:
    """The caller's own time limit, rather than the policy's."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:

            async def run_out() -> None:
                await ready()
                limit.reschedule(0.0)

            async with asyncio.TaskGroup() as group:
                group.create_task(run_out())
                await client.acomplete(PROMPT)


LEAVING = {
    "cancelling a whole answer": leaving_the_whole,
    "cancelling a stream's reader": leaving_the_stream,
    "closing a stream": closing_the_stream,
    "a time limit": being_too_late,
}


@contextmanager
def black_hole() -> Iterator[int]:
    """A port on which connecting neither succeeds nor fails: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class Scene:
    """Waits for the moment to leave, and holds the request to what it left behind."""

    def __init__(self, here: World, *places: str) -> None:
        self._here = here
        self._places = places
        self._left = 0.0

    async def ready(self) -> None:
        """Until the named targets have been asked, and a little longer, for the answers to get on."""
        async with asyncio.timeout(5):
            while not all(self._here.upstreams[name].asks for name in self._places):  # noqa: ASYNC110 – in the kernel
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.03)
        self._left = asyncio.get_running_loop().time()

    async def check(self) -> None:
        """All that ran for it is gone, and nothing else was asked."""
        outlived = await self._here.outlived(self._left)
        MEASURES.cancelled.append(outlived)
        assert outlived <= AT_ONCE
        async with asyncio.timeout(10):  # the process's first attempts are booked once the prices are read
            while self._here.unsettled():  # noqa: ASYNC110 – by another thread
                await asyncio.sleep(0.01)
        asked = [name for name, upstream in self._here.upstreams.items() if upstream.asks]
        assert sorted(asked) == sorted(self._places)


async def leave(leaving: str, here: World, *places: str) -> None:
    scene = Scene(here, *places)
    async with asyncio.timeout(2):
        await LEAVING[leaving](here.client, scene.ready)
    await scene.check()


PATIENT = POLICY.replace(hedge=False, linger=5.0)


@pytest.mark.parametrize("phase", PHASES[:-1])
@pytest.mark.parametrize("leaving", LEAVING)
async def test_a_caller_who_leaves_closes_the_connection(leaving: str, phase: str) -> None:
    async def case(chain: tuple[str, ...]) -> None:
        async with world(Upstream(usual=answering(phase, hang)), chain=chain, policy=PATIENT) as here:
            await leave(leaving, here, chain[0])

    await on_each_chain(case)


@pytest.mark.parametrize("leaving", LEAVING)
async def test_a_caller_who_leaves_while_only_the_usage_is_missing_closes_the_connection(leaving: str) -> None:
    chain = CHAINS[1]  # OpenAI says it after the terminal
    async with world(Upstream(usual=answering("after", hang)), chain=chain, policy=PATIENT) as here:
        await leave(leaving, here, chain[0])


@pytest.mark.parametrize("leaving", LEAVING)
async def test_a_caller_who_leaves_a_race_closes_all_its_connections(leaving: str) -> None:
    stall = msgspec.structs.replace(STALL, first_hedge_unknown=0.05, first_hedge_reasoning=0.05, first_give_up=5.0)

    async def case(chain: tuple[str, ...]) -> None:
        silent = [Upstream(usual=answering("preamble", hang)) for _ in chain]
        async with world(*silent, chain=chain, policy=POLICY.replace(stall=stall)) as here:
            await leave(leaving, here, *chain)

    await on_each_chain(case)


@pytest.mark.parametrize("leaving", LEAVING)
async def test_a_caller_who_leaves_a_continuation_closes_its_connection(leaving: str) -> None:
    async def case(chain: tuple[str, ...]) -> None:
        broken = [Upstream(usual=answering("middle", reset)), Upstream(usual=answering("middle", hang, after=3))]
        async with world(*broken, chain=chain, policy=PATIENT) as here:
            await leave(leaving, here, chain[0], chain[1])

    await on_each_chain(case)


async def test_a_caller_who_leaves_while_a_connection_is_opened_leaves_no_task() -> None:
    with black_hole() as port:
        here = Segue(targets=[target("openai", port)], settings=Settings(policy=POLICY), ledger=MemoryStore())
        task = asyncio.create_task(here.acomplete(PROMPT))
        await asyncio.sleep(0.05)
        before = len(os.listdir("/proc/self/fd"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(os.listdir("/proc/self/fd")) == before - 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await here.aclose()


async def test_a_caller_who_leaves_between_two_rounds_is_asked_about_no_more() -> None:
    refusing = [Upstream(usual=answering("request", reset)) for _ in CHAINS]
    policy = POLICY.replace(rounds=3, round_wait=(0.2, 0.3))
    async with world(*refusing, policy=policy) as here:
        task = asyncio.create_task(here.client.acomplete(PROMPT))
        await Scene(here, *here.upstreams).ready()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        asked = [len(upstream.asks) for upstream in refusing]
        await asyncio.sleep(0.4)
        assert [len(upstream.asks) for upstream in refusing] == asked


async def test_a_synchronous_reader_who_stops_closes_the_connection() -> None:
    """The client then runs on a loop in its own thread."""
    first = Upstream(usual=answering("middle", hang))
    async with world(first, policy=POLICY.replace(hedge=False)) as here:

        def read() -> None:
            with here.client.stream(PROMPT) as stream:
                for event in stream:
                    if isinstance(event, TextDelta):
                        return

        await asyncio.to_thread(read)
        left = asyncio.get_running_loop().time()
        outlived = await here.outlived(left)
        MEASURES.cancelled.append(outlived)
        assert outlived <= AT_ONCE
        assert not here.unsettled()
        await asyncio.to_thread(here.client.close)
