"""For the tests of plug-ins and of applications: doubles of every seam, and the promises that an implementation must keep.

| seam | double | contract |
|---|---|---|
| a dialect | – | `check_upstream`, `check_ingress`, `check_every_split`, `check_no_cut_passes` |
| a ledger store | `MemoryStore` | `segue.testing.stores.LedgerStoreContract` (needs pytest) |
| a routing policy | – | `check_policy` |
| the network | `MemoryTransport`, played by `Reply` and its steps | – |
| a provider | `Sandbox`: local servers that speak the real protocols and fail on demand | – |
"""

from __future__ import annotations

from segue.ledger.stores.memory import MemoryStore
from segue.sandbox import Sandbox
from segue.testing.dialects import (
    call,
    check_every_split,
    check_ingress,
    check_no_cut_passes,
    check_upstream,
    decoded,
    joined,
)
from segue.testing.policies import check_policy
from segue.transport.memory import Connecting, Hang, MemoryTransport, Pause, Refuse, Reply, Reset

__all__ = [
    "Connecting",
    "Hang",
    "MemoryStore",
    "MemoryTransport",
    "Pause",
    "Refuse",
    "Reply",
    "Reset",
    "Sandbox",
    "call",
    "check_every_split",
    "check_ingress",
    "check_no_cut_passes",
    "check_policy",
    "check_upstream",
    "decoded",
    "joined",
]
