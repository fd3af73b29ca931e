"""The server side of the dialect."""

from __future__ import annotations

from collections.abc import Mapping

from segue.errors import SegueError
from segue.wire.codec import IngressRequest
from segue.wire.openai.ingress_errors import error_answer
from segue.wire.openai_responses.ingress.request import read_request
from segue.wire.openai_responses.ingress.response import StreamEncoder, WholeEncoder
from segue.wire.openai_responses.upstream.messages import DIALECT


class Ingress:
    """Answers callers of OpenAI's Responses API."""

    dialect = DIALECT

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        return read_request(body)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> StreamEncoder | WholeEncoder:
        form = StreamEncoder if request.stream else WholeEncoder
        return form(id=id, created=created, model=request.model, options=request.options)

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return error_answer(error)
