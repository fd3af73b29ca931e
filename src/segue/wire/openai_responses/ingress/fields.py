"""Decodes fields of a request; each error names the path of the field at fault."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from segue.errors import InvalidRequestError
from segue.wire.lenient import UNREADABLE
from segue.wire.mistakes import split_path

_MISSING = re.compile(r"Object missing required field `(.*)`")

T = TypeVar("T")


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises `InvalidRequestError` if it is not one."""
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise InvalidRequestError(f"the body is not JSON that can be read: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequestError("the body must be a JSON object with the fields model and input")
    return document


def shaped(value: object, shape: type[T], where: str = "") -> T:
    """`value` as `shape`; `where` is its own path, "" for the body. Raises `InvalidRequestError` that names the field inside it."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error), where) from error


def type_of(table: dict[str, Any], where: str, usual: str) -> str:
    """The `type` of a table; `usual` where it has none."""
    kind = table.get("type", usual)
    if not isinstance(kind, str):
        raise InvalidRequestError(f"{where}.type must be a string", param=f"{where}.type")
    return kind


def unserved(where: str, advice: str, *, code: str | None = None) -> InvalidRequestError:
    return InvalidRequestError(f"{where}: {advice}", param=where, code=code)


def missing(where: str, advice: str = "add it") -> InvalidRequestError:
    return InvalidRequestError(f"{where} is missing: {advice}", param=where, code="missing_required_parameter")


def is_object(text: str) -> bool:
    """Whether it is the JSON text of an object."""
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except UNREADABLE:
        return False


def _misshapen(text: str, where: str) -> InvalidRequestError:
    what, inside = split_path(text)
    path = ".".join(step for step in (where, inside) if step)
    if lacking := _MISSING.fullmatch(what):
        return missing(f"{path}.{lacking[1]}" if path else lacking[1])
    return InvalidRequestError(f"{path or 'body'}: {what[0].lower()}{what[1:]}", param=path or None)
