"""What only our own transport can be asked: how it holds back, lets go and refuses. And which transport is the default."""

from __future__ import annotations

import asyncio
import ssl
import zlib

import pytest

from segue.errors import ConfigurationError
from segue.transport.base import Response, TransportError
from segue.transport.default import DefaultTransport, default_transport
from segue.transport.h1 import H1Transport
from segue.transport.h1_connection import Connection, H1Exchange
from segue.transport.h1_pool import Pool
from segue.transport.h1_request import Origin
from segue.transport.memory import Hang, Pause, Reply
from segue.wire.codec import WireRequest

from .harness import KEY, PROMPT, SocketHarness, fails, send, socket_harness, until, whole, wire_request
from .peer import Line, Peer, ok, raw
from .relay import Proxy


async def test_a_server_must_wait_while_there_is_no_reader_and_loses_nothing() -> None:
    async with socket_harness(H1Transport, framing="length") as harness:
        body = bytes(range(256)) * 120_000
        harness.play(Reply(steps=[body]), Reply(steps=[b"next"]))
        answer = await send(harness)
        await asyncio.sleep(0.2)
        held = harness.peer.lines[0].transport.get_write_buffer_size()
        assert held > len(body) // 3
        assert await whole(answer) == body
        assert await whole(await send(harness)) == b"next"
        assert len(harness.peer.lines) == 1


@pytest.mark.parametrize("more", [ok(b"unasked"), b"rubbish", b"HTTP"], ids=["answer", "rubbish", "begun"])
async def test_a_connection_on_which_more_came_than_was_asked_is_not_used_again(more: bytes) -> None:
    async with socket_harness(H1Transport) as harness:
        harness.peer.script.extend([raw(ok(b"asked") + more), Reply(steps=[b"again"])])
        assert await whole(await send(harness)) == b"asked"
        await until(harness.closed)
        assert await whole(await send(harness)) == b"again"
        assert [line.requests for line in harness.peer.lines] == [1, 1]


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"],
    ids=["HTTP/1.0", "length"],
)
async def test_chunks_where_none_belong_are_read_and_end_their_connection(head: bytes) -> None:
    """HTTP/1.0 has none, and they can't stand beside a length: the framing may be faulty (RFC 9112 6.1, 6.3). A gateway before models
    sends both: github.com/timoklimmer/powerproxy-aoai/issues/53."""
    chunks = head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nasked\r\n0\r\n\r\n"
    async with socket_harness(H1Transport) as harness:
        harness.peer.script.extend([raw(chunks), Reply(steps=[b"again"])])
        assert await whole(await send(harness)) == b"asked"
        await until(harness.closed)
        assert await whole(await send(harness)) == b"again"
        assert [line.requests for line in harness.peer.lines] == [1, 1]


@pytest.mark.parametrize("greeting", [b"", b"220 mail ready\r\n"], ids=["closes", "speaks"])
async def test_a_server_that_acts_before_it_is_asked_is_an_error_and_no_hanging(greeting: bytes) -> None:
    class Rash(Line):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.write(greeting) if greeting else self.reset()

    peer, transport = Peer(), H1Transport()
    server = await asyncio.get_running_loop().create_server(lambda: Rash(peer), "127.0.0.1", 0)
    request = wire_request(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    for _ in range(20):
        with pytest.raises(TransportError) as caught:
            async with asyncio.timeout(PROMPT):
                await transport.send(request, connect=5.0)
        assert caught.value.phase in ("connect", "send", "headers")
    await transport.aclose()
    server.close()
    await until(lambda: all(line.lost for line in peer.lines))


async def test_a_connection_that_broke_before_its_first_request_fails_it_at_once() -> None:
    async with Peer().serving() as peer:
        pool = Pool(ssl.create_default_context(), limit=None, keepalive=60.0)
        connection = await pool.dial(Origin(False, "127.0.0.1", peer.port), seconds=5.0)
        await until(lambda: bool(peer.lines))
        peer.lines[0].finish()
        await until(lambda: not connection.usable)
        exchange = H1Exchange(pool.loop, bodiless=False)
        connection.start(exchange, b"GET / HTTP/1.1\r\n\r\n", b"")
        assert exchange.failure().phase == "send"
        assert exchange.error
        await pool.aclose()


async def test_cancelling_as_the_answer_arrives_does_not_touch_the_connections_next_request() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.play(*[Reply(steps=[b"one"])] * 2)
        first: asyncio.Task[Response] = asyncio.create_task(send(harness))
        second: list[H1Exchange] = []
        freed = Pool.freed

        def reuse_and_cancel(pool: Pool, connection: Connection) -> None:
            freed(pool, connection)
            if not second:
                assert pool.idle(connection.origin) is connection
                second.append(H1Exchange(pool.loop, bodiless=False))
                connection.start(second[0], b"GET / HTTP/1.1\r\n\r\n", b"")
                first.cancel()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Pool, "freed", reuse_and_cancel)
            await asyncio.wait([first])
            assert first.cancelled()
            await until(lambda: second[0].complete)
        assert second[0].take() == b"one"
        assert [line.requests for line in harness.peer.lines] == [2]


@pytest.mark.parametrize("value", ["\ud800", "a\rb", "a\0b"])
async def test_a_header_that_cannot_be_sent_is_an_error_that_does_not_show_it(value: str) -> None:
    async with socket_harness(H1Transport) as harness:
        assert (await fails(harness, headers={"Authorization": f"{KEY}{value}"})).phase == "send"
        assert harness.received == []


async def test_the_connection_used_last_is_used_next() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.play(*[Reply(steps=[Pause(0.03)])] * 3, *[Reply()] * 4)
        await asyncio.gather(*[_whole(harness) for _ in range(3)])
        for _ in range(4):
            await _whole(harness)
        assert sorted(line.requests for line in harness.peer.lines) == [1, 1, 5]


