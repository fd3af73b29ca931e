"""Segue as a server of the Gemini API.

Paths: `…/models/{model}:generateContent`, `:streamGenerateContent` (server-sent events with `alt=sse`, else a JSON array) and
`:countTokens`, below `/v1` (google-genai from 3.0 on) or `/v1beta` (older SDKs, gemini-cli, @ai-sdk/google).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from segue.errors import SegueError
from segue.wire.codec import IngressRequest
from segue.wire.gemini.ingress import errors
from segue.wire.gemini.ingress.fields import Json, fault
from segue.wire.gemini.ingress.request import chat_request, wants_thoughts
from segue.wire.gemini.ingress.response import ArrayEncoder, Encoder, EventEncoder, WholeEncoder
from segue.wire.gemini.schema import camel
from segue.wire.gemini.upstream.messages import DIALECT

_ACTIONS = ("generateContent", "streamGenerateContent", "countTokens")


class Ingress:
    """The server side of the dialect."""

    dialect = DIALECT

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        """`options`: `action` is the path's verb, `sse` whether a stream is one of events, `thoughts` whether they may be shown."""
        model, action = target(path)
        try:
            fields = msgspec.json.decode(body)
            if not isinstance(fields, dict):
                raise fault("the body must be a JSON object", "")
            if action == "countTokens":
                fields = _counted(fields)
            request = chat_request(fields)
        except msgspec.MsgspecError as problem:
            raise fault(f"the body is not JSON: {problem}", "") from problem
        except (RecursionError, OverflowError, UnicodeError) as problem:
            raise fault("the body holds a value that is nested too deeply or too large", "") from problem
        return IngressRequest(
            request=request,
            model=model,
            stream=action == "streamGenerateContent",
            options={
                "action": action,
                "sse": "sse" in parse_qs(query).get("alt", ()),
                "thoughts": wants_thoughts(fields),
            },
        )

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        """The answer to `generateContent` and `streamGenerateContent`. Gemini's answers carry no date."""
        thoughts = bool(request.options.get("thoughts"))
        if not request.stream:
            return WholeEncoder(id=id, model=request.model, thoughts=thoughts)
        kind = EventEncoder if request.options.get("sse") else ArrayEncoder
        return kind(id=id, model=request.model, thoughts=thoughts)

    def token_count(self, total: int) -> bytes:
        """The answer to `countTokens`."""
        return msgspec.json.encode({"totalTokens": total})

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return errors.error(error)


def target(path: str, actions: Sequence[str] = _ACTIONS) -> tuple[str, str]:
    """The model and the action that a path names. Raises `InvalidRequestError` (404) for any other path."""
    resource, _, action = unquote(path).rpartition(":")
    _, found, model = f"/{resource}".rpartition("/models/")
    if not found or not model or action not in actions:
        raise fault(
            f"no such method: use models/{{model}} with {', '.join(':' + known for known in actions)}", "", status=404
        )
    return model, action


def _counted(fields: Json) -> Json:
    """`countTokens` takes bare contents or, in `generateContentRequest`, a whole request."""
    whole: Any = camel(fields).get("generateContentRequest")
    return whole if isinstance(whole, dict) else fields
