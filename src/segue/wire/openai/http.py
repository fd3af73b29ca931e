"""How both OpenAI dialects are sent: URL, key and headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from segue.wire.codec import Call, WireRequest
from segue.wire.fitting.fit import Fitted


def posting(path: str, fields: dict[str, Any], fitted: Fitted, call: Call) -> WireRequest:
    """A request for an answer, at a path below the target's address."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if call.stream else "application/json",
        **auth_headers(call),
    }
    return WireRequest(
        method="POST",
        url=_url(call, path),
        headers=headers,
        body=msgspec.json.encode(fields),
        omitted=tuple(dict.fromkeys(fitted.omitted)),
        healed=tuple(fitted.healed),
        answers=fitted.answers,
    )


def listing(call: Call) -> WireRequest:
    """The free probe."""
    headers = {"accept": "application/json", **auth_headers(call)}
    return WireRequest(method="GET", url=_url(call, "/models"), headers=headers)


def _url(call: Call, path: str) -> str:
    query = call.quirks.get("query")
    return f"{call.base_url}{path}?{urlencode(query)}" if query else f"{call.base_url}{path}"


def auth_headers(call: Call) -> dict[str, str]:
    """The key's header, none without a key, and what the target's settings add."""
    headers: dict[str, str] = {}
    if call.key:
        name = call.quirks.get("key_header")
        headers = {name: call.key.reveal()} if name else {"authorization": f"Bearer {call.key.reveal()}"}
    return headers | call.headers
