"""An answer's bytes as events: a stream of chunks, or one JSON document.

With any `finish_reason` the answer is complete; `[DONE]` may follow or not. Some servers put one on every chunk,
or one after each of several calls: what follows it counts too. A `[DONE]` after content without any `finish_reason` counts as one,
since it was sent on purpose; an end of bytes never does.

A stream that has begun can still fail: a chunk with `error` (or `x_groq.error`, or an error in the choice), an `error` event, or
a JSON tail outside events. `upstream_errors.py` classifies such errors.
"""

from __future__ import annotations

from typing import Any

from segue.chat.events import (
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    UpstreamEvent,
)
from segue.wire import stop_reasons
from segue.wire.lenient import UNREADABLE, Unreadable, is_filler
from segue.wire.openai import citations, upstream_errors, usage
from segue.wire.openai.framing import NO_TERMINAL, FramedDecoder
from segue.wire.openai.toolcall_piece import ToolCallPiece
from segue.wire.openai_chat import reasoning
from segue.wire.openai_chat.upstream.messages import DIALECT
from segue.wire.openai_chat.upstream.shapes import Choice, Chunk, Piece, read_chunk
from segue.wire.openai_chat.upstream.toolcalls import MalformedCall, ToolCalls
from segue.wire.sources import Sources
from segue.wire.sse import ServerSentEvent
from segue.wire.usage_so_far import UsageSoFar

_NO_REASON = frozenset({None, "", "null"})
_EMPTY = Piece()
_NO_CHOICE = Choice()
_REPEAT = 16
"""From this many characters on, a last delta that begins with all of the text before it is not a coincidence."""


