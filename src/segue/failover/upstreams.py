"""The upstream of each target, created when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from segue.failover.engine import MOST_REMEMBERED
from segue.failover.upstream import Upstream
from segue.routing.target import Target


class Upstreams:
    """`custom` are those of targets with a custom upstream, by the targets' names; `make` creates all others."""

    def __init__(self, custom: Mapping[str, Upstream], make: Callable[[Target], Upstream]) -> None:
        self._custom = custom
        self._make = make
        self._made: dict[tuple[str, str], Upstream] = {}

    def of(self, target: Target) -> Upstream:
        """The upstream of a target."""
        if (custom := self._custom.get(target.name)) is not None:
            return custom
        key = (target.name, target.model.id)
        known = self._made.get(key)
        if known is None:
            if len(self._made) >= MOST_REMEMBERED:
                self._made.clear()
            known = self._made[key] = self._make(target)
        return known

    @property
    def made(self) -> Iterable[Upstream]:
        """Those that exist and are cached."""
        return self._made.values()
