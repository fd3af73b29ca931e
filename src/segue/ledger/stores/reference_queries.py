"""Queries over plain lists of records: what the SQL of a store must agree with."""

from __future__ import annotations

import bisect
import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, get_args

from segue.chat.usage import Usage
from segue.ledger.daily import DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.money import from_pico, to_pico


class DayBounds(NamedTuple):
    """A day and its bounds in epoch seconds: `start` belongs to it, `end` does not."""

    day: datetime.date
    start: float
    end: float


def day_bounds(day_from: datetime.date, day_to: datetime.date, tz: datetime.tzinfo | None) -> Iterator[DayBounds]:
    """The days from `day_from` to `day_to` inclusive as they are in `tz`: 23 and 25 hours long where the clock is changed."""
    day, start = day_from, _midnight(day_from, tz)
    while day <= day_to:
        following = day + datetime.timedelta(days=1)
        end = _midnight(following, tz)
        yield DayBounds(day, start, end)
        day, start = following, end


def _midnight(day: datetime.date, tz: datetime.tzinfo | None) -> float:
    return datetime.datetime(day.year, day.month, day.day, tzinfo=tz).timestamp()


def matches(record: AttemptRecord, where: Where) -> bool:
    return all(getattr(record, name) == value for name, value in where.conditions().items())


def select(
    records: Iterable[AttemptRecord],
    since: float | None,
    until: float | None,
    *,
    where: Where,
    limit: int | None,
    newest_first: bool,
) -> list[AttemptRecord]:
    """What `LedgerStore.records` promises, of a plain list."""
    chosen = [
        record
        for record in records
        if (since is None or record.started >= since)
        and (until is None or record.started < until)
        and matches(record, where)
    ]
    chosen.sort(key=lambda record: (record.started, record.attempt_id), reverse=newest_first)
    return chosen if limit is None else chosen[:limit]


class _Sum:
    __slots__ = ("bound", "cost", "counts", "requests", "seconds", "usage")

    def __init__(self) -> None:
        self.requests: set[str] = set()
        self.counts = {"attempts": 0, "reserved": 0, "estimated": 0, "free": 0, "unpriced": 0}
        self.usage = Usage()
        self.cost = 0
        self.bound = 0
        self.seconds = 0.0

    def add(self, record: AttemptRecord) -> None:
        settlement = record.settlement
        self.requests.add(record.request_id)
        self.counts["attempts"] += 1
        if settlement is not Settlement.SETTLED:
            self.counts[settlement.value] += 1
        if settlement is not Settlement.FREE and record.cost is None and record.bound is None:
            self.counts["unpriced"] += 1
        self.usage += record.usage
        self.cost += 0 if record.cost is None else to_pico(record.cost)
        self.bound += 0 if (most := record.most) is None else to_pico(most)
        self.seconds += record.seconds

    def row(self, day: datetime.date, group: dict[str, str]) -> DailyRow:
        return DailyRow(
            day=day,
            group=group,
            requests=len(self.requests),
            usage=self.usage,
            cost=from_pico(self.cost),
            bound=from_pico(self.bound),
            seconds=self.seconds,
            **self.counts,
        )


def summarise(
    records: Iterable[AttemptRecord], days: Sequence[DayBounds], by: Sequence[Dimension], where: Where
) -> list[DailyRow]:
    """Adds the records up by day and by the values of the fields in `by`; `days` are in order, without gaps."""
    summary = Summary(days, by, where)
    for record in records:
        summary.add(record)
    return summary.rows()


class Summary:
    """What `summarise` gives, for records that come one by one."""

    def __init__(self, days: Sequence[DayBounds], by: Sequence[Dimension], where: Where) -> None:
        self._days = days
        self._by = by
        self._where = where
        self._starts = [bounds.start for bounds in days]
        self._sums: dict[tuple[datetime.date, tuple[str, ...]], _Sum] = {}

    def add(self, record: AttemptRecord) -> None:
        position = bisect.bisect_right(self._starts, record.started) - 1
        if position < 0 or record.started >= self._days[position].end or not matches(record, self._where):
            return
        group = tuple(str(getattr(record, name)) for name in self._by)
        self._sums.setdefault((self._days[position].day, group), _Sum()).add(record)

    def rows(self) -> list[DailyRow]:
        return [self._sums[key].row(key[0], dict(zip(self._by, key[1], strict=True))) for key in sorted(self._sums)]


def check_dimensions(by: Sequence[str]) -> None:
    """`ValueError` for a name that is no `Dimension`: names become SQL, so only known ones may."""
    known = get_args(Dimension)
    for name in by:
        if name not in known:
            raise ValueError(f"daily sums are not kept by {name!r}: use {', '.join(known)}")
