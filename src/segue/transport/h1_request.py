"""What an HTTP/1.1 request says on the wire, and to whom it goes."""

from __future__ import annotations

import base64
import contextlib
import functools
import re
from typing import NamedTuple

from yarl import URL

from segue.transport.base import TransportError
from segue.wire.codec import WireRequest

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_OURS = frozenset({"host", "content-length", "transfer-encoding"})
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose empty body is declared with a length of 0."""


class Origin(NamedTuple):
    """Connections to the same origin are interchangeable."""

    tls: bool
    host: str
    port: int


class Place(NamedTuple):
    """What a URL says: whom to connect to, and the request's target, host and credentials in header form."""

    origin: Origin
    target: str
    host: str
    authorization: str


@functools.lru_cache(maxsize=256)
def place(address: str) -> Place:
    """Raises `TransportError` for what is no URL of HTTP."""
    try:
        url = URL(address)
        if url.scheme not in ("http", "https") or not url.raw_host or not url.port:
            raise ValueError
        origin = Origin(url.scheme == "https", url.raw_host, url.port)
    except ValueError:
        raise TransportError("resolve", "the URL is not valid") from None
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authorization = ""
    if url.user is not None:
        pair = f"{url.user}:{url.password or ''}".encode()
        authorization = f"Basic {base64.b64encode(pair).decode()}"
    return Place(origin, url.raw_path_qs, host if url.is_default_port() else f"{host}:{origin.port}", authorization)


def head(request: WireRequest, at: Place) -> bytes:
    """The request's first line and headers. Raises `TransportError` for what HTTP cannot say."""
    start = _start(request.method, at, tuple(request.headers.items()))
    if request.body or request.method in _WITH_LENGTH:
        return b"%bContent-Length: %d\r\n\r\n" % (start, len(request.body))
    return start + b"\r\n"


@functools.lru_cache(maxsize=256)
def _start(method: str, at: Place, headers: tuple[tuple[str, str], ...]) -> bytes:
    """All but the length and the empty line: the same in all requests to one target."""
    lines = [f"{method} {at.target} HTTP/1.1\r\nHost: {at.host}"]
    given = set()
    for name, value in headers:
        key = _key(name)
        if key not in _OURS:
            given.add(key)
            lines.append(f"{name}: {value}")
    if "user-agent" not in given:
        lines.append("User-Agent: segue")
    if "accept" not in given:
        lines.append("Accept: */*")
    if "accept-encoding" not in given:
        lines.append("Accept-Encoding: identity")
    if at.authorization and "authorization" not in given:
        lines.append(f"Authorization: {at.authorization}")
    text = "\r\n".join([*lines, ""])
    ends = len(lines) + 1  # one more within the first line
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text or not _TOKEN(method):
        raise TransportError("send", "the method or a header is not valid")
    with contextlib.suppress(UnicodeEncodeError):  # it shows the text, and would be the error's context
        return text.encode("utf-8", "surrogateescape")
    raise TransportError("send", "a header is not valid Unicode")


@functools.lru_cache(maxsize=512)
def _key(name: str) -> str:
    if not _TOKEN(name):
        raise TransportError("send", "the name of a header is not valid")
    return name.lower()
