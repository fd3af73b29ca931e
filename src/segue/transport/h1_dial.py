"""Opening a connection: name look-up, the race of the addresses, TLS, all within one limit of time."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from aiohappyeyeballs import AddrInfoType, start_connection

from segue.transport.base import TransportError
from segue.transport.h1_request import Origin

_HEAD_START = 0.25
"""Seconds after which the next address joins the race, as RFC 8305 advises."""


TURNS = 20
"""Turns of the event loop, each of which hears the sockets, that a connection needs at most from the kernel's word to its use."""

P = TypeVar("P", bound=asyncio.Protocol)


class Patience:
    """Ends `limit` after so many seconds, once all that has arrived by then was heard.

    A loop that is idle takes no time for that. One that is busy comes late to everything, and its own delay is not the network's: otherwise
    a crowd of new requests would take its own noise for a provider that cannot be reached.
    """

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._turns = TURNS
        self._next: asyncio.Handle = self._loop.call_later(seconds, self._turn)

    def cancel(self) -> None:
        self._next.cancel()

    def _turn(self) -> None:
        self._turns -= 1
        if self._turns:
            self._next = self._loop.call_soon(self._turn)
        else:
            self._limit.reschedule(self._loop.time())


async def dial(
    origin: Origin, protocol: Callable[[], P], context: ssl.SSLContext, *, seconds: float, limits: set[asyncio.Timeout]
) -> P:
    """Connects within so many seconds, and raises `TransportError` with the phase that failed.

    As long as it lasts, its limit is in `limits`: to reschedule it to now ends it. Cancelled, it closes the socket before it ends.

    The race is not left to the event loop's `create_connection`, as uvloop's has none, and as one could not tell the phases apart.
    """
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    limits.add(limit)
    patience = Patience(limit, seconds)
    phase = "resolve"
    try:
        async with limit:
            addresses = await _addresses(loop, origin)
            phase = "connect"
            sock = await start_connection(addresses, happy_eyeballs_delay=_HEAD_START, interleave=1, loop=loop)
            if not origin.tls:
                return (await loop.create_connection(protocol, sock=sock))[1]
            phase = "tls"
            return (
                await loop.create_connection(
                    protocol,
                    sock=sock,
                    ssl=context,
                    server_hostname=origin.host,
                    ssl_handshake_timeout=max(seconds, 0) + 1,
                )
            )[1]
    except asyncio.CancelledError:
        await asyncio.sleep(0)  # the socket is closed in the loop's next turn
        raise
    except (OSError, ValueError) as exc:
        if isinstance(exc, TimeoutError) and limit.expired():
            raise TransportError(phase, f"no connection within {seconds:g} s") from None
        raise TransportError(phase, explained(exc)) from exc
    finally:
        patience.cancel()
        limits.discard(limit)


async def _addresses(loop: asyncio.AbstractEventLoop, origin: Origin) -> list[AddrInfoType]:
    try:
        address = ipaddress.ip_address(origin.host)
    except ValueError:
        return list(await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM))
    kind, protocol = socket.SOCK_STREAM, socket.IPPROTO_TCP
    if address.version == 4:
        return [(socket.AF_INET, kind, protocol, "", (origin.host, origin.port))]
    return [(socket.AF_INET6, kind, protocol, "", (origin.host, origin.port, 0, 0))]


def explained(exc: BaseException) -> str:
    """What to say of an error of the network."""
    match exc:
        case ssl.SSLCertVerificationError():
            return f"the certificate is not trusted: {exc.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {exc.reason or 'the connection was lost'}"
        case socket.gaierror():
            return exc.strerror or "the name is not known"
        case OSError() if exc.errno:
            return os.strerror(exc.errno)
        case _:
            return "the connection was lost"
