"""The client side of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.wire.codec import Call, WireRequest
from segue.wire.fitting.fit import Fitted, fit
from segue.wire.openai import upstream_errors
from segue.wire.openai_chat.upstream.messages import DIALECT
from segue.wire.openai_chat.upstream.request import body
from segue.wire.openai_chat.upstream.response import AnswerDecoder


class Upstream:
    """Speaks to OpenAI and to whoever answers like it."""

    dialect = DIALECT
    base_url = "https://api.openai.com/v1"

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        fitted = fit(request, DIALECT, call.model)
        fields = body(fitted, call)
        path = call.quirks.get("prefix_path") if call.prefill and call.quirks.get("prefix") else None
        if path is not None:
            address = urlsplit(call.base_url)
            call = msgspec.structs.replace(call, base_url=f"{address.scheme}://{address.netloc}{path}")
        return posting("/chat/completions", fields, fitted, call)

    def decoder(self, content_type: str) -> AnswerDecoder:
        """`content_type` is not believed: the answer's first byte tells a stream from a document."""
        return AnswerDecoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        return upstream_errors.of_http(status, headers, body, wall)

    def list_models(self, call: Call) -> WireRequest:
        return listing(call)


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
