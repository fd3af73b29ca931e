"""The text of a message that follows a commentary: a separate paragraph, unless it repeats the commentary.

OpenAI's models may send two messages in one answer, first a `commentary` and then the `final_answer`, and now and then with the very
same text (github.com/BerriAI/litellm/issues/41109, github.com/langchain4j/langchain4j/pull/6403). So the text of the later message is
held back for as long as it is the beginning of the earlier one's.
"""

from __future__ import annotations


class Commentary:
    __slots__ = ("_before", "_held")

    def __init__(self) -> None:
        self._before = ""
        self._held = ""

    @property
    def waiting(self) -> bool:
        """Whether the text that comes next has to be fed."""
        return bool(self._before)

    def ended(self, text: str) -> None:
        """A commentary with this text is over."""
        self._before = text

    def feed(self, text: str) -> str:
        """The text to show, of this piece and of what was held back."""
        self._held += text
        return "" if self._before.startswith(self._held) else self._release()

    def end(self) -> str:
        """The message is over: the text to show of what was held back."""
        if not self._held:
            return ""
        if self._held.strip() != self._before.strip():
            return self._release()
        self._before = self._held = ""
        return ""

    def _release(self) -> str:
        text, self._before, self._held = self._held, "", ""
        return text
