"""An answer's events as the bytes that the official SDKs read: a stream of server-sent events, or one JSON document.

Blocks are opened when their first piece comes and closed when something else begins, numbered from 0. `message_start` holds the
tokens of the prompt, which clients show immediately: the provider's count if it came with the answer's beginning, else our estimate. The
totals in `message_delta` replace it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.errors import SegueError
from segue.wire.claude import citations
from segue.wire.claude.ingress.errors import error_body
from segue.wire.claude.upstream.messages import tool_id

_WORDS: Final = {
    FinishReason.STOP: ("end_turn", "stop_sequence"),
    FinishReason.LENGTH: ("max_tokens", "model_context_window_exceeded"),
    FinishReason.TOOL_CALLS: ("tool_use",),
    FinishReason.CONTENT_FILTER: ("refusal",),
    FinishReason.PAUSE: ("pause_turn", "compaction"),
}
"""The dialect's names for a reason; the first is used unless the answer came with another of them."""

_BESIDE: Final[dict[str, dict[str, Any]]] = {"text": {"citations": None}, "thinking": {"signature": ""}}
"""The fields of a block beside its text, whose field is named like the block."""

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'


class _Form:
    """How the caller wants to be answered."""

    def __init__(self, *, id: str, model: str, options: dict[str, Any]) -> None:
        self.id = f"msg_{id}"
        self.model = model
        self.thinking = options.get("thinking") not in ("disabled", "between_tools")
        self.reasons = options.get("display") != "omitted"

    def message(self, model: str, usage: Usage) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": model or self.model,
            "content": [],
            "container": None,
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": _usage(usage) | {"inference_geo": None, "service_tier": None},
        }

    def call(self, index: int, call: ToolCall) -> dict[str, Any]:
        id = tool_id(call.id) or f"toolu_{self.id.removeprefix('msg_')}_{index}"
        return {"type": "tool_use", "id": id, "name": call.name, "input": {}, "caller": {"type": "direct"}}


