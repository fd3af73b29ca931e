"""An answer's events as Gemini's bytes: server-sent events, a JSON array of chunks, or one whole answer.

- Every chunk has a candidate with at least one part, if only an empty text: the official SDK's chats forget a turn otherwise.
- A ping is such an empty text. A comment would not do: google-genai reads every line that is not `data: …` as JSON.
- Usage, sources and log probabilities come with the terminal, in the same chunk. An error in mid-stream is a chunk that begins with `{"error":`.
- A text's thought signature is passed on only if it is Gemini's: a client gives it back as such, and another's would be refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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
    TokenLogprob,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.errors import SegueError
from segue.wire.gemini import grounding
from segue.wire.gemini.ingress import errors
from segue.wire.gemini.logprobs import written
from segue.wire.gemini.upstream.errors import FINISHES

Json = dict[str, Any]

_REASONS = {
    FinishReason.STOP: "STOP",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.PAUSE: "MAX_TOKENS",
}
_NOTHING: Json = {"text": ""}


class Encoder(ABC):
    """What all three forms share: events → parts, and the chunk that holds them."""

    content_type = "application/json; charset=UTF-8"

    def __init__(self, *, id: str, model: str, thoughts: bool) -> None:
        self._id = id
        self._model = model
        self._thoughts = thoughts
        self._usage: Usage | None = None
        self._texts: list[str] = []
        self._citations: list[Citation] = []
        self._logprobs: tuple[TokenLogprob, ...] = ()

    def feed(self, event: ChatEvent) -> bytes:
        if isinstance(event, TextDelta):
            self._texts.append(event.text)
            return self._write({"text": event.text}) if event.text else b""
        if isinstance(event, ThinkingDelta):
            part = self._thought(event)
            return self._write(part) if part else b""
        if isinstance(event, ToolCalled):
            return self._write(_call(event.call))
        if isinstance(event, Finished):
            return self._finish(event)
        if isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Citation):
            self._citations += [event] if event.url else []
        elif isinstance(event, Logprobs):
            self._logprobs += event.tokens
        elif isinstance(event, Started):
            self._model = event.model or self._model
        return b""

    def ping(self) -> bytes:
        return self._write(_NOTHING)

    def fail(self, error: SegueError) -> bytes:
        return self._frame(errors.error(error)[2], last=True)

    def _write(self, part: Json) -> bytes:
        return self._frame(msgspec.json.encode(self._chunk([part])))

    def _finish(self, event: Finished) -> bytes:
        return self._frame(msgspec.json.encode(self._last_chunk([_NOTHING], event)), last=True)

    @abstractmethod
    def _frame(self, document: bytes, *, last: bool = False) -> bytes:
        """A document as it goes on the wire; after the `last` one nothing follows."""

    def _thought(self, event: ThinkingDelta) -> Json | None:
        event = event.for_dialect("gemini")
        part: Json = {"text": event.text, "thought": True} if event.text and self._thoughts else {}
        if event.signature:
            part = (part or _NOTHING) | {"thoughtSignature": event.signature}
        return part or None

    def _chunk(self, parts: list[Json], **terminal: str) -> Json:
        candidate: Json = {"content": {"parts": parts, "role": "model"}, **terminal, "index": 0}
        return {"candidates": [candidate], "modelVersion": self._model, "responseId": self._id}

    def _last_chunk(self, parts: list[Json], event: Finished) -> Json:
        native = event.raw if FINISHES.get(event.raw) is event.reason and event.raw != "FUNCTION_CALL" else ""
        terminal = {"finishReason": native or _REASONS[event.reason]}
        if event.refusal:
            terminal["finishMessage"] = event.refusal
        chunk = self._chunk(parts, **terminal)
        if self._citations:
            chunk["candidates"][0]["groundingMetadata"] = grounding.write(self._citations, "".join(self._texts))
        if self._logprobs:
            chunk["candidates"][0]["logprobsResult"] = written(self._logprobs)
        if self._usage is not None:
            chunk["usageMetadata"] = _usage(self._usage)
        return chunk


class EventEncoder(Encoder):
    """A stream of server-sent events."""

    content_type = "text/event-stream; charset=utf-8"

    def _frame(self, document: bytes, *, last: bool = False) -> bytes:
        return b"data: " + document + b"\r\n\r\n"


class ArrayEncoder(Encoder):
    """A stream as one JSON array, an element a chunk."""

    _begun = False

    def _frame(self, document: bytes, *, last: bool = False) -> bytes:
        opening = b",\r\n" if self._begun else b"["
        self._begun = True
        return opening + document + (b"]" if last else b"")


class WholeEncoder(Encoder):
    """One answer. Texts that follow one another are one part."""

    def __init__(self, *, id: str, model: str, thoughts: bool) -> None:
        super().__init__(id=id, model=model, thoughts=thoughts)
        self._parts: list[Json] = []
        self._open_text: list[str] = []

    def ping(self) -> bytes:
        return b""

    def _write(self, part: Json) -> bytes:
        text = part.get("text")
        last = self._parts[-1] if self._parts else {}
        if text is not None and "text" in last and "thoughtSignature" not in last and _thinks(part) == _thinks(last):
            self._open_text.append(text)
            last |= part
        else:
            self._close_text()
            self._parts.append(dict(part))
            self._open_text = [text] if text is not None else []
        return b""

    def _finish(self, event: Finished) -> bytes:
        self._close_text()
        return self._frame(msgspec.json.encode(self._last_chunk(self._parts or [_NOTHING], event)))

    def _close_text(self) -> None:
        if self._open_text:
            self._parts[-1]["text"] = "".join(self._open_text)

    def _frame(self, document: bytes, *, last: bool = False) -> bytes:
        return document


def _thinks(part: Json) -> bool:
    return part.get("thought") is True


def _call(call: ToolCall) -> Json:
    part: Json = {"functionCall": {"name": call.name, "args": msgspec.Raw(call.arguments.encode() or b"{}")}}
    if call.id:
        part["functionCall"]["id"] = call.id
    if call.signature:
        part["thoughtSignature"] = call.signature
    return part


def _usage(usage: Usage) -> Json:
    counts: Json = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
    }
    if usage.cache_read_tokens:
        counts["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        counts["thoughtsTokenCount"] = usage.reasoning_tokens
    return counts
