"""`reasoning_details`: a model's reasoning as OpenRouter sends it, to be sent back unchanged beside the turn's tool calls.

A list of objects, each of a type (`reasoning.text`, `.summary`, `.encrypted`), streamed in pieces: pieces of one type and index are one.
In our values the list is the signature of a thought: opaque, and of use only to its provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from segue.wire.arguments import json_text
from segue.wire.lenient import whole_characters

Detail = dict[str, Any]

_GROWING: Final = ("text", "summary")
"""The fields that arrive in pieces."""


def shown(details: Iterable[Detail]) -> str:
    """The readable part of the reasoning."""
    texts = (detail.get(name) for detail in details for name in _GROWING)
    return "".join(text for text in texts if isinstance(text, str))


def of(value: object) -> list[Detail]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def add(details: list[Detail], pieces: Iterable[Detail]) -> None:
    """Adds pieces to the details so far."""
    for piece in pieces:
        last = details[-1] if details else {}
        if not _goes_on(last, piece):
            details.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in _GROWING and isinstance(last.get(name), str) and isinstance(value, str):
                last[name] += value
            elif value is not None:
                last[name] = value


def signature(details: list[Detail]) -> str:
    texts = (whole_characters(json_text(detail)) for detail in details)
    return f"[{','.join(texts)}]" if details else ""


def of_signature(text: str) -> list[Detail]:
    """The details that a signature holds; [] for one of another kind."""
    try:
        return of(msgspec.json.decode(text)) if text.startswith("[") else []
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []


def _goes_on(last: Detail, piece: Detail) -> bool:
    same = all(last.get(name) == piece.get(name) for name in ("type", "index"))
    return same and any(name in piece for name in (*_GROWING, "signature")) and not last.get("signature")
