"""The contract of `transport.base.FastTransport`: what is sent at once, and read without a wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from segue.transport.base import FastTransport, InFlight, TransportError
from segue.transport.memory import Hang, Pause, Reply, Reset
from segue.wire.codec import WireRequest

from .harness import SOCKET_TRANSPORTS, Harness, MemoryHarness, assert_hidden, send, socket_harness, until, whole

FAST = ["memory", *(name for name, make in SOCKET_TRANSPORTS.items() if isinstance(make(), FastTransport))]


@pytest.fixture(params=FAST)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    """Each implementation that can, once it has a pool."""
    if request.param == "memory":
        memory = MemoryHarness()
        yield memory
        await memory.transport.aclose()
        return
    async with socket_harness(SOCKET_TRANSPORTS[request.param]) as sockets:
        sockets.play(Reply(steps=[b"first"]))
        await whole(await send(sockets))
        yield sockets


def begun(harness: Harness, request: WireRequest | None = None, *, connect: float = 5.0) -> InFlight:
    assert isinstance(harness.transport, FastTransport)
    sent = harness.transport.begin(request or harness.request(), connect=connect)
    assert sent is not None
    return sent


async def moved(sent: InFlight, *, bytes: int = 0) -> None:
    """Waits for the head and so many bytes, or for the end."""
    while not (sent.answered and sent.unread >= bytes) and not sent.complete and sent.error is None:
        await sent.more()


async def test_what_was_begun_is_read_without_a_wait(harness: Harness) -> None:
    harness.play(Reply(status=201, headers={"x-request-id": "r1"}, steps=[b"one ", b"two"]))
    sent = begun(harness)
    await moved(sent)
    assert (sent.status, sent.headers["x-request-id"]) == (201, "r1")
    text = b""
    while not sent.complete or sent.pieces:
        await moved(sent, bytes=1)
        text += sent.take() if sent.pieces else b""
    assert text == b"one two"
    assert sent.error is None


async def test_two_at_a_time_have_a_connection_each(harness: Harness) -> None:
    harness.play(Reply(steps=[Pause(0.05), b"one"]), Reply(steps=[Pause(0.05), b"two"]))
    both = [begun(harness), begun(harness)]
    for sent in both:
        await moved(sent, bytes=3)
    assert sorted(sent.take() for sent in both) == [b"one", b"two"]


async def test_it_is_gone_on_with_as_with_any_answer(harness: Harness) -> None:
    harness.play(Reply(steps=[b"begun ", Pause(0.02), b"and ended"]))
    request = harness.request()
    sent = begun(harness, request)
    await moved(sent, bytes=6)
    assert sent.take() == b"begun "
    assert isinstance(harness.transport, FastTransport)
    answer = await harness.transport.answer(sent, request, connect=5.0)
    assert await whole(answer) == b"and ended"


async def test_a_failed_connection_is_no_failed_answer(harness: Harness) -> None:
    assert isinstance(harness.transport, FastTransport)
    request = harness.refused()
    sent = begun(harness, request)
    await moved(sent)
    assert not sent.answered
    with pytest.raises(TransportError) as caught:
        await harness.transport.answer(sent, request, connect=5.0)
    assert caught.value.phase == "connect"
    assert_hidden(caught.value)
    harness.play(Reply(steps=[b"begun", Reset()]))
    sent = begun(harness)
    while sent.error is None:
        await moved(sent, bytes=1)
        if sent.pieces:
            sent.take()
    assert sent.answered


async def test_connecting_takes_no_longer_than_it_may(harness: Harness) -> None:
    sent = begun(harness, harness.unanswered(), connect=0.05)
    await moved(sent)
    assert sent.error is not None


async def test_who_waits_is_woken(harness: Harness) -> None:
    harness.play(Reply(before=[Hang()]))
    sent = begun(harness)
    asyncio.get_running_loop().call_later(0.02, sent.wake)
    await sent.more()
    assert not sent.answered
    sent.abort()


async def test_who_listens_is_called_for_all_that_comes_until_he_listens_no_more(harness: Harness) -> None:
    harness.play(Reply(steps=[b"one ", Pause(0.05), b"two", Pause(0.05), b"three"]))
    sent = begun(harness)
    await moved(sent, bytes=4)
    heard = [sent.take()]

    def hear() -> None:
        if sent.pieces:
            heard.append(sent.take())
            if heard[-1].endswith(b"two"):
                sent.listen(None)

    sent.listen(hear)
    await until(lambda: b"".join(heard) == b"one two")
    await moved(sent, bytes=5)
    assert heard[-1] == b"two"
    assert sent.take() == b"three"


async def test_who_listens_is_woken_too_and_hears_of_the_end(harness: Harness) -> None:
    harness.play(Reply(steps=[b"all", Pause(0.05), Reset()]))
    sent = begun(harness)
    await moved(sent, bytes=3)
    sent.take()
    heard: list[str | None] = []
    sent.listen(lambda: heard.append(sent.error))
    sent.wake()
    assert heard == [None]
    await until(lambda: len(heard) > 1)
    assert heard[-1] is not None


@pytest.mark.parametrize("moment", ["connecting", "waiting", "reading"])
async def test_what_is_aborted_is_closed(harness: Harness, moment: str) -> None:
    request = harness.unanswered() if moment == "connecting" else harness.request()
    if moment != "connecting":
        harness.play(Reply(before=[Hang()]) if moment == "waiting" else Reply(steps=[b"begun", Hang()]))
    before = len(harness.received)
    sent = begun(harness, request)
    if moment == "reading":
        await moved(sent, bytes=1)
    elif moment == "waiting":
        waiting = asyncio.ensure_future(sent.more())
        await until(lambda: len(harness.received) > before)
        assert not waiting.done()
    else:
        sent.more()
        await asyncio.sleep(0.02)
    sent.abort()
    assert sent.error is not None
    if moment != "connecting":
        await until(harness.closed)


async def test_a_drained_connection_is_used_again(harness: Harness) -> None:
    harness.play(Reply(steps=[b"all", Pause(0.02)]), Reply(steps=[b"next"]))
    sent = begun(harness)
    await moved(sent, bytes=3)
    sent.take()
    sent.drain(2.0)
    await until(harness.closed) if isinstance(harness, MemoryHarness) else await asyncio.sleep(0.1)
    assert await whole(await send(harness)) == b"next"
    if not isinstance(harness, MemoryHarness):
        assert len(harness.peer.lines) == 1


async def test_what_does_not_end_is_not_drained_for_ever(harness: Harness) -> None:
    harness.play(Reply(steps=[b"all", Hang()]))
    sent = begun(harness)
    await moved(sent, bytes=3)
    sent.take()
    sent.drain(0.02)
    await until(harness.closed)
