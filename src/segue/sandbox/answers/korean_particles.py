"""Korean particles, whose form depends on the sound that a word ends with."""

from __future__ import annotations

import re

_PAIRS = {"을": ("을", "를"), "은": ("은", "는"), "이": ("이", "가"), "과": ("과", "와"), "으로": ("으로", "로")}
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
_LATIN_FINALS = re.compile(r"(?:[lmn]|ng|[LMNR])$")
"""Latin endings that are read with a closing consonant, near enough: Kotlin, npm, SQL; not Redis, Kafka, AWS."""
_DIGIT_FINALS = "013678"


class Word(str):
    """Text that takes a particle as a format: `f"{Word('Redis'):을}"` is "Redis를"."""

    def __format__(self, particle: str) -> str:
        if particle not in _PAIRS:
            return str(self)
        closed, open_ = _PAIRS[particle]
        ends_closed, ends_rieul = _ending(self)
        return str(self) + (closed if ends_closed and not (particle == "으로" and ends_rieul) else open_)


def _ending(word: str) -> tuple[bool, bool]:
    """Whether the word's last sound is a consonant, and whether that is ㄹ."""
    last = next((character for character in reversed(word) if character.isalnum()), "")
    if last and _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        final = (ord(last) - _FIRST_SYLLABLE) % _FINALS
        return final != 0, final == _RIEUL
    if last in _DIGIT_FINALS:
        return bool(last), last in "178"
    bare = word.rstrip(")]}\"' ")
    return bool(_LATIN_FINALS.search(bare)), last in "lLR"
