"""How long a connection is waited for: by the network's clock, not by the event loop's own delays."""

from __future__ import annotations

import asyncio
import time

import pytest

from segue.transport.h1 import H1Transport
from segue.transport.h1_dial import Patience
from segue.transport.memory import Reply

from .harness import send, socket_harness, whole


async def test_a_loop_that_was_busy_for_longer_than_the_limit_still_connects() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.play(Reply(steps=[b"here"]))
        asyncio.get_running_loop().call_later(0.0, time.sleep, 0.3)
        answer = await send(harness, connect=0.1)
        assert await whole(answer) == b"here"


async def test_a_network_that_is_silent_ends_the_wait_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            Patience(limit, 0.1)
            await asyncio.sleep(5)
    assert time.monotonic() - began < 1


async def test_a_busy_loop_puts_the_end_of_a_silent_wait_off_and_not_for_ever() -> None:
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            Patience(limit, 0.05)
            loop.call_later(0.0, time.sleep, 0.3)
            await asyncio.sleep(5)
    assert 0.3 < time.monotonic() - began < 2
