"""An answer's bytes as events.

A stream goes `message_start`, then blocks one after the other (`content_block_start`, `…_delta`s, `content_block_stop`), then
`message_delta` with the stop reason and the final usage, then `message_stop`. `ping` may come anywhere; `error` ends the stream.
With the stop reason the answer is complete, whatever happens to the rest.

- What is unknown (events, blocks, deltas, fields) is skipped; what is known and needed, but can't be read, makes the answer fail.
- Blocks of server tools are not for the caller: they are skipped with their parts.
- Usage counts are totals: a later one replaces an earlier one, an absent one does not.
- A JSON document, alone or at the end of a stream, is decoded to the same events: a message or an error.
"""

from __future__ import annotations

from typing import Final

import msgspec

from segue.chat.events import (
    Citation,
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
from segue.chat.usage import ImpossibleCount, Usage
from segue.wire import stop_reasons
from segue.wire.alike import AlikeEvents
from segue.wire.arguments import json_text
from segue.wire.claude import citations
from segue.wire.claude.upstream.errors import ErrorBody, failure_in_stream
from segue.wire.claude.upstream.shapes import (
    Block,
    Delta,
    Document,
    Event,
    StopDetails,
    WireMessage,
    WireUsage,
    read_document,
    read_event,
    read_inner,
    read_kind,
)
from segue.wire.lenient import UNREADABLE, Leniency, Unreadable, is_filler, unframed
from segue.wire.sse import BOM, ServerSentEvent, SSEParser

_NOTHING: Final = Usage()
_DELTAS: Final = frozenset({"text_delta", "input_json_delta", "thinking_delta", "signature_delta"})
_BLOCKS: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_EVENTS: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    }
)


class _ToolBlock:
    __slots__ = ("index", "input", "pieces")

    def __init__(self, index: int, input: str) -> None:
        self.index = index
        self.input = input
        self.pieces = False


