"""Segue as a client of the Anthropic Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.wire.addresses import PUBLIC
from segue.wire.claude.upstream.errors import failure_of
from segue.wire.claude.upstream.messages import DIALECT
from segue.wire.claude.upstream.request import encode
from segue.wire.claude.upstream.response import AnswerDecoder
from segue.wire.codec import Call, Decoder, WireRequest
from segue.wire.fitting.fit import fit

API_VERSION: Final = "2023-06-01"
"""The version 2026-10-21 answers in the same shapes but refuses temperature, top_p and top_k for every model; this one leaves them
to the models that still take them."""


class Upstream:
    """See `segue.wire.codec.UpstreamCodec`. The quirk `{"bearer": True}` sends the key as a bearer token."""

    dialect = DIALECT
    base_url = PUBLIC["claude"]

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        fitted = fit(request, DIALECT, call.model)
        encoded = encode(fitted, call)
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream" if call.stream else "application/json",
        }
        if encoded.betas:
            headers["anthropic-beta"] = ",".join(encoded.betas)
        return WireRequest(
            method="POST",
            url=f"{call.base_url}/v1/messages",
            headers=headers | _headers(call),
            body=encoded.body,
            omitted=encoded.omitted,
            healed=tuple(fitted.healed),
            answers=fitted.answers,
        )

    def decoder(self, content_type: str) -> Decoder:
        return AnswerDecoder(document="json" in content_type.lower())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        return failure_of(status, headers, body, wall=wall)

    def list_models(self, call: Call) -> WireRequest:
        return WireRequest(
            method="GET", url=f"{call.base_url}/v1/models", headers={"accept": "application/json"} | _headers(call)
        )


def _headers(call: Call) -> dict[str, str]:
    headers = {"anthropic-version": API_VERSION}
    if call.key:
        if call.quirks.get("bearer"):
            headers["authorization"] = f"Bearer {call.key.reveal()}"
        else:
            headers["x-api-key"] = call.key.reveal()
    return headers | {name.lower(): value for name, value in call.headers.items()}
