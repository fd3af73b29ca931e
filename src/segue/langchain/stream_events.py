"""What a LangChain model says, as events: chunk by chunk, or one whole message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from langchain_core.messages import AIMessage, AIMessageChunk

from segue.chat.events import (
    Failed,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import ImpossibleCount, Usage, token_count
from segue.langchain.messages import CALL_SIGNATURES

_REASONS: Final = {
    "stop": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "completed": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "complete": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "max_output_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "tool_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "blocklist": FinishReason.CONTENT_FILTER,
    "prohibited_content": FinishReason.CONTENT_FILTER,
    "spii": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSE,
}
"""The providers' words, in lower case."""

_BROKEN: Final = frozenset(
    {
        "malformed_function_call",
        "unexpected_tool_call",
        "failed",
        "cancelled",
        "error",
        "other",
        "finish_reason_unspecified",
    }
)
_UNFINISHED: Final = frozenset({"in_progress", "queued"})


class StreamReader:
    """Turns a model's chunks, or its one message, into events. `dialect` is whose proofs its thinking carries."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._calls = _Calls()
        self._usage = Usage()
        self._uncountable = False
        self._reason: str | None = None
        self._refusal = ""
        self._started = False

    def feed(self, piece: Any) -> list[UpstreamEvent]:
        if isinstance(piece, str):
            # A pipeline that streams bare texts: whether one is the last, it does not say.
            return [TextDelta(piece)]
        if not isinstance(piece, AIMessageChunk):
            return self.whole(piece)
        events = self._events_of(piece)
        signatures = piece.additional_kwargs.get(CALL_SIGNATURES) or {}
        for call in piece.tool_call_chunks:
            events += self._calls.piece(call, signatures)
        return events + self._rest(piece)

    def whole(self, message: Any) -> list[UpstreamEvent]:
        """A whole message: it needs no finish reason to be one."""
        if isinstance(message, str):
            message = AIMessage(message)
        if not isinstance(message, AIMessage):
            message = AIMessage(getattr(message, "content", None) or "")
        events = self._events_of(message)
        signatures = message.additional_kwargs.get(CALL_SIGNATURES) or {}
        for call in message.tool_calls:
            events += self._calls.whole(
                call["id"], call["name"], msgspec.json.encode(call["args"]).decode(), signatures
            )
        for broken in message.invalid_tool_calls:
            events += self._calls.whole(broken["id"], broken["name"], broken["args"], signatures)
        self._reason = self._reason or ("tool_calls" if message.tool_calls else "stop")
        return events + self._rest(message)

    @property
    def stopped(self) -> bool:
        """Whether a stop reason came."""
        return self._reason is not None and self._reason not in _BROKEN

    def end(self) -> list[UpstreamEvent]:
        word = self._reason
        if word is None:
            message = "the stream ended without a finish reason; if this model never gives one, register it with streams=False"
            return [Failed(Failure(kind=FailureKind.BROKEN, message=message))]
        if word in _BROKEN:
            return [Failed(Failure(kind=FailureKind.BROKEN, message=f"the model ended with {word}"))]
        if self._refusal:
            return [Finished(FinishReason.CONTENT_FILTER, raw=word, refusal=self._refusal)]
        reason = _REASONS.get(word, FinishReason.STOP)
        if reason is FinishReason.STOP and self._calls.any:
            reason = FinishReason.TOOL_CALLS
        return [*self._calls.end(), Finished(reason, raw=word)]

    def _events_of(self, message: AIMessage) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if not self._started:
            self._started = True
            events.append(Started(id=message.id or "", model=str(message.response_metadata.get("model_name") or "")))
        for block in message.content_blocks:
            if block["type"] == "text" and block.get("text"):
                events.append(TextDelta(str(block.get("text"))))
            elif block["type"] == "reasoning":
                events += _thought(block, self._dialect)
        return events

    def _rest(self, message: AIMessage) -> list[UpstreamEvent]:
        self._reason = _finish_word(message.response_metadata) or self._reason
        self._refusal += str(message.additional_kwargs.get("refusal") or "")
        if not message.usage_metadata:
            return []
        try:
            self._usage = self._usage + _usage(message.usage_metadata)
        except ImpossibleCount:
            self._uncountable = True
        return [UsageReport(Usage() if self._uncountable else self._usage)]


class _Calls:
    """Tool calls by the numbers that the engine gives them: a piece without an index belongs to the call before it."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._ids: dict[int, str] = {}
        self._count = 0
        self._current: int | None = None

    @property
    def any(self) -> bool:
        return self._count > 0

    def piece(self, call: Mapping[str, Any], signatures: Mapping[str, Any]) -> list[UpstreamEvent]:
        key, id = call.get("index"), call.get("id") or ""
        known = self._numbers.get(key) if key is not None else self._current if not call.get("name") else None
        if known is not None and id and self._ids.get(known, id) != id:
            known = None
        events: list[UpstreamEvent] = []
        if known is None:
            events, known = self._begin()
            if key is not None:
                self._numbers[key] = known
        if id:
            self._ids[known] = id
        return [*events, _delta(known, id, call.get("name"), call.get("args"), signatures)]

    def whole(
        self, id: str | None, name: str | None, arguments: str | None, signatures: Mapping[str, Any]
    ) -> list[UpstreamEvent]:
        events, number = self._begin()
        return [*events, _delta(number, id or "", name, arguments, signatures), *self.end()]

    def _begin(self) -> tuple[list[UpstreamEvent], int]:
        """The number of a new call, and the end of the one before it."""
        events = self.end()
        self._current = self._count
        self._count += 1
        return events, self._current

    def end(self) -> list[UpstreamEvent]:
        """The current call is complete, because another thing follows it."""
        current, self._current = self._current, None
        return [] if current is None else [ToolCallEnd(current)]


