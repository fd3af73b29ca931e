"""The seam to the network: one protocol, implemented by `h1`, `aio` and `memory` behind one contract suite.

A transport sends one request and gives an answer whose body is read as it arrives. It keeps connections alive, follows no
redirect, retries nothing but a stale pooled connection that broke within `STALE` seconds of the request, before one byte of an answer,
and closes the socket at once when an answer is closed before its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from segue.wire.codec import WireRequest

STALE: Final = 2.0
"""Seconds in which a kept connection that the server had closed shows it, however far the server is. One that breaks later carried the
request: sent again, it might be answered, and paid for, twice (RFC 9110 9.2.2)."""

FAREWELL: Final = 0.5
"""Seconds that closing waits for another event loop."""


class TransportError(Exception):
    """The network failed. `phase` is one of "resolve", "connect", "tls", "send", "headers", "body"."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.message = message


class Response(Protocol):
    """An HTTP answer whose headers have arrived."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    async def read(self) -> bytes:
        """The next bytes of the body as soon as there are any; b"" at its end.

        Raises `TransportError("body", …)` if the connection broke before the end that the headers promised.
        """
        ...

    def close(self) -> None:
        """Gives the connection back if the body was read to its end, else closes the socket now. May be called again."""
        ...


class Transport(Protocol):
    """Carries one request to a provider and its answer back. `segue.testing.MemoryTransport` is the double."""

    async def send(self, request: WireRequest, *, connect: float) -> Response:
        """Sends, and waits for the answer's headers without limit: the caller cancels.

        `connect` is the limit in seconds for name look-up, connection and TLS together. Raises `TransportError`. When cancelled,
        the socket is closed before the cancellation goes on.
        """
        ...

    async def aclose(self) -> None:
        """Closes all connections."""
        ...


class InFlight(Protocol):
    """A request that was sent without a wait, and what has arrived of its answer; it is read without a wait, too.

    `answered`: the head has arrived, with `status` and `headers`. `complete`: so has the end of the body. `error` says what broke
    the connection, None if nothing did. `pieces` are those of the body that were not taken yet, `unread` bytes of them.
    """

    answered: bool
    complete: bool
    error: str | None
    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    unread: int

    def take(self) -> bytes:
        """All pieces, at least one byte."""
        ...

    def more(self) -> asyncio.Future[None]:
        """Is done when one of the attributes changes, and when woken."""
        ...

    def listen(self, call: Callable[[], None] | None) -> None:
        """In place of `more()`: `call` is called each time one of the attributes changes, and when woken, until None takes its place.
        It must not raise, nor abort."""
        ...

    def wake(self) -> None:
        """Lets who waits or listens look again."""
        ...

    def abort(self, message: str = "the connection was closed") -> None:
        """Closes the socket now, unless the exchange is over."""
        ...

    def drain(self, seconds: float) -> None:
        """Nothing more is taken: the connection is kept if the body ends within so many seconds, else closed."""
        ...


@runtime_checkable
class FastTransport(Transport, Protocol):
    """A transport that can send without a wait. `send` is `begin`, where that can be, and `answer`."""

    def begin(self, request: WireRequest, *, connect: float) -> InFlight | None:
        """Sends at once, or as soon as there is a connection; `connect` is that of `send`. None, and sends nothing, where that takes
        a wait first. Raises `TransportError`."""
        ...

    async def answer(self, sent: Any, request: WireRequest, *, connect: float) -> Response:
        """The answer to what `begin` has sent, once its headers have arrived: from here on as in `send`."""
        ...


async def close_elsewhere(closing: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
    """Has something closed in the loop that it belongs to. The caller may be blocking that very loop: then it is done as soon as
    the loop goes on, and nothing waits for it any longer."""
    done = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(closing, loop))
    await asyncio.wait([done], timeout=FAREWELL)