async def test_idle_connections_are_closed_when_their_time_is_over_without_a_request() -> None:
    async with socket_harness(lambda: H1Transport(keepalive=0.6)) as harness:
        harness.play(*[Reply(steps=[Pause(0.03)])] * 3)
        await asyncio.gather(*[_whole(harness) for _ in range(3)])
        assert not any(line.closed for line in harness.peer.lines)
        await until(lambda: all(line.closed for line in harness.peer.lines), within=10.0)


async def test_an_idle_connection_makes_room_for_another_origin_in_a_limited_pool() -> None:
    async with socket_harness(lambda: H1Transport(limit=1)) as harness, Peer().serving() as other:
        harness.play(Reply(steps=[b"here"]))
        other.script.append(Reply(steps=[b"there"]))
        assert await whole(await send(harness)) == b"here"
        elsewhere = await harness.transport.send(wire_request(f"http://127.0.0.1:{other.port}/"), connect=5.0)
        assert await whole(elsewhere) == b"there"
        await until(harness.closed)


async def test_a_place_in_a_limited_pool_is_free_again_when_dialling_failed() -> None:
    async with socket_harness(lambda: H1Transport(limit=1)) as harness:
        harness.play(Reply(steps=[b"well"]))
        dead = asyncio.create_task(harness.transport.send(harness.unanswered(), connect=0.1))
        await asyncio.sleep(0.02)
        waiting = asyncio.create_task(send(harness))
        await asyncio.wait([dead])
        assert dead.exception()
        assert await whole(await waiting) == b"well"


async def test_an_encoding_that_is_not_known_is_refused_by_name() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.play(Reply(headers={"Content-Encoding": "zstd"}, steps=[b"x", Hang()]))
        error = await fails(harness)
        assert error.phase == "headers"
        assert "zstd" in error.message
        await until(harness.closed)


@pytest.mark.parametrize("left_out", [1, 8, 20])
async def test_a_compressed_body_that_ends_early_has_no_clean_end(left_out: int) -> None:
    async with socket_harness(H1Transport) as harness:
        packed = zlib.compress(bytes(range(256)), wbits=31)[:-left_out]
        harness.play(Reply(headers={"Content-Encoding": "gzip"}, steps=[packed]))
        assert (await fails(harness)).phase == "body"


async def test_a_compressed_body_that_swells_is_refused() -> None:
    async with socket_harness(H1Transport) as harness:
        packed = zlib.compress(bytes(40 * 2**20), wbits=31)
        harness.play(Reply(headers={"Content-Encoding": "gzip"}, steps=[packed]))
        assert (await fails(harness)).phase == "body"


async def test_interim_answers_without_end_are_an_error_of_the_headers() -> None:
    async def endless(line: Line, request: WireRequest) -> None:
        while not line.lost:
            line.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
            await asyncio.sleep(0)

    async with socket_harness(H1Transport) as harness:
        harness.peer.script.append(endless)
        assert (await fails(harness)).phase == "headers"
        await until(harness.closed)


async def test_trailers_are_no_headers_and_the_connection_goes_on() -> None:
    async with socket_harness(H1Transport) as harness:
        chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Late: 1\r\n\r\n"
        harness.peer.script.extend([raw(chunks), Reply(steps=[b"on"])])
        answer = await send(harness)
        assert await whole(answer) == b"hi"
        assert "x-late" not in answer.headers
        assert await whole(await send(harness)) == b"on"
        assert len(harness.peer.lines) == 1


async def test_the_answer_to_head_has_no_body_to_wait_for() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.peer.script.append(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
        answer = await send(harness, method="HEAD", body=b"")
        assert answer.headers["content-length"] == "9"
        assert await answer.read() == b""


async def test_every_split_of_an_answer_gives_the_same_body() -> None:
    async with socket_harness(H1Transport) as harness:
        whole_answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"

        async def split(line: Line, request: WireRequest) -> None:
            at = int(request.headers["X-Split"])
            line.write(whole_answer[:at])
            await asyncio.sleep(0.001)
            line.write(whole_answer[at:])

        for at in range(1, len(whole_answer)):
            harness.peer.script.append(split)
            assert await whole(await send(harness, headers={"X-Split": str(at)})) == b"hello!"
        assert len(harness.peer.lines) == 1


async def test_user_and_password_of_a_url_are_sent_as_credentials() -> None:
    async with socket_harness(H1Transport) as harness:
        harness.play(Reply())
        url = f"http://user:pass@127.0.0.1:{harness.peer.port}/"
        await whole(await send(harness, url=url, headers={}))
        assert harness.received[0].headers["Authorization"] == "Basic dXNlcjpwYXNz"


def test_without_proxies_the_default_is_our_own() -> None:
    assert isinstance(default_transport(), H1Transport)


async def test_a_proxy_takes_what_it_is_for_and_the_rest_goes_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy()
    async with proxy.serving(), Peer().serving() as direct:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "localhost")
        async with socket_harness(default_transport) as harness:
            assert isinstance(harness.transport, DefaultTransport)
            harness.play(Reply(steps=[b"through"]))
            direct.script.append(Reply(steps=[b"straight"]))
            assert await whole(await send(harness)) == b"through"
            assert proxy.accepted == 1
            assert await whole(await send(harness, url=f"http://localhost:{direct.port}/")) == b"straight"
            assert proxy.accepted == 1
            assert (await fails(harness, url="http://")).phase == "resolve"


def test_a_proxy_that_is_not_supported_is_refused_by_the_default_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="not supported"):
        default_transport()


async def _whole(harness: SocketHarness) -> bytes:
    return await whole(await send(harness))