class StreamEncoder:
    """See `segue.wire.codec.Encoder`. `estimate` returns the tokens of the prompt if the provider has not reported them yet."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, id: str, model: str, options: dict[str, Any], estimate: Callable[[], int]) -> None:
        self._form = _Form(id=id, model=model, options=options)
        self._estimate = estimate
        self._index = -1
        self._open = ""
        self._quoted = False
        self._usage: Usage | None = None
        self._started: Started | None = None

    def feed(self, event: ChatEvent) -> bytes:
        if type(event) is TextDelta and self._open == "text" and not self._quoted:
            return _delta(self._index, "text_delta", "text", event.text) if event.text else b""
        if isinstance(event, Started):
            self._started = event
            return b""
        if isinstance(event, UsageReport):
            self._usage = event.usage
            return b""
        return self._begin() + self._written(event) if self._started is not None else self._written(event)

    def _begin(self) -> bytes:
        started, self._started = self._started, None
        self._usage = self._usage or Usage(input_tokens=self._estimate())
        return _event("message_start", message=self._form.message(started.model if started else "", self._usage))

    def _written(self, event: ChatEvent) -> bytes:
        match event:
            case TextDelta(text):
                return self._piece("text", "text", "text_delta", text) if text else b""
            case ThinkingDelta():
                return self._thought(event) if self._form.thinking else b""
            case ToolCalled():
                return self._called(event)
            case Citation():
                return self._cite(event)
            case Finished():
                return self._finished(event)
        return b""

    def _cite(self, event: Citation) -> bytes:
        """A citation of the open text, which ends with it: the text that follows is another block."""
        if (citation := citations.write(event)) is None:
            return b""
        opened = b"" if self._open == "text" else self._start("text", {"type": "text", "text": "", **_BESIDE["text"]})
        self._quoted = True
        delta = {"type": "citations_delta", "citation": citation}
        return opened + _event("content_block_delta", index=self._index, delta=delta)

    def ping(self) -> bytes:
        return PING

    def fail(self, error: SegueError) -> bytes:
        return b"event: error\ndata: " + error_body(error) + b"\n\n"

    def _piece(self, kind: str, field: str, delta: str, text: str) -> bytes:
        begin = b""
        if self._open != kind or self._quoted:
            self._quoted = False
            empty = {"type": kind, field: ""} | _BESIDE[kind]
            begin = self._start(kind, empty)
        return begin + _delta(self._index, delta, field, text)

    def _thought(self, event: ThinkingDelta) -> bytes:
        event = event.for_dialect("claude")
        out = b""
        if event.redacted:
            out += (
                self._start("redacted_thinking", {"type": "redacted_thinking", "data": event.redacted}) + self._stop()
            )
        if event.text and self._form.reasons:
            out += self._piece("thinking", "thinking", "thinking_delta", event.text)
        if event.signature:
            if self._open != "thinking":
                out += self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            out += _delta(self._index, "signature_delta", "signature", event.signature) + self._stop()
        return out

    def _called(self, event: ToolCalled) -> bytes:
        begin = self._start("tool_use", self._form.call(event.index, event.call))
        return begin + _delta(self._index, "input_json_delta", "partial_json", event.call.arguments) + self._stop()

    def _start(self, kind: str, block: dict[str, Any]) -> bytes:
        stop = self._stop()
        self._index += 1
        self._open = kind
        return stop + _event("content_block_start", index=self._index, content_block=block)

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", index=self._index)

    def _finished(self, event: Finished) -> bytes:
        ending = _event("message_delta", delta=_ending(event), usage=_usage(self._usage or Usage()))
        return self._stop() + ending + _event("message_stop")


class DocumentEncoder:
    """A whole answer: all bytes at `Finished`."""

    content_type = "application/json"

    def __init__(self, *, id: str, model: str, options: dict[str, Any]) -> None:
        self._form = _Form(id=id, model=model, options=options)
        self._message = self._form.message("", Usage())
        self._content: list[dict[str, Any]] = self._message["content"]
        self._signed = False

    def feed(self, event: ChatEvent) -> bytes:
        match event:
            case Started():
                self._message["model"] = event.model or self._form.model
            case TextDelta(text):
                if text:
                    self._grow("text", "text", text)
            case ThinkingDelta():
                if self._form.thinking:
                    self._thought(event)
            case ToolCalled():
                block = self._form.call(event.index, event.call)
                block["input"] = msgspec.Raw(event.call.arguments or "{}")
                self._content.append(block)
            case Citation():
                if (citation := citations.write(event)) is not None:
                    block = self._grow("text", "text", "")
                    block["citations"] = [*(block["citations"] or ()), citation]
            case UsageReport(usage):
                self._message["usage"] |= _usage(usage)
            case Finished():
                self._message |= _ending(event)
                return msgspec.json.encode(self._message)
        return b""

    def ping(self) -> bytes:
        return b""

    def fail(self, error: SegueError) -> bytes:
        return error_body(error)

    def _thought(self, event: ThinkingDelta) -> None:
        event = event.for_dialect("claude")
        if event.redacted:
            self._content.append({"type": "redacted_thinking", "data": event.redacted})
        if event.text and self._form.reasons:
            self._grow("thinking", "thinking", event.text)
        if event.signature:
            self._grow("thinking", "signature", event.signature)
            self._signed = True

    def _grow(self, kind: str, field: str, text: str) -> dict[str, Any]:
        """Adds to the open block, or opens one: a text with citations is closed, except for more citations, and so is a signed thought."""
        last = self._content[-1] if self._content else {}
        closed = self._signed if kind == "thinking" else bool(text and last.get("citations"))
        if last.get("type") != kind or closed:
            self._content.append({"type": kind, kind: "", **_BESIDE[kind]})
            self._signed = False
        block = self._content[-1]
        block[field] += text
        return block


def _event(type: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (type.encode(), msgspec.json.encode({"type": type, **fields}))


def _delta(index: int, kind: str, field: str, text: str) -> bytes:
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
        % (index, kind.encode(), field.encode(), msgspec.json.encode(text))
    )


def _ending(event: Finished) -> dict[str, Any]:
    words = _WORDS[event.reason]
    stopped = bool(event.stop) and event.reason is FinishReason.STOP
    ending: dict[str, Any] = {
        "stop_reason": "stop_sequence" if stopped else event.raw if event.raw in words else words[0],
        "stop_sequence": event.stop if stopped else None,
        "stop_details": None,
        "container": None,
    }
    if event.reason is FinishReason.CONTENT_FILTER:
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": event.refusal or None}
    return ending


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "server_tool_use": None,
    }
