"""The seam of a continuation that was given the text as the beginning of the model's own turn.

The model goes on from what it was shown, so all that it says is new: a table's row, a refrain or a list's item that rightly comes again
is no overlap, and nothing is searched for. Only what was taken back from the text's end, because no model goes on well from there, is
expected once more: whitespace, which is given back exactly once, and a word that may be half of one.
"""

from __future__ import annotations

from typing import Final

MOST_BLANKS: Final = 200
"""Whitespace that is waited through for the word that was taken back."""


class PrefillSeam:
    """The gate for a continuation's text.

    `taken_back` is the end of the delivered text that the model was not shown: whitespace, or at most whitespace before a word. `settled`
    turns True when that has come, or can't come any more; `error` then says what is wrong, or is None; `trimmed` counts the
    characters left out.
    """

    holding: Final = False
    """Time sets nothing free: without the word that was taken back, what follows can't be shown."""

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
        said = self._head.lstrip()
        blank = len(self._head) - len(said)
        if said.startswith(self._word) and blank <= MOST_BLANKS:
            self.settled = True
            self.trimmed = blank + len(self._word)
            return said[len(self._word) :]
        if not self._word.startswith(said) or blank > MOST_BLANKS:
            self._fail()
        return ""

    def began_anew(self, delivered: str) -> bool:
        """Whether what was said in place of the word that was taken back is how the answer begins: the prefill was not taken."""
        return bool(self._head.strip()) and delivered.lstrip().startswith(self._head.strip())

    def flush(self, *, final: bool = False) -> str:
        """With `final` the continuation is over. Returns what may be shown now."""
        if final and not self.settled:
            self._fail()
        return ""

    def _fail(self) -> None:
        self.settled = True
        self.error = "the continuation went on with another word than the one that the answer broke off in"

    def _pass(self, text: str) -> str:
        """Lets text through, but for whitespace that is shown already."""
        shown = without(self._owed, text)
        self.trimmed += len(text) - len(shown)
        self._owed = self._owed[len(text) :] if not shown else ""
        return shown


def without(owed: str, text: str) -> str:
    """`text` without what it and `owed` begin with in common."""
    common = 0
    for shown, new in zip(owed, text, strict=False):
        if shown != new:
            break
        common += 1
    return text[common:]
