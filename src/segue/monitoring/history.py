"""The providers' history, kept in the ledger's store: changes of state, failovers, and the waits of each hour.

Every process writes under its own names and readers merge them, so any number of processes may share a store. A name begins
with its moment, so a range of names is a range of time:

    change/MOMENT/PROCESS/NUMBER    one `Change`
    hour/MOMENT/TARGET/KIND/PROCESS one process's `Hour` at a target, rewritten as it grows

What is older than `KEPT` is dropped. Nothing is asked of the store while a request waits; of the hour's counts the last `EVERY` seconds
go with a process that is killed.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from segue.chat.failure import Failure, FailureKind, Scope
from segue.failover.engine import Engine
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.job import new_id
from segue.health.book import READY
from segue.health.breaker import BreakerState
from segue.health.target import HealthKeys
from segue.ledger.record import AttemptRecord
from segue.ledger.store import LedgerStore, StateStore
from segue.monitoring.hours import HOUR, Hour, merge
from segue.monitoring.redaction import Redactor

log = logging.getLogger("segue")

KEPT: Final = 30 * 86400.0
"""Seconds that a change or an hour is kept."""
EVERY: Final = 2.0
"""Seconds between two writings of the hour that runs."""
QUIET: Final = 60.0
"""Seconds in which no second rate limit is written of the same thing: they may come every few seconds, and would fill the store."""
BELIEVED: Final = 3600.0
"""Seconds after which an earlier process's report of a limit is ignored: the bill may have been paid since."""
REASON: Final = 300
"""Characters of a reason that are kept."""

BREAKER: Final = frozenset(BreakerState)
ENDLESS: Final = frozenset({BreakerState.CLOSED, BreakerState.HALF_OPEN, READY})
"""States that do not end by themselves."""

TAKEN_UP: Final = {FailureKind.MONEY.value: 60.0, FailureKind.RATE.value: 5.0}
"""States of an earlier process that a new one takes up, if they last for so many seconds yet. A refused key is not among them: the
free health check finds it out at no cost. Nor is an open breaker: it is open for minutes at most, and a restart is a good time to look."""

T = TypeVar("T", bound=msgspec.Struct)


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing changed its state, as one process saw it.

    `at` is epoch seconds, `until` the moment at which the state ends by itself, None if none is known. `scope` says whether the address, the key or
    the model is meant; `thing` identifies it without telling a key or an address; `target` is the one whose attempt brought the change.
    `simulated`: a stand-in's, no provider's. States are those of breakers ("closed", "open", "half_open") and of cooldowns ("ready", "rate", "money", "auth", "model_gone").
    """

    at: float
    target: str
    scope: Scope
    thing: str
    before: str
    after: str
    reason: str = ""
    until: float | None = None
    process: str = ""
    simulated: bool = False

    @property
    def of_breaker(self) -> bool:
        """Else it is a cooldown's: a thing may have both."""
        return self.after in BREAKER


def thing_of(keys: HealthKeys, scope: Scope) -> str:
    """What identifies an endpoint, a credential there, or a model under it, in every process."""
    depth = {Scope.ENDPOINT: 1, Scope.CREDENTIAL: 2, Scope.MODEL: 3}[scope]
    return hashlib.sha256("\0".join((scope.value, *keys[:depth])).encode()).hexdigest()[:16]


