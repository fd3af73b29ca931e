"""A request's story, assembled from its attempts' records, and what its caller noticed. Pure.

The ledger is the only source: a story is the same in every process that shares it and after a restart, and costs the request nothing. Times
are seconds from the start of the first attempt; a caller's wait before that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import msgspec

from segue.ledger.record import AttemptRecord, Settlement
from segue.monitoring.hours import NOT_FAILED
from segue.monitoring.redaction import Redactor

State: TypeAlias = Literal["running", "ok", "failed", "cancelled"]
Feeling: TypeAlias = Literal["nothing", "later", "pause", "error", "broken_off", "left", "running"]

SHORTEST_WAIT: Final = 0.05
"""Seconds without a running attempt that count as a wait for a target to recover."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `first_content` is in seconds from its own start; `bound` the most that can have been billed, in US dollars like `cost`."""

    attempt_id: str
    target: str
    provider: str
    model: str
    at: float
    seconds: float
    first_content: float | None
    outcome: str
    status: int | None
    reason: str
    hedge: bool
    continuation: bool
    shown: bool
    settlement: Settlement
    prompt_tokens: int
    output_tokens: int
    cost: Decimal | None
    bound: Decimal | None
    simulated: bool


class Wait(msgspec.Struct, frozen=True):
    """A time in which no attempt ran, between two rounds."""

    at: float
    seconds: float


