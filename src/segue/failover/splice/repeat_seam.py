"""The seam of a continuation that was requested by a prompt: to repeat the last words of the text, and to continue from there.

What arrives may repeat those words, or more of the text, or all of it from its start; it may begin with an introduction; or it may continue
directly. `RepeatSeam` tells these apart while the text arrives. It compares without regard to whitespace and kinds of quotes, and looks
for positions in the delivered text from which all of the continuation so far is a repetition. As long as there is one that has not
reached the end, the continuation is withheld. Once there is none, the rules are:

- It repeated the text's end, by at least 12 characters (24 in code and tables, which often repeat themselves): the longest such
  repetition is left out, once, also where it stands in quotes.
- It repeated the whole text: the same, however short the text, where the repetition ends at a word's boundary or has the length of a word.
  ("o" + "ops" has neither; losing text is worse than showing it twice.)
- It began as the answer begins and then differed: another answer, which does not fit. That is an error. Within a sentence the first
  word decides while the answer is in its first sentence, then 12 (24) characters; after a sentence it takes 48, for sentences may
  begin alike.
- It is something else: up to `max_chars` are withheld in case the repetition follows an introduction, which is left
  out with it. If none follows, and the continuation mentions itself or the interruption, that is an error. Else it is new text.

Time bounds the waiting: after `flush()` the search goes on only where it is worth it, for repetitions of the start, of the last
`max_chars`, or of enough characters to count.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

from segue.failover.splice.folding import QUOTE, fold, overlap, unfolded
from segue.failover.splice.phrases import anchor_of, ends_a_sentence, is_about_itself, is_preface
from segue.failover.splice.prefill_seam import without

OVERLAP: Final = 12
"""Characters of overlap that are not a coincidence in prose. Of 1 500 exact continuations of repetitive texts 8 cuts 16 short and 12 cuts
13, which repeat whole lines (tests/failover/splice/test_seam_properties.py) …"""

OVERLAP_IN_CODE: Final = 24
"""… and in code and tables, where single lines come again."""

RESTART: Final = 48
"""Characters of the answer's start by which a continuation is a new beginning, also where a sentence may begin."""

WHOLE_WORD: Final = 4
"""Characters from which a repetition of a whole text is not a coincidence, also without a boundary after it, if there is a letter or a
digit among them. An ideograph counts as four, a syllable of Hangul or kana as two."""

LEAST_TEXT: Final = 80
"""Characters by which a continuation is judged, however long they take."""

_OPENERS: Final = QUOTE + "….>*_"
"""Marks (folded) that may stand before repeated words."""

_FIRST_WORD: Final = re.compile(r"\W*\w+")
_SENTENCE_END: Final = re.compile(r"[.!?…]\s|[。！？\n]")


