"""Redirects within one host, as a proxy makes them for a slash or for `https`: followed once, with method, headers and body as they were.

A key goes to no other host than the one it was meant for, and never from `https` to `http`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

from segue.transport.base import Response, Transport
from segue.wire.codec import WireRequest

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
"""Not 303, which asks for a GET."""


async def send(transport: Transport, request: WireRequest, *, connect: float) -> Response:
    """`Transport.send`, and once more where the answer points elsewhere on the same host."""
    return await followed(await transport.send(request, connect=connect), transport, request, connect=connect)


async def followed(answer: Response, transport: Transport, request: WireRequest, *, connect: float) -> Response:
    """The answer, or that of the address on the same host to which it points."""
    if (
        answer.status not in _REDIRECTS
        or (url := _within_host(request.url, answer.headers.get("location", ""))) is None
    ):
        return answer
    answer.close()
    return await transport.send(msgspec.structs.replace(request, url=url), connect=connect)


def _within_host(url: str, location: str) -> str | None:
    """The whole URL that `location` stands for, None where it is not to be followed."""
    try:
        there = urlsplit(urljoin(url, location))
        here = urlsplit(url)
        moved = (there.hostname, there.port) != (here.hostname, here.port)
    except ValueError:
        return None
    to_https = (here.scheme, there.scheme) == ("http", "https") and there.hostname == here.hostname
    if not location or "@" in there.netloc or not (to_https or (there.scheme == here.scheme and not moved)):
        return None
    return there._replace(fragment="").geturl()
