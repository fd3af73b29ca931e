"""The transport that is used where none is chosen: our own, and aiohttp's for what goes through a proxy."""

from __future__ import annotations

from segue.transport.base import FastTransport, InFlight, Response, Transport
from segue.transport.h1 import H1Transport
from segue.transport.proxies import Proxies
from segue.wire.codec import WireRequest


class DefaultTransport:
    """A `Transport` that looks at each request's URL: over `proxied` if the environment names a proxy for it, else over `direct`."""

    def __init__(self, proxies: Proxies, *, direct: FastTransport, proxied: Transport) -> None:
        self._proxies = proxies
        self._direct = direct
        self._proxied = proxied

    async def send(self, request: WireRequest, *, connect: float) -> Response:
        transport = self._proxied if self._proxies.concern(request.url) else self._direct
        return await transport.send(request, connect=connect)

    def begin(self, request: WireRequest, *, connect: float) -> InFlight | None:
        return None if self._proxies.concern(request.url) else self._direct.begin(request, connect=connect)

    async def answer(self, sent: InFlight, request: WireRequest, *, connect: float) -> Response:
        return await self._direct.answer(sent, request, connect=connect)

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._proxied.aclose()


def default_transport() -> Transport:
    """Raises `ConfigurationError` if the environment names a proxy or certificates that are of no use."""
    if not (proxies := Proxies()):
        return H1Transport()
    from segue.transport.aio import AioTransport  # noqa: PLC0415  (aiohttp: a third of what importing a client costs)

    return DefaultTransport(proxies, direct=H1Transport(), proxied=AioTransport())
