"""What the tests of this dialect share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.catalog.models import find_model
from segue.chat.events import (
    ChatEvent,
    Finished,
    Seam,
    Started,
    ToolCallDelta,
    ToolCalled,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.request import ChatRequest
from segue.secret import Secret
from segue.wire.claude.ingress.codec import Ingress
from segue.wire.claude.upstream.codec import Upstream
from segue.wire.codec import Call, IngressRequest

KEY = "sk-ant-a-key-that-must-not-show"


def call(model: str = "claude-sonnet-4-6", **changes: Any) -> Call:
    fields: dict[str, Any] = {"base_url": "https://api.anthropic.com", "key": Secret(KEY)} | changes
    return Call(model=find_model("claude", model), **fields)


def body_of(request: ChatRequest, model: str = "claude-sonnet-4-6", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(Upstream().encode(request, call(model, **changes)).body)
    return body


def omitted(request: ChatRequest, model: str, **changes: Any) -> tuple[str, ...]:
    return Upstream().encode(request, call(model, **changes)).omitted


def decoded(body: Any, headers: dict[str, str] | None = None) -> IngressRequest:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Ingress().decode(raw, path="/v1/messages", query="", headers=headers or {})


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
    )


def events_of(pieces: Sequence[bytes], content_type: str = "text/event-stream") -> list[UpstreamEvent]:
    decoder = Upstream().decoder(content_type)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.eof()


def encoded(events: Sequence[ChatEvent], *, stream: bool, options: dict[str, Any] | None = None) -> bytes:
    request = IngressRequest(request=ChatRequest(messages=()), model="asked-for", stream=stream, options=options or {})
    encoder = Ingress().encoder(request, id="1", created=0)
    return b"".join(encoder.feed(event) for event in events)


def as_upstream_says(events: Sequence[ChatEvent], *, id: str) -> list[UpstreamEvent]:
    """The events that an upstream would have to say for the caller to get these."""
    emitted: list[UpstreamEvent] = []
    for event in events:
        match event:
            case Started(_, model):
                emitted.append(Started(id, model))
            case ToolCalled(index, made):
                emitted += [ToolCallDelta(index, made.id, made.name), ToolCallDelta(index, arguments=made.arguments)]
                emitted.append(ToolCallEnd(index))
            case Seam():
                pass
            case _:
                emitted.append(event)
    return emitted


def without_usage(events: Sequence[UpstreamEvent]) -> list[UpstreamEvent]:
    return [event for event in events if not isinstance(event, UsageReport)]


def finished(events: Sequence[UpstreamEvent]) -> Finished:
    (terminal,) = [event for event in events if isinstance(event, Finished)]
    return terminal
