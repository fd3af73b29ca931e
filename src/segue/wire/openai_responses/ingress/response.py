"""An answer's events as this dialect's bytes: a stream of events, or one document, which is what the stream's last event holds.

Every event has a number, from 0 without gaps. A stream begins with `response.created`, which the SDKs insist on, and ends with
`response.completed`, or `.incomplete` where the answer was cut or filtered; a refusal is part of a completed one. An error is sent
twice, as OpenAI does: as `error`, on which the SDKs raise, and as `response.failed`, which agents look for. Seams are not shown, but
thinking after a seam that restarts the answer is a separate item.
"""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Seam,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError, RateLimitError, SegueError
from segue.wire.openai import citations
from segue.wire.openai.ingress_errors import error_body
from segue.wire.openai.logprobs import written
from segue.wire.openai_responses.ingress.output_items import Emit, Output

_json = msgspec.json.encode

_CUT = {FinishReason.LENGTH: "max_output_tokens", FinishReason.CONTENT_FILTER: "content_filter"}
"""Why an answer is incomplete; all other reasons complete it."""

_DELTA = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"%b","output_index":%d,'
    b'"content_index":0,"logprobs":[],"sequence_number":%%d,"delta":%%b}\n\n'
)


class _Answer:
    """What a stream and a whole answer have in common."""

    def __init__(self, *, id: str, created: int, model: str, options: dict[str, Any], emit: Emit) -> None:
        self.model = model
        self.output = Output(id, options["tools"], emit)
        always = {"id": f"resp_{id}", "object": "response", "created_at": created, "background": False, "store": False}
        self._head = _json(always)[:-1] + b","
        # The fields that repeat the request follow unchanged.
        self._tail: bytes = b"," + options["about"][1:]
        self._usage: Usage | None = None

    def take(self, event: ChatEvent) -> None:
        if isinstance(event, TextDelta):
            if event.text:
                self.output.text(event.text, event.phase)
        elif isinstance(event, ThinkingDelta):
            self.output.think(event)
        elif isinstance(event, ToolCalled):
            self.output.call(event.index, event.call)
        elif isinstance(event, Citation):
            if event.url:
                self.output.annotate(citations.flat(event))
        elif isinstance(event, Logprobs):
            self.output.next_logprobs = written(event)
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Started):
            self.model = event.model or self.model
        elif isinstance(event, Seam) and event.restarted:
            self.output.close()

    def finish(self, event: Finished) -> tuple[str, bytes]:
        """The status and the whole `response`."""
        if event.refusal:
            self.output.refuse(event.refusal)
        reason = None if event.refusal else _CUT.get(event.reason)
        status = "incomplete" if reason else "completed"
        self.output.close(status)
        return status, self.response(status, incomplete_details={"reason": reason} if reason else None)

    def response(self, status: str, **more: Any) -> bytes:
        echoed: dict[str, Any] = {
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": self.output.done,
            "usage": None if self._usage is None else usage_document(self._usage),
        }
        return self._head + _json(echoed | more)[1:-1] + self._tail


class _Events:
    """The events that wait to be returned; a separate object, because the encoder's parts refer to it and a cycle would result."""

    def __init__(self) -> None:
        self.number = 0
        self._waiting: list[bytes] = []

    def emit(self, type: str, /, **fields: Any) -> None:
        self.event(f"response.{type}", b"," + _json(fields)[1:-1])

    def event(self, type: str, fields: bytes) -> None:
        name = type.encode()
        data = b'event: %b\ndata: {"type":"%b","sequence_number":%d%b}\n\n' % (name, name, self.number, fields)
        self._waiting.append(data)
        self.number += 1

    def take(self) -> bytes:
        events, self._waiting = self._waiting, []
        return b"".join(events)


class StreamEncoder:
    """Server-sent events."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, id: str, created: int, model: str, options: dict[str, Any]) -> None:
        self._events = _Events()
        self._answer = _Answer(id=id, created=created, model=model, options=options, emit=self._events.emit)
        self._begun = False
        self._over = False
        self._delta = b""
        self.whole = b""
        """The finished `response`."""

    @property
    def items(self) -> list[dict[str, Any]]:
        """The finished items."""
        return self._answer.output.done

    def feed(self, event: ChatEvent) -> bytes:
        if self._over:
            return b""
        output = self._answer.output
        if type(event) is TextDelta and output.goes_on(event):
            return self._next_text(event.text)
        if not isinstance(event, Started):
            self._begin()
        self._answer.take(event)
        if isinstance(event, Started):
            self._begin()
        elif isinstance(event, Finished):
            self._finish(event)
        elif output.writing:
            self._delta = _DELTA % (output.items[-1]["id"].encode(), len(output.items) - 1)
        return self._events.take()

    def ping(self) -> bytes:
        """OpenAI's `keepalive`; before anything else was sent, the events that open a stream."""
        if self._over:
            return b""
        if self._begun:
            self._events.event("keepalive", b"")
        else:
            self._begin()
        return self._events.take()

    def fail(self, error: SegueError) -> bytes:
        if self._over:
            return b""
        self._begin()
        self._over = True
        problem: dict[str, Any] = msgspec.json.decode(error_body(error))["error"]
        flat = {"code": problem["code"], "message": problem["message"], "param": problem["param"], "error": problem}
        self._events.event("error", b"," + _json(flat)[1:-1])
        code = "rate_limit_exceeded" if isinstance(error, RateLimitError) else "server_error"
        if isinstance(error, InvalidRequestError):
            code = "invalid_prompt"
        failed = self._answer.response("failed", error={"code": code, "message": problem["message"]})
        self._events.event("response.failed", b',"response":' + failed)
        return self._events.take()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            opening = b',"response":' + self._answer.response("in_progress")
            self._events.event("response.created", opening)
            self._events.event("response.in_progress", opening)

    def _finish(self, event: Finished) -> None:
        status, self.whole = self._answer.finish(event)
        self._events.event(f"response.{status}", b',"response":' + self.whole)
        self._over = True

    def _next_text(self, text: str) -> bytes:
        self._answer.output.pieces.append(text)
        self._events.number += 1
        return self._delta % (self._events.number - 1, _json(text))


class WholeEncoder:
    """One document, returned at the end."""

    content_type = "application/json"

    def __init__(self, *, id: str, created: int, model: str, options: dict[str, Any]) -> None:
        self._answer = _Answer(id=id, created=created, model=model, options=options, emit=_nothing)
        self.whole = b""
        """The finished `response`."""

    @property
    def items(self) -> list[dict[str, Any]]:
        """The finished items."""
        return self._answer.output.done

    def feed(self, event: ChatEvent) -> bytes:
        output = self._answer.output
        if type(event) is TextDelta and output.goes_on(event):
            output.pieces.append(event.text)
        elif isinstance(event, Finished):
            self.whole = self._answer.finish(event)[1]
            return self.whole
        else:
            self._answer.take(event)
        return b""

    def ping(self) -> bytes:
        return b""

    def fail(self, error: SegueError) -> bytes:
        return error_body(error)


def _nothing(type: str, /, **fields: Any) -> None:
    """A whole answer has no intermediate events."""


def usage_document(usage: Usage) -> dict[str, Any]:
    """Usage in the dialect's shape."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
