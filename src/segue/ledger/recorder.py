"""From the engine to the books: every attempt becomes one record, and every request knows what it cost."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from segue.catalog.prices import UnitPrices
from segue.catalog.tokens import estimate_tokens
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger.billing import Ending, believed
from segue.ledger.bookkeeper import Bookkeeper, Reservation
from segue.ledger.record import AttemptRecord, Settlement

log = logging.getLogger("segue")

COSTS_KEPT = 10_000
"""Requests whose cost is kept for asking; a caller who leaves never asks."""

FORK = 5.0
"""Seconds that a fork waits for the price list at most."""


def ending_of(end: AttemptEnd) -> Ending:
    """What an attempt's bill depends on."""
    return Ending(
        outcome=end.outcome,
        sent=end.sent,
        finished=end.usage_is_final,
        report=end.usage,
        delivered_tokens=0 if end.usage_is_final and believed(end.usage) else estimate_tokens(end.text),
        status=end.status,
    )


class RequestCost(NamedTuple):
    """What the attempts of a request cost together, in US dollars, and the most that can have been billed for them.

    The two are equal where every attempt is settled or free. None where an attempt's is not known.
    """

    cost: Decimal | None
    bound: Decimal | None


NOTHING = RequestCost(Decimal(0), Decimal(0))
UNKNOWN = RequestCost(None, None)


class Recorder:
    """A listener that books attempts, and adds up each request's cost until it is asked for.

    Reading the price list takes up to a second, once, and is done in a thread (`warm_aside`): until then attempts are reserved without
    a bound, and those that end wait for their settlement, so that no request waits for it.
    """

    def __init__(self, bookkeeper: Bookkeeper) -> None:
        self._books = bookkeeper
        self._open: dict[str, Reservation] = {}
        self._costs: OrderedDict[str, RequestCost] = (
            OrderedDict()
        )  # a dict's first item is ever dearer to find, the more were popped
        self._callbacks: list[Callable[[AttemptEnd, AttemptRecord], None]] = []
        self._lock = threading.Lock()
        self._waiting: list[AttemptEnd] | None = None
        self._caught_up = threading.Event()
        self._caught_up.set()
        _recorders.add(self)

    def warm_aside(self, models: Iterable[tuple[str, str]], *, wall: float) -> None:
        """Reads the prices of (provider, model) pairs in a thread, then settles what ended meanwhile."""

        def work() -> None:
            try:
                self._books.warm(models, wall=wall)
            except Exception:
                log.exception("the price list can't be read")
            self._catch_up()

        self._waiting = []
        self._caught_up.clear()
        threading.Thread(target=work, name="segue-prices", daemon=True).start()

    def tell(self, call: Callable[[AttemptEnd, AttemptRecord], None]) -> None:
        """Calls `call` with every attempt that is settled from now on."""
        self._callbacks.append(call)

    def before_fork(self) -> None:
        """A forked child does not have the thread that reads prices, and would wait for it without end."""
        self._caught_up.wait(FORK)

    @property
    def behind(self) -> bool:
        """Whether prices are still read, so that what has ended is not settled yet: in the first second of a process."""
        return not self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Waits until what has ended is settled."""
        if self.behind:
            await asyncio.to_thread(self._caught_up.wait)

    def attempt_started(self, start: AttemptStart) -> None:
        target = start.target
        record = AttemptRecord(
            attempt_id=start.attempt_id,
            request_id=start.request_id,
            started=start.wall,
            target=target.name,
            provider=target.provider,
            model=target.model.id,
            outcome="pending",
            settlement=Settlement.RESERVED,
            chain=start.chain,
            key=start.metadata.get("key", ""),
            hedge=start.hedge,
            continuation=start.continuation,
            simulated=target.simulated,
            metadata=start.metadata,
        )
        most = start.max_tokens or target.model.max_output
        self._open[start.attempt_id] = self._books.reserve(
            record, prompt_tokens=start.prompt_tokens, max_tokens=most, priced=self._waiting is None
        )

    def attempt_ended(self, end: AttemptEnd) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(end)
                return
        self._settle(end)

    def _catch_up(self) -> None:
        with self._lock:
            ended, self._waiting = self._waiting or [], None
        for end in ended:
            try:
                self._settle(end)
            except Exception:  # everybody waits until this is over
                log.exception("an attempt can't be settled: it stays reserved")
        self._caught_up.set()

    def _settle(self, end: AttemptEnd) -> None:
        reservation = self._open.pop(end.start.attempt_id)
        record = self._books.settle(
            reservation,
            ending_of(end),
            seconds=end.seconds,
            first_content=end.first_content,
            reason=end.failure.message if end.failure is not None else "",
            shown=end.shown,
        )
        request = record.request_id
        before = self._costs.get(request)
        if before is None:
            self._costs[request] = RequestCost(record.cost, record.most)
        else:
            self._costs[request] = RequestCost(_sum(before.cost, record.cost), _sum(before.bound, record.most))
        if len(self._costs) > COSTS_KEPT:
            self._costs.popitem(last=False)
        for call in self._callbacks:
            try:
                call(end, record)
            except Exception:
                log.exception("a listener failed in attempt_booked")

    def ceiling_of(self, provider: str, model: str) -> UnitPrices | None:
        """Prices that a model's are not above, now; quick once the price list was read (`caught_up`)."""
        return self._books.ceiling_of(provider, model, time.time())

    def cost(self, request_id: str) -> RequestCost:
        """What the attempts of a request have cost so far."""
        return UNKNOWN if self._waiting is not None else self._costs.get(request_id, NOTHING)

    def take_cost(self, request_id: str) -> RequestCost:
        """What all attempts of a request cost together. Forgets it."""
        return self._costs.pop(request_id, NOTHING)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _before_fork() -> None:
    for recorder in list(_recorders):
        recorder.before_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
