"""The body of a Gemini answer, cut into its JSON documents, however the bytes are split.

Gemini frames an answer in three ways, and one body may mix them:

- server-sent events (`alt=sse`): `data:` lines, ended by a blank line;
- one JSON value, often printed over many lines: a whole answer, an error, or an array of chunks (a stream without `alt=sse`);
- an error printed like that *between or after* events, outside all SSE framing, possibly followed by blank lines. A general SSE
  parser takes its lines for unknown fields and drops them, so the splitting is done here.

Lines end with LF or CRLF. No SSE field begins with `{` or `[`, so a line that does begins a raw value. Its end is known at once
where it stands in one line or closes in the first column, as Google prints it; else at the next event or the end of the body.
"""

from __future__ import annotations

from segue.wire.lenient import is_json
from segue.wire.sse import BOM, MOST_LINES, EndlessError

_TRIES = 32
"""How often an unfinished raw value is tried before the end, so that many closing brackets cost no more than a few."""


class Frames:
    """Feed bytes, get documents: bytes that are, or should have been, one JSON value each."""

    __slots__ = ("_data", "_line", "_raw", "_tries")

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._raw: list[bytes] = []
        self._tries = 0

    def feed(self, data: bytes) -> list[bytes]:
        lines = data.split(b"\n")
        tail = lines.pop()
        documents: list[bytes] = []
        if lines and self._line:
            lines[0] = b"".join((*self._line, lines[0]))
            self._line.clear()
        for line in lines:
            self._take(line.removesuffix(b"\r"), documents)
        if tail:
            self._line.append(tail)
        return documents

    def eof(self) -> list[bytes]:
        documents: list[bytes] = []
        self._take(b"".join(self._line).removesuffix(b"\r"), documents)
        self._line.clear()
        for rest in (self._data, self._raw):
            if rest:
                documents.append(b"\n".join(rest))
                rest.clear()
        return documents

    def _take(self, line: bytes, documents: list[bytes]) -> None:
        if line.startswith(b"data:"):
            self._end(self._raw, documents)
            self._data.append(line[5:])
            if len(self._data) > MOST_LINES:
                raise EndlessError(f"an event of more than {MOST_LINES} lines")
        elif self._raw:
            self._take_raw(line, documents)
        elif not line:
            self._end(self._data, documents)
        elif line.removeprefix(BOM).lstrip()[:1] in (b"{", b"["):
            self._end(self._data, documents)
            self._tries = 0
            self._take_raw(line.removeprefix(BOM), documents)
        elif line.startswith(BOM):
            self._take(line.removeprefix(BOM), documents)

    def _take_raw(self, line: bytes, documents: list[bytes]) -> None:
        self._raw.append(line)
        if len(self._raw) > 10 * MOST_LINES:  # Google prints a line for each value
            raise EndlessError(f"a document of more than {10 * MOST_LINES} lines")
        if self._tries < _TRIES and (len(self._raw) == 1 or line[:1] in (b"}", b"]")):
            self._tries += 1
            if is_json(b"\n".join(self._raw)):
                self._end(self._raw, documents)

    def _end(self, lines: list[bytes], documents: list[bytes]) -> None:
        if lines:
            documents.append(b"\n".join(lines) if len(lines) > 1 else lines[0])
            lines.clear()
