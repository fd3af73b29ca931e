"""What keys with a daily budget have spent today, and what is on its way to be spent.

An attempt holds its estimated cost from its start until its real one is booked; costs are worked out as the ledger does it. Working out and
writing is done by a thread: `hold` and `book` only note, `total` reads the file at most once a second, for what other processes
of this machine spent. What was booked is in the file about 0.25 s later, and `kill -9` loses no more than that. An attempt whose price
nobody knows holds and books nothing.
"""

from __future__ import annotations

import atexit
import datetime
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from segue.catalog.prices import Overrides, UnitPrices, cost, price_of
from segue.chat.usage import Usage
from segue.failover.listener import AttemptEnd, AttemptStart
from segue.ledger.billing import bill
from segue.ledger.recorder import ending_of
from segue.ledger.stores.money import from_pico, to_pico
from segue.server.keyfile import day_of, open_for_writing, spent_on
from segue.settings import DEFAULT_MAX_TOKENS

logger = logging.getLogger("segue.server")

FRESH: Final = 1.0
"""Seconds after which the file is read again."""
GATHER: Final = 0.25
"""Seconds that costs are gathered for one transaction."""
LOG_INTERVAL: Final = 60.0
MOST: Final = 1 << 62
"""Pico-dollars that one row can hold: $4.6 million."""

_ADD: Final = (
    f"INSERT INTO spend VALUES (?, ?, ?) ON CONFLICT (key, day) DO UPDATE SET pico = min(pico + excluded.pico, {MOST})"
)

_Sums: TypeAlias = dict[tuple[str, str], int]
"""Pico-dollars by key's id and day."""


class Held(NamedTuple):
    key: str
    pico: int


