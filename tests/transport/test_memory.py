"""The scripted transport: its script, its clock and its log. What it shares with the others is in `test_contract`."""

from __future__ import annotations

import asyncio

import pytest

from segue.transport.base import TransportError
from segue.transport.memory import (
    Connecting,
    Hang,
    MemoryTransport,
    Pause,
    Refuse,
    Reply,
    Reset,
)
from segue.wire.codec import WireRequest

from .harness import KEY, whole, wire_request

REQUEST = wire_request("http://memory/v1/chat")

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_list_is_played_one_reply_a_request() -> None:
    transport = MemoryTransport([Reply(steps=[b"one"]), Reply(status=500)])
    assert await whole(await transport.send(REQUEST, connect=1)) == b"one"
    assert (await transport.send(REQUEST, connect=1)).status == 500


async def test_a_list_that_is_used_up_says_so_without_the_key() -> None:
    transport = MemoryTransport([])
    with pytest.raises(LookupError, match="no reply left for WireRequest") as caught:
        await transport.send(REQUEST, connect=1)
    assert KEY not in str(caught.value)
    assert transport.open == []


async def test_a_function_makes_its_reply_from_the_request() -> None:
    transport = MemoryTransport(lambda request: Reply(steps=[request.body[::-1]]))
    assert await whole(await transport.send(wire_request("http://memory/", body=b"abc"), connect=1)) == b"cba"


async def test_a_coroutine_function_may_take_its_time() -> None:
    async def script(request: WireRequest) -> Reply:
        await asyncio.sleep(2)
        return Reply(steps=[Pause(1), b"late"])

    transport = MemoryTransport(script)
    start = now()
    assert await whole(await transport.send(REQUEST, connect=1)) == b"late"
    assert now() - start == pytest.approx(3)


async def test_pauses_take_virtual_time() -> None:
    transport = MemoryTransport([Reply(before=[Pause(100)], steps=[b"a", Pause(1000), b"b"])])
    start = now()
    answer = await transport.send(REQUEST, connect=1)
    assert now() - start == pytest.approx(100)
    assert await whole(answer) == b"ab"
    assert now() - start == pytest.approx(1100)


async def test_steps_fall_due_on_the_scripts_clock_and_not_the_readers() -> None:
    transport = MemoryTransport([Reply(steps=[b"a", Pause(1), b"b", Pause(1), b"c", Pause(10), b"d"])])
    answer = await transport.send(REQUEST, connect=1)
    start = now()
    assert await answer.read() == b"a"
    await asyncio.sleep(5)
    assert [await answer.read(), await answer.read()] == [b"b", b"c"]
    assert now() - start == pytest.approx(5)
    assert await answer.read() == b"d"
    assert now() - start == pytest.approx(12)


async def test_each_piece_is_one_read_and_empty_pieces_are_none() -> None:
    transport = MemoryTransport([Reply(steps=[b"a", b"", b"b"])])
    answer = await transport.send(REQUEST, connect=1)
    assert [await answer.read() for _ in range(3)] == [b"a", b"b", b""]


async def test_reading_lets_other_tasks_run() -> None:
    transport = MemoryTransport([Reply(steps=[b"x"] * 1000)])
    answer = await transport.send(REQUEST, connect=1)
    other = asyncio.create_task(asyncio.sleep(0))
    await answer.read()
    await answer.read()
    assert other.done()


@pytest.mark.parametrize("phase", ["resolve", "connect", "tls", "send", "headers"])
async def test_a_refusal_has_the_phase_that_the_script_says(phase: str) -> None:
    transport = MemoryTransport([Reply(before=[Pause(1), Refuse(phase)])])
    with pytest.raises(TransportError) as caught:
        await transport.send(REQUEST, connect=1)
    assert caught.value.phase == phase


async def test_connecting_counts_to_the_limit_and_what_follows_does_not() -> None:
    transport = MemoryTransport(
        [Reply(before=[Connecting(0.9), Pause(5)], steps=[b"a"]), Reply(before=[Connecting(1.1, "tls")])]
    )
    start = now()
    assert await whole(await transport.send(REQUEST, connect=1)) == b"a"
    assert now() - start == pytest.approx(5.9)
    with pytest.raises(TransportError, match="within 1 s") as caught:
        await transport.send(REQUEST, connect=1)
    assert caught.value.phase == "tls"
    assert now() - start == pytest.approx(6.9)


async def test_the_log_tells_when_a_request_was_whole_and_how_much_was_read() -> None:
    transport = MemoryTransport([Reply(status=200, steps=[b"four", Pause(2), b"more"])])
    answer = await transport.send(REQUEST, connect=1)
    [exchange] = transport.requests
    assert transport.open == [exchange]
    assert (exchange.request, exchange.status, exchange.closed) == (REQUEST, 200, None)
    await whole(answer)
    answer.close()
    assert exchange.closed is not None
    assert exchange.closed - exchange.opened == pytest.approx(2)
    assert (exchange.delivered, exchange.cancelled) == (8, False)
    assert transport.open == []


async def test_the_log_tells_a_cancelled_request_from_one_that_broke() -> None:
    transport = MemoryTransport(
        [
            Reply(before=[Hang()]),
            Reply(steps=[b"abc", Hang()]),
            Reply(steps=[b"abc", Reset()]),
            Reply(before=[Refuse()]),
        ]
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await transport.send(REQUEST, connect=1)
    answer = await transport.send(REQUEST, connect=1)
    await answer.read()
    await asyncio.sleep(4)
    answer.close()
    broken = await transport.send(REQUEST, connect=1)
    with pytest.raises(TransportError):
        await whole(broken)
    broken.close()
    with pytest.raises(TransportError):
        await transport.send(REQUEST, connect=1)
    log = transport.requests
    assert [exchange.cancelled for exchange in log] == [True, True, False, False]
    assert [exchange.delivered for exchange in log] == [0, 3, 3, 0]
    lasted = [exchange.closed - exchange.opened for exchange in log if exchange.closed is not None]
    assert lasted == pytest.approx([3, 4, 0, 0], abs=1e-6)


async def test_the_log_does_not_show_the_key() -> None:
    transport = MemoryTransport([Reply()])
    await transport.send(REQUEST, connect=1)
    assert KEY not in repr(transport.requests)
