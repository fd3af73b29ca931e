"""`Budgets`: what this process has in hand of every budget, and the thread that takes slices and reports.

`hold` is a few additions as long as the slice in hand suffices; where it does not, `take` waits for one. What was spent is reported about once a
second; what lay in hand unused for some seconds is given back, and so is everything on `close`.
"""

from __future__ import annotations

import asyncio
import atexit
import datetime
import itertools
import logging
import math
import os
import queue
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple, TypeAlias

from segue.budgets.lease import Budget, Purse, Shared, day_of, until_midnight
from segue.budgets.store import BudgetStore
from segue.errors import InvalidRequestError
from segue.ledger.stores.money import from_pico

logger = logging.getLogger("segue.ledger")

REPORT: Final = 1.0
"""Seconds between reports."""
IDLE: Final = 5.0
"""Seconds after which what lies in hand unused is given back."""
SETTLING: Final = 5.0
"""Seconds to wait where others hold the rest of a budget: much of it will come free."""
LOG_INTERVAL: Final = 60.0


class Ticket(NamedTuple):
    """That much is held of each of these purses."""

    purses: tuple[Purse, ...]
    pico: int


class _Ask(NamedTuple):
    budgets: tuple[Budget, ...]
    pico: int
    ticket: Future[Ticket]
    since: float


_Item: TypeAlias = _Ask | Purse | None
"""A caller waits; a purse is to be filled ahead; the end."""


