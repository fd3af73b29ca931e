"""Refused request fields that outlive the process: what one has learned, the next need not ask again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from segue.failover.rejected_params import Refusals
from segue.ledger.store import LedgerStore

KEPT = 30 * 86_400.0
"""Seconds after which a refusal is forgotten, since providers change: then it is tried again. An agreed number."""
_FIRST, _LAST = "refused/", "refused0"
"""Between these are the names under which they are kept, one a model."""


class _Kept(msgspec.Struct):
    fields: frozenset[str]
    at: float


class RefusalKeeper:
    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def attach(self, refusals: Refusals, wall: Callable[[], float]) -> None:
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
