"""The timer of one wait after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from segue.failover.budget import FOREVER


class Alarm:
    """Rings once at the earliest moment for which it was set. Most waits end by an arrival, so it is kept after its wait, and is moved
    only to ring sooner: a ring that is too early costs less than a timer for each wait."""

    __slots__ = ("_at", "_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._at = FOREVER

    def set(self, moment: float, ring: Callable[[float], None]) -> None:
        """Has `ring` called at `moment` (the loop's clock; may be infinite) or before, with the moment for which it was set.

        A timer may go off slightly early, by the resolution of the loop's clock: that moment decides, not the clock.
        """
        if moment < self._at:
            self.stop()
            self._handle = self._loop.call_at(moment, self._go_off, ring)
            self._at = moment

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._at = None, FOREVER

    def _go_off(self, ring: Callable[[float], None]) -> None:
        at, self._handle, self._at = self._at, None, FOREVER
        ring(at)
