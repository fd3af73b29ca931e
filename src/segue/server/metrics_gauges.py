"""Gauges: the targets' states, what is left of quotas, and the ledger's backlog and errors."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from segue.health.breaker import BreakerState
from segue.health.quota import QuotaKey
from segue.runtime import Runtime
from segue.server.health import STATES, states
from segue.server.models import usable_targets

SUM: Final = "livesum"
LEAST: Final = "livemin"
MOST: Final = "livemax"
"""How the values of several worker processes are combined: the sum of the live ones, the least or the greatest."""

LEDGER: Final = {
    "pending": "Records that wait in memory for the disk.",
    "errors": "Tries to write to the ledger's file that failed.",
    "dropped": "Records that were dropped.",
    "unconfirmed": "Answers that left before their record was stored.",
    "unshipped": "Records that wait in the ledger's file for MongoDB.",
}
"""The ledger's gauges: fields of `StoreStatus`."""

SCOPES: Final = ("endpoint", "model")


class Gauges:
    """`refresh` updates them; it is to be called in the event loop. Makes no upstream calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states = Gauge(
            "segue_target_state",
            "1 for the state that a target is in; with several workers, how many report it.",
            ("target", "state"),
            registry=registry,
            multiprocess_mode=SUM,
        )
        self._breakers = Gauge(
            "segue_breaker_state",
            "1 for the state of a breaker, of the target's address or its model; with several workers, how many report it.",
            ("target", "scope", "state"),
            registry=registry,
            multiprocess_mode=SUM,
        )
        self._quota = Gauge(
            "segue_quota_left",
            "What is left of a target's known quota, in its window and unit; with several workers, the least value.",
            ("target", "window", "unit"),
            registry=registry,
            multiprocess_mode=LEAST,
        )
        self._budgets = Gauge(
            "segue_budget_left_dollars",
            "US dollars of a budget that are left today: of a key (`key:` and its id), of a chain, or of `all`.",
            ("budget",),
            registry=registry,
            multiprocess_mode=LEAST,
        )
        self._amounts = Gauge(
            "segue_budget_dollars",
            "US dollars a day of such a budget, as set.",
            ("budget",),
            registry=registry,
            multiprocess_mode=LEAST,
        )
        self.in_flight = Gauge(
            "segue_requests_in_flight", "Requests being answered.", registry=registry, multiprocess_mode=SUM
        )
        self._ledger = {
            name: Gauge(
                f"segue_ledger_{name}",
                meaning,
                registry=registry,
                multiprocess_mode=MOST if name == "unshipped" else SUM,
            )
            for name, meaning in LEDGER.items()
        }

    def refresh(self, runtime: Runtime) -> None:
        for found in states(runtime):
            for state in STATES:
                self._states.labels(found.target, state).set(found.state == state)
        engine, now = runtime.engine, asyncio.get_running_loop().time()
        for target in usable_targets(runtime):
            keys = engine.keys(target)
            for scope, is_in in zip(SCOPES, engine.health.breakers(keys, now), strict=True):
                for known in BreakerState:
                    self._breakers.labels(target.name, scope, known.value).set(is_in is known)
            key = QuotaKey(keys.credential, keys.model)
            for (window, unit), left in engine.quota.left(key, now, engine.wall()).items():
                self._quota.labels(target.name, window, unit).set(left)
        status = runtime.ledger.status()
        for name, gauge in self._ledger.items():
            gauge.set(getattr(status, name))

    async def look_up(self, runtime: Runtime) -> None:
        """Updates the gauges that are read in a thread: budgets, once a request fell under one."""
        if "budgets" in runtime.__dict__:  # the first such request creates it
            for name, dollars in (await asyncio.to_thread(runtime.budgets.left)).items():
                self._budgets.labels(name).set(float(dollars))
            for name, dollars in runtime.budgets.amounts().items():
                self._amounts.labels(name).set(float(dollars))
