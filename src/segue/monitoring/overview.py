"""How the providers fare, put together from the ledger's store: a reader of it sees what all processes that share it saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Final, NamedTuple

import msgspec

from segue.chat.failure import FailureKind, Scope
from segue.health.breaker import BreakerState
from segue.health.target import HealthKeys
from segue.ledger.record import AttemptRecord, Settlement
from segue.monitoring.history import Change, thing_of
from segue.monitoring.hours import NOT_FAILED

STALE: Final = 600.0
"""Seconds after which a breaker's state without an end is ignored: its process may be gone."""
RUNNING: Final = 600.0
"""Seconds after which an attempt that has not ended is taken for one of a process that died."""

_WORDS: Final = {
    FailureKind.RATE.value: ("cooling", "rate-limited"),
    FailureKind.MONEY.value: ("off", "out of credit"),
    FailureKind.AUTH.value: ("off", "the key is refused"),
    FailureKind.MODEL_GONE.value: ("off", "there is no such model"),
    BreakerState.OPEN.value: ("open", "failed too often"),
    BreakerState.HALF_OPEN.value: ("half open", "being probed"),
}
_GRAVITY: Final = ("ready", "half open", "cooling", "open", "off", "no key")


class Standing(NamedTuple):
    """How a target stands, why, and the epoch second at which that ends by itself, if it is known."""

    state: str
    reason: str = ""
    until: float | None = None


READY: Final = Standing("ready")


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A target's attempts in a span of time; waits in seconds, None where there are none."""

    attempts: int = 0
    running: int = 0
    failed: int = 0
    first_p50: float | None = None
    first_p95: float | None = None
    seconds_p50: float | None = None
    seconds_p95: float | None = None


class Failover(msgspec.Struct, frozen=True, kw_only=True):
    """A request was passed on. `at` is epoch seconds; `reason` what its first target failed by."""

    at: float
    request_id: str
    left: str
    went_to: str
    outcome: str
    reason: str = ""
    simulated: bool = False


def standing(keys: HealthKeys, changes: Iterable[Change], wall: float) -> Standing:
    """How a target stands by the latest change of its address, its key and its model, and of their breakers, each."""
    things = {thing_of(keys, scope) for scope in Scope}
    latest: dict[tuple[str, bool], Change] = {}
    for change in changes:
        if change.thing in things:
            place = change.thing, change.of_breaker
            if place not in latest or latest[place].at <= change.at:
                latest[place] = change
    found = [_standing(change, wall) for change in latest.values()]
    return max(found, key=lambda each: _GRAVITY.index(each.state), default=READY)


def _standing(change: Change, wall: float) -> Standing:
    if change.after not in _WORDS:
        return READY
    state, words = _WORDS[change.after]
    reason = f"{change.scope.value}: {words}" + (f" ({change.reason})" if change.reason else "")
    if change.until is not None and change.until <= wall:
        # A cooldown is over by itself; an open breaker waits for a request to probe with.
        if change.after != BreakerState.OPEN or wall - change.until > STALE:
            return READY
        return Standing("half open", reason)
    if change.after == BreakerState.HALF_OPEN and wall - change.at > STALE:
        return READY
    return Standing(state, reason, change.until)


def traffic(records: Sequence[AttemptRecord], wall: float) -> dict[tuple[str, bool], Traffic]:
    """The attempts of each target, counted; those of its stand-in (True) apart from its own."""
    by_target: dict[tuple[str, bool], list[AttemptRecord]] = {}
    for record in records:
        by_target.setdefault((record.target, record.simulated), []).append(record)
    return {target: _counted(found, wall) for target, found in by_target.items()}


def _counted(records: Sequence[AttemptRecord], wall: float) -> Traffic:
    ended = [record for record in records if record.settlement is not Settlement.RESERVED]
    first = sorted(record.first_content for record in ended if record.first_content is not None)
    whole = sorted(record.seconds for record in ended if record.outcome == "ok")
    return Traffic(
        attempts=len(ended),
        running=sum(record.settlement is Settlement.RESERVED and wall - record.started < RUNNING for record in records),
        failed=sum(record.outcome not in NOT_FAILED for record in ended),
        first_p50=quantile_of(first, 0.5),
        first_p95=quantile_of(first, 0.95),
        seconds_p50=quantile_of(whole, 0.5),
        seconds_p95=quantile_of(whole, 0.95),
    )


def quantile_of(ordered: Sequence[float], q: float) -> float | None:
    """The value that the share `q` (0 to 1) of all did not exceed; None of none."""
    return ordered[max(ceil(q * len(ordered) - 1e-9) - 1, 0)] if ordered else None


def by_request(records: Iterable[AttemptRecord]) -> dict[str, list[AttemptRecord]]:
    """The attempts of each request, in order."""
    found: dict[str, list[AttemptRecord]] = {}
    for record in records:
        found.setdefault(record.request_id, []).append(record)
    for attempts in found.values():
        attempts.sort(key=lambda record: record.started)
    return found


def failovers(records: Iterable[AttemptRecord]) -> list[Failover]:
    """Each attempt that followed another target's failure within its request, the latest first."""
    found: list[Failover] = []
    for attempts in by_request(records).values():
        for earlier, later in pairwise(attempts):
            if earlier.outcome not in NOT_FAILED and earlier.target != later.target and not later.hedge:
                found.append(
                    Failover(
                        at=later.started,
                        request_id=later.request_id,
                        left=earlier.target,
                        went_to=later.target,
                        outcome=str(earlier.outcome),
                        reason=earlier.reason,
                        simulated=earlier.simulated,
                    )
                )
    return sorted(found, key=lambda each: each.at, reverse=True)


class TargetView(msgspec.Struct, frozen=True, kw_only=True):
    """One target, as it is shown. `cost_today` is in US dollars, `bound_today` the most that can have been billed; `recovers_in` in seconds."""

    target: str
    model: str
    state: str
    simulated: bool = False
    reason: str = ""
    recovers_in: float | None = None
    traffic: Traffic = Traffic()
    cost_today: Decimal = Decimal(0)
    bound_today: Decimal = Decimal(0)
    attempts_today: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of it at one moment (`at`, epoch seconds). `span` is the seconds that the traffic and the failovers are of; not `complete`: there
    were more attempts than are looked at."""

    at: float
    span: float
    source: str
    targets: tuple[TargetView, ...]
    failovers: tuple[Failover, ...]
    complete: bool = True
