"""A dialect: questions as one JSON document, answers as lines of JSON.

    POST {base_url}/ask        {"model": "m", "turns": [["user", "Hello"]]}
    200 application/x-ndjson   {"say": "Hel"}
                               {"say": "lo"}
                               {"end": "stop", "read": 3, "wrote": 2}

The last line is what makes an answer whole: a body that ends without it was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from segue import ChatRequest, InvalidRequestError, Message, SegueError, Text, Usage
from segue.ext import (
    Call,
    ChatEvent,
    Dialect,
    Failed,
    Failure,
    FailureKind,
    Finished,
    FinishReason,
    IngressRequest,
    TextDelta,
    UpstreamEvent,
    UsageReport,
    WireRequest,
)

NAME = "lines"
_KINDS = {401: FailureKind.AUTH, 403: FailureKind.AUTH, 404: FailureKind.MODEL_GONE, 429: FailureKind.RATE}


class Upstream:
    """The client side."""

    dialect = NAME
    base_url = "http://127.0.0.1:9999"

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        turns = [[message.role, message.text] for message in request.messages]
        body = {"model": call.model.id, "turns": turns, "room": request.max_tokens}
        headers = {"authorization": f"Bearer {call.key.reveal()}", "content-type": "application/json"}
        return WireRequest(method="POST", url=f"{call.base_url}/ask", headers=headers, body=json.dumps(body).encode())

    def decoder(self, content_type: str) -> Decoder:
        return Decoder()

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        kind = _KINDS.get(status, FailureKind.OVERLOAD if status >= 500 else FailureKind.CALLER)
        return Failure(kind=kind, status=status, message=body[:200].decode("utf-8", "replace") or f"HTTP {status}")

    def list_models(self, call: Call) -> WireRequest:
        return WireRequest(method="GET", url=f"{call.base_url}/models", headers={})


class Decoder:
    """Lines to events, however the bytes are split."""

    def __init__(self) -> None:
        self.complete = False
        self._rest = b""

    def feed(self, data: bytes) -> list[UpstreamEvent]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines if line.strip() and not self.complete for event in self._read(line)]

    def _read(self, line: bytes) -> list[UpstreamEvent]:
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        match document:
            case {"say": str(text)}:
                return [TextDelta(text)]
            case {"end": str(end)}:
                self.complete = True
                usage = Usage(input_tokens=document.get("read", 0), output_tokens=document.get("wrote", 0))
                return [
                    UsageReport(usage),
                    Finished(FinishReason.LENGTH if end == "room" else FinishReason.STOP, raw=end),
                ]
            case _:
                self.complete = True
                return [_broken(f"a line that is not an answer's: {line[:80]!r}")]

    def eof(self) -> list[UpstreamEvent]:
        return [] if self.complete else [_broken("the answer ended without its last line")]


class Ingress:
    """The server side: Segue's gateway answers in this dialect at `/v1/ask`."""

    dialect = NAME

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        try:
            asked = json.loads(body)
            turns = tuple(Message(role, (Text(str(text)),)) for role, text in asked["turns"])
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidRequestError('send {"model": …, "turns": [[role, text], …]}', param="turns") from error
        request = ChatRequest(messages=turns, max_tokens=asked.get("room"))
        return IngressRequest(request=request, model=asked.get("model", ""), stream=True)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        return Encoder()

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return 500, {"content-type": "application/x-ndjson"}, _line({"error": str(error)})


class Encoder:
    """Events to lines."""

    content_type = "application/x-ndjson"

    def __init__(self) -> None:
        self._usage = Usage()

    def feed(self, event: ChatEvent) -> bytes:
        if isinstance(event, TextDelta):
            return _line({"say": event.text})
        if isinstance(event, UsageReport):
            self._usage = event.usage
        if isinstance(event, Finished):
            end = "room" if event.reason is FinishReason.LENGTH else "stop"
            return _line({"end": end, "read": self._usage.prompt_tokens, "wrote": self._usage.output_tokens})
        return b""

    def ping(self) -> bytes:
        return b"\n"

    def fail(self, error: SegueError) -> bytes:
        return _line({"error": str(error)})


def _broken(message: str) -> Failed:
    return Failed(Failure(kind=FailureKind.BROKEN, message=message))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


LINES = Dialect(upstream=Upstream, ingress=Ingress, paths=("/v1/ask",))
