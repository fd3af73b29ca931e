"""One thread that writes for everybody: what is put is gathered for a moment and goes to the sink in one transaction.

`put` never waits: the queue is C code without a lock that Python code holds, and the thread is woken once a batch, not once a
record. Who awaits `written` has the batch written at once, with whatever else is there: a thousand who wait cost a few transactions.
No caller waits longer than `patience` seconds, and none waits while the sink is known to refuse or to hang. A batch that the sink refuses is kept, grows by what arrives, and is tried again after 0.1 s, then twice as long each time
up to 30 s; `flush` has it tried at once. Up to `max_pending` items are held, later ones are dropped and counted: the books
then lack attempts, but a reservation that was held keeps its bound, so what they show was never less than what it says it is.

The thread starts with the first item, and again in the child of a fork, which leaves the parent's items to the parent.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import queue
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeAlias

from segue.ledger.record import AttemptRecord, book
from segue.ledger.store import StoreStatus

logger = logging.getLogger("segue.ledger")

LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same trouble."""


class State(NamedTuple):
    """A JSON document to keep under a name."""

    name: str
    value: str


class Forget(NamedTuple):
    """The documents under names from `first` up to, without, `last` are to go."""

    first: str
    last: str

    def means(self, name: str) -> bool:
        return self.first <= name < self.last


class Batch:
    """What is written in one transaction: of each attempt and each name only what stands in the end.

    `forgotten` comes before `states`: a name that is saved once its range was forgotten stays.
    """

    __slots__ = ("forgotten", "records", "states")

    def __init__(self) -> None:
        self.records: dict[str, AttemptRecord] = {}
        self.forgotten: list[Forget] = []
        self.states: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.records) + len(self.forgotten) + len(self.states)

    def add(self, item: AttemptRecord | State | Forget) -> None:
        if isinstance(item, AttemptRecord):
            book(self.records, item)
        elif isinstance(item, State):
            self.states[item.name] = item.value
        else:
            self.states = {name: value for name, value in self.states.items() if not item.means(name)}
            self.forgotten.append(item)

    def copy(self) -> Batch:
        other = Batch()
        other.records.update(self.records)
        other.forgotten += self.forgotten
        other.states.update(self.states)
        return other


class Sink(Protocol):
    """Where batches go. Used by the writer's thread only."""

    location: str

    def commit(self, batch: Batch) -> int:
        """Stores the batch whole or raises; says how many items it had to leave out because they can't be stored at all."""
        ...

    def tidy(self) -> None:
        """Does a little work that no one waits for, after a batch. Doesn't raise."""
        ...

    def close(self) -> None: ...

    def abandon(self) -> None:
        """Forgets what it holds without touching it: the process was forked, and the parent goes on using it."""
        ...


class _Barrier:
    """A place in the queue: `done` once all before it was written or refused; `left` is what was refused."""

    __slots__ = ("done", "left", "stop")

    def __init__(self, *, stop: bool) -> None:
        self.done = threading.Event()
        self.left = Batch()
        self.stop = stop


