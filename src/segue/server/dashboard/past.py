"""The past: waits, answers and failures by the hour, cost by the day, and what failing over saved and cost.

`history` and `money` wait for the ledger. Real and simulated attempts have separate rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from segue.budgets.admission import zone_of
from segue.ledger.daily import KINDS, DailyRow
from segue.ledger.record import AttemptRecord
from segue.ledger.store import LedgerStore
from segue.monitoring.history import changes, hours
from segue.monitoring.hours import HOUR, NOT_FAILED, Hour, HourSummary, merge, summary
from segue.monitoring.overview import by_request, quantile_of
from segue.monitoring.redaction import Redactor
from segue.server.dashboard.look import BY_US, ChangeRow, change_row
from segue.server.dashboard.stories import felt, is_over
from segue.settings import Settings

MOST_HOURS: Final = 720
MOST_DAYS: Final = 92
TARGETS: Final = 24
"""The most targets in a history: those with the most attempts."""
BUCKETS: Final = 96
"""The most spans in a history, unless a day is the shortest."""
CHANGES: Final = 200
ROWS: Final = 500
"""The most rows of cost: those with the highest cost."""
MOST: Final = 10_000
"""The most attempts that the balance is computed from, the latest ones: 150 ms of CPU."""

_STEPS: Final = tuple(HOUR * step for step in (1, 2, 3, 6, 8, 12, 24))


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Each target's numbers in each span of `step` seconds, in order; waits are exact to 9 %. `left_out` counts targets beyond `TARGETS`."""

    since: float
    until: float
    step: int
    spans: tuple[HourSummary, ...]
    changes: tuple[ChangeRow, ...]
    left_out: int


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of a day with the same target, key and model. `cost` is their likely cost in US dollars, `bound` the most that can have been
    billed."""

    day: datetime.date
    target: str
    key: str
    model: str
    requests: int
    attempts: int
    estimated: int
    unpriced: int
    prompt_tokens: int
    output_tokens: int
    cost: Decimal
    bound: Decimal


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The costs of one of `KINDS`. The sums include the `left_out` rows; `requests` counts each request of a day once."""

    kind: str
    rows: tuple[CostRow, ...]
    left_out: int
    requests: int
    attempts: int
    cost: Decimal
    bound: Decimal


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What failing over saved and cost, for the completed requests among the latest attempts since `since` (epoch seconds).

    `rescued` requests were answered after an attempt had failed: without another attempt their callers would have got an error. `delay_p50`
    and `delay_p95` are the seconds from a rescued request's first attempt to the start of the one that completed the answer. `extra` is the likely
    cost, in answered requests, of all attempts except those that completed the answers, `extra_bound` the most that can have been billed for
    them; `spent` is the likely cost of all attempts. `unpriced` attempts are in none of these.
    """

    simulated: bool
    since: float
    attempts: int
    requests: int
    answered: int
    rescued: int
    failed: int
    seams: int
    hedges: int
    delay_p50: float | None
    delay_p95: float | None
    extra: Decimal
    extra_bound: Decimal
    spent: Decimal
    unpriced: int


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Costs by day in `timezone`, from `since` to `until` inclusive, and the balance of failing over; `complete`: it covers all these days."""

    since: datetime.date
    until: datetime.date
    timezone: str
    parts: tuple[Part, ...]
    balances: tuple[Balance, ...]
    complete: bool


def history(store: LedgerStore, redact: Redactor, back: float, now: float) -> History:
    """The last `back` hours."""
    since = now - back * HOUR
    step = next(each for each in _STEPS if back * HOUR <= each * BUCKETS or each == _STEPS[-1])
    found = hours(store, since - HOUR, now)
    for hour in found:
        hour.start = hour.start // step * step
    rolled = merge(found)
    busiest = _busiest(rolled)
    shown = busiest[:TARGETS]
    past = changes(store, since, now)[-CHANGES:]
    return History(
        since=since,
        until=now,
        step=step,
        spans=tuple(summary(each) for each in rolled if (each.target, each.simulated) in shown),
        changes=tuple(change_row(each, redact) for each in reversed(past)),
        left_out=len(busiest) - len(shown),
    )


