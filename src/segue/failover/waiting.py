"""Requests that wait for a target to recover, in the order of their arrival: as many are woken as the target has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from segue.health.target import HealthKeys


class Waiter(Protocol):
    def called(self, keys: HealthKeys, *, well: bool) -> None:
        """A target that it waits for has room, which another may take first. `well`: the target has just answered."""
        ...


class WaitingRoom:
    """One queue for each target. A waiter may be in several; it leaves them itself."""

    def __init__(self) -> None:
        self._lines: dict[HealthKeys, dict[Waiter, None]] = {}

    def __bool__(self) -> bool:
        """Whether anyone waits."""
        return bool(self._lines)

    def enter(self, waiter: Waiter, targets: Iterable[HealthKeys]) -> None:
        for keys in targets:
            self._lines.setdefault(keys, {})[waiter] = None

    def leave(self, waiter: Waiter, targets: Iterable[HealthKeys]) -> None:
        for keys in targets:
            if (line := self._lines.get(keys)) is not None:
                line.pop(waiter, None)
                if not line:
                    del self._lines[keys]

    def call(self, keys: HealthKeys, room: Callable[[], int], *, well: bool) -> None:
        """Calls as many of those who wait for a target as there is `room` for."""
        if (line := self._lines.get(keys)) is not None:
            for waiter in [*islice(line, room())]:
                waiter.called(keys, well=well)
