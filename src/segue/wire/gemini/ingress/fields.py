"""Reading a caller's JSON field by field, with errors that name the field at fault.

Protobuf's JSON takes each field's name in camelCase and in snake_case, so both are read: Google's own examples and SDK use either.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from segue.errors import InvalidRequestError
from segue.wire.gemini.schema import camel

Json = dict[str, Any]
T = TypeVar("T")

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "an integer",
}


def fault(message: str, where: str, *, status: int = 400) -> InvalidRequestError:
    return InvalidRequestError(f"{where}: {message}" if where else message, param=where or None, status=status)


def read(fields: Json, name: str, kind: type[T], where: str) -> T | None:
    """A field that must be of this kind, if present. Removes it from `fields`."""
    value = fields.pop(name, None)
    return None if value is None else check(value, kind, join(where, name))


def check(value: Any, kind: type[T], where: str) -> T:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise fault(f"must be {_KINDS[kind]}", where)


def number(fields: Json, name: str, least: float, most: float, where: str) -> float | None:
    """A number within bounds, if present. Removes it from `fields`."""
    value = fields.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise fault(f"must be a number from {least:g} to {most:g}", join(where, name))
    return float(value)


def integer(fields: Json, name: str, least: int | None, where: str) -> int | None:
    """A whole number, also as protobuf writes it: `5.0` or `"5"`. Removes it from `fields`."""
    value = fields.pop(name, None)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
        raise fault("must be an integer" + (f" of at least {least}" if least is not None else ""), join(where, name))
    return value


def items(value: Any, where: str) -> list[tuple[Json, str]]:
    """The objects of an array, each with its path. A lone object counts as an array of one."""
    listed = [value] if isinstance(value, dict) else check(value, list, where)
    return [(camel(check(item, dict, f"{where}[{index}]")), f"{where}[{index}]") for index, item in enumerate(listed)]


def join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
