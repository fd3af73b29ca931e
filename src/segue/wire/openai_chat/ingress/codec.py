"""The server side of the dialect."""

from __future__ import annotations

from collections.abc import Mapping, Set

from segue.errors import SegueError
from segue.wire.codec import IngressRequest
from segue.wire.openai.ingress_errors import error_answer
from segue.wire.openai_chat.ingress.request import read_request
from segue.wire.openai_chat.ingress.response import StreamEncoder, WholeEncoder
from segue.wire.openai_chat.upstream.messages import DIALECT


class Ingress:
    """Answers callers of OpenAI's Chat Completions."""

    dialect = DIALECT

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        return read_request(body)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> StreamEncoder | WholeEncoder:
        name, functions = f"chatcmpl-{id}", bool(request.options.get("functions"))
        custom: Set[str] = request.options.get("custom", frozenset())
        if not request.stream:
            return WholeEncoder(id=name, created=created, model=request.model, functions=functions, custom=custom)
        include_usage = bool(request.options.get("include_usage"))
        return StreamEncoder(
            id=name,
            created=created,
            model=request.model,
            include_usage=include_usage,
            functions=functions,
            custom=custom,
        )

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return error_answer(error)
