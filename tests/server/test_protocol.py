"""How long a connection is kept; a caller who does not read, on a real socket: the memory it holds is bounded, and so is the time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from segue.server.exchange import Bounds, CallerLeftError, Exchange
from segue.server.protocol import HEAD_WAIT, LINGER, HttpProtocol

from .test_leaving import run

PIECE = b"x" * 16_384


class Impatient(HttpProtocol):
    """With little room in the system, so that what is not read stays here."""

    read_wait = 0.5

    def connection_made(self, transport: Any) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        super().connection_made(transport)


class Endless:
    """Writes as fast as it is read, until the caller is gone."""

    def __init__(self) -> None:
        self.bounds = Bounds()
        self.written = 0
        self.ended = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it is asked over ASGI")

    async def handle(self, exchange: Exchange) -> None:
        try:
            with exchange.watch():
                await exchange.start(200, {})
                while True:
                    await exchange.write(PIECE)
                    self.written += len(PIECE)
                    await asyncio.sleep(0)
        except CallerLeftError:
            self.ended.set()


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(
        app, port=0, http=Impatient, proxy_headers=False, lifespan="off", log_level="critical", **options
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.005)
        yield server
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def asking(server: uvicorn.Server, fields: bytes = b"") -> Iterator[socket.socket]:
    """A caller with little room for what it does not read."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    with caller:
        caller.connect(("127.0.0.1", server.servers[0].sockets[0].getsockname()[1]))
        caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n" + fields + b"\r\n")
        yield caller


def test_a_caller_who_does_not_read_is_cut_off_and_holds_little_until_then() -> None:
    app = Endless()
    with listening(app) as server, asking(server):
        assert app.ended.wait(5), "it still writes to a caller who takes nothing"
    assert app.written < 1_000_000


class Leaving(Endless):
    """Answers with so much that a little of it waits in the gateway, too little to wait for the caller."""

    async def handle(self, exchange: Exchange) -> None:
        transport = exchange._channel._connection.transport  # type: ignore[attr-defined]
        await exchange.start(200, {})
        while transport.get_write_buffer_size() < 20_000:
            assert exchange.put(b"x" * 4_096) is None
            await asyncio.sleep(0.001)
        if self.breaks:
            raise ValueError("a defect")
        await exchange.write(b"", more=False)
        self.ended.set()

    def __init__(self, *, breaks: bool = False) -> None:
        super().__init__()
        self.breaks = breaks


@pytest.mark.parametrize("end", ["idle", "close", "refused", "defect"])
def test_a_closed_connection_is_not_kept_for_a_caller_who_leaves_the_rest_unread(end: str) -> None:
    """Its system acknowledges for ever that it has no room, so that the system here never gives up."""
    app, fields = Leaving(breaks=end == "defect"), b"connection: close\r\n" if end == "close" else b""
    with listening(app, timeout_keep_alive=1) as server, asking(server, fields) as caller:
        if end == "refused":
            assert app.ended.wait(5)
            caller.sendall(b"\0\r\n\r\n")
        until = time.monotonic() + LINGER + 10
        while not server.server_state.connections and time.monotonic() < until:
            time.sleep(0.005)
        while server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.server_state.connections


class Transport:
    """Keeps what is written, and when it was closed on the loop's clock."""

    def __init__(self) -> None:
        self.written = b""
        self.ended = False
        self.closed: float | None = None
        self.paused = False

    def write(self, data: bytes) -> None:
        assert not self.ended, "written after the end"
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if self.closed is None:
            self.closed = asyncio.get_running_loop().time()

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.closed is not None

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Slow:
    """Reads the body and answers after some seconds; after none, it answers without the body."""

    bounds = Bounds()

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it is asked over ASGI")

    async def handle(self, exchange: Exchange) -> None:
        if self.seconds:
            await exchange.body()
            await asyncio.sleep(self.seconds)
        await exchange.reply((200, {}, b""), {})


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LATE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"


def connected(seconds: float) -> tuple[HttpProtocol, Transport]:
    """A connection whose requests are answered after some seconds."""
    config = uvicorn.Config(Slow(seconds), proxy_headers=False, timeout_keep_alive=75)
    config.load()
    connection, transport = HttpProtocol(config=config, server_state=ServerState()), Transport()
    connection.connection_made(transport)  # type: ignore[arg-type]
    return connection, transport


