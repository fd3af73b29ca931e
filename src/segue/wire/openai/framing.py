"""The framing that OpenAI's two dialects share: a stream of events, or one JSON document. The

first byte decides which of the two it is, not only the content type: errors come as bare JSON under any type. The
dialects interpret the events and the document.
"""

from __future__ import annotations

from segue.chat.events import Failed, TextDelta, UpstreamEvent
from segue.chat.failure import Failure
from segue.wire.alike import AlikeEvents
from segue.wire.lenient import Leniency, is_filler, unframed
from segue.wire.openai import upstream_errors
from segue.wire.sse import BOM, ServerSentEvent, SSEParser

MOST_BYTES = 64 * 1024 * 1024
"""The most that a document, or one event of a stream, may hold."""

NO_TERMINAL = "the stream ended before the answer was complete"


class FramedDecoder:
    """Decodes one answer: passes each event to `_event`, or a whole document to `_whole`, and texts that need no parsing to `_say`."""

    __slots__ = ("_alike", "_document", "_finished", "_leniency", "_size", "_sse", "complete")

    def __init__(self, text_field: bytes = b"") -> None:
        """`text_field`: the name of the field that holds an event's text, where events that differ in it alone are usual."""
        self.complete = False
        self._alike = AlikeEvents(text_field)
        self._sse: SSEParser | None = None
        self._document: list[bytes] | None = None
        self._size = 0
        self._finished = False
        self._leniency = Leniency()

    def feed(self, data: bytes) -> list[UpstreamEvent]:
        if self.complete:
            return []
        if text := self.text_of(data):
            return [TextDelta(text)]
        events = self._repaired(self._feed(data))
        sse = self._sse
        self._alike.expect(sse is not None and sse.between and not (self.complete or self._leniency.used or self._owes))
        return events

    def text_of(self, data: bytes) -> str:
        """As `TextDecoder.text_of`."""
        return self._alike.one(data)

    @property
    def _owes(self) -> bool:
        """Whether something goes out before more text does."""
        return False

    def eof(self) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if self.complete:
            return events
        self._alike.expect(False)
        if self._document is not None:
            self._whole(b"".join(self._document), events)
        elif self._sse is not None:
            self._tail(self._sse, events)
        if not self.complete and not self._finished:
            self._fail(events, upstream_errors.broken(NO_TERMINAL))
        if not self.complete:
            self._end(events)
        return self._repaired(events)

    def _repaired(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        return self._leniency.mend(events) if self._leniency.used else events

    def _event(self, event: ServerSentEvent, events: list[UpstreamEvent]) -> None:
        raise NotImplementedError

    def _whole(self, data: bytes, events: list[UpstreamEvent]) -> None:
        raise NotImplementedError

    def _say(self, text: str, events: list[UpstreamEvent]) -> None:
        """The text of events that are like one that was learned; of a dialect that learns none, never called."""
        raise NotImplementedError

    def _reframed(self, event: ServerSentEvent, events: list[UpstreamEvent]) -> bool:
        """Whether the event's data, which could not be read as one document, was several, or none; they have been dealt with."""
        data = event.data.strip()
        if is_filler(data):
            return True
        documents = unframed(data)
        if documents == [data]:
            return False
        for document in documents:
            if not self.complete:
                self._event(ServerSentEvent(event.event, document), events)
        return True

    def _end(self, events: list[UpstreamEvent]) -> None:
        """The bytes of an answer that has its stop reason are over."""
        self.complete = True

    def _fail(self, events: list[UpstreamEvent], failure: Failure) -> None:
        """Nothing follows. The engine decides what that means for an answer that has its stop reason."""
        if not self.complete:
            events.append(Failed(failure))
        self.complete = True

    def _feed(self, data: bytes) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        if self._sse is None and self._document is None:
            data = data.removeprefix(BOM).lstrip()
            if not data:
                return events
            if data[:1] in (b"{", b"["):
                self._document = []
            else:
                self._sse = SSEParser()
        self._size += len(data)
        if self._sse is not None:
            while data:
                text, part, data = self._alike.cut(data, between=self._sse.between)
                if text:
                    self._size = 0
                    self._say(text, events)
                for event in self._sse.feed(part) if part else ():
                    self._size = 0
                    self._event(event, events)
                    if self.complete:
                        return events
        elif self._document is not None:
            self._document.append(data)
        if self._size > MOST_BYTES:
            self._fail(events, upstream_errors.broken(f"more than {MOST_BYTES // 1024 // 1024} MiB without an end"))
        return events

    def _tail(self, sse: SSEParser, events: list[UpstreamEvent]) -> None:
        """What remains at the end of the bytes: an event without its blank line, or an error document outside events."""
        lines = sse.leftover().splitlines()
        for event in sse.end():
            self._event(event, events)
        if not self.complete:
            bare = b"\n".join(line for line in lines if not line.startswith((b":", b"data:", b"event:")))
            if failure := upstream_errors.of_bytes(bare):
                self._fail(events, failure)
