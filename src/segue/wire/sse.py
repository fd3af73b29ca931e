"""Server-sent events, sans I/O: bytes in, events out, however the bytes are split.

Follows the WHATWG parsing rules where providers differ from one another: lines end with LF, CRLF or CR; a blank line ends an
event; `data` lines are joined with LF; comments and unknown fields are ignored. Unlike a browser, an event that the end of the
stream cuts off is not dropped silently: `leftover()` gives its bytes, so that a raw error body at a stream's end is not lost.
"""

from __future__ import annotations

from typing import NamedTuple


class ServerSentEvent(NamedTuple):
    event: str
    """The `event` field, "" if the event had none."""
    data: bytes


class SSEParser:
    """Feed bytes, get events."""

    __slots__ = ("_blank_cr", "_buffer", "_data", "_event", "_first", "_raw")

    def __init__(self) -> None:
        self._buffer = b""
        self._event = ""
        self._data: list[bytes] = []
        self._raw: list[bytes] = []
        self._first = True
        self._blank_cr = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        if self._first and (data or self._buffer):
            data, self._buffer = self._buffer + data, b""
            if b"\xef\xbb\xbf".startswith(data[:3]) and len(data) < 3:
                self._buffer = data
                return []
            self._first = False
            data = data.removeprefix(b"\xef\xbb\xbf")
        if self._blank_cr and data:
            data = data.removeprefix(b"\n")
            self._blank_cr = False
        buffer = self._buffer + data if self._buffer else data
        if b"\r" in buffer:
            if buffer.endswith(b"\r"):
                self._blank_cr = True
            buffer = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = buffer.split(b"\n")
        self._buffer = lines.pop()
        events: list[ServerSentEvent] = []
        for line in lines:
            self._line(line, events)
        return events

    def leftover(self) -> bytes:
        """The bytes of the event that the stream's end cut off, comments and all; b"" if it ended between events."""
        return b"\n".join([*self._raw, self._buffer]) if self._raw else self._buffer

    def _line(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                events.append(ServerSentEvent(self._event, b"\n".join(self._data)))
            self._event = ""
            self._data = []
            self._raw = []
            return
        self._raw.append(line)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