@pytest.mark.parametrize(
    ("sent", "answers", "closed"),
    [
        ({}, 0, HEAD_WAIT),
        ({10: GET[:20]}, 0, HEAD_WAIT),
        ({10: GET[:20], 14: GET[20:]}, 1, 14 + 75),
        ({0: GET}, 1, 75),
        ({0: GET, 74: GET, 148: GET}, 3, 148 + 75),
        ({0: GET, 50: GET[:1]}, 1, 50 + HEAD_WAIT),
        ({0: GET, 50: b"\r\n", 60: b"\r\n"}, 1, 50 + HEAD_WAIT),
        ({0: GET, 10: GET[:1], 20: GET[1:]}, 2, 20 + 75),
        ({0: LATE}, 1, HEAD_WAIT),
        ({0: LATE, 5: b"x", 10: b"x"}, 1, HEAD_WAIT),
        ({0: LATE, 5: b"xx", 10: b"xxx", 20: GET}, 2, 20 + 75),
        ({0: GET, 10: b"no request\r\n\r\n"}, 2, 10 + LINGER),
    ],
)
def test_a_connection_is_kept_as_long_as_its_state_allows(
    sent: dict[float, bytes], answers: int, closed: float
) -> None:
    """In virtual time; to the second, since one timer serves all."""

    async def story() -> None:
        connection, transport = connected(0)
        for moment, data in sent.items():
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            connection.data_received(data)
        await asyncio.sleep(300)
        assert transport.closed == pytest.approx(closed, abs=1e-3)
        assert transport.written.count(b"HTTP/1.1 ") == answers
        connection.connection_lost(None)

    run(story())


def test_a_request_may_take_as_long_as_its_answer_takes() -> None:
    async def story() -> None:
        connection, transport = connected(500)
        connection.data_received(GET)
        await asyncio.sleep(1000)
        assert transport.closed == pytest.approx(575, abs=1e-3)

    run(story())


def test_a_head_that_began_during_an_answer_must_be_complete_soon_after_it() -> None:
    async def story() -> None:
        connection, transport = connected(10)
        connection.data_received(GET)
        await asyncio.sleep(5)
        connection.data_received(GET[:5])
        await asyncio.sleep(1000)
        assert transport.closed == pytest.approx(10 + HEAD_WAIT, abs=1e-3)

    run(story())


def test_nothing_more_is_read_while_a_request_waits_for_its_turn() -> None:
    async def story() -> None:
        connection, transport = connected(10)
        connection.data_received(LATE + b"12345" + GET)
        await asyncio.sleep(5)
        assert transport.paused
        await asyncio.sleep(10)
        assert transport.written.count(b"HTTP/1.1 200 ") == 1
        assert not transport.paused
        connection.connection_lost(None)
        await asyncio.sleep(10)

    run(story())


def test_the_next_request_waits_until_the_caller_has_read_enough_of_the_answer_before() -> None:
    async def scene() -> None:
        connection, transport = connected(0.1)
        connection.data_received(GET)
        connection.pause_writing()
        connection.data_received(GET)
        await asyncio.sleep(5)
        assert transport.written.count(b" 200 ") == 1
        connection.resume_writing()
        await asyncio.sleep(1)
        assert transport.written.count(b" 200 ") == 2
        assert transport.closed is None

    run(scene())


def test_a_caller_who_leaves_without_having_read_leaves_nothing_behind() -> None:
    async def scene() -> None:
        connection, _ = connected(0.1)
        connection.data_received(GET)
        connection.pause_writing()
        await asyncio.sleep(0.3)
        connection.connection_lost(None)
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == 1

    run(scene())


def test_a_write_that_was_cancelled_leaves_the_next_to_wait_for_the_caller() -> None:
    written: list[bytes] = []

    class Persistent(Slow):
        async def handle(self, exchange: Exchange) -> None:
            await exchange.start(200, {})
            for piece in (b"one", b"two"):
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await exchange.write(piece)
                written.append(piece)
            await exchange.write(b"three", more=False)

    async def scene() -> None:
        connection, transport = connected(0)
        connection._app = Persistent(0)
        connection.data_received(GET)
        connection.pause_writing()
        await asyncio.sleep(0.5)
        assert written == []
        await asyncio.sleep(1)
        assert written == [b"one"]
        await asyncio.sleep(1)
        assert written == [b"one", b"two"]
        connection.resume_writing()
        await asyncio.sleep(1)
        assert b"three" in transport.written
        assert len(asyncio.all_tasks()) == 1

    run(scene())


def test_an_answer_that_has_not_begun_when_the_server_ends_is_a_503() -> None:
    async def story() -> None:
        connection, transport = connected(100)
        connection.data_received(GET)
        await asyncio.sleep(1)
        connection.shutdown()
        for task in [*connection._server.tasks]:
            task.cancel()
        await asyncio.sleep(1)
        assert transport.written.startswith(b"HTTP/1.1 503 ")
        assert transport.closed == 1
        assert not connection._server.tasks

    run(story())