class Spending:
    """`clock` is monotonic. Its thread starts with the first attempt of a key that has a budget."""

    def __init__(
        self,
        path: Path,
        *,
        overrides: Overrides | None = None,
        gather: float = GATHER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = _File(path)
        self._overrides = overrides
        self._gather = gather
        self._clock = clock
        self._prices: dict[tuple[str, str], UnitPrices | None] = {}
        self._held: dict[str, Held] = {}
        self._held_by: dict[str, int] = {}
        self._read_at: tuple[float, str] | None = None
        # What was read, what is not written yet and what is being written add up; nothing is read while something is being written.
        self._lock = threading.Lock()
        self._known: _Sums = {}
        self._unwritten: _Sums = {}
        self._writing: _Sums = {}
        self._queue: queue.SimpleQueue[AttemptStart | AttemptEnd | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = -LOG_INTERVAL

    def total(self, key: str, wall: float) -> tuple[Decimal, Decimal]:
        """US dollars: what the key spent on the UTC day of `wall`, and what its running attempts are estimated to add."""
        day = day_of(wall)
        with self._lock:
            self._refresh(day)
            place = (key, day)
            spent = self._known.get(place, 0) + self._unwritten.get(place, 0) + self._writing.get(place, 0)
            held = self._held_by.get(key, 0)
        return from_pico(spent), from_pico(held)

    def hold(self, key: str, start: AttemptStart) -> None:
        """Sets an attempt's estimated cost aside; 0 while its price is not looked up, which takes up to a second in all."""
        target = start.target
        pico = 0
        try:
            prices = self._prices[target.provider, target.model.id]
        except KeyError:
            self._put(start)
        else:
            if prices is not None:
                output = DEFAULT_MAX_TOKENS if start.max_tokens is None else start.max_tokens
                usage = Usage(input_tokens=start.prompt_tokens, output_tokens=output)
                pico = to_pico(cost(usage, prices))
        with self._lock:
            self._held[start.attempt_id] = Held(key, pico)
            self._held_by[key] = self._held_by.get(key, 0) + pico

    def book(self, end: AttemptEnd) -> None:
        """Books what an attempt cost in place of what it held; nothing for one that never held anything."""
        if end.start.attempt_id in self._held:
            self._put(end)

    def close(self, timeout: float = 5.0) -> None:
        """Writes what is left and ends the thread. It starts anew if something more comes."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            self._hurry.set()
            thread.join(timeout)
            self._hurry.clear()
            atexit.unregister(self.close)

    def _refresh(self, day: str) -> None:
        now = self._clock()
        fresh = self._read_at is not None and self._read_at[1] == day and now - self._read_at[0] < FRESH
        if fresh or self._writing:
            return
        self._read_at = now, day
        try:
            self._known = {(key, day): pico for key, pico in spent_on(self._file.path, day).items()}
        except (sqlite3.Error, OSError) as error:
            self._complain("read", error)

    def _put(self, item: AttemptStart | AttemptEnd) -> None:
        self._queue.put(item)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="segue-spending", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    # In the thread.

    def _run(self) -> None:
        items: list[AttemptStart | AttemptEnd | None] = []
        while None not in items:
            items = self._collect()
            for item in items:
                if item is not None:
                    self._work_out(item)
            self._write()
        self._file.close()

    def _collect(self) -> list[AttemptStart | AttemptEnd | None]:
        """What came, gathered for a moment; nothing after a second in which something waits to be written again."""
        items: list[AttemptStart | AttemptEnd | None] = []
        try:
            items.append(self._queue.get(timeout=FRESH if self._unwritten else None))
        except queue.Empty:
            return items
        if not isinstance(items[0], AttemptStart):  # a price is looked up at once: until then nothing is held
            self._hurry.wait(self._gather)
        for _ in range(self._queue.qsize()):
            items.append(self._queue.get_nowait())
        return items

    def _work_out(self, item: AttemptStart | AttemptEnd) -> None:
        try:
            if isinstance(item, AttemptStart):
                self._price(item)
            else:
                self._settle(item)
        except Exception:  # whatever it is, the thread must live
            logger.exception("the cost of an attempt can't be worked out; it is not counted")

    def _price(self, start: AttemptStart) -> UnitPrices | None:
        provider, model = start.target.provider, start.target.model.id
        moment = datetime.datetime.fromtimestamp(start.wall, datetime.UTC)
        prices = self._prices[provider, model] = price_of(provider, model, moment, self._overrides)
        return prices

    def _settle(self, end: AttemptEnd) -> None:
        start = end.start
        pico = 0
        try:
            due = bill(
                ending_of(end),
                self._price(start),
                provider=start.target.provider,
                prompt_tokens=start.prompt_tokens,
                max_tokens=start.max_tokens or start.target.model.max_output,
            )
            pico = to_pico(due.cost or Decimal(0))
        finally:
            with self._lock:
                held = self._held.pop(start.attempt_id)
                self._held_by[held.key] -= held.pico
                if pico:
                    _add(self._unwritten, [((held.key, day_of(start.wall)), pico)])

    def _write(self) -> None:
        with self._lock:
            self._writing, self._unwritten = self._unwritten, {}
            sums = self._writing
        if not sums:
            return
        try:
            self._file.add(sums)
        except (sqlite3.Error, OSError) as error:
            self._complain("written", error)
            written = False
        else:
            written = True
        with self._lock:
            _add(self._known if written else self._unwritten, sums.items())
            self._writing = {}

    def _complain(self, what: str, error: Exception) -> None:
        now = self._clock()
        if now - self._complained >= LOG_INTERVAL:
            self._complained = now
            logger.error("what keys spent can't be %s in %s: %s", what, self._file.path, error)


class _File:
    """The writer's end: opened with the first sums, and anew after an error or if the file was replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def add(self, sums: _Sums) -> None:
        if self._connection is not None and not self._same():
            self.close()
        try:
            if self._connection is None:
                self._connection = open_for_writing(self.path)
                self._inode = self.path.stat().st_ino
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_ADD, [(*place, min(pico, MOST)) for place, pico in sums.items()])
            self._connection.execute("COMMIT")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _same(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False


def _add(sums: _Sums, more: Iterable[tuple[tuple[str, str], int]]) -> None:
    for place, pico in more:
        sums[place] = sums.get(place, 0) + pico
