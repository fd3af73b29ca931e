"""What is taken out of a résumé's texts before anything else sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from career_coach.contacts import masked
from career_coach.fields import CONTACT, key_of

_LINE_END = re.compile(r"\r\n?|\u2028|\u2029|\x85")


def clean(text: str) -> str:
    """The text composed (decomposed Hangul is common in files from a Mac), without control characters and without invisible ones.

    Zero-width, bidirectional and tag characters say nothing to a person and can hide a message to a model.
    """
    text = unicodedata.normalize("NFC", _LINE_END.sub("\n", text))
    return "".join(
        c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    ).strip()


def without_contacts(text: str, withheld: list[str]) -> str:
    """The text with contact data masked; `withheld` gets the kinds of what was found (see `contacts.KINDS`)."""
    text, kinds = masked(text)
    withheld += kinds
    return text


def clean_all(value: Any, withheld: list[str]) -> Any:
    """A JSON value with every text in it clean and masked, without fields of contact data and without what is empty.

    What was taken out is named in `withheld`.
    """
    if isinstance(value, str):
        return without_contacts(clean(value), withheld)
    if isinstance(value, dict):
        return dict(_clean_fields(value, withheld))
    if isinstance(value, list):
        return [cleaned for item in value if _says(cleaned := clean_all(item, withheld))]
    return value


def _clean_fields(table: dict[Any, Any], withheld: list[str]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        label = clean(str(name))
        if key_of(label) in CONTACT:
            withheld.append(label)
        elif _says(cleaned := clean_all(value, withheld)):
            yield label, cleaned


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})
