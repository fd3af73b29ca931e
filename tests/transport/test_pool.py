"""What implementations over sockets owe beyond the contract: which connection is used, and the one second try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from segue.transport.base import STALE, Transport
from segue.transport.memory import Hang, Pause, Reply, Reset
from segue.wire.codec import WireRequest

from .harness import SocketHarness, fails, send, socket_harness, until, whole
from .peer import Handler, Line, finish_at_once, ok, raw, reset_at_once

METHODS = [("POST", b"{}"), ("GET", b"")]


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_connection_is_used_again_after_its_answer_was_read(
    make: Callable[[], Transport], framing: str
) -> None:
    async with socket_harness(make, framing=framing) as harness:
        harness.play(*[Reply(steps=[b"again"])] * 3)
        for _ in range(3):
            answer = await send(harness)
            assert await whole(answer) == b"again"
            answer.close()
        assert len(harness.peer.lines) == 1


async def test_a_tls_connection_is_used_again(tls_sockets: SocketHarness) -> None:
    tls_sockets.play(*[Reply(steps=[b"again"])] * 2)
    for _ in range(2):
        assert await whole(await send(tls_sockets)) == b"again"
    assert len(tls_sockets.peer.lines) == 1


async def test_a_connection_closed_in_mid_answer_is_not_used_again(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"begun", Hang()]), Reply(steps=[b"again"]))
    (await send(sockets)).close()
    assert await whole(await send(sockets)) == b"again"
    assert len(sockets.peer.lines) == 2


async def test_a_connection_that_the_server_says_it_closes_is_not_used_again(sockets: SocketHarness) -> None:
    sockets.peer.script.extend([raw(ok(b"last", "Connection: close")), Reply(steps=[b"again"])])
    assert await whole(await send(sockets)) == b"last"
    assert await whole(await send(sockets)) == b"again"
    assert len(sockets.peer.lines) == 2


async def test_an_idle_connection_that_the_server_closed_is_not_used(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]), Reply(steps=[b"two"]))
    assert await whole(await send(sockets)) == b"one"
    sockets.peer.lines[0].finish()
    await asyncio.sleep(0.05)
    assert await whole(await send(sockets)) == b"two"
    assert [line.requests for line in sockets.peer.lines] == [1, 1]


async def test_an_answer_that_came_to_no_request_is_no_answer(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]), Reply(steps=[b"two"]))
    assert await whole(await send(sockets)) == b"one"
    sockets.peer.lines[0].write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(0.05)
    answer = await send(sockets)
    assert answer.status == 200
    assert await whole(answer) == b"two"


async def test_closing_the_transport_closes_idle_connections(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]))
    await whole(await send(sockets))
    assert not sockets.closed()
    await sockets.transport.aclose()
    await until(sockets.closed)


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
@pytest.mark.parametrize("loss", [reset_at_once, finish_at_once], ids=["reset", "closed"])
async def test_a_reused_connection_lost_before_any_byte_is_replaced_by_a_new_one(
    sockets: SocketHarness, loss: Handler, method: str, body: bytes
) -> None:
    sockets.peer.script.extend([Reply(steps=[b"warm"]), loss, Reply(steps=[b"fresh"])])
    await whole(await send(sockets, method=method, body=body))
    assert await whole(await send(sockets, method=method, body=body)) == b"fresh"
    assert [line.requests for line in sockets.peer.lines] == [2, 1]
    assert sockets.received[1].body == sockets.received[2].body == body


async def test_a_reused_connection_lost_while_the_server_works_on_the_request_is_not_tried_again(
    sockets: SocketHarness,
) -> None:
    """It would be answered, and paid for, twice: RFC 9110 9.2.2, nahi/httpclient#142, oven-sh/bun#28708."""

    async def works_and_closes(line: Line, request: WireRequest) -> None:
        await asyncio.sleep(STALE + 0.1)
        line.finish()

    sockets.peer.script.extend([Reply(), works_and_closes, Reply(steps=[b"never"])])
    await whole(await send(sockets))
    assert (await fails(sockets)).phase == "headers"
    assert len(sockets.received) == 2


