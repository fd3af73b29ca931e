"""The page's static files, and the security headers of every response of the dashboard."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from segue.errors import InvalidRequestError
from segue.server.exchange import Exchange, Reply

DIRECTORY: Final = Path(__file__).parent / "static"
PAGE: Final = "index.html"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""No inline scripts or styles, no third-party hosts, no framing; with Trusted Types, which some browsers have, `innerHTML` and the like
are blocked."""

HEADERS: Final = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
NOT_KEPT: Final = {**HEADERS, "cache-control": "no-store"}

LANGUAGES: Final = ("en", "ko")


class _Asset(NamedTuple):
    data: bytes
    type: str
    tag: str


def page(exchange: Exchange) -> Reply:
    """The page, in the language that the browser prefers. It contains no data."""
    language = preferred(exchange.headers.get("accept-language", ""))
    body = _assets()[PAGE].data.replace(b'<html lang="en"', b'<html lang="%s"' % language.encode(), 1)
    return 200, {**NOT_KEPT, "content-type": _TYPES[".html"], "vary": "accept-language"}, body


def asset(exchange: Exchange, name: str) -> Reply:
    """A file of the page. Raises `InvalidRequestError` (404) for any other."""
    found = _assets().get(name)
    if found is None or name == PAGE:
        raise InvalidRequestError(f"the dashboard has no file {name[:100]!r}", status=404, code="not_served")
    headers = {**HEADERS, "cache-control": "no-cache", "etag": found.tag}
    if exchange.headers.get("if-none-match") == found.tag:
        return 304, headers, b""
    return 200, {**headers, "content-type": found.type}, found.data


def preferred(accepted: str) -> str:
    """The first of `LANGUAGES` by the weights of an `accept-language` header; English where it names neither."""
    best, weight = LANGUAGES[0], 0.0
    for part in accepted[:500].split(","):
        tag, _, rest = part.strip().partition(";")
        name = tag.partition("-")[0].lower()
        try:
            value = float(rest.partition("=")[2] or 1.0)
        except ValueError:
            continue
        if name in LANGUAGES and value > weight:
            best, weight = name, value
    return best


@cache
def _assets() -> dict[str, _Asset]:
    """All files by their name, read once."""
    found = {}
    for path in sorted(DIRECTORY.rglob("*")):
        if path.is_file() and path.suffix in _TYPES:
            data = path.read_bytes()
            tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
            found[path.relative_to(DIRECTORY).as_posix()] = _Asset(data, _TYPES[path.suffix], tag)
    return found
