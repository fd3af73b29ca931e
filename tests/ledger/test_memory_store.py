"""What only the store in memory does."""

from __future__ import annotations

from typing import Any

from segue.ledger.stores.memory import MemoryStore


def test_only_the_latest_attempts_are_kept(attempt: Any) -> None:
    store = MemoryStore(limit=3)
    for number in range(5):
        store.settle(attempt(f"a{number}"))
    assert [record.attempt_id for record in store.records()] == ["a2", "a3", "a4"]


def test_without_a_limit_all_are_kept(attempt: Any) -> None:
    store = MemoryStore(limit=None)
    for number in range(20_000):
        store.settle(attempt(str(number)))
    assert len(store.records(limit=None)) == 20_000
