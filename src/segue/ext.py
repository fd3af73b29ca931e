"""What plug-ins are written against: the protocols of every open seam, their values, and `register_…` for each kind.

A package declares its plug-ins as entry points (`segue.dialects`, `segue.stores`, `segue.policies`, `segue.hooks`); a program registers them.
docs/extending.md shows one of each kind, and `segue.testing` has their contracts.
"""

from __future__ import annotations

from segue.chat.events import (
    ChatEvent,
    Citation,
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import Failure, FailureKind
from segue.failover.hooks import AttemptEnd, AttemptStart, Listener, RequestCheck, RequestEnd, RequestStart
from segue.failover.hooks import register as register_hook
from segue.ledger.daily import DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import AttemptStore, LedgerStore, StateStore, StoreStatus
from segue.ledger.stores.factory import register as register_store
from segue.ledger.stores.memory import MemoryStore
from segue.routing.policy import Candidate, Ordered, Ordering, Situation
from segue.routing.policy import register as register_policy
from segue.secret import Secret
from segue.transport.base import Transport, TransportError
from segue.wire.codec import Call, Decoder, Encoder, IngressCodec, IngressRequest, UpstreamCodec, WireRequest
from segue.wire.dialects import Dialect
from segue.wire.dialects import register as register_dialect

__all__ = [
    "AttemptEnd",
    "AttemptRecord",
    "AttemptStart",
    "AttemptStore",
    "Call",
    "Candidate",
    "ChatEvent",
    "Citation",
    "DailyRow",
    "Decoder",
    "Dialect",
    "Dimension",
    "Encoder",
    "Failed",
    "Failure",
    "FailureKind",
    "FinishReason",
    "Finished",
    "IngressCodec",
    "IngressRequest",
    "LedgerStore",
    "Listener",
    "Logprobs",
    "MemoryStore",
    "Ordered",
    "Ordering",
    "RequestCheck",
    "RequestEnd",
    "RequestStart",
    "Secret",
    "Settlement",
    "Situation",
    "Started",
    "StateStore",
    "StoreStatus",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallDelta",
    "ToolCallEnd",
    "Transport",
    "TransportError",
    "UpstreamCodec",
    "UpstreamEvent",
    "UsageReport",
    "Where",
    "WireRequest",
    "register_dialect",
    "register_hook",
    "register_policy",
    "register_store",
]