def _delta(
    number: int, id: str, name: str | None, arguments: str | None, signatures: Mapping[str, Any]
) -> ToolCallDelta:
    signature = str(signatures.get(id) or "") if id else ""
    return ToolCallDelta(number, id, name or "", arguments or "", signature=signature)


def _thought(block: Mapping[str, Any], dialect: str) -> list[UpstreamEvent]:
    extras = block.get("extras") or {}
    text, signature, redacted = block.get("reasoning"), extras.get("signature"), extras.get("redacted")
    if not (text or signature or redacted):
        return []
    proof = str(extras.get("dialect") or dialect) if signature or redacted else ""
    return [ThinkingDelta(str(text or ""), str(signature or ""), str(redacted or ""), proof)]


def _finish_word(fields: Mapping[str, Any]) -> str | None:
    """Each provider's package has its own key; OpenAI's Responses says `incomplete` and why beside it."""
    details = fields.get("incomplete_details")
    if isinstance(details, Mapping) and details.get("reason"):
        return str(details["reason"]).lower()
    for key in ("finish_reason", "stop_reason", "stopReason", "done_reason", "status"):
        if isinstance(word := fields.get(key), str) and word and word.lower() not in _UNFINISHED:
            return word.lower()
    return None


def _usage(fields: Mapping[str, Any]) -> Usage:
    """The counts in our classes. Raises `ImpossibleCount`."""
    details = fields.get("input_token_details") or {}
    read, written = token_count(details.get("cache_read")), token_count(details.get("cache_creation"))
    hour = token_count(details.get("ephemeral_1h_input_tokens"))
    short = token_count(details.get("ephemeral_5m_input_tokens")) or written
    return Usage(
        input_tokens=max(0, token_count(fields.get("input_tokens")) - read - short - hour),
        cache_read_tokens=read,
        cache_write_tokens=short,
        cache_write_1h_tokens=hour,
        output_tokens=token_count(fields.get("output_tokens")),
        reasoning_tokens=token_count((fields.get("output_token_details") or {}).get("reasoning")),
    )
