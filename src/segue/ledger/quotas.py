"""Free quotas that outlive the process: the day's count is taken up at the start and saved as it grows."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.health.quota import QuotaBook
from segue.ledger.store import LedgerStore

log = logging.getLogger("segue")

NAME = "quota"
"""Under which the counts are kept in the store."""


class QuotaKeeper:
    """A listener that saves the counts after each attempt, as long as any target has a quota."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._book: QuotaBook | None = None

    def attach(self, book: QuotaBook, wall: Callable[[], float]) -> None:
        """Takes up the counts of an earlier process. Reads the store, so it blocks for milliseconds."""
        self._book = book
        if (saved := self._store.load(NAME)) is not None:
            try:
                book.restore(saved, wall())
            except msgspec.ValidationError:
                log.warning("the saved quota counts are not readable; counting starts anew")

    def attempt_started(self, start: AttemptStart) -> None:
        pass

    def attempt_ended(self, end: AttemptEnd) -> None:
        if self._book is not None and (counts := self._book.snapshot()):
            self._store.save(NAME, counts)
