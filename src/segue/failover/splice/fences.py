"""What kind of text a Markdown text stops in: prose, code or a table."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_OPENING: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:(`{3,})[^`]*|(~{3,}).*)$", re.DOTALL)


class Context(StrEnum):
    """What kind of text a position lies in."""

    PROSE = "prose"
    CODE = "code"
    TABLE = "table"


class FenceTracker:
    """Follows Markdown's code fences and tables through a text that arrives in pieces.

    A fence is a line of three or more backticks or tildes, also in lists and quotations; it ends with a line of at least as many. A
    line with a vertical bar is a table's row. If a half-written line leaves it open, the result is code or table: that is the
    cautious choice.
    """

    _LINE = 256  # characters of a line that are kept to recognise a fence

    def __init__(self) -> None:
        self._fence = ""
        self._line = ""
        self._bar = False
        self._bar_before = False

    @property
    def state(self) -> Context:
        """The context at the end of the text so far."""
        if self._fence or _OPENING.match(self._line):
            return Context.CODE
        return Context.TABLE if self._bar or self._bar_before else Context.PROSE

    def feed(self, text: str) -> None:
        *whole, last = text.split("\n")
        for line in whole:
            self._extend(line)
            self._end_line()
        self._extend(last)

    def _extend(self, piece: str) -> None:
        self._bar = self._bar or "|" in piece
        self._line = (self._line + piece[: self._LINE])[: self._LINE]

    def _end_line(self) -> None:
        if self._fence:
            closing = self._line.strip(" \t\r>")
            if len(closing) >= len(self._fence) and not closing.strip(self._fence[0]):
                self._fence = ""
            self._bar_before = False
        elif opening := _OPENING.match(self._line):
            self._fence = opening[1] or opening[2]
        else:
            self._bar_before = self._bar
        self._line = ""
        self._bar = False


def fence_state(text: str) -> Context:
    """Whether `text` ends inside a code fence, a table, or neither."""
    tracker = FenceTracker()
    tracker.feed(text)
    return tracker.state
