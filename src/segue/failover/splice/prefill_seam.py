"""The seam of a continuation that got the text as the beginning of the model's turn. The model

continues what it was shown, so all of its text is new: a table's row, a refrain or a list's item that is repeated on purpose is
not an overlap, and nothing is searched for. Only what was taken back from the text's end, because models continue badly from there,
is expected once more: whitespace, which is delivered exactly once, and a word that may be half of one.
"""

from __future__ import annotations

from typing import Final

MOST_BLANKS: Final = 200
"""Characters of whitespace that may come before the word that was taken back."""


class PrefillSeam:
    """The gate for a continuation's text.

    `taken_back` is the end of the delivered text that the model was not shown: whitespace, or at most whitespace before a word. `settled`
    turns True when that has come, or can't come any more; `error` is then what is wrong, or None; `trimmed` counts
    the characters left out.
    """

    holding: Final = False
    """Time releases nothing: without the word that was taken back, what follows can't be shown."""

    def __init__(self, taken_back: str = "") -> None:
        self._word = taken_back.strip()
        self._owed = "" if self._word else taken_back
        self._head = ""
        self.settled = not self._word
        self.error: str | None = None
        self.trimmed = 0

    def feed(self, text: str) -> str:
        """Takes the next piece of the continuation; returns what may be shown now."""
        if self.settled:
            return "" if self.error else self._pass(text)
        self._head += text
        start = self._head.lstrip()
        blank = len(self._head) - len(start)
        if start.startswith(self._word) and blank <= MOST_BLANKS:
            self.settled = True
            self.trimmed = blank + len(self._word)
            return start[len(self._word) :]
        if not self._word.startswith(start) or blank > MOST_BLANKS:
            self._fail()
        return ""

    def restarted(self, delivered: str) -> bool:
        """Whether the text in place of the word that was taken back is the beginning of the answer: the prefill was ignored."""
        return bool(self._head.strip()) and delivered.lstrip().startswith(self._head.strip())

    def flush(self, *, final: bool = False) -> str:
        """With `final` the continuation is over. Returns what may be shown now."""
        if final and not self.settled:
            self._fail()
        return ""

    def _fail(self) -> None:
        self.settled = True
        self.error = "the continuation has another word than the one in which the answer broke off"

    def _pass(self, text: str) -> str:
        """Releases text, except for whitespace that is shown already."""
        shown = without(self._owed, text)
        self.trimmed += len(text) - len(shown)
        self._owed = self._owed[len(text) :] if not shown else ""
        return shown


def without(owed: str, text: str) -> str:
    """`text` without the beginning that it shares with `owed`."""
    common = 0
    for shown, new in zip(owed, text, strict=False):
        if shown != new:
            break
        common += 1
    return text[common:]
