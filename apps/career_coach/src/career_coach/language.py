"""Korean or English: which of the two a text is in."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["ko", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ko", "en")

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")

_SHARE = 0.2
"""The share of Hangul among letters from which a text is Korean: a Korean résumé full of names of technologies has more, an
English one with a Korean name and school has less."""


def language_of(text: str) -> Language:
    hangul, latin = len(_HANGUL.findall(text)), len(_LATIN.findall(text))
    return "ko" if hangul and hangul >= _SHARE * (hangul + latin) else "en"
