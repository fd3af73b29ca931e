"""What outlives the process of quotas and refused fields: restored at the start, saved as it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.rejected_params import RejectedParams
from segue.health.quota import QuotaBook
from segue.ledger.store import StateStore

log = logging.getLogger("segue")

NAME = "quota"
"""Under which the counts are kept in the store."""

KEPT = 30 * 86_400.0
"""Seconds after which a refusal is forgotten, since providers change: then it is tried again. An agreed number."""
_FIRST, _LAST = "refused/", "refused0"
"""Between these are the names under which they are kept, one a model."""


class QuotaKeeper:
    """A listener that saves the counts after each attempt, as long as any target has a quota."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._book: QuotaBook | None = None

    def attach(self, book: QuotaBook, wall: Callable[[], float]) -> None:
        """Takes up the counts of an earlier process. Reads the store, so it blocks for milliseconds."""
        self._book = book
        if (saved := self._store.load(NAME)) is not None:
            try:
                book.restore(saved, wall())
            except msgspec.ValidationError:
                log.warning("the saved quota counts are not readable: counting starts from 0")

    def attempt_started(self, start: AttemptStart) -> None:
        pass

    def attempt_ended(self, end: AttemptEnd) -> None:
        if self._book is not None and (counts := self._book.snapshot()):
            self._store.save(NAME, counts)


class _Kept(msgspec.Struct):
    fields: frozenset[str]
    at: float


class RefusalKeeper:
    def __init__(self, store: StateStore) -> None:
        self._store = store

    def attach(self, refusals: RejectedParams, wall: Callable[[], float]) -> None:
        """Takes up what was learned in the last `KEPT` seconds, and keeps what is learned from now on. Blocks for milliseconds."""
        for name, value in self._store.states(_FIRST, _LAST).items():
            try:
                kept = msgspec.convert(value, _Kept)
            except msgspec.ValidationError:
                continue
            if kept.at > wall() - KEPT:
                refusals.recall(name.removeprefix(_FIRST), kept.fields)

        def keep(key: str, fields: frozenset[str]) -> None:
            self._store.save(_FIRST + key, {"fields": sorted(fields), "at": wall()})

        refusals.on_learned = keep
