"""What else implementations over sockets owe: plain requests, encodings, a limited pool, several event loops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import zlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
import uvloop

from segue.errors import ConfigurationError
from segue.transport.base import Transport, TransportError
from segue.transport.h1 import H1Answer
from segue.transport.h1_connection import H1Exchange
from segue.transport.memory import Hang, Pause, Reply
from segue.wire.codec import WireRequest

from .harness import KEY, PROMPT, SocketHarness, assert_hidden, send, socket_harness, until, whole, wire_request
from .peer import Peer, black_hole, ok, raw, reset_at_once

Make = Callable[..., Transport]


async def test_credentials_of_a_netrc_file_are_never_sent(
    sockets: SocketHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    sockets.play(*[Reply()] * 2)
    await whole(await send(sockets))
    await whole(await send(sockets, headers={}))
    assert sockets.received[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in sockets.received[1].headers


async def test_no_encoding_is_asked_for_and_our_name_is_given(sockets: SocketHarness) -> None:
    sockets.play(*[Reply()] * 2)
    await whole(await send(sockets))
    assert sockets.received[0].headers["Accept-Encoding"] == "identity"
    assert sockets.received[0].headers["User-Agent"] == "segue"
    await whole(await send(sockets, headers={"user-agent": "another"}))
    assert sockets.received[1].headers["user-agent"] == "another"
    assert "User-Agent" not in sockets.received[1].headers


async def test_cookies_are_not_kept(sockets: SocketHarness) -> None:
    sockets.peer.script.extend([raw(ok(b"", "Set-Cookie: id=1; Path=/")), Reply()])
    await whole(await send(sockets))
    await whole(await send(sockets))
    assert "Cookie" not in sockets.received[1].headers


@pytest.mark.parametrize(("encoding", "bits"), [("gzip", 31), ("deflate", 15)])
async def test_an_encoded_body_is_given_decoded_as_it_arrives(sockets: SocketHarness, encoding: str, bits: int) -> None:
    packer = zlib.compressobj(wbits=bits)
    texts = [b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"]
    packed = [packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH) for text in texts]
    packed[-1] += packer.flush()
    sockets.play(
        Reply(headers={"Content-Encoding": encoding}, steps=[packed[0], Pause(0.05), packed[1], Pause(0.05), packed[2]])
    )
    answer = await send(sockets)
    assert "content-encoding" not in answer.headers
    assert [await answer.read() for _ in range(4)] == [*texts, b""]


@pytest.mark.parametrize("named", ["UTF-8", "none", "identity"])
async def test_what_is_no_encoding_of_a_body_changes_nothing(sockets: SocketHarness, named: str) -> None:
    """A character set is sent as one: github.com/locustio/locust/issues/1233."""
    sockets.play(Reply(headers={"Content-Encoding": named}, steps=[b"plain"]))
    assert await whole(await send(sockets)) == b"plain"


async def test_a_body_of_several_gzip_members_is_given_whole(sockets: SocketHarness) -> None:
    """RFC 1952 2.2; curl/curl#22156, oven-sh/bun#33708."""
    one, two, three = [zlib.compress(text, wbits=31) for text in (b"one ", b"two ", b"three")]
    sockets.play(
        Reply(headers={"Content-Encoding": "gzip"}, steps=[one + two[:5], Pause(0.05), two[5:], Pause(0.05), three])
    )
    assert await whole(await send(sockets)) == b"one two three"


async def test_a_body_that_cannot_be_decoded_is_an_error_of_the_body(sockets: SocketHarness) -> None:
    sockets.play(Reply(headers={"Content-Encoding": "gzip"}, steps=[b"this is no gzip", Hang()]))
    answer = await send(sockets)
    async with asyncio.timeout(PROMPT):
        with pytest.raises(TransportError) as caught:
            await answer.read()
    assert caught.value.phase == "body"
    answer.close()
    await until(sockets.closed)


async def test_waiting_for_a_place_in_a_limited_pool_counts_to_no_limit_of_time(make: Make) -> None:
    async with socket_harness(lambda: make(limit=1)) as harness:
        harness.play(Reply(steps=[Pause(0.6), b"first"]), Reply(steps=[b"second"]))
        first = await send(harness, connect=0.5)
        second = asyncio.create_task(send(harness, connect=0.5))
        assert await whole(first) == b"first"
        assert await whole(await second) == b"second"
        assert len(harness.peer.lines) == 1


async def test_a_request_cancelled_in_the_queue_leaves_its_place_to_the_next(make: Make) -> None:
    async with socket_harness(lambda: make(limit=1)) as harness:
        harness.play(Reply(steps=[Hang()]), Reply(steps=[b"third"]))
        first = await send(harness)
        second, third = (asyncio.create_task(send(harness)) for _ in range(2))
        await asyncio.sleep(0.02)
        second.cancel()
        first.close()
        assert await whole(await third) == b"third"
        assert len(harness.received) == 2


async def test_closing_the_transport_is_an_error_and_no_cancellation_to_those_that_wait_for_a_place(
    make: Make,
) -> None:
    async with socket_harness(lambda: make(limit=1)) as harness:
        harness.play(Reply(steps=[Hang()]))
        first = await send(harness)
        waiting = [asyncio.create_task(send(harness)) for _ in range(3)]
        await asyncio.sleep(0.02)
        await harness.transport.aclose()
        for sending in waiting:
            with pytest.raises(TransportError):
                await sending
        first.close()


