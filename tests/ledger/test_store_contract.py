"""The contract of ledger stores, kept by each of Segue's own."""

from __future__ import annotations

from segue.testing.stores import LedgerStoreContract


class TestEveryStore(LedgerStoreContract):
    """The fixture `store` of this folder gives one of each kind."""
