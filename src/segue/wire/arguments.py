"""The arguments of a tool call: JSON text of an object, made from what a model or its server wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from segue.wire.lenient import whole_characters

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decoder = json.JSONDecoder(strict=False)
_MOST_VALUES = 64
"""More values in a row than this are not one set of arguments that was repeated."""


def is_object(text: str) -> bool:
    """Whether it is the JSON text of an object."""
    try:
        _OBJECT.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def object_text(arguments: str) -> str:
    """The JSON text of an object: the arguments unchanged, or if they are not an object, one that shows the model what it wrote."""
    text = arguments.strip() or "{}"
    return text if is_object(text) else msgspec.json.encode({"not_json": text}).decode()


def joined_arguments(pieces: Sequence[str]) -> str | None:
    """The arguments that pieces mean which joined are not the JSON text of an object; None if their meaning is unclear.

    Servers send a placeholder (`{}`, `""`, `null`) before or after the arguments, the whole arguments again, each time longer
    (a snapshot instead of a piece), or as JSON text inside a JSON string; models write line breaks into strings as they are.
    """
    values = _values("".join(pieces))
    if values is None and all(later.startswith(earlier) for earlier, later in pairwise(pieces)):
        values = _values(pieces[-1])
    if values is None:
        return None
    objects: list[dict[str, Any]] = []
    for value in values:
        if (found := _object(value)) is None:
            return None
        objects.append(found)
    last: dict[str, Any] = next((one for one in reversed(objects) if one), {})
    if not all(_is_part(one, last) for one in objects):
        return None
    return whole_characters(json_text(last))


def json_text(value: dict[str, Any]) -> str:
    """The object as JSON text. Halves of characters, which no other writer takes, stay as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _values(text: str) -> list[Any] | None:
    """The JSON values that the text consists of, one after the other; None if it holds anything else, or too many of them."""
    values: list[Any] = []
    at = len(text) - len(text.lstrip())
    while at < len(text) and len(values) < _MOST_VALUES:
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        values.append(value)
        while text[at : at + 1].isspace():
            at += 1
    return values if at == len(text) else None


def _object(value: Any) -> dict[str, Any] | None:
    """The value itself if it is an object, or the object that it holds as JSON text; an empty one for a placeholder."""
    if isinstance(value, str) and value.strip():
        inner = _values(value)
        value = inner[0] if inner is not None and len(inner) == 1 else None
        return value if isinstance(value, dict) else None
    if isinstance(value, dict):
        return value
    return None if value else {}


def _is_part(one: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(name in whole and whole[name] == value for name, value in one.items())
