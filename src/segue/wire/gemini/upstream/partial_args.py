"""The arguments of a call that Gemini streams: values at JSON paths, put together into one object.

With `streamFunctionCallArguments` a call comes as `{name, willContinue: true}`, then parts without a name that carry `partialArgs`,
then a part that does not say `willContinue`. A partial argument has a path (RFC 9535, of names and indices only) and a value; a
string whose path is that of the piece before it, which said `willContinue`, is the next piece of one string.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import msgspec

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_ESCAPED: Final = re.compile(r"\\(.)")


class PartialArg(msgspec.Struct, rename="camel", gc=False):
    json_path: str = ""
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None
    null_value: Any = msgspec.UNSET
    will_continue: bool | None = None


class PartialArgs:
    """The arguments of one call so far."""

    __slots__ = ("_growing", "root")

    def __init__(self, args: dict[str, Any]) -> None:
        self.root = args
        self._growing = ""

    def add(self, piece: PartialArg) -> None:
        """Raises `ValueError` for a path that does not fit the arguments so far."""
        place: Any = self.root
        steps = _steps(piece.json_path)
        for step, following in pairwise(steps):
            if (inner := _at(place, step)) is None:
                inner = [] if isinstance(following, int) else {}
                _put(place, step, inner)
            place = inner
        value = _value(piece)
        if piece.json_path == self._growing and isinstance(value, str) and isinstance(_at(place, steps[-1]), str):
            value = _at(place, steps[-1]) + value
        if value is not msgspec.UNSET:
            _put(place, steps[-1], value)
        self._growing = piece.json_path if piece.will_continue else ""


def _value(piece: PartialArg) -> Any:
    if piece.string_value is not None:
        return piece.string_value
    if piece.bool_value is not None:
        return piece.bool_value
    if (number := piece.number_value) is not None:
        return int(number) if number.is_integer() else number
    return msgspec.UNSET if piece.null_value is msgspec.UNSET else None


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while path.startswith("$") and (found := _STEP.match(path, at)):
        name, index, single, double = found.groups()
        quoted = single if single is not None else double
        steps.append(int(index) if index else name or _ESCAPED.sub(r"\1", quoted))
        at = found.end()
    if not steps or at != len(path):
        raise ValueError(f"no path of an argument: {path[:80]!r}")
    return steps


def _at(place: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return place[step] if isinstance(place, list) and step < len(place) else None
    return place.get(step) if isinstance(place, dict) else None


def _put(place: Any, step: str | int, value: Any) -> None:
    if isinstance(place, dict) and isinstance(step, str):
        place[step] = value
    elif isinstance(place, list) and isinstance(step, int) and step <= len(place):
        if step == len(place):
            place.append(value)
        place[step] = value
    else:
        raise ValueError(f"an argument has no place at {step!r}")
