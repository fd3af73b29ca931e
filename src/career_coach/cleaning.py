"""What is taken out of a résumé's texts before anything else sees them."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_LINE_END = re.compile(r"\r\n?|\u2028|\u2029|\x85")
_CONTACT = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|(?<!\d)\d{6}-[1-8]\d{6}(?!\d)"  # a Korean resident registration number
    r"|(?<!\d)01[016789][- .]?\d{3,4}[- .]?\d{4}(?!\d)"  # a Korean mobile number
    r"|\+\d{1,3}[ .-]?\(?\d[\d ().-]{6,14}\d"  # an international number
)


def clean(text: str) -> str:
    """The text composed (decomposed Hangul is common in files from a Mac), without control characters and without invisible ones.

    Zero-width, bidirectional and tag characters say nothing to a person and can hide a message to a model.
    """
    text = unicodedata.normalize("NFC", _LINE_END.sub("\n", text))
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    ).strip()


def without_contacts(text: str) -> tuple[str, int]:
    """The text with addresses and numbers of a person masked, and how many there were."""
    return _CONTACT.subn("[…]", text)


def clean_all(value: Any) -> tuple[Any, int]:
    """A JSON value with every text in it clean and masked and with what is empty left out; how many contacts were masked."""
    if isinstance(value, str):
        return without_contacts(clean(value))
    if isinstance(value, dict):
        fields = {clean(str(key)): clean_all(inner) for key, inner in value.items()}
        return {key: inner for key, (inner, _) in fields.items() if _says(inner)}, sum(n for _, n in fields.values())
    if isinstance(value, list):
        items = [clean_all(inner) for inner in value]
        return [inner for inner, _ in items if _says(inner)], sum(n for _, n in items)
    return value, 0


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