class Budgets:
    """`zone` says when a day begins; `wall` is epoch seconds. Its thread starts with the first budget that is asked for."""

    def __init__(
        self,
        store: BudgetStore,
        *,
        zone: datetime.tzinfo = datetime.UTC,
        wall: Callable[[], float] = time.time,
        report: float = REPORT,
        idle: float = IDLE,
    ) -> None:
        self._store = store
        self._zone = zone
        self._wall = wall
        self._report = report
        self._idle = idle
        self._known: dict[str, Budget] = {}
        self._complained = -LOG_INTERVAL
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._purses: dict[tuple[str, str], Purse] = {}
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._failed = float("-inf")
        self._source = uuid.uuid4().hex
        self._numbers = itertools.count(1)

    def hold(self, budgets: Sequence[Budget], pico: int) -> Ticket | None:
        """Sets `pico` aside of each budget; None if one of the slices in hand does not suffice."""
        with self._lock:
            purses = tuple(map(self._purse, budgets))
            if not all(purse.covers(pico) for purse in purses):
                return None
            self._hold(purses, pico)
        return Ticket(purses, pico)

    async def take(self, budgets: Sequence[Budget], pico: int) -> Ticket:
        """Sets `pico` aside of each budget, with slices newly taken.

        Raises `InvalidRequestError`: 429 `insufficient_quota` where one of them has not as much left, 503 `budget_unavailable` where
        that can't be known.
        """
        asked = _Ask(tuple(budgets), pico, Future(), time.monotonic())
        self._put(asked)
        try:
            return await asyncio.wrap_future(asked.ticket)
        except asyncio.CancelledError:
            asked.ticket.add_done_callback(self._forgotten)
            raise

    def settle(self, ticket: Ticket, spent: int) -> None:
        """Puts back what was held, less what was spent."""
        with self._lock:
            for purse in ticket.purses:
                purse.settle(ticket.pico, spent)

    def left(self) -> dict[str, int]:
        """What of each budget that a request fell under is not spent today, by its name; below 0 where it was overspent. Blocks."""
        day = day_of(self._wall(), self._zone)
        spent = self._store.spent(day)
        with self._lock:
            for (name, when), purse in self._purses.items():
                if when == day:
                    spent[name] = spent.get(name, 0) + purse.unreported
            return {name: budget.pico - spent.get(name, 0) for name, budget in self._known.items()}

    def amounts(self) -> dict[str, int]:
        """The whole amount a day of each budget that a request fell under, by its name."""
        with self._lock:
            return {name: budget.pico for name, budget in self._known.items()}

    def close(self, timeout: float = 5.0) -> None:
        """Reports, gives back what is in hand, and ends the thread; a later request starts it again."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._ending = thread or self._ending
            if thread is not None:
                self._queue.put(None)
                self._queue = queue.SimpleQueue()  # of the next thread: this one ends with what it has
        if thread is not None:
            thread.join(timeout)
            atexit.unregister(self.close)

    def _forgotten(self, ticket: Future[Ticket]) -> None:
        if not ticket.cancelled() and ticket.exception() is None:
            self.settle(ticket.result(), 0)

    def _purse(self, budget: Budget) -> Purse:
        place = budget.name, day_of(self._wall(), self._zone)
        purse = self._purses.get(place)
        if purse is None:
            purse = self._purses[place] = Purse(budget, place[1])
        purse.budget = self._known[budget.name] = budget
        return purse

    def _hold(self, purses: tuple[Purse, ...], pico: int) -> None:
        now = time.monotonic()
        for purse in purses:
            purse.hold(pico, now)
            if purse.in_hand < purse.low and not purse.asked:
                purse.asked = True
                self._put(purse)

    def _put(self, item: _Ask | Purse) -> None:
        with self._starting:
            self._queue.put(item)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(self._queue, self._ending), name="segue-budgets", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)

    def after_fork(self) -> None:
        """In the child: what is in hand is the parent's, and so is the thread."""
        self._store.abandon()
        self._begin()

    # In the thread.

    def _run(self, items: queue.SimpleQueue[_Item], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # two would tell the same reports
        due = time.monotonic() + self._report
        while True:
            if self._purses and time.monotonic() >= due:
                self._tidy(self._idle)
                due = time.monotonic() + self._report
            try:
                item = items.get(timeout=max(0.0, due - time.monotonic()) if self._purses else None)
            except queue.Empty:
                continue
            if item is None:
                break
            if isinstance(item, Purse):
                self._ahead(item)
            elif item.ticket.set_running_or_notify_cancel():
                self._serve(item)
        self._tidy(0.0)
        self._store.close()

    def _serve(self, asked: _Ask) -> None:
        try:
            if asked.since < self._failed:
                raise _unavailable()  # a request that came before the failure was known does not try again itself
            asked.ticket.set_result(self._taken(asked))
        except InvalidRequestError as error:
            asked.ticket.set_exception(error)
        except Exception as error:  # the thread must survive any error, and a caller waits
            self._complain(error)
            asked.ticket.set_exception(_unavailable())

    def _taken(self, asked: _Ask) -> Ticket:
        while True:  # for what was taken, others may have held meanwhile
            with self._lock:
                purses = tuple(map(self._purse, asked.budgets))
                short = next((purse for purse in purses if not purse.covers(asked.pico)), None)
                if short is None:
                    self._hold(purses, asked.pico)
                    return Ticket(purses, asked.pico)
            self._tell(short, math.inf)
            shared = self._fill(short, max(1, short.lacks(asked.pico)))
            if not shared.slice:
                raise self._refusal(short, shared, asked.pico)

    def _fill(self, purse: Purse, least: int) -> Shared:
        shared = self._store.take(purse.budget, purse.day, least=least)
        with self._lock:
            purse.fill(shared.slice)
        return shared

    def _ahead(self, purse: Purse) -> None:
        if self._purses.get((purse.budget.name, purse.day)) is not purse:
            return  # it was empty, and is forgotten
        try:
            self._fill(purse, 0)
        except Exception as error:  # no caller waits: the next one that finds the lease empty gets the error
            self._complain(error)
            purse.asked = False

    def _tidy(self, idle: float) -> None:
        """Reports what was spent, gives back what lies unused, and forgets days that are over."""
        for place, purse in list(self._purses.items()):
            try:
                self._tell(purse, idle)
            except Exception as error:  # the others would hardly fare better, and each try takes its time
                self._complain(error)
                with self._lock:
                    self._purses[place] = self._purses.pop(place)  # the next time it is the last
                return
            with self._lock:
                if purse.empty:
                    del self._purses[place]

    def _tell(self, purse: Purse, idle: float) -> None:
        while True:
            with self._lock:
                report = purse.report(next(self._numbers), time.monotonic(), idle)
            if report is None:
                return
            self._store.report(purse.budget.name, purse.day, report, source=self._source)
            with self._lock:
                purse.reported()

    def _refusal(self, purse: Purse, shared: Shared, pico: int) -> InvalidRequestError:
        budget = purse.budget
        message = f"{budget.label} has a budget of ${from_pico(budget.pico)} a day: ${from_pico(shared.spent)} is spent"
        if shared.spent + pico > budget.pico:
            why = (
                f", and this request may cost ${from_pico(pico)}: lower its max_tokens, or wait until midnight ({self._zone}), "
                "when a new day's budget begins"
            )
            wait = until_midnight(self._wall(), self._zone)
        else:
            wait = SETTLING
            held = "running requests hold what is left, and this one may cost"
            why = f", {held} ${from_pico(pico)}: ask again in {wait:.0f} s"
        return InvalidRequestError(message + why, status=429, code="insufficient_quota", retry_after=wait)

    def _complain(self, error: Exception) -> None:
        self._failed = now = time.monotonic()
        if now - self._complained >= LOG_INTERVAL:
            self._complained = now
            logger.error("budgets: their database can't be used: %s", type(error).__name__)


def _unavailable() -> InvalidRequestError:
    return InvalidRequestError(
        "what is left of the budget can't be known just now: its database does not answer",
        status=503,
        code="budget_unavailable",
        retry_after=SETTLING,
    )


_all: weakref.WeakSet[Budgets] = weakref.WeakSet()


def _after_fork() -> None:
    for budgets in _all:
        budgets.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
