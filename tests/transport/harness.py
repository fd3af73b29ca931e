"""What the contract's tests see of an implementation: a transport, and a far side that plays `memory`'s scripts.

An implementation over sockets joins the contract with one line in `SOCKET_TRANSPORTS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest
import trustme

from segue.transport.aio import AioTransport
from segue.transport.base import Response, Transport, TransportError
from segue.transport.h1 import H1Transport
from segue.transport.memory import Connecting, MemoryTransport, Refuse, Reply
from segue.wire.codec import WireRequest

from .peer import Peer, black_hole, closed_port

SOCKET_TRANSPORTS: dict[str, Callable[[], Transport]] = {"aio": AioTransport, "h1": H1Transport}

PROMPT = 10.0
"""Seconds that "at once" may last on a machine that is busy with other things; it is some milliseconds on an idle one."""

KEY = "sk-the-key-that-must-not-be-seen"


class Harness(Protocol):
    @property
    def transport(self) -> Transport: ...

    def play(self, *replies: Reply) -> None: ...

    @property
    def received(self) -> list[WireRequest]: ...

    def closed(self) -> bool:
        """Whether the far side has seen the latest request's connection close."""
        ...

    def request(self, **fields: Any) -> WireRequest: ...

    def refused(self) -> WireRequest:
        """A request to a closed port."""
        ...

    def unanswered(self) -> WireRequest:
        """A request to where connecting takes for ever."""
        ...


def wire_request(url: str, **fields: Any) -> WireRequest:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return WireRequest(**({"method": "POST", "url": url, "headers": headers, "body": b"{}"} | fields))


async def send(harness: Harness, *, connect: float = 5.0, **fields: Any) -> Response:
    return await harness.transport.send(harness.request(**fields), connect=connect)


async def whole(answer: Response) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    return b"".join(pieces)


async def until(condition: Callable[[], bool], *, within: float = PROMPT) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 – what is waited for happens in the kernel too
            await asyncio.sleep(0.002)


def assert_hidden(error: BaseException, secret: str = KEY) -> None:
    """Neither the error nor any that led to it says the secret."""
    chain: list[BaseException] = [error]
    for link in chain:
        assert secret not in f"{link} {link!r} {link.args!r}"
        chain.extend(more for more in (link.__cause__, link.__context__) if more is not None and more not in chain)


async def fails(harness: Harness, *, connect: float = 5.0, **fields: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await whole(await send(harness, connect=connect, **fields))
    assert_hidden(caught.value)
    return caught.value


class MemoryHarness:
    def __init__(self) -> None:
        self._replies: deque[Reply] = deque()
        self.transport = MemoryTransport(lambda request: self._replies.popleft())

    def play(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    @property
    def received(self) -> list[WireRequest]:
        return [exchange.request for exchange in self.transport.requests]

    def closed(self) -> bool:
        return self.transport.requests[-1].closed is not None

    def request(self, **fields: Any) -> WireRequest:
        return wire_request("http://memory/v1/chat?alt=sse", **fields)

    def refused(self) -> WireRequest:
        self.play(Reply(before=[Refuse("connect")]))
        return self.request()

    def unanswered(self) -> WireRequest:
        self.play(Reply(before=[Connecting(math.inf)]))
        return self.request()


class SocketHarness:
    def __init__(self, transport: Transport, peer: Peer, scheme: str, stack: contextlib.ExitStack) -> None:
        self.transport = transport
        self.peer = peer
        self._scheme = scheme
        self._stack = stack

    def play(self, *replies: Reply) -> None:
        self.peer.script.extend(replies)

    @property
    def received(self) -> list[WireRequest]:
        return self.peer.received

    def closed(self) -> bool:
        return self.peer.lines[-1].closed is not None

    def request(self, **fields: Any) -> WireRequest:
        return self._to(self.peer.port, **fields)

    def refused(self) -> WireRequest:
        return self._to(closed_port())

    def unanswered(self) -> WireRequest:
        return self._to(self._stack.enter_context(black_hole()))

    def _to(self, port: int, **fields: Any) -> WireRequest:
        return wire_request(**{"url": f"{self._scheme}://127.0.0.1:{port}/v1/chat?alt=sse"} | fields)


@contextlib.asynccontextmanager
async def socket_harness(
    make: Callable[[], Transport], *, framing: str = "chunked", authority: trustme.CA | None = None
) -> AsyncIterator[SocketHarness]:
    """With `authority`, over TLS; the transport must be configured to trust it."""
    tls = None
    if authority:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    with contextlib.ExitStack() as stack:
        async with Peer(framing).serving(tls) as peer:
            transport = make()
            try:
                yield SocketHarness(transport, peer, "https" if tls else "http", stack)
            finally:
                await transport.aclose()
