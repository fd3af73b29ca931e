"""Segue as a client of the Gemini API.

The address has no version path, as with the official SDK; `v1beta` is added. `v1` has had system instructions, tools, JSON
schemas and thinking since 2026 and is the SDK's default from 3.0 on, but the aliases `gemini-…-latest` and previews exist in `v1beta`
only. A base URL that ends in a version keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.wire.addresses import PUBLIC
from segue.wire.codec import Call, WireRequest
from segue.wire.fitting.fit import Fitted, fit
from segue.wire.gemini.upstream import errors
from segue.wire.gemini.upstream import request as request_body
from segue.wire.gemini.upstream.messages import DIALECT
from segue.wire.gemini.upstream.response import Decoder

_VERSION = "v1beta"
_VERSIONED = re.compile(r"/v\d{1,4}(?:(?:alpha|beta)\d{0,4})?$")


class Upstream:
    """The client side of the dialect."""

    dialect = DIALECT
    base_url = PUBLIC["gemini"]

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        fitted = fit(request, DIALECT, call.model)
        body = request_body.body(fitted, call)
        return posting("streamGenerateContent?alt=sse" if call.stream else "generateContent", body, call, fitted)

    def decoder(self, content_type: str) -> Decoder:
        """Gemini mixes framings within a body, so they are told apart by the bytes, not by `content_type`."""
        return Decoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        return errors.from_answer(status, headers, body, wall=wall)

    def list_models(self, call: Call) -> WireRequest:
        return WireRequest(method="GET", url=f"{_root(call)}/models", headers=_headers(call))


def posting(action: str, body: bytes, call: Call, fitted: Fitted | None = None) -> WireRequest:
    """A request to a method of the call's model."""
    return WireRequest(
        method="POST",
        url=f"{_root(call)}/{quote(resource(call.model.id), safe='/@')}:{action}",
        headers=_headers(call) | {"content-type": "application/json"},
        body=body,
        omitted=tuple(dict.fromkeys(fitted.omitted)) if fitted else (),
        healed=tuple(fitted.healed) if fitted else (),
        answers=fitted.answers if fitted else None,
    )


def resource(model: str) -> str:
    """A bare name is a model's; names of other kinds have a prefix, such as `tunedModels/…`."""
    return model if "/" in model else f"models/{model}"


def _root(call: Call) -> str:
    base = call.base_url.rstrip("/")
    return base if _VERSIONED.search(base) else f"{base}/{_VERSION}"


def _headers(call: Call) -> dict[str, str]:
    return ({"x-goog-api-key": call.key.reveal()} if call.key else {}) | call.headers
