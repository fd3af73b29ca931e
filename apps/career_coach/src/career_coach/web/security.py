"""What stands before every request: whose it may be, how large, and what a browser may do with the answer."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from career_coach.reading import LARGEST

_LARGEST_BODY: Final = LARGEST + 64 * 1024
"""Bytes: the largest file and the form around it."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_CONTENT_SECURITY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _CONTENT_SECURITY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Refuses with 401 without the password, with 403 what another site's page sends or under a foreign host name, with 413 what is too large.

    `hosts` are the host names that are answered, None for any. Without `password` none is asked for.
    """

    def __init__(self, app: ASGIApp, *, password: str = "", hosts: tuple[str, ...] | None = _LOOPBACK) -> None:
        self._app = app
        self._password = password
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope["method"], headers):
            await _refuse(send, *refusal)
            return
        await self._app(scope, _Bounded(receive), _Marked(send, private=not scope["path"].startswith("/static/")))

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = _name_of(headers.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            return 403, "this address is not answered here: open the page by the address that the server printed"
        if self._password and not self._knows(headers.get("authorization", "")):
            return 401, "the password is needed"
        if method not in _SAFE and not _same_site(headers, host):
            return 403, "a page of another site may not change anything here"
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > _LARGEST_BODY:
            return 413, f"the file is larger than {LARGEST // 1024**2} MB: is it a résumé?"
        return None

    def _knows(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return hmac.compare_digest(value.encode(), self._password.encode())
        try:
            given = base64.b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._password.encode())


class TooLarge(Exception):
    """A body without a length went over the limit."""


class _Bounded:
    """A body that may not be larger than the limit, whatever its header states."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._taken = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > _LARGEST_BODY:
            raise TooLarge
        return message


class _Marked:
    """Answers with the headers that bind a browser."""

    def __init__(self, send: Send, *, private: bool) -> None:
        self._send = send
        self._private = private

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if self._private:
                headers.setdefault("cache-control", "no-store")
        await self._send(message)


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_site(headers: Headers, host: str) -> bool:
    """Whether a request that changes something is a program's, or comes from a page of ours."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or _name_of(origin.partition("://")[2]) == host


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps({"error": {"code": str(status), "message": message}}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"www-authenticate", b'Basic realm="career coach", charset="UTF-8"')] if status == 401 else []
    headers += [(b"connection", b"close")] if status == 413 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
