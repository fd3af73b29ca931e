"""The texts of a stream's events without parsing each: a provider writes them alike, the same bytes around another text.

An event that was parsed and brought text alone is `learn`ed: what stands before and after its text. From then on events with the same bytes
around texts of printable characters, none of which JSON escapes, have just these texts, as a parser would find.
"""

from __future__ import annotations

from segue.wire.sse import ServerSentEvent

_TRIES = 4
"""Events of a stream that are learned: if each contains something unique, such as a number, none equals another."""

_RUN = 64
"""Events that are looked at together."""

_MARK = 16
"""Bytes before a text by which it is looked for. With all that stands between two texts CPython's search is prepared again for each."""

_ENDS = b"\n\n"
_QUOTE, _BACKSLASH = b'"\\'
"""As numbers: to look for bytes in bytes makes and drops an exception."""


class AlikeEvents:
    """The events of one stream. `key` is the name of the text's field, such as b'"content"'; b"" for none: then each is parsed."""

    __slots__ = ("_after", "_before", "_between", "_key", "learns", "ready")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._before = self._after = self._between = b""
        self.learns = _TRIES if key else 0
        """How many events may still be learned."""
        self.ready = False
        """Whether the next bytes may be an event that needs no parsing."""

    def learn(self, event: ServerSentEvent, text: str) -> None:
        """Learns an event whose field holds `text`, and which means nothing else."""
        data, inner = event.data, text.encode("utf-8", "replace")
        start = data.find(self._key)
        space, quote, rest = data[start:].partition(b":")[2].partition(b'"')
        if start < 0 or data.count(self._key) > 1 or space.strip() or not quote or not rest.startswith(inner + b'"'):
            return
        self.learns -= 1
        name = b"event: %b\n" % event.event.encode() if event.event else b""
        self._before = name + b"data: " + data[: len(data) - len(rest)]
        self._after = rest[len(inner) :] + _ENDS
        self._between = self._after + self._before

    def expect(self, plain: bool) -> None:
        """Bytes were parsed. `plain`: they ended with an event's end, and text alone after them would be no more than text."""
        self.ready = plain and bool(self._before)

    def one(self, data: bytes) -> str:
        """The text of bytes that are one event which needs no parsing; "" of any other."""
        before, after = self._before, self._after
        if not self.ready or not data.startswith(before) or not data.endswith(after):
            return ""
        inner = data[len(before) : -len(after)]
        if _QUOTE in inner or _BACKSLASH in inner:
            return ""
        try:
            text = inner.decode()
        except UnicodeDecodeError:
            return ""
        return text if text.isprintable() else ""

    def cut(self, data: bytes, *, between: bool) -> tuple[str, bytes, bytes]:
        """The next bytes, cut: the text that needs no parsing, what is to be parsed next, and what is to be cut once that is done.

        `between`: the bytes before these ended with an event's end.
        """
        text = ""
        if between and self._before and data.startswith(self._before):
            text, data = self._take(data)
        # After a text, the next may be followed by more that are alike. Before anything is learned, the first with the field may be.
        start = 0 if text else data.find(self._key) if self.learns and not self._before else -1
        if data and start >= 0:
            end = data.find(_ENDS, start) + len(_ENDS)
            if end >= len(_ENDS):
                return text, data[:end], data[end:]
        return text, data, b""

    def _take(self, data: bytes) -> tuple[str, bytes]:
        """The texts with which `data` begins, joined, and what follows them."""
        inner = self._split(data[len(self._before) :])
        inner[-1], end, rest = inner[-1].partition(self._after)
        if end and (text := _plain(inner)):
            return text, rest
        texts, taken = [], 0
        for one in inner[:-1]:
            if not (text := _plain([one])):
                break
            texts.append(text)
            taken += len(one) + len(self._between)
        return "".join(texts), data[taken:]

    def _split(self, data: bytes) -> list[bytes]:
        """`data.split(between, _RUN)`."""
        between = self._between
        inner = data.split(between[-_MARK:], _RUN)
        if (rest := len(between) - _MARK) > 0:
            inner[:-1] = [one[:-rest] for one in inner[:-1]]
            if between.join(inner) != data:
                return data.split(between, _RUN)
        return inner


def _plain(inner: list[bytes]) -> str:
    """Texts that stand for themselves in JSON, joined; "" if one doesn't."""
    joined = b"".join(inner)
    if _QUOTE in joined or _BACKSLASH in joined or not all(inner):
        return ""
    try:
        text = joined.decode() if joined.isascii() else "".join([one.decode() for one in inner])
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""