def _busiest(rolled: Iterable[Hour]) -> list[tuple[str, bool]]:
    count: dict[tuple[str, bool], int] = {}
    for each in rolled:
        place = each.target, each.simulated
        count[place] = count.get(place, 0) + each.attempts
    return sorted(count, key=lambda place: -count[place])


def money(store: LedgerStore, settings: Settings, redact: Redactor, days: int, now: float) -> Money:
    """The last `days` days, including today."""
    zone = zone_of(settings)
    today = datetime.datetime.fromtimestamp(now, zone).date()
    first = today - datetime.timedelta(days=days - 1)
    parts = [_part(store, first, today, zone, kind, redact) for kind in KINDS]
    begin = datetime.datetime.combine(first, datetime.time(), zone).timestamp()
    records = store.records(since=begin, where=BY_US, limit=MOST, newest_first=True)
    balances = [balance([each for each in records if each.simulated is kind]) for kind in (False, True)]
    return Money(
        since=first,
        until=today,
        timezone=settings.timezone,
        parts=tuple(part for part in parts if part is not None),
        balances=tuple(each for each in balances if each is not None),
        complete=len(records) < MOST,
    )


def _part(
    store: LedgerStore,
    first: datetime.date,
    last: datetime.date,
    zone: datetime.tzinfo,
    kind: str,
    redact: Redactor,
) -> Part | None:
    total = store.daily(first, last, by=(), tz=zone, where=KINDS[kind])
    if not total:
        return None
    rows = store.daily(first, last, by=("target", "key", "model"), tz=zone, where=KINDS[kind])
    dearest = sorted(rows, key=lambda each: (-each.cost, -each.bound, -each.attempts))[:ROWS]
    dearest.sort(key=lambda each: (each.day, each.cost), reverse=True)
    return Part(
        kind=kind,
        rows=tuple(_cost_row(each, redact) for each in dearest),
        left_out=len(rows) - len(dearest),
        requests=sum(each.requests for each in total),
        attempts=sum(each.attempts for each in total),
        cost=sum((each.cost for each in total), Decimal(0)),
        bound=sum((each.bound for each in total), Decimal(0)),
    )


def _cost_row(found: DailyRow, redact: Redactor) -> CostRow:
    return CostRow(
        day=found.day,
        target=found.group["target"],
        key=found.group["key"],
        model=redact.name(found.group["model"]),
        requests=found.requests,
        attempts=found.attempts,
        estimated=found.estimated,
        unpriced=found.unpriced,
        prompt_tokens=found.usage.prompt_tokens,
        output_tokens=found.usage.output_tokens,
        cost=found.cost,
        bound=found.bound,
    )


def balance(records: Sequence[AttemptRecord]) -> Balance | None:
    """The balance of these attempts, which are all real or all simulated; None without completed requests. Pure."""
    requests = [attempts for attempts in by_request(records).values() if is_over(attempts)]
    if not requests:
        return None
    delays, extra, extra_bound, spent = [], Decimal(0), Decimal(0), Decimal(0)
    answered = rescued = seams = unpriced = 0
    for attempts in requests:
        spent += sum((each.cost for each in attempts if each.cost is not None), Decimal(0))
        unpriced += sum(each.cost is None for each in attempts)
        last = next((each for each in reversed(attempts) if each.outcome == "ok"), None)
        if last is None:
            continue
        answered += 1
        others = [each for each in attempts if each is not last]
        extra += sum((each.cost for each in others if each.cost is not None), Decimal(0))
        extra_bound += sum((most for each in others if (most := each.most) is not None), Decimal(0))
        seams += felt(attempts).seams
        if any(each.outcome not in NOT_FAILED for each in others):
            rescued += 1
            delays.append(max(0.0, last.started - attempts[0].started))
    delays.sort()
    return Balance(
        simulated=records[0].simulated,
        since=min(attempts[0].started for attempts in requests),
        attempts=sum(map(len, requests)),
        requests=len(requests),
        answered=answered,
        rescued=rescued,
        failed=sum(not any(each.outcome in ("ok", "cancelled") for each in attempts) for attempts in requests),
        seams=seams,
        hedges=sum(each.hedge for attempts in requests for each in attempts),
        delay_p50=quantile_of(delays, 0.5),
        delay_p95=quantile_of(delays, 0.95),
        extra=extra,
        extra_bound=extra_bound,
        spent=spent,
        unpriced=unpriced,
    )
