"""What the tests of this dialect share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from segue.catalog.models import ModelInfo, find_model
from segue.chat.events import (
    ChatEvent,
    Finished,
    ToolCallDelta,
    ToolCalled,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.secret import Secret
from segue.wire.codec import Call, IngressRequest
from segue.wire.openai_chat.ingress.codec import Ingress
from segue.wire.openai_chat.upstream.codec import Upstream

KEY = "sk-a-key-that-must-not-show"
PLAIN = ModelInfo(id="any-model", provider="somewhere", dialect="openai_chat", reasoning=True)
"""A model that takes everything."""


def call(model: str | ModelInfo = PLAIN, **changes: Any) -> Call:
    info = find_model("openai", model) if isinstance(model, str) else model
    fields: dict[str, Any] = {"base_url": "https://api.openai.com/v1", "key": Secret(KEY)} | changes
    return Call(model=info, **fields)


def body_of(request: ChatRequest, model: str | ModelInfo = PLAIN, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(Upstream().encode(request, call(model, **changes)).body)
    return body


def omitted(request: ChatRequest, model: str | ModelInfo = PLAIN, **changes: Any) -> tuple[str, ...]:
    return Upstream().encode(request, call(model, **changes)).omitted


def received(body: Any) -> IngressRequest:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Ingress().decode(data, path="/v1/chat/completions", query="", headers={})


def decoded(pieces: Iterable[bytes]) -> list[UpstreamEvent]:
    decoder = Upstream().decoder("text/event-stream")
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.eof()


def sse(*chunks: Any, done: bool = True) -> bytes:
    """A stream of these chunks; bytes are taken as they are."""
    lines = [
        chunk if isinstance(chunk, bytes) else b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks
    ]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk as OpenAI sends it."""
    choice: dict[str, Any] = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "gpt-6-luna"}
    return common | {"choices": [choice]} | more


def shown(events: Sequence[UpstreamEvent]) -> list[ChatEvent]:
    """What a caller sees of a whole upstream answer: calls whole, usage before the terminal."""
    calls: dict[int, ToolCall] = {}
    seen: list[ChatEvent] = []
    usage: UsageReport | None = None
    last: Finished | None = None
    for event in events:
        if isinstance(event, ToolCallDelta):
            before = calls.get(event.index, ToolCall(id=event.id, name=event.name, arguments=""))
            calls[event.index] = msgspec.structs.replace(
                before, arguments=before.arguments + event.arguments, signature=before.signature or event.signature
            )
        elif isinstance(event, ToolCallEnd):
            seen.append(ToolCalled(event.index, calls[event.index]))
        elif isinstance(event, UsageReport):
            usage = event
        elif isinstance(event, Finished):
            last = event
        else:
            assert not isinstance(event, ToolCallDelta | ToolCallEnd)
            seen.append(event)  # type: ignore[arg-type]
    return seen + ([usage] if usage else []) + ([last] if last else [])