class AnswerDecoder:
    """See `segue.wire.codec.Decoder`. `document`: the body is one JSON document rather than an event stream."""

    __slots__ = (
        "_alike",
        "_alike_block",
        "_calls",
        "_cited",
        "_document",
        "_finished",
        "_ignored",
        "_leniency",
        "_parser",
        "_reason",
        "_refusal",
        "_started",
        "_stop_sequence",
        "_summaries",
        "_text_from",
        "_text_length",
        "_tools",
        "_uncountable",
        "_usage",
        "complete",
    )

    def __init__(self, *, document: bool = False) -> None:
        self.complete = False
        self._document: list[bytes] | None = [] if document else None
        self._parser = SSEParser()
        self._alike = AlikeEvents(b'"text"')
        self._alike_block = 0
        self._leniency = Leniency()
        self._started = False
        self._calls = 0
        self._cited: list[Citation] = []
        self._text_from = 0
        self._text_length = 0
        self._tools: dict[int, _ToolBlock] = {}
        self._ignored: set[int] = set()
        self._uncountable = False
        self._usage = Usage()
        self._summaries = Usage()
        self._reason: str | None = None
        self._refusal = ""
        self._stop_sequence = ""
        self._finished: Finished | None = None

    def feed(self, data: bytes) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if self.complete:
            return events
        if self._document is not None:
            begun = data if self._document else data.removeprefix(BOM).lstrip()
            if self._document or begun.startswith(b"{"):
                self._document.append(begun)
                return events
            if not begun:
                return events
            self._document = None
        if text := self.text_of(data):
            return [TextDelta(text)]
        while data and not self.complete:
            text, part, data = self._alike.cut(data, between=self._parser.between)
            if text and self._alike_block not in self._ignored:
                self._text(text, events)
            for sent in self._parser.feed(part) if part else ():
                self._read(sent, events)
        ignored = self._alike_block in self._ignored
        self._alike.expect(self._parser.between and not (self.complete or self._leniency.used or ignored))
        return self._repaired(events)

    def eof(self) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if self.complete:
            return events
        self._alike.expect(False)
        if self._document is not None:
            self._whole(b"".join(self._document), events)
        elif self._finished is None and (left := self._parser.leftover().strip()).startswith(b"{"):
            self._whole(left, events)
        else:
            for sent in self._parser.end():
                self._read(sent, events)
        if not self.complete and self._finished is None:
            self._break("the stream ended before the answer was complete", events)
        self.complete = True
        return self._repaired(events)

    def text_of(self, data: bytes) -> str:
        """As `TextDecoder.text_of`."""
        text = self._alike.one(data)
        self._text_length += len(text)
        return text

    def _repaired(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        return self._leniency.mend(events) if self._leniency.used else events

    def _read(self, sent: ServerSentEvent, events: list[UpstreamEvent]) -> None:
        if self.complete:
            return
        try:
            event = read_event(sent.data)
        except UNREADABLE:
            if (reread := self._reread(sent.event, sent.data, events)) is None:
                return
            event = reread
        match event.type or sent.event:
            case "content_block_delta":
                if event.delta is not None:
                    self._delta(event.index, event.delta, events)
                    if self._alike.learns and (text := _only_text(event)):
                        self._alike.learn(sent, text)
                        self._alike_block = event.index
            case "content_block_start":
                if event.content_block is not None:
                    self._block_start(event.index, event.content_block, events)
            case "content_block_stop":
                self._block_stop(event.index, events)
            case "message_start":
                self._message_start(event.message or WireMessage(), events)
            case "message_delta":
                self._message_delta(event, events)
            case "message_stop":
                self._end(events)
            case "error":
                self._fail(failure_in_stream(event.error or ErrorBody()), events)
            case "" if event.error is not None:
                self._fail(failure_in_stream(event.error), events)

    def _reread(self, name: str, data: bytes, events: list[UpstreamEvent]) -> Event | None:
        """An event that the typed decoder refused, read leniently; None where there is nothing more to do with it."""
        if is_filler(data):
            return Event()
        if self._unknown(name, data):
            return None
        try:
            return self._leniency.read(data, Event)
        except Unreadable as error:
            documents = unframed(data)
            if name == "error":
                self._fail(failure_in_stream(ErrorBody(message=data.decode("utf-8", "replace"))), events)
                return None
            if documents == [data.strip()]:
                self._break(f"the stream holds an event that can't be read: {error}", events)
                return None
        for document in documents:
            self._read(ServerSentEvent(name, document), events)
        return None

    def _unknown(self, name: str, data: bytes) -> bool:
        """Whether an event that can't be read carries no part of the answer. An unknown block is skipped as a whole."""
        try:
            kind = read_kind(data).type or name
            if kind == "content_block_delta":
                return read_inner(data).delta.type not in _DELTAS
            if kind == "content_block_start":
                inner = read_inner(data)
                self._ignored.add(inner.index)
                return inner.content_block.type not in _BLOCKS
        except UNREADABLE:
            return False
        return kind not in _EVENTS

    def _message_start(self, message: WireMessage, events: list[UpstreamEvent]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(message.id or "", message.model or ""))
        self._count(message.usage, events)

    def _delta(self, index: int, delta: Delta, events: list[UpstreamEvent]) -> None:
        if self._ignored and index in self._ignored:
            return
        if delta.type == "text_delta":
            if delta.text:
                self._text(delta.text, events)
        elif delta.type == "input_json_delta":
            tool = self._tools.get(index)
            if tool is not None and (piece := delta.partial_json):
                tool.pieces = True
                text = piece if isinstance(piece, str) else json_text(piece)
                events.append(ToolCallDelta(tool.index, arguments=text))
        elif delta.type == "thinking_delta":
            if delta.thinking:
                events.append(ThinkingDelta(delta.thinking))
        elif delta.type == "signature_delta" and delta.signature:
            events.append(ThinkingDelta(signature=delta.signature, dialect="claude"))
        elif delta.type == "citations_delta":
            self._cite([delta.citation])

    def _block_start(self, index: int, block: Block, events: list[UpstreamEvent]) -> None:
        self._block_stop(index, events)
        self._ignored.discard(index)
        match block.type:
            case "text":
                self._text_from = self._text_length
                if block.text:
                    self._text(block.text, events)
                self._cite(block.citations)
            case "thinking":
                if block.thinking or block.signature:
                    events.append(
                        ThinkingDelta(
                            block.thinking or "", block.signature or "", dialect="claude" if block.signature else ""
                        )
                    )
            case "redacted_thinking":
                if block.data:
                    events.append(ThinkingDelta(redacted=block.data, dialect="claude"))
            case "tool_use":
                given = bytes(block.input).decode("utf-8", "replace").strip()
                self._tools[index] = _ToolBlock(self._calls, given if given not in ("", "{}", "null") else "")
                events.append(ToolCallDelta(self._calls, block.id or "", block.name or ""))
                self._calls += 1
            case _:
                self._ignored.add(index)

    def _text(self, text: str, events: list[UpstreamEvent]) -> None:
        self._text_length += len(text)
        events.append(TextDelta(text))

    def _cite(self, value: object) -> None:
        """Sources of the open text block. They are reported at its end, when its place in the answer is known."""
        found = map(citations.read, value) if isinstance(value, list) else ()
        self._cited += [citation for citation in found if citation is not None]

    def _end_citations(self, events: list[UpstreamEvent]) -> None:
        place = {"start": self._text_from, "end": self._text_length}
        events += [msgspec.structs.replace(citation, **place) for citation in self._cited]
        self._cited = []

    def _block_stop(self, index: int, events: list[UpstreamEvent]) -> None:
        if self._cited:
            self._end_citations(events)
        tool = self._tools.pop(index, None)
        if tool is None:
            return
        if not tool.pieces:
            # No piece came: the arguments stood in the block's start, or there are none.
            events.append(ToolCallDelta(tool.index, arguments=tool.input or "{}"))
        events.append(ToolCallEnd(tool.index))

    def _message_delta(self, event: Event, events: list[UpstreamEvent]) -> None:
        if event.delta is not None:
            self._reason = event.delta.stop_reason or self._reason
            self._stop_sequence = event.delta.stop_sequence or self._stop_sequence
            self._refusal = _explained(event.delta.stop_details) or self._refusal
        self._count(event.usage, events)
        if self._reason is not None:
            self._stop(events)

    def _count(self, reported: WireUsage | None, events: list[UpstreamEvent]) -> None:
        """Reports the counts so far, until one is impossible: it would stay where no later event replaces it, so none is believed then."""
        if reported is None or self._uncountable:
            return
        try:
            self._usage = reported.over(self._usage)
            if (summaries := reported.compactions()) is not None:
                self._summaries = summaries
        except (ImpossibleCount, msgspec.ValidationError):
            self._uncountable = True
            events.append(UsageReport(_NOTHING))
            return
        usage = self._usage if self._summaries == _NOTHING else self._usage + self._summaries
        if usage != _NOTHING:
            events.append(UsageReport(usage))

    def _stop(self, events: list[UpstreamEvent]) -> None:
        """Reports the stop reason, once for each that differs from the one before it. It ends the blocks that nothing else ended."""
        for index in list(self._tools):
            self._block_stop(index, events)
        if self._cited:
            self._end_citations(events)
        raw = self._reason or ""
        if failure := stop_reasons.failure_of(raw):
            self._fail(failure, events)
            return
        reason = stop_reasons.reason_of(raw)
        if reason in (FinishReason.STOP, FinishReason.TOOL_CALLS):
            # Some servers say "end_turn" after calls, or "tool_use" without any.
            reason = FinishReason.TOOL_CALLS if self._calls else FinishReason.STOP
        finished = Finished(reason, raw, self._refusal, stop=self._stop_sequence)
        if finished != self._finished:
            self._finished = finished
            events.append(finished)

    def _end(self, events: list[UpstreamEvent]) -> None:
        self._stop(events)
        self.complete = True

    def _whole(self, body: bytes, events: list[UpstreamEvent]) -> None:
        try:
            document = self._read_document(body)
        except Unreadable as error:
            self._break(f"the answer is not a message: {error}", events)
            return
        if document.error is not None:
            self._fail(failure_in_stream(document.error), events)
            return
        if document.type != "message" and not document.content:
            self._break("the answer is neither a message nor an error", events)
            return
        self._message_start(document, events)
        content = document.content
        for index, block in enumerate([Block("text", content)] if isinstance(content, str) else content):
            self._block_start(index, block, events)
            self._block_stop(index, events)
        self._reason, self._refusal = document.stop_reason, _explained(document.stop_details)
        self._stop_sequence = document.stop_sequence or ""
        self._end(events)

    def _read_document(self, body: bytes) -> Document:
        try:
            return read_document(body)
        except UNREADABLE:
            return self._leniency.read(body, Document)

    def _break(self, message: str, events: list[UpstreamEvent]) -> None:
        self._fail(Failure(kind=FailureKind.BROKEN, message=message[:200]), events)

    def _fail(self, failure: Failure, events: list[UpstreamEvent]) -> None:
        events.append(Failed(failure))
        self.complete = True


def _explained(details: StopDetails | None) -> str:
    return (details.explanation or details.category or "") if details is not None else ""


def _only_text(event: Event) -> str:
    """The text of an event of the type "content_block_delta" that has nothing else; "" of any other."""
    text = event.delta.text if event.delta is not None else None
    if not text:
        return ""
    alone = Event("content_block_delta", event.index, Delta("text_delta", text))
    return text if event == alone else ""
