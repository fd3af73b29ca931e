"""Untrusted texts, made safe for a terminal: models' names, providers' errors and answers may hold sequences that move the cursor, change
the window's title, write to the clipboard, or turn the order of what is read around."""

from __future__ import annotations

from typing import Final

_KEPT: Final = "\n\t"
_C0: Final = {code: 0x2400 + code for code in range(0x20) if chr(code) not in _KEPT}
_HIDDEN: Final = (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""DEL, C1 (whose U+009B begins a sequence as ESC [ does), and what embeds, isolates and overrides directions of writing."""

_SHOWN: Final[dict[int, int | str]] = {**_C0, **dict.fromkeys(_HIDDEN, "\ufffd")}
_ESCAPED: Final = {code: f"\\u{code:04x}" for code in _HIDDEN}


def clean(text: str) -> str:
    """The text with a picture in place of each character that a terminal would obey; line breaks and tabs stay."""
    return text.translate(_SHOWN)


def clean_json(text: str) -> str:
    """A JSON document that says the same, with such characters escaped; those below U+0020 are already."""
    return text.translate(_ESCAPED)
