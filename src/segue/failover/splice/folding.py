"""Texts in a form that compares without regard to whitespace and kinds of quotes."""

from __future__ import annotations

from typing import Final

_QUOTES: Final = "'‘’‚‛`´′\"“”„‟″«»‹›「」『』＂＇"
_BLANKS: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\u200b\u2060\ufeff"

QUOTE: Final = '"'
"""The character that replaces every kind of quote."""

_FOLDED: Final = {ord(quote): QUOTE for quote in _QUOTES} | {ord(blank): None for blank in _BLANKS}


def fold(text: str) -> str:
    """`text` without whitespace, and with one kind of quotes."""
    return text.translate(_FOLDED)


def unfolded(text: str, count: int) -> int:
    """How many characters of `text` make up the first `count` characters of `fold(text)`."""
    for at, character in enumerate(text):
        if count <= 0:
            return at
        count -= character not in _BLANKS
    return len(text)


def overlap(text: str, continuation: str) -> int:
    """The length of the longest end of `text` that `continuation` begins with. Linear in the shorter of the two."""
    size = min(len(text), len(continuation))
    tail, head = text[len(text) - size :], continuation[:size]
    if head[:1] not in tail:
        return 0
    borders = _borders(head)
    matched = 0
    for character in tail:
        while matched and head[matched] != character:
            matched = borders[matched - 1]
        if head[matched] == character:
            matched += 1
    return matched


def _borders(word: str) -> list[int]:
    """For each prefix of `word`, the length of its longest proper suffix that is also a prefix (Knuth, Morris and Pratt)."""
    borders = [0] * len(word)
    length = 0
    for index in range(1, len(word)):
        while length and word[index] != word[length]:
            length = borders[length - 1]
        if word[index] == word[length]:
            length += 1
        borders[index] = length
    return borders
