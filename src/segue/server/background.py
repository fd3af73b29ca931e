"""Background tasks of the gateway: free checks of the providers' keys, history and metrics."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from segue.runtime import Runtime
from segue.server.metrics import Metrics

log = logging.getLogger("segue.server")

EVERY: Final = 5.0
"""Seconds between two writings of the hour's counts."""
SPREAD: Final = 0.1
"""Checks come this share earlier or later, so that several processes do not check at the same time."""


class Upkeep:
    """Runs from `start` to `stop`, in one event loop."""

    def __init__(self, runtime: Runtime, metrics: Metrics) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []
        self._troubles: dict[str, str] = {}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_up())]
        if interval := self._runtime.settings.monitoring.health_check:
            self._tasks.append(asyncio.create_task(self._check(interval)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._metrics.refresh()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await asyncio.to_thread(self._runtime.history.save)
                self._metrics.refresh()
                await self._metrics.look_up()
            except Exception:
                log.exception("history and metrics can't be updated")

    async def _check(self, interval: float) -> None:
        while True:
            try:
                troubles = await self._runtime.check_health()
            except Exception:
                log.exception("the health check itself failed")
            else:
                self._log_changes(troubles)
            await asyncio.sleep(interval * self._runtime.engine.rng.uniform(1.0 - SPREAD, 1.0 + SPREAD))

    def _log_changes(self, troubles: dict[str, str]) -> None:
        """Logs changes."""
        for target, trouble in troubles.items():
            if trouble != self._troubles.get(target, ""):
                level = logging.WARNING if trouble else logging.INFO
                log.log(level, "health check of %s: %s", target, trouble or "healthy again")
        self._troubles = troubles