class _Signal:
    """An event that ends one wait: a lock that is free while it is set. `threading.Event` takes thirty times as long for either."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # it is set already
            return

    def wait(self, seconds: float) -> bool:
        """Waits until it is set, and clears it: True. False after so many seconds."""
        return self._lock.acquire(timeout=seconds)


class _Waiting:
    """Those in one event loop who wait for the next transaction. Used in the loop's thread only."""

    __slots__ = ("futures", "loop", "timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.futures: list[asyncio.Future[bool]] = []
        self.timer: asyncio.TimerHandle | None = None

    def answer(self, written: bool) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for future in self.futures:
            if not future.done():
                future.set_result(written)


class _Wake:
    """A caller waits, though there may be nothing to write."""


_WAKE = _Wake()
_Item: TypeAlias = AttemptRecord | State | Forget | _Barrier | _Wake


class GroupWriter:
    """Hands what is put to `sink`, in order, in batches `gather` seconds apart. `clock` (monotonic) only paces the log."""

    def __init__(
        self,
        sink: Sink,
        *,
        gather: float = 0.05,
        retry: tuple[float, float] = (0.1, 30.0),
        max_pending: int = 10_000,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._patience = patience
        self._gather = gather
        self._retry = retry
        self._max_pending = max_pending
        self._clock = clock
        self.closed = False
        self._written = 0
        self._errors = 0
        self._dropped = 0
        self._unconfirmed = 0
        self._lost = 0
        self._problem = ""
        self._logged: dict[str, float] = {}
        self._begin()
        _writers.add(self)

    def _begin(self) -> None:
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._hurry = _Signal()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._held = 0
        self._hangs = False
        self._waiting: dict[asyncio.AbstractEventLoop, _Waiting] = {}

    def put(self, item: AttemptRecord | State | Forget) -> None:
        """Queues the item, or drops it if too many are pending or the writer is closed."""
        if self.closed or self._queue.qsize() + self._held >= self._max_pending:
            self._drop(1, "the ledger is closed" if self.closed else f"{self._max_pending} entries wait already")
            return
        self._queue.put(item)
        if self._thread is None:
            self._start()

    async def written(self) -> bool:
        """Waits until all that was put before is written: True. False, and counted, if it isn't within `patience` seconds, or the sink is
        known to refuse or to hang."""
        if self._thread is None:
            return True
        if not (self._problem or self._hangs or self.closed):
            loop = asyncio.get_running_loop()
            waiting = self._waiting.get(loop) or self._wait_in(loop)
            future = loop.create_future()
            waiting.futures.append(future)
            if await future:
                return True
        self._unconfirmed += 1
        self._complain("patience", f"answers leave before their records are written, {self._unconfirmed} so far")
        return False

    def _wait_in(self, loop: asyncio.AbstractEventLoop) -> _Waiting:
        waiting = _Waiting(loop)
        waiting.timer = loop.call_later(self._patience, self._lose_patience, waiting)
        with self._lock:
            self._waiting[loop] = waiting
        loop.call_soon(self._wake)  # those who are about to wait in this turn of the loop are in the same transaction
        return waiting

    def _wake(self) -> None:
        self._queue.put(_WAKE)
        self._hurry.set()

    def _lose_patience(self, waiting: _Waiting) -> None:
        self._hangs = True
        with self._lock:
            if self._waiting.get(waiting.loop) is waiting:
                del self._waiting[waiting.loop]
        waiting.answer(False)

    def settle_down(self, timeout: float) -> Batch:
        """Has everything written that was put before, and gives back what the sink refused. `TimeoutError` after `timeout` seconds."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return Batch()
        barrier = self._ask(stop=False)
        give_up = time.monotonic() + timeout
        while not barrier.done.wait(min(timeout, 0.2)):
            if not thread.is_alive():
                return Batch()
            if time.monotonic() >= give_up:
                raise TimeoutError(f"the ledger {self._sink.location} took no writes for {timeout:g} s")
        return barrier.left

    def close(self, timeout: float = 5.0) -> bool:
        """Writes what is pending and ends the thread; False if something could not be written in time."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive() and not self._lost
        return True

    def stop(self) -> None:
        """Has the thread write what is pending and end, without waiting for it."""
        self.closed = True
        if self._thread is not None:
            self._ask(stop=True)

    def _ask(self, *, stop: bool) -> _Barrier:
        barrier = _Barrier(stop=stop)
        self._queue.put(barrier)
        self._hurry.set()
        return barrier

    def status(self) -> StoreStatus:
        return StoreStatus(
            location=self._sink.location,
            written=self._written,
            pending=self._queue.qsize() + self._held,
            errors=self._errors,
            dropped=self._dropped,
            unconfirmed=self._unconfirmed,
            problem=self._problem,
        )

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="segue-ledger", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self.close)

    def _run(self) -> None:
        batch = Batch()
        delay = 0.0
        stop = False
        while not stop:
            barriers, waiting = self._collect(batch, delay)
            stop = bool(barriers) and any(barrier.stop for barrier in barriers)
            written = self._commit(batch)
            for group in waiting:
                try:
                    group.loop.call_soon_threadsafe(group.answer, written)
                except RuntimeError:  # its loop is closed, so the waiter is gone
                    continue
            if written:
                batch = Batch()
                delay = 0.0
            else:
                delay = min(max(2 * delay, self._retry[0]), self._retry[1])
            self._held = len(batch)
            for barrier in barriers:
                barrier.left = batch.copy()
                barrier.done.set()
            if written and not stop:
                self._sink.tidy()
        self._give_up(batch)

    def _collect(self, batch: Batch, delay: float) -> tuple[list[_Barrier], list[_Waiting]]:
        """Moves what was put into `batch`: after `delay` seconds if the batch is to be tried again, else as soon as there is something.

        Between one batch and the next it does not listen to the queue, so that a `put` wakes no thread; it does once nothing came for `gather`.
        Those who wait are taken before the queue is emptied, so that all they have put is in it.
        """
        barriers: list[_Barrier] = []
        hurried = self._hurry.wait(delay or self._gather)
        if not (hurried or batch or self._waiting) and self._queue.empty():
            self._sort(self._queue.get(), batch, barriers)
            self._hurry.wait(self._gather)
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for _ in range(self._queue.qsize()):
            self._sort(self._queue.get_nowait(), batch, barriers)
        return barriers, list(waiting.values())

    @staticmethod
    def _sort(item: _Item, batch: Batch, barriers: list[_Barrier]) -> None:
        if isinstance(item, _Barrier):
            barriers.append(item)
        elif not isinstance(item, _Wake):
            batch.add(item)

    def _commit(self, batch: Batch) -> bool:
        if not batch:
            return True
        try:
            refused = self._sink.commit(batch)
        except Exception as error:  # whatever it is, the thread must live: it is counted, logged and tried again
            self._errors += 1
            self._problem = _problem(error)
            self._complain("write", f"it can't be written, {len(batch)} entries wait in memory: {self._problem}")
            return False
        if self._problem:
            logger.info("ledger %s: it is written again, %d entries had waited", self._sink.location, len(batch))
        self._problem = ""
        self._hangs = False
        self._written += len(batch) - refused
        if refused:
            self._drop(refused, "they can't be stored")
        return True

    def _give_up(self, batch: Batch) -> None:
        self._sink.close()
        atexit.unregister(self.close)
        if batch:
            self._lost = len(batch)
            self._drop(self._lost, self._problem)

    def _drop(self, count: int, reason: str) -> None:
        with self._lock:
            self._dropped += count
        self._complain(reason, f"entries are dropped, {self._dropped} so far: {reason}")

    def _complain(self, trouble: str, message: str) -> None:
        now = self._clock()
        if now - self._logged.get(trouble, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._logged[trouble] = now
            logger.error("ledger %s: %s", self._sink.location, message)

    def after_fork(self) -> None:
        """In the child: the thread did not come along, and the sink's file belongs to the parent."""
        self._sink.abandon()
        self._begin()


_WRONG_FILE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOTADB})


def _problem(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}; let this user write there, or set SEGUE_LEDGER to another file"
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _WRONG_FILE:
        return f"{error}; let it be a file that this user can write, or set SEGUE_LEDGER to another one"
    return str(error) or type(error).__name__


_writers: weakref.WeakSet[GroupWriter] = weakref.WeakSet()


def _after_fork() -> None:
    for writer in _writers:
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
