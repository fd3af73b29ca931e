"""Free probes: a key that was refused is tried again without spending a generation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from segue.failover.upstream import Upstream
from segue.health.book import HealthBook
from segue.health.target import HealthKeys
from segue.routing.target import Target


class KeyProbe:
    """Runs the probes that are due by the health book, beside the requests, one at a time for each credential."""

    def __init__(
        self, health: HealthBook, keys: Callable[[Target], HealthKeys], upstream: Callable[[Target], Upstream]
    ) -> None:
        self._health = health
        self._keys = keys
        self._upstream = upstream
        self._running: dict[HealthKeys, asyncio.Task[None]] = {}

    def start_due(self, targets: Iterable[Target], *, connect: float) -> None:
        """Starts what is due among these targets, in the running event loop. `connect` is in seconds, as in `Policy`."""
        due = self._health.due_probes(asyncio.get_running_loop().time())
        if not due:
            return
        for target in targets:
            keys = self._keys(target)
            if keys in due and (keys not in self._running or self._running[keys].done()):
                self._running[keys] = asyncio.create_task(self._probe(target, keys, connect))

    async def _probe(self, target: Target, keys: HealthKeys, connect: float) -> None:
        failure = await self._upstream(target).probe(connect=connect)
        self._health.probed(keys, asyncio.get_running_loop().time(), passed=failure is None)
