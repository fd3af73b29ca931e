"""The items at the end of a response that repeat what was sent before, where neither their ids nor their places show it.

Some servers give an item another id in the terminal than before, or another place, because several items had one index or because the
terminal leaves one out or adds one. Then its content decides: the text that was sent, or the name and arguments of a call. Each piece
of the answer is repeated at most once, so that what the model rightly repeats stays.
"""

from __future__ import annotations

from segue.wire.arguments import joined_arguments


class Repeats:
    """What was sent of an answer, and how much of it the terminal has repeated."""

    __slots__ = ("_at", "_calls", "_whole", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        """The text in pieces, as it was sent."""
        self._whole: str | None = None
        self._at = 0
        self._calls: set[int] = set()

    def has_text(self, text: str) -> bool:
        """Whether the text was sent, behind what was repeated so far; then it is repeated by this."""
        if self._whole is None:
            self._whole = "".join(self.texts)
        text = text.strip()
        place = self._whole.find(text, self._at) if text else -1
        if place >= 0:
            self._at = place + len(text)
        return place >= 0

    def has_call(self, number: int, pieces: list[str], arguments: str) -> bool:
        """Whether the call of this number was sent with these arguments and not repeated yet; then it is repeated by this."""
        if number in self._calls or joined_arguments(pieces) != joined_arguments([arguments]):
            return False
        self.is_repeated(number)
        return True

    def is_repeated(self, number: int) -> None:
        """The terminal has repeated the call of this number."""
        self._calls.add(number)
