"""The present: the targets' states and traffic, and the latest failovers, from one look at the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import Final

import msgspec

from segue.ledger.daily import Where
from segue.ledger.record import AttemptRecord
from segue.ledger.store import LedgerStore
from segue.monitoring.history import Change, changes
from segue.monitoring.overview import Traffic, by_request, traffic
from segue.monitoring.redaction import Redactor
from segue.server.dashboard.stories import RequestRow, row, troubled
from segue.server.health import State, TargetState

SPAN: Final = 300.0
"""Seconds that a look covers."""
MOST: Final = 1000
"""The most attempts that a look reads, the latest ones: 15 ms of CPU at any traffic."""
BUCKET: Final = 5
"""Seconds of each point in the chart of the traffic."""
RATE_SPAN: Final = 10.0
"""Seconds over which a rate is averaged."""
EVENTS: Final = 50
"""The most requests, and the most changes of state, in a look: the latest ones."""
BY_US: Final = Where(tracked=False)
"""Without attempts booked by hand, which may be the same ones again."""
TARGETS: Final = 100
"""The most rows of targets."""


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A target and its traffic; real and simulated attempts have separate rows. `rate` is attempts a second."""

    target: str
    model: str
    state: State
    simulated: bool
    reason: str = ""
    recovers_in: float | None = None
    traffic: Traffic = Traffic()
    rate: float = 0.0


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A target changed its state; `at` and `until` are epoch seconds."""

    id: str
    at: float
    target: str
    scope: str
    before: str
    after: str
    reason: str
    until: float | None
    simulated: bool


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all targets, of real or of simulated traffic. `rate` is attempts a second; `begun` counts attempts by the first epoch second of
    each `BUCKET` seconds within the span. `answered`, `rescued` (answered by another attempt than the first) and `failed` count requests."""

    simulated: bool
    rate: float
    begun: dict[int, int]
    running: int
    answered: int
    rescued: int
    failed: int


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """One look, at `at` (epoch seconds). It covers the last `span` seconds: fewer than `SPAN` if there were more than `MOST` attempts.
    `requests` are those in which an attempt failed or was hedged, the latest first."""

    at: float
    span: float
    bucket: int
    attempts: int
    totals: tuple[Totals, ...]
    targets: tuple[TargetRow, ...]
    requests: tuple[RequestRow, ...]
    changes: tuple[ChangeRow, ...]


def look(store: LedgerStore, states: Sequence[TargetState], stand_ins: Set[str], redact: Redactor, now: float) -> Now:
    """Waits for the ledger. `states` are this process's, `stand_ins` the names of simulated targets; `now` is epoch seconds."""
    records = store.records(since=now - SPAN, where=BY_US, limit=MOST, newest_first=True)
    span = SPAN if len(records) < MOST else max(now - records[-1].started, 0.001)
    requests = by_request(records)
    rows = [row(each, redact, now) for each in requests.values() if troubled(each)]
    rows.sort(key=lambda each: each.started, reverse=True)
    found = [change_row(change, redact) for change in changes(store, now - SPAN, now)]
    targets = _targets(records, states, stand_ins, redact, now, span)
    kinds = sorted({target.simulated for target in targets}) or [False]
    return Now(
        at=now,
        span=span,
        bucket=BUCKET,
        attempts=len(records),
        totals=tuple(_totals(kind, records, requests.values(), rows, targets, now - span) for kind in kinds),
        targets=targets,
        requests=tuple(rows[:EVENTS]),
        changes=tuple(reversed(found[-EVENTS:])),
    )


def _totals(
    simulated: bool,
    records: Sequence[AttemptRecord],
    requests: Iterable[Sequence[AttemptRecord]],
    rows: Sequence[RequestRow],
    targets: Sequence[TargetRow],
    since: float,
) -> Totals:
    """A request with real and simulated attempts counts as real."""
    begun = Counter(int(each.started) // BUCKET * BUCKET for each in records if each.simulated is simulated)
    own = [each for each in targets if each.simulated is simulated]
    trouble = [each for each in rows if (each.simulated and not each.mixed) is simulated]
    return Totals(
        simulated=simulated,
        rate=sum(each.rate for each in own),
        begun={moment: count for moment, count in begun.items() if moment >= since},
        running=sum(each.traffic.running for each in own),
        answered=sum(
            all(each.simulated for each in attempts) is simulated and any(each.outcome == "ok" for each in attempts)
            for attempts in requests
        ),
        rescued=sum(each.felt.kind in ("later", "pause") and each.state == "ok" for each in trouble),
        failed=sum(each.state == "failed" for each in trouble),
    )


def _targets(
    records: Sequence[AttemptRecord],
    states: Sequence[TargetState],
    stand_ins: Set[str],
    redact: Redactor,
    now: float,
    span: float,
) -> tuple[TargetRow, ...]:
    """A row for each configured target, and for each other one that has attempts."""
    seen = traffic(records, now)
    models = {(each.target, each.simulated): each.model for each in reversed(records)}
    rows = []
    for state in states:
        kinds = [kind for kind in (False, True) if (state.target, kind) in seen] or [state.target in stand_ins]
        rows += [
            TargetRow(
                target=state.target,
                model=redact.name(state.model),
                state=state.state,
                simulated=kind,
                reason=redact(state.reason),
                recovers_in=state.recovers_in,
                traffic=seen.get((state.target, kind), Traffic()),
            )
            for kind in kinds
        ]
    there = {state.target for state in states}
    rows += [
        TargetRow(target=name, model=redact.name(models[name, kind]), state="ready", simulated=kind, traffic=each)
        for (name, kind), each in seen.items()
        if name not in there
    ]
    lately = min(span, RATE_SPAN)
    begun = Counter((each.target, each.simulated) for each in records if each.started >= now - lately)
    return tuple(
        msgspec.structs.replace(each, rate=begun[each.target, each.simulated] / lately) for each in rows[:TARGETS]
    )


def change_row(change: Change, redact: Redactor) -> ChangeRow:
    """The change with its secrets redacted."""
    return ChangeRow(
        id=f"{change.process}-{change.at:.6f}-{change.thing}",
        at=change.at,
        target=change.target,
        scope=change.scope,
        before=change.before,
        after=change.after,
        reason=redact(change.reason),
        until=change.until,
        simulated=change.simulated,
    )
