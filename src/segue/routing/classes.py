"""A text as a string of classes: a character for each of its words and marks, so that counting is counting characters. Pure.

| class | stands for |
|---|---|
| `A`, `B` … | a cue (vocabulary.py): `chr(65 + cue)` |
| `w` `n` `v` | a word without a cue; one with a capital; a single letter |
| `f` | a word in a script that is not read |
| `k` `c` | a Korean word; one whose cue follows |
| `i` `j` | a Chinese or Japanese character; a cue that is found there follows the `j` |
| `0` `'` `-` | a number; an apostrophe; any other mark |

A word's class is looked up once and kept: texts repeat their words. What is kept is bounded, and nothing depends on it.
"""

from __future__ import annotations

import re

from segue.routing.vocabulary import EAST_WORDS, HANGUL_TABLE, LATIN_STEMS, LATIN_TABLE

_TOKEN = re.compile(r"[^\s!-/:-@\[-`{-~]+|\S")
"""What stands between blanks and ASCII marks; what else there is to part, `_PART` does, once for each word."""
_PART = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏ]+|[ㄱ-ㅣ가-힣]+|[々ぁ-ヿ㐀-鿿]+|\d+|[^\W\d_]+|\S")
"""Words of one script, and marks, within a token: 3개, Python으로, “hello”."""
MOST_KEPT, LONGEST_KEPT = 16_384, 24
"""Words that are kept, and the characters of a word that is: 4 MB at most."""
STEM_LENGTHS = sorted({len(stem) for stem in LATIN_STEMS}, reverse=True)
STEM_BEGINNINGS = frozenset(stem[: STEM_LENGTHS[-1]] for stem in LATIN_STEMS)
WORDS_OF_A_LETTER = "aAIyoàÀ"
ENDINGS = ("ing", "ed", "es", "s", "d")
"""English endings, tried off a word that is not known."""


def class_of(cue: int) -> str:
    return chr(65 + cue)


_HANGUL = {stem: f"c{class_of(cue)}" for stem, cue in HANGUL_TABLE.items()}
LOOKED_AT = 5
"""Characters of a Chinese or Japanese word, of which no two are the same so far."""


def _beginnings(words: dict[str, int]) -> dict[str, tuple[tuple[str, str], ...]]:
    """From two characters to the words that begin with them, the longest first, each up to `LOOKED_AT` characters, and their classes."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, cue in sorted(words.items(), key=lambda entry: -len(entry[0])):
        found.setdefault(word[:2], []).append((word[:LOOKED_AT], f"j{class_of(cue)}"))
    return {pair: tuple(entries) for pair, entries in found.items()}


_EAST = _beginnings(EAST_WORDS)
_CANDIDATE = re.compile(
    f"(?=([{''.join({pair[0] for pair in _EAST})}][{''.join({pair[1] for pair in _EAST})}].{{0,{LOOKED_AT - 2}}}))"
)
"""Where a Chinese or Japanese word may begin, and `LOOKED_AT` characters from there."""


class _Classes(dict[str, str]):
    """From a word or a mark to its classes; one that is not there yet is looked up."""

    def __missing__(self, token: str) -> str:
        if token.isalpha() and "가" <= token[0] <= "힣" and "가" <= token[-1] <= "힣":
            found = _of_korean(token)
        else:
            parts = [token] if token.isascii() and token.isalpha() else _PART.findall(token)
            found = _looked_up(token) if len(parts) == 1 else classes_of(parts)
        if len(token) <= LONGEST_KEPT:
            if len(self) >= MOST_KEPT:
                self.clear()
            self[token] = found
        return found


_KEPT = _Classes()


def forget() -> None:
    """Drops what is kept of words."""
    _KEPT.clear()


def tokens_of(text: str) -> list[str]:
    """The words, numbers and marks of a text."""
    return _TOKEN.findall(text)


def classes_of(tokens: list[str]) -> str:
    return "".join(map(_KEPT.__getitem__, tokens))


def _looked_up(token: str) -> str:
    first = token[0]
    if first.isdigit():
        return "0"
    if not first.isalpha():
        cue = LATIN_TABLE.get(token)
        return class_of(cue) if cue is not None else "'" if token in "'’" else "-"
    if "가" <= first <= "힣" or "ㄱ" <= first <= "ㅣ":
        return _of_korean(token)
    if first > "\u2fff":
        return "i" * len(token) + "".join(map(_at, _CANDIDATE.findall(token)))
    cue = LATIN_TABLE.get(token)
    if cue is None:
        plain = token.lower()
        cue = LATIN_TABLE.get(plain)
        if cue is None and len(plain) > STEM_LENGTHS[-1]:
            cue = _of_stem(plain)
    if cue is not None:
        return class_of(cue)
    if len(token) == 1:
        return "w" if token in WORDS_OF_A_LETTER else "v"
    return "f" if first > "\u024f" else "n" if first.isupper() else "w"


def _at(piece: str) -> str:
    """The class of the longest word that a piece of Chinese or Japanese begins with, "" without one."""
    for word, found in _EAST.get(piece[:2], ()):
        if piece.startswith(word):
            return found
    return ""


def _of_korean(token: str) -> str:
    """The class of the longest stem that a word begins with; a stem of one syllable has to be the whole word."""
    stem = _HANGUL.get
    if len(token) == 1:
        return stem(token) or "k"
    return stem(token[:4]) or stem(token[:3]) or stem(token[:2]) or "k"


def _of_stem(word: str) -> int | None:
    """The cue of the longest stem that a word begins with, else that of the word without its English ending."""
    if word[: STEM_LENGTHS[-1]] in STEM_BEGINNINGS:
        for length in STEM_LENGTHS:
            if (cue := LATIN_STEMS.get(word[:length])) is not None:
                return cue
    if word[-1] in "gds":
        for ending in ENDINGS:
            if word.endswith(ending):
                stem = word[: -len(ending)]
                cue = LATIN_TABLE.get(stem)
                if cue is None and ending in ("ing", "ed"):
                    cue = LATIN_TABLE.get(f"{stem}e")
                if cue is not None:
                    return cue
    return None
