"""An answer's events as this dialect's bytes: a stream of chunks, or one document.

The SDKs merge deltas by joining strings, so role, id, type and name are sent exactly once. Thinking goes to `reasoning_content`,
which OpenAI lacks and most others share, and its proof, where it is OpenRouter's, to `reasoning_details`; a thought signature to `extra_content`, where Google's compatible face puts it. A refusal
ends with `stop`, as at OpenAI; only a filter's cut is `content_filter`. Seams are not shown. `functions`: the caller
uses the `functions` of 2023, and gets a `function_call`. `custom`: names of the caller's custom tools, whose calls carry one text.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import msgspec

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.errors import SegueError
from segue.wire.openai import citations, usage
from segue.wire.openai.custom_tools import input_of
from segue.wire.openai.ingress_errors import error_body
from segue.wire.openai.logprobs import written
from segue.wire.openai_chat import reasoning
from segue.wire.openai_chat.upstream.messages import DIALECT

_json = msgspec.json.encode

_REASONS = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.PAUSE: "stop",
}


class StreamEncoder:
    """Chunks as server-sent events, ended by `[DONE]`."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(
        self,
        *,
        id: str,
        created: int,
        model: str,
        include_usage: bool,
        functions: bool = False,
        custom: Set[str] = frozenset(),
    ) -> None:
        self._functions = functions
        self._custom = custom
        self._id = id
        self._created = created
        self._model = model
        self._include_usage = include_usage
        self._usage: Usage | None = None
        self._logprobs: Logprobs | None = None
        self._citations: list[dict[str, Any]] = []
        self._started = False
        self._over = False
        self._head = b""
        self._frame(model)

    def feed(self, event: ChatEvent) -> bytes:
        if self._over:
            return b""
        if type(event) is TextDelta:
            if self._logprobs is not None and event.text:
                return self._likely(event.text, self._logprobs)
            return self._text_head + _json(event.text) + self._text_tail if event.text else b""
        if isinstance(event, Started):
            return self._start(event)
        if isinstance(event, ThinkingDelta):
            return self._think(event)
        if isinstance(event, ToolCalled):
            return self._called(event)
        if isinstance(event, Citation):
            self._citations += [citations.nested(event)] if event.url else []
        elif isinstance(event, Logprobs):
            self._logprobs = event
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Finished):
            return self._finish(event)
        return b""

    def _think(self, event: ThinkingDelta) -> bytes:
        thought: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        if details := _details(event):
            thought["reasoning_details"] = details
        return self._delta(thought) if thought else b""

    def _likely(self, text: str, logprobs: Logprobs) -> bytes:
        """A text with the log probabilities that came before it."""
        self._logprobs = None
        return self._delta({"content": text}, logprobs={"content": written(logprobs), "refusal": None})

    def ping(self) -> bytes:
        """A chunk that adds nothing."""
        return b"" if self._over else self._delta({})

    def fail(self, error: SegueError) -> bytes:
        self._over = True
        return b"data: " + error_body(error) + b"\n\n"

    def _frame(self, model: str) -> None:
        """What is the same in every chunk, built once."""
        about = {"id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": model}
        self._head = b"data: " + _json(about)[:-1]
        self._null_usage = b',"usage":null' if self._include_usage else b""
        self._text_head = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._null_usage + b"}\n\n"

    def _start(self, event: Started) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._frame(event.model or self._model)
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def _delta(self, delta: dict[str, Any], reason: str | None = None, logprobs: dict[str, Any] | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return self._head + b',"choices":[' + _json(choice) + b"]" + self._null_usage + b"}\n\n"

    def _called(self, event: ToolCalled) -> bytes:
        """Two chunks, as OpenAI sends them: the call's name first, then its arguments."""
        if self._functions:
            # The field holds one call, and only one was requested.
            named = {"name": event.call.name, "arguments": event.call.arguments}
            return b"" if event.index else self._delta({"function_call": named})
        announced = {"index": event.index} | _wire_call(event.call, self._id, event.index, self._custom)
        kind, field = ("custom", "input") if announced["type"] == "custom" else ("function", "arguments")
        content = announced[kind][field]
        announced[kind] = announced[kind] | {field: ""}
        rest = {"index": event.index, kind: {field: content}}
        return self._delta({"tool_calls": [announced]}) + self._delta({"tool_calls": [rest]})

    def _finish(self, event: Finished) -> bytes:
        self._over = True
        data = self._delta({"refusal": event.refusal}) if event.refusal else b""
        if self._citations:
            # All at once: the official SDK can't add to a list whose items have no index.
            data += self._delta({"annotations": self._citations})
        data += self._delta({}, _reason(event, functions=self._functions))
        if self._include_usage and self._usage is not None:
            data += self._head + b',"choices":[],"usage":' + _json(usage.write(self._usage)) + b"}\n\n"
        return data + b"data: [DONE]\n\n"


class WholeEncoder:
    """One document, returned at the end."""

    content_type = "application/json"

    def __init__(
        self, *, id: str, created: int, model: str, functions: bool = False, custom: Set[str] = frozenset()
    ) -> None:
        self._functions = functions
        self._custom = custom
        self._id = id
        self._created = created
        self._model = model
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._details: list[reasoning.Detail] = []
        self._calls: list[dict[str, Any]] = []
        self._citations: list[dict[str, Any]] = []
        self._logprobs: list[dict[str, Any]] = []
        self._usage: Usage | None = None

    def feed(self, event: ChatEvent) -> bytes:
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Started):
            self._model = event.model or self._model
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Finished):
            return self._document(event)
        elif isinstance(event, ThinkingDelta):
            self._thoughts.append(event.text)
            self._details += _details(event)
        elif isinstance(event, ToolCalled):
            self._calls.append(_wire_call(event.call, self._id, event.index, self._custom))
        elif isinstance(event, Citation):
            self._citations += [citations.nested(event)] if event.url else []
        elif isinstance(event, Logprobs):
            self._logprobs += written(event)
        return b""

    def ping(self) -> bytes:
        return b""

    def fail(self, error: SegueError) -> bytes:
        return error_body(error)

    def _document(self, event: Finished) -> bytes:
        text = "".join(self._text)
        silent = not text and bool(self._calls or event.refusal)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if silent else text,
            "refusal": event.refusal or None,
            "annotations": self._citations,
        }
        if thoughts := "".join(self._thoughts):
            message["reasoning_content"] = thoughts
        if self._details:
            message["reasoning_details"] = self._details
        if self._calls and self._functions:
            message["function_call"] = self._calls[0]["function"]
        elif self._calls:
            message["tool_calls"] = self._calls
        reason = _reason(event, functions=self._functions)
        logprobs = {"content": self._logprobs, "refusal": None} if self._logprobs else None
        document: dict[str, Any] = {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": reason}],
        }
        if self._usage is not None:
            document["usage"] = usage.write(self._usage)
        return _json(document)


def _reason(event: Finished, *, functions: bool) -> str:
    reason = "stop" if event.refusal else _REASONS[event.reason]
    return "function_call" if functions and reason == "tool_calls" else reason


def _details(event: ThinkingDelta) -> list[reasoning.Detail]:
    return reasoning.of_signature(event.for_dialect(DIALECT).signature)


def _wire_call(call: ToolCall, answer: str, index: int, custom: Set[str]) -> dict[str, Any]:
    id = call.id or f"call_{answer.removeprefix('chatcmpl-')}_{index}"
    wire: dict[str, Any]
    if call.name in custom:
        wire = {"id": id, "type": "custom", "custom": {"name": call.name, "input": input_of(call.arguments)}}
    else:
        wire = {"id": id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    if call.signature:
        wire["extra_content"] = {"google": {"thought_signature": call.signature}}
    return wire
