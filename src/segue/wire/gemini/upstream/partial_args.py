"""The arguments of a call that Gemini streams: values at JSON paths, assembled into one object.

With `streamFunctionCallArguments` a call comes as `{name, willContinue: true}`, then parts without a name that carry `partialArgs`,
then a part without `willContinue`. A partial argument has a path (RFC 9535, of names and indices only) and a value; a
string with the path of the piece before it, which had `willContinue`, is the next piece of one string.
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

    __slots__ = ("_growing", "_pieces", "_place", "_root")

    def __init__(self, args: dict[str, Any]) -> None:
        self._root = args
        self._growing = ""
        self._pieces: list[str] = []
        self._place: tuple[Any, str | int] = (args, "")

    @property
    def root(self) -> dict[str, Any]:
        self._settle()
        return self._root

    def add(self, piece: PartialArg) -> None:
        """Raises `ValueError` for a path that does not fit the arguments so far."""
        if piece.json_path != self._growing or not self._growing:
            self._settle()
            self._place = self._find(_steps(piece.json_path))
        value = _value(piece)
        if isinstance(value, str):
            self._growing = piece.json_path
            self._pieces.append(value)
        elif value is not msgspec.UNSET:
            _put(*self._place, value)
        if not piece.will_continue:
            self._settle()

    def _find(self, steps: list[str | int]) -> tuple[Any, str | int]:
        """The container of the last step; what is missing on the way is created."""
        place: Any = self._root
        for step, following in pairwise(steps):
            if (inner := _at(place, step)) is None:
                inner = [] if isinstance(following, int) else {}
                _put(place, step, inner)
            place = inner
        return place, steps[-1]

    def _settle(self) -> None:
        """The string that was growing is whole."""
        if self._growing:
            _put(*self._place, "".join(self._pieces))
            self._growing = ""
            self._pieces = []


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
        raise ValueError(f"not a path of an argument: {path[:80]!r}")
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
        raise ValueError(f"an argument cannot be put at {step!r}")
