"""The request fields that models refuse, learned from their refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from segue.chat.failure import Failure
from segue.routing.target import Target

NONE: frozenset[str] = frozenset()

_PASSING: Final = re.compile(
    r"\bsupported (?:range|values)|\brange\b|\bbetween\b|\bat (?:most|least)\b|\b(?:greater|larger|less|more|fewer|smaller) than\b"
    r"|\bm(?:ax|in)imum\b|\bnegative\b|\bwhen\b|\bwhile\b|\bunless\b|\btogether\b|\bcombin\w+",
    re.IGNORECASE,
)


def lasts(failure: Failure) -> bool:
    """Whether a refusal of a field is one of all its values and beside all other fields, so that the field may be left out from now on.

    If only this value was refused, such as a limit above the model's, other requests must keep their values.
    """
    return not _PASSING.search(failure.message)


class RejectedParams:
    """Fields by the address and name of a model. `on_learned` is called with these and all the fields when there are more."""

    def __init__(self) -> None:
        self._fields: dict[str, frozenset[str]] = {}
        self.on_learned: Callable[[str, frozenset[str]], None] | None = None

    def of(self, target: Target) -> frozenset[str]:
        return self._fields.get(_key(target), NONE) if self._fields else NONE

    def learn(self, target: Target, fields: frozenset[str]) -> None:
        key = _key(target)
        known = self._fields.get(key, NONE)
        if fields <= known:
            return
        self._fields[key] = known | fields
        # A local server may have another model next time.
        if self.on_learned is not None and not target.lookup:
            self.on_learned(key, self._fields[key])

    def recall(self, key: str, fields: frozenset[str]) -> None:
        """Loads what an earlier process has learned."""
        self._fields[key] = self._fields.get(key, NONE) | fields


def _key(target: Target) -> str:
    return f"{target.base_url}#{target.model.id}"