async def test_closing_the_transport_is_an_error_and_no_cancellation_to_those_that_look_up_a_name(
    sockets: SocketHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*args: object, **options: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    waiting = [asyncio.create_task(send(sockets, url="http://api.example/", connect=60)) for _ in range(2)]
    await asyncio.sleep(0.02)
    await sockets.transport.aclose()
    for sending in waiting:
        with pytest.raises(TransportError) as caught:
            await sending
        assert caught.value.phase == "resolve"


async def test_an_idle_connection_is_kept_no_longer_than_asked(make: Make) -> None:
    async with socket_harness(lambda: make(keepalive=0.1)) as harness:
        harness.play(*[Reply(steps=[b"one"])] * 2)
        await whole(await send(harness))
        await asyncio.sleep(0.2)
        await whole(await send(harness))
        assert len(harness.peer.lines) == 2


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "not PEM"])
def test_a_file_that_holds_no_certificates_is_refused(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "authorities.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE=.*authorities.pem"):
        make()


def test_each_event_loop_gets_its_own_connections_and_closes_them_when_it_ends(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with _peer_in_a_thread() as (peer, url):
        transport = make()

        async def once() -> bytes:
            answer = await transport.send(wire_request(url), connect=5.0)
            return await whole(answer)

        peer.script.extend([Reply(steps=[b"one"]), Reply(steps=[b"two"])])
        assert _run_elsewhere(once()) == b"one"
        assert _run_elsewhere(once()) == b"two"
        assert len(peer.lines) == 2
        _wait(lambda: all(line.closed is not None for line in peer.lines))
    assert not caplog.records


def test_closing_closes_the_connections_of_other_running_loops_too(make: Make) -> None:
    with _peer_in_a_thread() as (peer, url), _loop_in_a_thread() as run:
        transport = make()

        async def once() -> bytes:
            return await whole(await transport.send(wire_request(url), connect=5.0))

        peer.script.append(Reply(steps=[b"there"]))
        assert run(once()) == b"there"
        assert peer.lines[0].closed is None
        _run_elsewhere(transport.aclose())
        _wait(lambda: peer.lines[0].closed is not None)


async def test_closing_from_the_loop_that_it_blocks_ends_and_closes_when_the_loop_goes_on(
    sockets: SocketHarness,
) -> None:
    sockets.play(Reply())
    await whole(await send(sockets))
    _run_elsewhere(sockets.transport.aclose())
    await until(sockets.closed)


async def test_an_answer_that_is_dropped_unread_closes_its_connection(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one", Hang()]))
    answer = await send(sockets)
    await answer.read()
    del answer
    gc.collect()
    await until(sockets.closed)


async def test_an_idle_connection_holds_nothing_of_the_request_it_served(sockets: SocketHarness) -> None:
    gc.collect()
    gc.freeze()  # what there was before is not looked at again
    sockets.play(Reply(steps=[b"one"]))
    await whole(await send(sockets))
    await asyncio.sleep(0.01)
    gc.collect()
    assert _responses() == 0
    assert not sockets.closed()


async def test_a_closed_transport_opens_again_with_the_next_request(sockets: SocketHarness) -> None:
    sockets.play(*[Reply(steps=[b"again"])] * 2)
    await whole(await send(sockets))
    await sockets.transport.aclose()
    assert await whole(await send(sockets)) == b"again"


def test_all_of_it_holds_on_uvloop(make: Make, trusted: trustme.CA) -> None:
    async def scenario() -> None:
        for authority in (None, trusted):
            async with socket_harness(make, authority=authority) as harness:
                harness.peer.script.extend(
                    [Reply(steps=[b"warm"]), reset_at_once, Reply(steps=[b"fr", Pause(0.05), b"esh"])]
                )
                assert await whole(await send(harness)) == b"warm"
                assert await whole(await send(harness, body=bytes(2_000_000))) == b"fresh"
                harness.play(
                    Reply(steps=[b"begun", Hang()]), Reply(before=[Hang()]), Reply(steps=[b"x", Pause(0.02), Hang()])
                )
                answer = await send(harness)
                assert await answer.read() == b"begun"
                answer.close()
                await until(harness.closed)
                sending = asyncio.create_task(send(harness))
                await until(lambda: len(harness.received) == 5)
                sending.cancel()
                await asyncio.wait([sending])
                await until(harness.closed)
                error = await _failure(harness.transport, harness.unanswered(), connect=0.05)
                assert error.phase == "connect"
                error = await _failure(harness.transport, harness.refused())
                assert error.phase == "connect"
        with black_hole() as port:
            transport = make()
            assert (
                await _failure(transport, wire_request(f"https://127.0.0.1:{port}/"), connect=0.05)
            ).phase == "connect"
            await transport.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def _responses() -> int:
    return sum(isinstance(thing, aiohttp.ClientResponse | H1Exchange | H1Answer) for thing in gc.get_objects())


async def _failure(transport: Any, request: WireRequest, *, connect: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await transport.send(request, connect=connect)
    assert_hidden(caught.value)
    return caught.value


def _run_elsewhere(work: Coroutine[Any, Any, Any]) -> Any:
    """`asyncio.run` in its own thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result(10)


@contextlib.contextmanager
def _loop_in_a_thread() -> Any:
    """Gives a function that runs a coroutine there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        yield run
    finally:
        run(loop.shutdown_asyncgens())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def _peer_in_a_thread() -> Any:
    with _loop_in_a_thread() as run:
        stack = contextlib.AsyncExitStack()
        peer = run(stack.enter_async_context(Peer().serving()))
        try:
            yield peer, f"http://127.0.0.1:{peer.port}/"
        finally:
            run(stack.aclose())


def _wait(condition: Any) -> None:
    deadline = time.monotonic() + PROMPT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
