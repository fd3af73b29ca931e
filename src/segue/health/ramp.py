"""How requests come back to a target that has rested: one, then two for each that shows it well and ends, and so on. Pure.

A rest (a stated wait, an open breaker) ends at the same moment for all requests that wait for it. Without a ramp they would all be sent at
once, to a target that may have room for one of them.
"""

from __future__ import annotations

from typing import Final

ENOUGH: Final = 64
"""Requests at the same time from which on a target is back; their number is not limited any more."""


class Ramp:
    """The requests that a recovering target may have at a time. `now` and `started` are monotonic seconds."""

    __slots__ = ("_out", "_room", "_since")

    def __init__(self) -> None:
        self._room = ENOUGH
        self._out = 0
        self._since = float("-inf")

    @property
    def active(self) -> bool:
        return self._room < ENOUGH

    @property
    def room(self) -> int:
        """How many more may be sent now."""
        return max(0, self._room - self._out) if self.active else ENOUGH

    def rest(self, now: float) -> None:
        """The target rests from now on; what was sent to it before does not count."""
        self._room, self._out, self._since = 1, 0, now

    def admitted(self) -> None:
        self._out += self.active

    def proved(self, started: float) -> None:
        """A request that was sent after the rest began has shown content."""
        if self.active and started >= self._since:
            self._room += 1
            if self._room >= ENOUGH:
                self._out = 0

    def failed(self) -> None:
        """A request failed without sending the target to rest: the next ones come one after another again."""
        if self.active:
            self._room = 1

    def ended(self, started: float | None) -> None:
        if self.active and (started is None or started >= self._since):
            self._out = max(0, self._out - 1)