class Felt(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller noticed.

    "nothing": the first attempt answered. "later": another attempt answered before anything was shown; `delay` is the time until that attempt
    started. "pause": the text stopped and another attempt continued it; `pause` is the longest time from the end of an attempt to the next
    one's first content, without any silence before that end. "error": an error, nothing was shown. "broken_off": an error after a part of the
    answer. "left": the caller disconnected. `first` is the time to the first content shown.
    """

    kind: Feeling
    first: float | None = None
    delay: float | None = None
    pause: float | None = None
    seams: int = 0


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """A request in one line. `started` is epoch seconds; `targets` are in the order of their attempts; `seconds` lasts until the end of the last
    attempt. `outcome` is the first failure's kind, where there is one. `cost` and `bound` are None where no attempt has a known price.
    `simulated`: stand-ins answered some attempts; if not all (`mixed`), costs are those of the others.
    """

    request_id: str
    started: float
    seconds: float
    state: State
    targets: tuple[str, ...]
    answered_by: str
    model: str
    chain: str
    key: str
    attempts: int
    hedges: int
    outcome: str
    reason: str
    felt: Felt
    cost: Decimal | None
    bound: Decimal | None
    simulated: bool
    mixed: bool


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All attempts of a request. `policy` and `route` say why the targets are in this order, "" if it is the chain's own."""

    row: RequestRow
    policy: str
    route: str
    steps: tuple[Step, ...]
    waits: tuple[Wait, ...]
    end: float


def troubled(attempts: Sequence[AttemptRecord]) -> bool:
    """Whether there was more than one attempt, or the only one failed."""
    return len(attempts) > 1 or attempts[0].outcome not in NOT_FAILED


def is_over(attempts: Sequence[AttemptRecord]) -> bool:
    """Whether none of them runs."""
    return _state(attempts) != "running"


def row(attempts: Sequence[AttemptRecord], redact: Redactor, now: float) -> RequestRow:
    """`attempts` are one request's, in order; `now` is epoch seconds."""
    first, state = attempts[0], _state(attempts)
    answered = _answered(attempts)
    failed = [each for each in attempts if each.outcome not in NOT_FAILED]
    final = answered or attempts[-1]
    real = [each for each in attempts if not each.simulated]
    counted = real or attempts
    return RequestRow(
        request_id=first.request_id,
        started=first.started,
        seconds=_end(attempts, now) - first.started,
        state=state,
        targets=tuple(dict.fromkeys(each.target for each in attempts)),
        answered_by=answered.target if answered is not None else "",
        model=redact.name(final.model),
        chain=first.chain,
        key=first.key,
        attempts=len(attempts),
        hedges=sum(each.hedge for each in attempts),
        outcome=str(failed[0].outcome if failed else final.outcome if state == "failed" else state),
        reason=redact(failed[0].reason) if failed else "",
        felt=felt(attempts),
        cost=_sum(each.cost for each in counted),
        bound=_sum(each.most for each in counted),
        simulated=len(real) < len(attempts),
        mixed=0 < len(real) < len(attempts),
    )


def story(attempts: Sequence[AttemptRecord], redact: Redactor, now: float) -> Story:
    """`attempts` are one request's, in order; `now` is epoch seconds."""
    first = attempts[0]
    notes = first.metadata
    return Story(
        row=row(attempts, redact, now),
        policy=notes.get("segue_policy", ""),
        route=redact(notes.get("segue_route", "")),
        steps=tuple(_step(each, first.started, redact, now) for each in attempts),
        waits=tuple(_waits(attempts, now)),
        end=_end(attempts, now) - first.started,
    )


def felt(attempts: Sequence[AttemptRecord]) -> Felt:
    """What the caller of a request noticed; `attempts` are in order."""
    first, state, answered = attempts[0], _state(attempts), _answered(attempts)
    shown = [each for each in attempts if each.shown and each.first_content is not None]
    began = None if not shown else shown[0].started + (shown[0].first_content or 0.0) - first.started
    breaks = [
        max(0.0, later.started + (later.first_content or 0.0) - earlier.started - earlier.seconds)
        for earlier, later in pairwise(shown)
    ]
    if breaks and state in ("ok", "running"):
        return Felt(kind="pause", first=began, pause=max(breaks), seams=len(breaks))
    if state == "running":
        return Felt(kind="running", first=began)
    if state == "cancelled":
        return Felt(kind="left", first=began, seams=len(breaks))
    if answered is None:
        return Felt(kind="broken_off" if shown else "error", first=began, seams=len(breaks))
    if answered is first:
        return Felt(kind="nothing", first=began)
    return Felt(kind="later", first=began, delay=max(0.0, answered.started - first.started))


def _state(attempts: Sequence[AttemptRecord]) -> State:
    if any(each.settlement is Settlement.RESERVED for each in attempts):
        return "running"
    if any(each.outcome == "ok" for each in attempts):
        return "ok"
    return "cancelled" if attempts[-1].outcome == "cancelled" else "failed"


def _answered(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """The attempt that ended the answer."""
    return next((each for each in reversed(attempts) if each.outcome == "ok"), None)


def _step(record: AttemptRecord, began: float, redact: Redactor, now: float) -> Step:
    return Step(
        attempt_id=record.attempt_id,
        target=record.target,
        provider=record.provider,
        model=redact.name(record.model),
        at=record.started - began,
        seconds=_ended(record, now) - record.started,
        first_content=record.first_content,
        outcome=str(record.outcome),
        status=record.status,
        reason=redact(record.reason),
        hedge=record.hedge,
        continuation=record.continuation,
        shown=record.shown,
        settlement=record.settlement,
        prompt_tokens=record.usage.prompt_tokens,
        output_tokens=record.usage.output_tokens,
        cost=record.cost,
        bound=record.most,
        simulated=record.simulated,
    )


def _waits(attempts: Sequence[AttemptRecord], now: float) -> Iterable[Wait]:
    began = attempts[0].started
    until = began
    for each in attempts:
        if each.started - until >= SHORTEST_WAIT:
            yield Wait(until - began, each.started - until)
        until = max(until, _ended(each, now))


def _ended(record: AttemptRecord, now: float) -> float:
    if record.settlement is Settlement.RESERVED:
        return max(now, record.started)
    return record.started + record.seconds


def _end(attempts: Sequence[AttemptRecord], now: float) -> float:
    return max(_ended(each, now) for each in attempts)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the known amounts; None if none is known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None
