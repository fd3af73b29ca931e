"""The client side of the dialect."""

from __future__ import annotations

from collections.abc import Mapping

from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.wire.addresses import PUBLIC
from segue.wire.codec import Call, WireRequest
from segue.wire.fitting.fit import fit
from segue.wire.openai.http import listing, posting
from segue.wire.openai_responses.upstream import errors
from segue.wire.openai_responses.upstream.messages import DIALECT
from segue.wire.openai_responses.upstream.request import body
from segue.wire.openai_responses.upstream.response import AnswerDecoder


class Upstream:
    """The client side for OpenAI's Responses API and compatible providers."""

    dialect = DIALECT
    base_url = PUBLIC["openai_responses"]

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        fitted = fit(request, DIALECT, call.model)
        return posting("/responses", body(fitted, call), fitted, call)

    def decoder(self, content_type: str) -> AnswerDecoder:
        """`content_type` is ignored: the answer's first byte tells a stream from a document."""
        return AnswerDecoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        return errors.of_http(status, headers, body, wall)

    def list_models(self, call: Call) -> WireRequest:
        return listing(call)