class AnswerDecoder(FramedDecoder):
    """Decodes one answer."""

    __slots__ = (
        "_calls",
        "_cut",
        "_details",
        "_has_content",
        "_id",
        "_in_deltas",
        "_refusal",
        "_sources",
        "_started",
        "_texts",
        "_thought",
        "_usage",
    )

    def __init__(self) -> None:
        super().__init__(b'"content"')
        self._started = False
        self._id = ""
        self._calls = ToolCalls()
        self._sources = Sources()
        self._details: list[reasoning.Detail] = []
        self._cut = False
        self._refusal: list[str] = []
        self._has_content = False
        self._texts: list[str] = []
        self._thought = False
        self._in_deltas = False
        self._usage = UsageSoFar()

    def _event(self, event: ServerSentEvent, events: list[UpstreamEvent]) -> None:
        data = event.data
        if event.event == "error":
            self._fail(events, upstream_errors.of_bytes(data) or upstream_errors.of_text(data))
            return
        if data[:1] != b"{" and self._is_plain(data, events):
            return
        try:
            chunk = read_chunk(data)
        except UNREADABLE:
            if self._fails(data, events):
                return
            try:
                chunk = self._leniency.read(data, Chunk)
            except Unreadable as error:
                if not self._reframed(event, events):
                    self._fail(events, upstream_errors.broken(f"a chunk that can't be read: {error}"))
                return
        suspect = chunk.error or chunk.choices is None or (chunk.x_groq is not None and chunk.x_groq.error)
        if suspect and (failure := upstream_errors.of_bytes(data)):
            self._fail(events, failure)
        else:
            self._chunk(chunk, events)
            if self._alike.learns and (text := _only_text(chunk)):
                self._alike.learn(event, text)

    def text_of(self, data: bytes) -> str:
        if text := self._alike.one(data):
            self._texts.append(text)
        return text

    @property
    def _owes(self) -> bool:
        return bool(self._details)

    def _say(self, text: str, events: list[UpstreamEvent]) -> None:
        self._end_thought(events)
        self._texts.append(text)
        events.append(TextDelta(text))

    def _is_plain(self, data: bytes, events: list[UpstreamEvent]) -> bool:
        """Handles data that is not meant to be a chunk: `[DONE]`, or nothing."""
        if data.strip() == b"[DONE]":
            self._done(events)
            return True
        return is_filler(data)

    def _done(self, events: list[UpstreamEvent]) -> None:
        if not self._finished:
            if not self._has_content or not self._calls.all_whole:
                self._fail(events, upstream_errors.broken(NO_TERMINAL))
                return
            self._finish("[DONE]", events)
        if not self.complete:
            self._end(events)

    def _fails(self, data: bytes, events: list[UpstreamEvent]) -> bool:
        """Whether the data is an error document; then the answer has failed by it."""
        if (failure := upstream_errors.of_bytes(data)) is None:
            return False
        self._fail(events, failure)
        return True

    def _whole(self, data: bytes, events: list[UpstreamEvent]) -> None:
        """A document: an answer, or an error with a 2xx status."""
        if self._fails(data, events):
            return
        try:
            chunk = read_chunk(data)
        except UNREADABLE:
            try:
                chunk = self._leniency.read(data, Chunk)
            except Unreadable as error:
                self._fail(events, upstream_errors.broken(f"an answer that can't be read: {error}"))
                return
        if not chunk.choices:
            self._fail(events, upstream_errors.broken("an answer without choices"))
            return
        self._chunk(chunk, events)
        if not self._finished and not self.complete:
            self._finish("", events)
        if not self.complete:
            self._end(events)

    def _chunk(self, chunk: Chunk, events: list[UpstreamEvent]) -> None:
        choices = chunk.choices
        if not self._started and (choices or chunk.id):
            self._started = True
            self._id = str(chunk.id or "")
            events.append(Started(self._id, chunk.model or ""))
        reason: str | None = None
        if choices:
            choice = choices[0] if not choices[0].index else next((one for one in choices if not one.index), None)
            if choice is not None:
                if choice.error:
                    self._fail(events, upstream_errors.of_document({"error": choice.error}))
                    return
                self._piece(choice, events)
                reason = choice.finish_reason
                if reason is not None and (chunk.citations or chunk.search_results):
                    events += self._sources.new(citations.addresses(chunk.search_results or chunk.citations))
                if choice.usage is not None:
                    self._report(choice.usage, events)
        if chunk.usage is not None:
            self._report(chunk.usage, events)
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._report(chunk.x_groq.usage, events)
        if choices and choice is not None and reason not in _NO_REASON and not self.complete:
            self._finish(reason or "", events, _stop_sequence(choice))

    def _piece(self, choice: Choice, events: list[UpstreamEvent]) -> None:
        piece, again = choice.delta, False
        if choice.message is not None and piece in (None, _EMPTY):
            piece, again = choice.message, self._in_deltas
        if piece is None:
            return
        if not self._in_deltas:
            self._in_deltas = piece is choice.delta
        thought = piece.reasoning_content or piece.reasoning
        if piece.reasoning_details and not (again and self._thought):
            details = reasoning.of(piece.reasoning_details)
            reasoning.add(self._details, details)
            thought = thought or reasoning.shown(details)
        if thought and not (again and self._thought):
            self._thought = True
            events.append(ThinkingDelta(thought))
        elif self._details and (piece.content or piece.tool_calls):
            self._end_thought(events)
        if choice.logprobs is not None and choice.logprobs.content and not again:
            events.append(Logprobs(tuple(choice.logprobs.content)))
        if content := piece.content:
            if isinstance(content, str):
                if again or choice.finish_reason is not None:
                    content = self._without_repeat(content, again, choice.finish_reason not in _NO_REASON)
                if content:
                    self._has_content = True
                    self._texts.append(content)
                    events.append(TextDelta(content))
            elif not (again and self._texts):
                self._parts(content, events)
        if piece.annotations:
            events += self._sources.new(citations.read(piece.annotations))
        if piece.refusal and not (again and self._refusal):
            self._has_content = True
            self._refusal.append(piece.refusal)
        if (piece.tool_calls or piece.function_call) and not (again and len(self._calls)):
            self._call(piece, events)

    def _end_thought(self, events: list[UpstreamEvent]) -> None:
        """The thinking is over for now: its signature is complete."""
        if self._details:
            events.append(ThinkingDelta(signature=reasoning.signature(self._details), dialect=DIALECT))
            self._details = []

    def _without_repeat(self, text: str, again: bool, last: bool) -> str:
        """The text without what was sent before: a message after deltas repeats the whole, and so may the last delta."""
        texts = self._texts
        if texts and (again or (last and len(texts) > 1)):
            # Text that is shorter than there were pieces can't hold them all.
            before = "".join(texts) if len(text) >= len(texts) and text.startswith(texts[0]) else ""
            if before and text.startswith(before) and (again or len(before) >= _REPEAT):
                return text[len(before) :]
            return "" if again else text
        return text

    def _parts(self, parts: list[Any], events: list[UpstreamEvent]) -> None:
        """Content as a list, in which Mistral separates thinking from text."""
        for part in parts:
            if not isinstance(part, dict):
                continue
            text, thought = part.get("text"), part.get("thinking")
            if isinstance(thought, list):
                pieces = (one.get("text") for one in thought if isinstance(one, dict))
                thought = "".join(one for one in pieces if isinstance(one, str))
            if isinstance(thought, str) and thought:
                self._thought = True
                events.append(ThinkingDelta(thought))
            if isinstance(text, str) and text:
                self._has_content = True
                self._texts.append(text)
                events.append(TextDelta(text))

    def _call(self, piece: Piece, events: list[UpstreamEvent]) -> None:
        self._has_content = True
        pieces = piece.tool_calls or []
        if piece.function_call is not None:
            pieces = [*pieces, ToolCallPiece(index=0, function=piece.function_call)]
        try:
            for one in pieces:
                self._calls.feed(one, self._id, events)
        except MalformedCall as error:
            self._fail(events, upstream_errors.broken(str(error)))

    def _report(self, wire: usage.WireUsage, events: list[UpstreamEvent]) -> None:
        self._usage.take(usage.read(wire), events)

    def _finish(self, raw: str, events: list[UpstreamEvent], stop: str = "") -> None:
        if failure := stop_reasons.failure_of(raw):
            self._fail(events, failure)
            return
        reason = stop_reasons.reason_of(raw)
        self._cut = reason is FinishReason.LENGTH
        self._end_thought(events)
        try:
            self._calls.end_whole(events, cut=self._cut)
        except MalformedCall as error:
            self._fail(events, upstream_errors.broken(str(error)))
            return
        refusal = "".join(self._refusal)
        if refusal:
            reason = FinishReason.CONTENT_FILTER
        elif reason in (FinishReason.STOP, FinishReason.TOOL_CALLS):
            # A forced call ends with "stop", and some providers always send "stop".
            reason = FinishReason.TOOL_CALLS if len(self._calls) else FinishReason.STOP
        self._finished = True
        events.append(Finished(reason, raw, refusal, stop=stop))

    def _end(self, events: list[UpstreamEvent]) -> None:
        """Nothing more comes. Calls that ran into the output limit stay open: their arguments are incomplete."""
        if not self._cut:
            self._calls.end_rest(events)
        self.complete = True


def _stop_sequence(choice: Choice) -> str:
    """The caller's stop sequence that was met, where the server names it. The field may also hold token numbers or a reason."""
    named = choice.stop_reason or choice.matched_stop
    return named if isinstance(named, str) and not stop_reasons.is_reason(named) else ""


def _only_text(chunk: Chunk) -> str:
    """The text of a chunk that has nothing else; "" of any other."""
    choice = chunk.choices[0] if chunk.choices else _NO_CHOICE
    if choice.index or choice.delta is None or not isinstance(content := choice.delta.content, str):
        return ""
    alone = [Choice(index=choice.index, delta=Piece(content=content))]
    return content if chunk == Chunk(id=chunk.id, model=chunk.model, choices=alone) else ""
