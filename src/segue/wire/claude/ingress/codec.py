"""Segue as a server of the Anthropic Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from segue.catalog.tokens import estimate_request_tokens
from segue.errors import SegueError
from segue.wire.claude.ingress.errors import error_answer
from segue.wire.claude.ingress.request import decode_body
from segue.wire.claude.ingress.response import DocumentEncoder, StreamEncoder
from segue.wire.claude.upstream.messages import DIALECT
from segue.wire.codec import Encoder, IngressRequest


class Ingress:
    """See `segue.wire.codec.IngressCodec`.

    `options` holds the caller's `thinking` type and its `display`: they decide whether thinking is shown.
    """

    dialect = DIALECT

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        return decode_body(body, headers)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        if not request.stream:
            return DocumentEncoder(id=id, model=request.model, options=request.options)
        estimate = partial(estimate_request_tokens, request.request)
        return StreamEncoder(id=id, model=request.model, options=request.options, estimate=estimate)

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return error_answer(error)
