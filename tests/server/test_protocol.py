"""A caller who does not read, on a real socket: the memory it holds is bounded, and so is the time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import uvicorn

from segue.server.exchange import Bounds, CallerLeftError, Exchange
from segue.server.protocol import HttpProtocol

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


def test_a_caller_who_does_not_read_is_cut_off_and_holds_little_until_then() -> None:
    app = Endless()
    config = uvicorn.Config(app, port=0, http=Impatient, proxy_headers=False, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.005)
        caller = socket.socket()
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        with caller:
            caller.connect(("127.0.0.1", server.servers[0].sockets[0].getsockname()[1]))
            caller.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert app.ended.wait(5), "it still writes to a caller who takes nothing"
        assert app.written < 1_000_000
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
