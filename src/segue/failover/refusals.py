"""Which request fields models refuse, as their refusals have told."""

from __future__ import annotations

from collections.abc import Callable

from segue.routing.target import Target

NONE: frozenset[str] = frozenset()


class Refusals:
    """Fields by the address and name of a model, whoever's key asks it. `on_learned` is told a key and all its fields when there are more."""

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
        # Which model a local server will have next time nobody knows.
        if self.on_learned is not None and not target.lookup:
            self.on_learned(key, self._fields[key])

    def recall(self, key: str, fields: frozenset[str]) -> None:
        """Takes up what an earlier process has learned."""
        self._fields[key] = self._fields.get(key, NONE) | fields


def _key(target: Target) -> str:
    return f"{target.base_url}#{target.model.id}"
