"""What a stranger may do to the framing of HTTP/1.1, on a socket: two readers of the same bytes must never find different requests in them.

The cases are those that other servers got wrong, as their public reports say.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from segue.server import protocol
from segue.server.app import Gateway
from segue.server.exchange import Bounds, CallerLeftError, Exchange
from segue.server.protocol import AHEAD, HEAD_MOST, UNREAD, HttpProtocol
from segue.settings import Settings

from . import gateway as testbed
from .gateway import listening, served

LIMIT = 20.0
POST = b"POST /v1/nowhere HTTP/1.1\r\nhost: x\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n"
SMUGGLED = LIVE + b"\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


class Caller:
    """Raw bytes to and from a port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def at(cls, port: int) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def until(self, mark: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(mark), LIMIT)

    async def everything(self) -> bytes:
        """What comes until the other side closes; a reset raises."""
        received = await asyncio.wait_for(self.reader.read(), LIMIT)
        self.writer.close()
        return received


async def exchanged(gateway: Any, *pieces: bytes) -> bytes:
    async with listening(gateway) as port:
        caller = await Caller.at(port)
        for piece in pieces:
            caller.send(piece)
            await caller.writer.drain()
            await asyncio.sleep(0.01)
        return await caller.everything()


WRONG: dict[str, tuple[int, bytes]] = {
    "both lengths": (400, POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "both, the other way round": (400, POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n"),
    "a length behind the body": (400, CHUNKED + b"0\r\ncontent-length: 50\r\n\r\n"),
    "two lengths": (400, POST + b"content-length: 0\r\ncontent-length: 50\r\n\r\n"),
    "the same length twice": (400, POST + b"content-length: 0\r\ncontent-length: 0\r\n\r\n"),
    "a list of lengths": (400, POST + b"content-length: 0, 0\r\n\r\n"),
    "a length with a sign": (400, POST + b"content-length: +0\r\n\r\n"),
    "a length without digits": (400, POST + b"content-length:\r\n\r\n"),
    "a length beyond 64 bits": (400, POST + b"content-length: 18446744073709551617\r\n\r\n"),
    "a coding that is not known": (501, POST + b"transfer-encoding: gzip\r\n\r\n"),
    "one that is nearly chunked": (501, POST + b"transfer-encoding: xchunked\r\n\r\n"),
    "one before the chunks": (501, POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "one before the chunks, on a line of its own": (
        501,
        POST + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "one behind the chunks": (400, POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "chunks, and then none": (400, CHUNKED[:-2] + b"transfer-encoding: identity\r\n\r\n0\r\n\r\n"),
    "a space before the colon": (400, POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
    "a folded field": (400, POST + b"x: y\r\n transfer-encoding: chunked\r\n\r\n"),
    "a field before all fields": (400, b"POST / HTTP/1.1\r\n x: y\r\nhost: x\r\n\r\n"),
    "a lone CR": (400, POST + b"x: \rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a lone LF": (400, b"POST / HTTP/1.1\r\nhost: x\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a NUL": (400, POST + b"x: a\0b\r\n\r\n"),
    "a size with a prefix": (400, CHUNKED + b"0x1\r\na\r\n0\r\n\r\n"),
    "a size with a sign": (400, CHUNKED + b"-1\r\na\r\n0\r\n\r\n"),
    "a size beyond 64 bits": (400, CHUNKED + b"10000000000000000\r\na\r\n0\r\n\r\n"),
    "a space behind the size": (400, CHUNKED + b"1 \r\na\r\n0\r\n\r\n"),
    "a size that ends in LF": (400, CHUNKED + b"1\na\r\n0\r\n\r\n"),
    "an extension that ends in LF": (400, CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n"),
    "a chunk that does not end": (400, CHUNKED + b"1\r\naXX0\r\n\r\n"),
    "no host": (400, b"GET /health/live HTTP/1.1\r\nx: y\r\n\r\n"),
    "no header at all": (400, b"GET /health/live HTTP/1.1\r\n\r\n"),
    "two hosts": (400, LIVE + b"host: y\r\n\r\n"),
    "a tunnel": (400, b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n"),
    "HTTP/2 without an offer": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/2 in words": (505, b"GET /health/live HTTP/2.0\r\nhost: x\r\n\r\n"),
    "HTTP/0.9": (505, b"GET /health/live\r\n\r\n"),
    "bytes that no path has": (400, b"GET /health\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n"),
}


@pytest.fixture
async def gateway(settings: Settings) -> Any:
    async with served(settings, bounds=Bounds(body=1000)) as made:
        yield made


@pytest.mark.parametrize("case", WRONG)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(
    gateway: Gateway, case: str
) -> None:
    status, sent = WRONG[case]
    received = await exchanged(gateway, sent + SMUGGLED)
    assert received.startswith(b"HTTP/1.1 %d " % status), received
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert b"connection: close\r\n" in received


@pytest.mark.parametrize("close", [b"HTTP/1.1\r\nconnection: close\r\n", b"HTTP/1.0\r\nconnection: keep-alive\r\n"])
async def test_nothing_behind_a_last_request_is_answered_or_logged(
    gateway: Gateway, close: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    last = b"GET /health/live " + close + b"host: x\r\n\r\n"
    for pieces in ((last + SMUGGLED,), (last, SMUGGLED)):
        received = await exchanged(gateway, *pieces)
        assert (received[:13], received.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 200 ", 1)
    assert "refused" not in caplog.text


async def test_what_is_wrong_is_refused_once_the_requests_before_it_are_answered(gateway: Gateway) -> None:
    received = await exchanged(gateway, SMUGGLED + SMUGGLED + b"\0\r\n\r\n")
    assert [piece[:3] for piece in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


async def test_an_offer_of_another_protocol_is_ignored_at_any_place_of_a_pipeline(gateway: Gateway) -> None:
    offer = POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}"
    received = await exchanged(gateway, SMUGGLED + offer + offer + LIVE + b"connection: close\r\n\r\n")
    assert [piece[:3] for piece in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"404", b"200"]


async def test_a_long_head_with_such_an_offer_counts_once(gateway: Gateway) -> None:
    head = (
        POST + b"connection: upgrade, close\r\nupgrade: h2c\r\ncontent-length: 2\r\nx: " + b"x" * (HEAD_MOST * 3 // 4)
    )
    middle = len(head) // 2
    received = await exchanged(gateway, head[:middle], head[middle:] + b"\r\n\r\n", b"{}")
    assert [piece[:3] for piece in received.split(b"HTTP/1.1 ")[1:]] == [b"404"]


async def test_of_more_requests_than_may_come_ahead_the_first_are_answered(gateway: Gateway) -> None:
    received = await exchanged(gateway, SMUGGLED * 10 * AHEAD)
    assert received.count(b"HTTP/1.1 200 ") == AHEAD + 1
    assert received.count(b"HTTP/1.1 ") == AHEAD + 1


class TestEarlyAnswers:
    """A request is answered before its body came."""

    LATE = POST + b"content-length: 10\r\n"

    async def test_the_body_is_dropped_when_it_comes_and_the_next_request_answered(self, gateway: Gateway) -> None:
        async with listening(gateway) as port:
            caller = await Caller.at(port)
            caller.send(self.LATE + b"\r\n")
            head = await caller.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404 ")
            assert b"connection: close" not in head
            caller.send(SMUGGLED[:10] + LIVE + b"connection: close\r\n\r\n")
            rest = await caller.everything()
        assert rest.count(b"HTTP/1.1 200 ") == 1

    async def test_a_body_that_waits_for_100_continue_is_not_waited_for(self, gateway: Gateway) -> None:
        """Else the next request would be read as that body, or the body as a request."""
        received = await exchanged(gateway, self.LATE + b"expect: 100-continue\r\n\r\n", SMUGGLED)
        assert received.startswith(b"HTTP/1.1 404 ")
        assert b"connection: close\r\n" in received
        assert received.count(b"HTTP/1.1 ") == 1

    async def test_a_body_that_is_asked_for_is_let_come(self, gateway: Gateway) -> None:
        async with listening(gateway) as port:
            caller = await Caller.at(port)
            asked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n"
            caller.send(asked + b"connection: close\r\n\r\n")
            assert await caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            caller.send(b"{}")
            assert (await caller.everything()).startswith(b"HTTP/1.1 400 ")

    async def test_a_caller_of_http_1_0_gets_no_100_continue(self, gateway: Gateway) -> None:
        """He takes it for the answer (RFC 9110 10.1.1, mongrel2/mongrel2#153)."""
        asked = (
            b"POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n"
        )
        assert (await exchanged(gateway, asked + b"\r\n", b"{}")).startswith(b"HTTP/1.1 400 ")

    async def test_an_expectation_without_a_body_is_none(self, gateway: Gateway) -> None:
        received = await exchanged(gateway, LIVE + b"expect: 100-continue\r\nconnection: close\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("status", "head"),
        [
            (413, b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50000000\r\n\r\n"),
            (431, b"GET / HTTP/1.1\r\nx: "),
            (400, b"\0\r\n\r\n"),
        ],
    )
    async def test_a_refusal_reaches_a_caller_who_is_still_sending(
        self, gateway: Gateway, status: int, head: bytes
    ) -> None:
        """A reset, which a closed socket would send, makes `everything` raise."""
        async with listening(gateway) as port:
            caller = await Caller.at(port)
            caller.send(head + b"x" * 5_000_000)
            await caller.writer.drain()
            received = await caller.everything()
        assert received.startswith(b"HTTP/1.1 %d " % status)
        assert b"connection: close\r\n" in received

    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.1\r\nx: ",
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 90000000\r\n\r\n",
            LIVE + b"connection: close\r\n\r\n",
        ],
    )
    async def test_a_caller_who_sends_without_end_is_not_listened_to_for_ever(
        self, gateway: Gateway, head: bytes
    ) -> None:
        async with listening(gateway) as port:
            caller = await Caller.at(port)
            caller.send(head)
            with pytest.raises(ConnectionError):
                for _ in range(64):
                    caller.send(b"x" * 1_000_000)
                    await caller.writer.drain()
            caller.writer.transport.abort()


@pytest.mark.parametrize(
    ("asked", "status"),
    [(b"OPTIONS /v1/chat/completions", 204), (b"HEAD /health/live", 200), (b"GET /v1/nowhere", 404)],
)
async def test_the_length_of_an_answer_is_sent_where_there_may_be_one(
    gateway: Gateway, asked: bytes, status: int
) -> None:
    received = await exchanged(gateway, asked + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (b"content-length: " in head) is (status != 204)
    assert b"transfer-encoding" not in head
    assert bool(body) is (status == 404)


async def test_a_page_that_has_not_changed_is_not_sent_as_empty(gateway: Gateway) -> None:
    page = b"GET /dashboard/static/main.js HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    head = (await exchanged(gateway, page + b"\r\n")).partition(b"\r\n\r\n")[0]
    tag = next(line for line in head.split(b"\r\n") if line.startswith(b"etag: "))
    received = await exchanged(gateway, page + b"if-none-match: " + tag.removeprefix(b"etag: ") + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 304 ")
    assert b"content-length" not in received


class Answering:
    """An application that answers as it is set to."""

    def __init__(self, handle: Callable[[Exchange], Awaitable[None]]) -> None:
        self.bounds = Bounds()
        self.handle = handle

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it is asked over ASGI")


async def test_reading_pauses_while_a_request_waits_for_its_turn_or_its_body_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow: list[str] = []
    paused, go, got = asyncio.Event(), asyncio.Event(), []

    class Transport:
        """The real one, which says when reading pauses."""

        def __init__(self, real: asyncio.Transport) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            if name.endswith("_reading"):
                flow.append(name)
                paused.set()
            return getattr(self._real, name)

    class Watched(HttpProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(Transport(transport))  # type: ignore[arg-type]

    async def handle(exchange: Exchange) -> None:
        await go.wait()
        got.append(len(await exchange.body()))
        await exchange.reply((200, {}, b""), {})

    monkeypatch.setattr(testbed, "HttpProtocol", Watched)
    async with listening(Answering(handle)) as port:
        caller = await Caller.at(port)
        long = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n" % (20 * UNREAD)
        caller.send(long + b"\r\n" + b"x" * 20 * UNREAD)
        await asyncio.wait_for(paused.wait(), LIMIT)
        assert flow == ["pause_reading"]
        caller.send(long + b"connection: close\r\n\r\n" + b"x" * 20 * UNREAD)
        go.set()
        assert (await caller.everything()).count(b"HTTP/1.1 200 ") == 2
    assert got == [20 * UNREAD] * 2
    assert flow.count("pause_reading") - flow.count("resume_reading") in (0, 1)


async def test_a_caller_who_leaves_before_the_body_has_come_is_no_longer_waited_for() -> None:
    left = asyncio.get_running_loop().create_future()

    async def handle(exchange: Exchange) -> None:
        try:
            await exchange.body()
        except CallerLeftError:
            left.set_result(None)

    async with listening(Answering(handle)) as port:
        caller = await Caller.at(port)
        caller.send(POST + b"content-length: 10\r\n\r\nx")
        await asyncio.sleep(0.02)
        caller.writer.transport.abort()
        await asyncio.wait_for(left, LIMIT)


@pytest.mark.parametrize(("begun", "received"), [(True, b"HTTP/1.1 200 OK"), (False, b"HTTP/1.1 503 ")])
async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(
    begun: bool, received: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(exchange: Exchange) -> None:
        if begun:
            await exchange.start(200, {})
            await exchange.write(b"half")
        raise ValueError("a defect")

    answer = await exchanged(Answering(handle), SMUGGLED)
    assert answer.startswith(received)
    assert b"0\r\n\r\n" not in answer
    assert "a defect" in caplog.text


async def test_a_served_request_leaves_nothing_for_the_garbage_collector(gateway: Gateway) -> None:
    async with listening(gateway) as port:
        for _ in range(2):  # what is made once stays
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                caller = await Caller.at(port)
                caller.send(SMUGGLED + POST + b"connection: close\r\ncontent-length: 2\r\n\r\n{}")
                await caller.everything()
                await asyncio.sleep(0.05)
                gc.collect()
                left = [
                    type(thing)
                    for thing in gc.garbage
                    if type(thing).__module__ in (protocol.__name__, Exchange.__module__)
                ]
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
    assert not left


async def test_a_head_in_bytes_is_read_as_one_in_a_piece(gateway: Gateway) -> None:
    async with listening(gateway) as port:
        caller = await Caller.at(port)
        for byte in LIVE + b"connection: close\r\n\r\n":
            caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await caller.everything()).startswith(b"HTTP/1.1 200 ")


async def test_a_long_body_does_not_count_as_a_head(gateway: Gateway) -> None:
    body = b"x" * 3 * HEAD_MOST
    received = await exchanged(gateway, POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    assert received.startswith(b"HTTP/1.1 404 ")
