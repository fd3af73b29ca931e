"""A request as the engine takes it, and its id."""

from __future__ import annotations

import os
import random
import time

import msgspec

from segue.chat.request import ChatRequest
from segue.failover.check import Validate
from segue.health.latency import LatencyKey, prompt_bucket
from segue.policy import Policy
from segue.routing.policy import Route
from segue.routing.target import Target

_ids = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.seed)


def new_id() -> str:
    """The time in milliseconds and 80 random bits, 32 characters of hex: unique, not secret.

    As they begin with the time, new ids stand together at the end of a ledger's indexes, so that many records share the pages that are
    written. Getting the random bits from the system would cost more than everything else that starts an attempt.
    """
    return f"{time.time_ns() // 1_000_000 << 80 | _ids.getrandbits(80):032x}"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the engine takes it.

    `targets` is the chain in order, at least one. `hold`: nothing is delivered before the answer is complete, so that a restart
    loses nothing; an answer that is checked as a whole (`Check.whole`) is always held. `validate` takes a whole text and returns
    what is wrong with it, or None. `metadata` goes to the listeners. `dialect` is the one in which the caller wrote the request, "" if in
    none.
    """

    request: ChatRequest
    targets: tuple[Target, ...]
    policy: Policy = Policy()
    hold: bool = False
    validate: Validate | None = None
    chain: str = ""
    metadata: dict[str, str] = {}
    dialect: str = ""
    route: Route | None = None
    """Why the targets are in this order; None: the configured order."""


def latency_key(target: Target, request: ChatRequest, tokens: int) -> LatencyKey:
    return LatencyKey(f"{target.name}/{target.model.id}", target.streams, request.effort, prompt_bucket(tokens))
