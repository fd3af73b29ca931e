"""The transport that is used where none is chosen: our own, and aiohttp's for what goes through a proxy."""

from __future__ import annotations

from segue.transport.aio import AioTransport, proxies
from segue.transport.base import Answer, Transport
from segue.transport.h1 import H1Transport
from segue.wire.codec import WireRequest


class DefaultTransport:
    """A `Transport` that looks at each request's URL: over `aio` if the environment names a proxy for it, else over `h1`."""

    def __init__(self) -> None:
        self._direct = H1Transport()
        self._proxied = AioTransport()

    async def send(self, request: WireRequest, *, connect: float) -> Answer:
        if self._proxied.has_proxy_for(request.url):
            return await self._proxied.send(request, connect=connect)
        return await self._direct.send(request, connect=connect)

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._proxied.aclose()


def default_transport() -> Transport:
    """Raises `ConfigurationError` if the environment names a proxy or certificates that are of no use."""
    return DefaultTransport() if proxies() else H1Transport()