class RepeatSeam:
    """The gate for a continuation's text.

    `delivered` is all the text shown so far; `in_code`: it stops inside code or a table. `settled` turns True when the
    case is clear; `error` is then why the continuation can't be used, or None; `trimmed` counts the characters left out.
    """

    def __init__(self, delivered: str, *, in_code: bool = False, max_chars: int = 240) -> None:
        self._delivered = delivered
        self._folded = fold(delivered)
        self._tail = delivered[len(delivered.rstrip()) :]
        self._in_code = in_code
        self._least = OVERLAP_IN_CODE if in_code else OVERLAP
        self._max_chars = max_chars
        self._anchor = fold(anchor_of(delivered))
        self._pieces: list[str] = []
        self._at = 0  # where in `_folded` the repetition began …
        self._size = 0  # … and its length; 0 while there is none
        self._owed = "" if self._folded else delivered  # whitespace that is shown already and may come once more
        self._closing = False  # a quotation mark may follow the repeated words
        self._late = False
        self.settled = not self._folded
        self.error: str | None = None
        self.trimmed = 0

    @property
    def holding(self) -> bool:
        """Whether text is withheld that time could release."""
        return not (self.settled or self._late) and bool(self._pieces)

    def feed(self, text: str) -> str:
        """Takes the next piece of the continuation; returns what may be shown now."""
        if self.settled:
            return "" if self.error else self._pass(text)
        if not text:
            return ""
        self._pieces.append(text)
        piece = fold(text)
        if self._size and self._folded.startswith(piece, self._at + self._size):
            self._size += len(piece)
            if self._at + self._size < len(self._folded):
                return ""
        return self._decide()

    def flush(self, *, final: bool = False) -> str:
        """The time of holding is over; with `final` the continuation is over. Returns what may be shown now.

        Without `final` the seam may stay unsettled where what it withholds is likely to be a repetition. Time before the first
        text, in thinking for example, does not count as holding: nothing changes then.
        """
        if self.settled or not (final or self._pieces):
            return ""
        self._late = True
        return self._decide(final=final)

    def _decide(self, *, final: bool = False) -> str:
        head = "".join(self._pieces)
        arrived = fold(head)
        starts = [0, marks] if (marks := len(arrived) - len(arrived.lstrip(_OPENERS))) else [0]
        if not final and any(self._repeats_on(arrived[start:]) for start in starts):
            return ""
        for start in starts:
            cut = self._repeated(head, arrived, start, final=final)
            if cut is None:
                return ""
            if cut:
                return self._cut(head, start + cut, quoted=start > 0 and arrived[start - 1] == QUOTE)
        if self._starts_over(head, arrived):
            return self._fail("the continuation began the answer again and then differed from it")
        if self._introduced(head, arrived):
            return self._cut(head, arrived.find(self._anchor) + len(self._anchor), quoted=True)
        if not final and (len(head) < (LEAST_TEXT if self._late else self._max_chars) or self._anchor_begun(arrived)):
            return ""
        if is_about_itself(head, self._delivered):
            return self._fail("the continuation mentions the interruption instead of continuing")
        self.settled = True
        return head

    def _repeats_on(self, arrived: str) -> bool:
        """Whether all that arrived is in the delivered text, and more of that may follow."""
        self._size = 0
        at = self._folded.find(arrived)
        if self._late and len(arrived) < self._least and at > 0:
            at = self._folded.find(arrived, max(0, len(self._folded) - self._max_chars))
        if at < 0 or at + len(arrived) >= len(self._folded):
            return False
        self._at, self._size = at, len(arrived)
        return bool(arrived) or len("".join(self._pieces)) <= self._max_chars

    def _repeated(self, head: str, arrived: str, start: int, *, final: bool) -> int | None:
        """How many characters of `arrived` from `start` on repeat the text's end; 0 for no repetition, None if the next ones decide."""
        piece = arrived[start:]
        if piece.startswith(self._folded):
            return self._repeated_whole(head, start + len(self._folded), final=final) and len(self._folded)
        cut = overlap(self._folded, piece)
        blank = 0 if self._in_code else len(head) - len(head.lstrip())
        size = unfolded(head, start + cut) - max(blank, unfolded(head, start))
        return cut if size >= self._least else 0

    def _repeated_whole(self, head: str, end: int, *, final: bool) -> bool | None:
        """Whether a repetition of the whole text, up to `end` of the folded head, is intended; None if the next ones decide."""
        if _letters(self._folded) >= WHOLE_WORD or len(self._folded) >= self._least:
            return True
        following = head[unfolded(head, end) :][:1]
        if not following:
            return True if final else None
        last = self._delivered[-1]
        return bool(self._tail) or not ((last.isalnum() and following.isalnum()) or last == following)

    def _starts_over(self, head: str, arrived: str) -> bool:
        """Whether a continuation that isn't a repetition begins as the answer does."""
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._folded, arrived, strict=False)))
        if not common:
            return False
        body = head.lstrip()
        size = unfolded(body, common)
        fresh_line = "\n" in head[: len(head) - len(body)]
        if size >= RESTART:
            return True
        if fresh_line or ends_a_sentence(self._delivered):
            return False
        first = _FIRST_WORD.match(self._delivered.lstrip())
        if first is None or not re.match(re.escape(first[0]) + r"\b", body):
            return False
        return size >= self._least or not (self._in_code or _SENTENCE_END.search(self._delivered.strip()))

    def _introduced(self, head: str, arrived: str) -> bool:
        """Whether the requested words follow an introduction. If the text itself has them twice, they may be new text."""
        at = arrived.find(self._anchor) if len(self._anchor) >= OVERLAP else -1
        if at <= 0 or self._folded.count(self._anchor) > 1:
            return False
        size = unfolded(head, at)
        return size <= self._max_chars and is_preface(head[:size], in_code=self._in_code)

    def _anchor_begun(self, arrived: str) -> bool:
        return overlap(arrived, self._anchor) >= OVERLAP

    def _cut(self, head: str, size: int, *, quoted: bool) -> str:
        """Leaves out `size` characters of the folded head."""
        self.settled = True
        end = unfolded(head, size)
        self.trimmed = end
        self._owed = self._tail
        self._closing = quoted
        return self._pass(head[end:])

    def _fail(self, message: str) -> str:
        self.settled = True
        self.error = message
        return ""

    def _pass(self, text: str) -> str:
        """Releases text, except for a closing quotation mark and whitespace that is shown already."""
        shown = text
        if self._closing and text:
            self._closing = False
            if fold(text[0]) == QUOTE:
                shown = text[1:]
        rest = without(self._owed, shown)
        if shown:
            self._owed = "" if rest else self._owed[len(shown) :]
        self.trimmed += len(text) - len(rest)
        return rest


def _letters(text: str) -> int:
    """The weighted length of a text that has letters or digits: each character counts by its share of a word."""
    text = text[:OVERLAP]
    return any(map(str.isalnum, text)) and sum(
        4
        if "\u3400" <= character <= "\u9fff"
        else 2
        if "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3"
        else 1
        for character in text
    )
