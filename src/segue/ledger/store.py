"""The seam to the books: attempts and states, implemented together by `stores.sqlite` and `stores.memory` behind one contract suite.

*Writing* (`reserve`, `settle`, `save`, `forget`) takes the record and returns: no I/O and no waiting on the caller's thread, so an event loop
may call it for every attempt. Whatever becomes of the disk, nothing of it is raised there: `status` tells, and the log does.

*Waiting* (`written`) is for callers that are about to return an answer: it ends when the answer's records would survive the process, and in
bounded time whatever becomes of the disk.

*Reading* (`records`, `daily`, `load`, `states`) and `flush` wait for the disk. They are plain functions because their callers are: a command
line, a database thread, a program without a loop. In an event loop, read through `asyncio.to_thread(store.daily, …)`.
All of it may be called from any thread.

A read sees every write that was made before it in the same process, also those that the disk did not take yet.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from segue.ledger.daily import EVERYTHING, DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the store fares.

    `written` counts records and states that reached it, `pending` those held in memory, `errors` the tries to write that failed,
    `dropped` what was given up: over the bound on `pending`, impossible to store, or written after `close`. `unconfirmed` counts answers that
    left before their records were stored, because the disk was too slow. `problem` is the reason of the latest failed
    try, "" if the latest try went well.

    With MongoDB, `unshipped` counts records that wait in the local file, as of the latest look, and `unreachable` says why they are not
    taken, "" if they are.
    """

    location: str
    written: int = 0
    pending: int = 0
    errors: int = 0
    dropped: int = 0
    unconfirmed: int = 0
    problem: str = ""
    unshipped: int = 0
    unreachable: str = ""


class AttemptStore(Protocol):
    """What every attempt consumed and cost."""

    def reserve(self, record: AttemptRecord) -> None:
        """Books an attempt that is about to be sent; ignored if its id is known. `ValueError` unless it is `RESERVED`."""
        ...

    def settle(self, record: AttemptRecord) -> None:
        """Books how an attempt ended, reserved before or not; ignored if its id is settled. `ValueError` if it is `RESERVED`.

        An attempt that was reserved is of the same request, and has the same start.
        """
        ...

    async def written(self) -> bool:
        """Waits, in any event loop, until what was written before would survive the death of this process: True. False, and counted
        as `unconfirmed`, if the disk refuses it or takes longer than a set time, 1 s by default."""
        ...

    def records(
        self,
        since: float | None = None,
        until: float | None = None,
        *,
        where: Where = EVERYTHING,
        limit: int | None = 1000,
        newest_first: bool = False,
    ) -> list[AttemptRecord]:
        """The attempts started at or after `since` and before `until` (epoch seconds), in order of their start, then of their id."""
        ...

    def daily(
        self,
        day_from: datetime.date,
        day_to: datetime.date,
        *,
        by: Sequence[Dimension] = ("provider",),
        tz: datetime.tzinfo | None = datetime.UTC,
        where: Where = EVERYTHING,
    ) -> list[DailyRow]:
        """Sums for each day from `day_from` to `day_to` inclusive, in order of day and group; days and groups without attempts have none.

        A day runs from midnight to midnight in `tz`; None is this machine's own time zone.
        """
        ...


class StateStore(Protocol):
    """Small JSON values by name, which outlive the process: quota counts, refused fields, the providers' history, feedback."""

    def save(self, name: str, value: dict[str, Any]) -> None:
        """Keeps a JSON-able `value` under `name`, in place of the one before. The latest writer of all processes wins."""
        ...

    def load(self, name: str) -> dict[str, Any] | None:
        """What was saved under `name`; None if nothing was or it can't be read."""
        ...

    def states(self, first: str, last: str) -> dict[str, dict[str, Any]]:
        """What was saved under names from `first` up to, without, `last`, in the order of the names' UTF-8; {} if it can't be read."""
        ...

    def forget(self, first: str, last: str) -> None:
        """Drops what was saved under such names."""
        ...


class LedgerStore(AttemptStore, StateStore, Protocol):
    """Attempts and states in one place. See the module for who waits for what."""

    def status(self) -> StoreStatus: ...

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until all that was written before is stored. False if it isn't after `timeout` seconds or the disk refuses it."""
        ...

    def close(self, timeout: float = 5.0) -> bool:
        """Flushes and lets go of the file. Later writes are dropped and counted, reads still work. May be called again."""
        ...
