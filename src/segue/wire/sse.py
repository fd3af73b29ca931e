"""Server-sent events, sans I/O: bytes in, events out, however the bytes are split.

Follows the WHATWG parsing rules where providers differ from one another: lines end with LF, CRLF or CR; a blank line ends an
event; `data` lines are joined with LF; comments and unknown fields are ignored. Unlike in a browser, what the end of the stream
cuts off and what is not an event is not dropped silently: `leftover()` returns it, so that a raw error body is not lost.
"""

from __future__ import annotations

import msgspec

from segue.wire.lenient import is_json, unframed

MOST_LINES = 50_000
"""Lines of one event; each costs several times its bytes."""


_MOST_STRANGE = 1000
"""Lines outside events that are kept; an error's body has fewer."""


class EndlessError(Exception):
    """A line or an event exceeds its limit."""


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    event: str
    """The `event` field, "" if the event had none."""
    data: bytes


_FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})
BOM = b"\xef\xbb\xbf"
"""May stand before a text in UTF-8, and means nothing."""
_CR = ord("\r")


class SSEParser:
    """Feed bytes, get events."""

    __slots__ = ("_data", "_event", "_first", "_lines", "_pieces", "_skip_lf", "_strange")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that has not ended
        self._lines: list[bytes] = []  # of the event that has not ended
        self._strange: list[bytes] = []  # lines that are not fields, of events without data
        self._event = ""
        self._data: list[bytes] = []
        self._first = True
        self._skip_lf = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        if self._first:
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
            if len(data) < len(BOM) and BOM.startswith(data):
                self._pieces.append(data)
                return []
            self._first = False
            data = data.removeprefix(BOM)
        if self._skip_lf and data:
            data = data.removeprefix(b"\n")
            self._skip_lf = False
        if _CR in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        if len(lines) > 1 and self._pieces:
            lines[0] = b"".join((*self._pieces, lines[0]))
            self._pieces.clear()
        if rest := lines.pop():
            self._pieces.append(rest)
        events: list[ServerSentEvent] = []
        at, count = 0, len(lines)
        while at < count:
            line = lines[at]
            if not self._lines and line.startswith(b"data: ") and at + 1 < count and not lines[at + 1]:
                events.append(ServerSentEvent("", line[6:]))  # fast path: the usual event, one line of data
                at += 2
            elif (
                line.startswith(b"event: ")
                and not self._lines
                and at + 2 < count
                and lines[at + 1].startswith(b"data: ")
                and not lines[at + 2]
            ):  # fast path: a name, then one line of data
                events.append(ServerSentEvent(line[7:].decode("utf-8", "replace"), lines[at + 1][6:]))
                at += 3
            else:
                self._line(line, events)
                at += 1
        return events

    @property
    def between(self) -> bool:
        """Whether the bytes so far end with an event's end."""
        return not (self._pieces or self._lines or self._skip_lf or self._first)

    def end(self) -> list[ServerSentEvent]:
        """The events that the end of the bytes left open, as far as they are whole: each JSON document, and `[DONE]`."""
        ended: list[ServerSentEvent] = []
        for event in self.feed(b"\n\n"):
            if _is_whole(event.data):
                ended.append(event)
            else:
                ended += [ServerSentEvent("", document) for document in unframed(event.data) if _is_whole(document)]
        return ended

    def leftover(self) -> bytes:
        """What is outside events: lines that are not fields, and the event that the stream's end cut off; b"" if there is nothing."""
        return b"\n".join([*self._strange, *self._lines, b"".join(self._pieces)]).removesuffix(b"\n")

    def _line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                events.append(ServerSentEvent(self._event, b"\n".join(self._data)))
            elif self._lines:
                strange = [line for line in self._lines if line.partition(b":")[0] not in _FIELDS]
                self._strange += strange[: _MOST_STRANGE - len(self._strange)]
            self._event = ""
            self._data = []
            self._lines = []
            return
        self._lines.append(line)
        if len(self._lines) > MOST_LINES:
            raise EndlessError(f"an event of more than {MOST_LINES} lines")
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")


def _is_whole(data: bytes) -> bool:
    return data.strip() == b"[DONE]" or is_json(data)