async def test_a_large_body_is_sent_whole_in_the_second_try_too(sockets: SocketHarness) -> None:
    body = bytes(range(256)) * 10_000
    sockets.peer.script.extend([Reply(), reset_at_once, Reply(steps=[b"fresh"])])
    await whole(await send(sockets))
    assert await whole(await send(sockets, body=body)) == b"fresh"
    assert sockets.received[2].body == body


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
async def test_there_is_no_third_try(sockets: SocketHarness, method: str, body: bytes) -> None:
    sockets.peer.script.extend([Reply(), reset_at_once, reset_at_once, Reply(steps=[b"never"])])
    await whole(await send(sockets))
    error = await fails(sockets, method=method, body=body)
    assert error.phase == "headers"
    assert len(sockets.received) == 3


async def test_the_second_try_never_takes_another_idle_connection(sockets: SocketHarness) -> None:
    sockets.play(*[Reply(steps=[b"warm", Pause(0.05)])] * 4)
    await asyncio.gather(*[_read_whole(sockets) for _ in range(4)])
    assert len(sockets.peer.lines) == 4
    sockets.peer.script.extend([reset_at_once, Reply(steps=[b"fresh"])])
    assert await whole(await send(sockets)) == b"fresh"
    assert sorted(line.requests for line in sockets.peer.lines) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
async def test_a_new_connection_that_is_lost_is_not_tried_again(
    sockets: SocketHarness, method: str, body: bytes
) -> None:
    sockets.peer.script.extend([reset_at_once, Reply(steps=[b"never"])])
    error = await fails(sockets, method=method, body=body)
    assert error.phase == "headers"
    assert len(sockets.received) == 1


@pytest.mark.parametrize(
    "start", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"], ids=["letter", "100", "half"]
)
async def test_a_reused_connection_lost_after_a_byte_of_an_answer_is_not_tried_again(
    sockets: SocketHarness, start: bytes
) -> None:
    sockets.peer.script.extend([Reply(), raw(start, end="reset"), Reply(steps=[b"never"])])
    await whole(await send(sockets))
    error = await fails(sockets)
    assert error.phase == "headers"
    assert len(sockets.received) == 2


async def test_a_reused_connection_lost_in_mid_body_is_not_tried_again(sockets: SocketHarness) -> None:
    sockets.play(Reply(), Reply(steps=[b"half", Pause(0.02), Reset()]))
    await whole(await send(sockets))
    assert (await fails(sockets)).phase == "body"
    assert len(sockets.received) == 2


async def test_a_reused_connection_closes_at_once_when_its_request_is_cancelled(sockets: SocketHarness) -> None:
    sockets.play(Reply(), Reply(before=[Hang()]))
    await whole(await send(sockets))
    sending = asyncio.create_task(send(sockets))
    await until(lambda: len(sockets.received) == 2)
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    await until(sockets.closed)
    assert len(sockets.received) == 2


async def test_five_hundred_requests_at_a_time_are_all_answered(sockets: SocketHarness) -> None:
    sockets.play(*[Reply(before=[Pause(0.3)], steps=[b"one ", Pause(0.3), b"two"])] * 500)
    start = time.monotonic()
    bodies = await asyncio.gather(*(_read_whole(sockets) for _ in range(500)))
    assert bodies == [b"one two"] * 500
    assert len(sockets.peer.lines) == 500
    assert time.monotonic() - start < 10


async def test_five_hundred_cancelled_requests_leave_no_socket_and_no_task(sockets: SocketHarness) -> None:
    before = asyncio.all_tasks()
    sockets.play(*[Reply(before=[Hang()])] * 500)
    sending = [asyncio.create_task(send(sockets)) for _ in range(500)]
    await until(lambda: len(sockets.received) == 500, within=10)
    for task in sending:
        task.cancel()
    await asyncio.wait(sending)
    await until(lambda: all(line.closed is not None for line in sockets.peer.lines), within=3)
    await until(lambda: asyncio.all_tasks() <= before | {line.playing for line in sockets.peer.lines})


async def _read_whole(harness: SocketHarness) -> bytes:
    answer = await send(harness)
    try:
        return await whole(answer)
    finally:
        answer.close()
