"""The client side of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.wire.addresses import PUBLIC
from segue.wire.codec import Call, WireRequest
from segue.wire.fitting.fit import fit
from segue.wire.openai import upstream_errors
from segue.wire.openai.http import listing, posting
from segue.wire.openai_chat.upstream.messages import DIALECT
from segue.wire.openai_chat.upstream.request import body
from segue.wire.openai_chat.upstream.response import AnswerDecoder


class Upstream:
    """The client side for OpenAI and compatible providers."""

    dialect = DIALECT
    base_url = PUBLIC["openai_chat"]

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        fitted = fit(request, DIALECT, call.model)
        fields = body(fitted, call)
        path = call.quirks.get("prefix_path") if call.prefill and call.quirks.get("prefix") else None
        if path is not None:
            path = f"/{path.lstrip('/')}"  # it is one, and no other host
            address = urlsplit(call.base_url)
            call = msgspec.structs.replace(call, base_url=f"{address.scheme}://{address.netloc}{path}")
        return posting("/chat/completions", fields, fitted, call)

    def decoder(self, content_type: str) -> AnswerDecoder:
        """`content_type` is ignored: the answer's first byte tells a stream from a document."""
        return AnswerDecoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        return upstream_errors.of_http(status, headers, body, wall)

    def list_models(self, call: Call) -> WireRequest:
        return listing(call)