class History:
    """A listener; its `changed` is the health book's `on_change`. To be attached to its engine before the first attempt."""

    def __init__(self, store: LedgerStore, redact: Redactor) -> None:
        self._store = store
        self._redact = redact
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._hours: dict[tuple[int, str, bool], tuple[Hour, str]] = {}  # with the process's name when it began
        self._dirty: set[tuple[int, str, bool]] = set()
        self._current = 0
        self._written = 0.0
        self._pruned = 0
        self._limited: dict[str, float] = {}
        self._stand_ins: set[str] = set()
        self._process = new_id()[-8:]
        self._number = 0
        self._earlier: dict[str, Change] = {}
        self._taking_up = False
        self._at_exit: Callable[[], None] | None = None
        _histories.add(self)

    def attach(self, engine: Engine) -> None:
        """Whose history it is. Reads the store, so it blocks for milliseconds."""
        self._engine = engine
        wall = engine.wall()
        if self._store.status().location != ":memory:":  # which holds nothing of an earlier process
            recent = changes(self._store, wall - BELIEVED, wall)
            self._earlier = {change.thing: change for change in recent if not change.of_breaker}

    def take_up(self, keys: HealthKeys) -> None:
        """Loads into the health book what an earlier process learned of a target, if it is still valid."""
        assert self._engine is not None
        for scope in (Scope.CREDENTIAL, Scope.MODEL):
            change = self._earlier.pop(thing_of(keys, scope), None)
            if change is None or change.after not in TAKEN_UP or change.until is None:
                continue
            rest = min(change.until, change.at + BELIEVED) - self._engine.wall()
            if rest < TAKEN_UP[change.after]:
                continue
            failure = Failure(kind=FailureKind(change.after), message=change.reason, retry_after=rest, scope=scope)
            self._taking_up = True
            self._engine.health.failed(keys, failure, time.monotonic())
            self._taking_up = False
            log.info("%s is left alone for %.0f s: %s", change.target, rest, change.reason)

    # What the health book tells.

    def changed(self, keys: HealthKeys, scope: Scope, before: str, after: str, reason: str, now: float) -> None:
        if self._engine is None or self._taking_up:
            return
        try:
            self._note(self._engine, keys, scope, before, after, reason, now)
        except Exception:  # watching never disturbs serving
            log.exception("a change of state can't be written down")

    def _note(
        self, engine: Engine, keys: HealthKeys, scope: Scope, before: str, after: str, reason: str, now: float
    ) -> None:
        wall, thing = engine.wall(), thing_of(keys, scope)
        if after == FailureKind.RATE:
            if 0.0 <= wall - self._limited.get(thing, 0.0) < QUIET:
                return
            self._limited[thing] = wall
        recovers = None if after in ENDLESS else engine.health.look(keys, now).recovers_at
        target = engine.name_of(keys)
        change = Change(
            at=wall,
            target=target,
            scope=scope,
            thing=thing,
            before=str(before),
            after=str(after),
            reason=self._redact(reason)[:REASON],
            until=None if recovers is None else wall + recovers - now,
            process=self._process,
            simulated=target in self._stand_ins,
        )
        self._number += 1
        self._store.save(f"change/{_moment(wall)}/{self._process}/{self._number}", msgspec.to_builtins(change))

    # What the engine and the recorder tell.

    def attempt_started(self, start: AttemptStart) -> None:
        target = start.target
        if target.simulated:
            self._stand_ins.add(target.name)
        if start.after:
            with self._lock:
                self._hour(start.after, start.wall, simulated=target.simulated).add_failover(target.name)

    def attempt_ended(self, end: AttemptEnd) -> None:
        pass

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        with self._lock:
            wall = record.started + record.seconds
            hour = self._hour(record.target, wall, simulated=record.simulated)
            hour.add(str(record.outcome), record.seconds, record.first_content, record.cost, record.most)
        if abs(wall - self._written) >= EVERY:
            self.save()
        if self._at_exit is None:  # not before the store's own: what is registered last runs first
            self._at_exit = _saver(self)
            atexit.register(self._at_exit)

    def save(self) -> None:
        """Hands the hours that have grown to the store: some 10 µs each. May be called from any thread."""
        with self._lock:
            places, self._dirty = self._dirty, set()
            grown = [self._hours[place] for place in places]
            self._hours = {place: kept for place, kept in self._hours.items() if place[0] >= self._current - HOUR}
        for one, process in grown:
            with self._lock:  # for one at a time, since an event loop counts attempts under it; of two savers the later has the later counts
                self._store.save(_name(one, process), msgspec.to_builtins(one, str_keys=True))
        if self._engine is not None:
            self._written = wall = self._engine.wall()
            if (hour := int(wall) // HOUR) != self._pruned:
                self._pruned = hour
                for kind in ("change", "hour"):
                    self._store.forget(f"{kind}/", f"{kind}/{_moment(wall - KEPT)}")

    def close(self) -> None:
        """Writes what is left."""
        self.save()
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None

    def _hour(self, target: str, wall: float, *, simulated: bool) -> Hour:
        place = int(wall) // HOUR * HOUR, target, simulated
        kept = self._hours.get(place)
        if kept is None:
            if place[0] < self._current - HOUR:  # the clock was put back: an hour that comes again is another one
                self._process = new_id()[-8:]
            self._current = place[0]
            kept = self._hours[place] = Hour(start=place[0], target=target, simulated=simulated), self._process
        self._dirty.add(place)
        return kept[0]

    def after_fork(self) -> None:
        """In the child: what was counted so far is the parent's."""
        self._lock = threading.Lock()
        self._process = new_id()[-8:]
        self._hours.clear()
        self._dirty.clear()


_histories: weakref.WeakSet[History] = weakref.WeakSet()


def _after_fork() -> None:
    for history in _histories:
        history.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def changes(store: StateStore, since: float, until: float) -> list[Change]:
    """The changes of all processes in that time (epoch seconds), in order. Waits for the store."""
    return _read(store, "change", since, until, Change)


def hours(store: StateStore, since: float, until: float) -> list[Hour]:
    """The hours of all targets that began in that time, those of several processes added up. Waits for the store."""
    return merge(_read(store, "hour", since, until, Hour))


def _read(store: StateStore, kind: str, since: float, until: float, type_: type[T]) -> list[T]:
    found: list[T] = []
    for document in store.states(f"{kind}/{_moment(since)}", f"{kind}/{_moment(until)}~").values():
        try:
            found.append(msgspec.convert(document, type_, str_keys=True))
        except msgspec.ValidationError:  # of a later version
            continue
    return found


def _name(hour: Hour, process: str) -> str:
    kind = "simulated" if hour.simulated else "real"
    return f"hour/{_moment(hour.start)}/{quote(hour.target, safe='')}/{kind}/{process}"


def _moment(wall: float) -> str:
    return f"{max(wall, 0.0):016.3f}"


def _saver(history: History) -> Callable[[], None]:
    alive: weakref.ref[History] = weakref.ref(history)

    def save() -> None:
        if (still := alive()) is not None:
            still.save()

    return save
