"""The original guide's usage tracker, over the ledger."""

from __future__ import annotations

import asyncio
import datetime
import os
import time
import uuid
from collections.abc import Callable, Coroutine, Generator, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn, TypeAlias, TypeVar

from segue.budgets.admission import zone_of
from segue.catalog import prices
from segue.chat.usage import Usage
from segue.errors import ConfigurationError
from segue.ledger.daily import Column, DailyRow, Where, add_up
from segue.ledger.process_tally import tally_of
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of, shared_store
from segue.ledger.stores.reference_queries import day_bounds
from segue.settings_loading import load

T = TypeVar("T")


class AwaitableResult(Coroutine[Any, Any, T]):
    """A result that is there already and may still be awaited, run or made a task: the guide's code calls without `await`."""

    def __init__(self, result: T) -> None:
        self._result = result

    def send(self, value: Any) -> NoReturn:
        raise StopIteration(self._result)

    def throw(self, *error: Any) -> NoReturn:
        raise error[0]

    def close(self) -> None:
        pass

    def __await__(self) -> Generator[Any, None, T]:
        yield from ()
        return self._result


_COUNTED = ("_requests", "_tokens", "_cost")
"""How the keys of the guide's mapping end: what a provider did not use is 0."""

TOKENS_MOST: Final = 10**12
"""The ledger adds token counts up in 64 bits."""

Date: TypeAlias = datetime.date | str
Source: TypeAlias = Literal["auto", "tracked", "engine"]


class DailyStats(dict[str, Any], AwaitableResult[list[dict[str, Any]]]):
    """A day's usage: the guide's mapping, e.g. `{"gemini_requests": 3, "gemini_tokens": 812, "gemini_cost": 0.0}`.

    Awaited, it gives `providers`: one dict a provider with `_id` and `provider`, `request_count`, `total_tokens`, `total_cost`, and
    `unpriced`, the number of requests of unknown cost. Costs are floats here; the store has them exact. Taken apart by something
    else than the provider, there are that thing's values in the provider's place: of several, joined by `/`.
    """

    def __init__(self, providers: list[dict[str, Any]]) -> None:
        AwaitableResult.__init__(self, providers)
        self.providers = providers
        for row in providers:
            name = row["_id"]
            self[f"{name}_requests"] = row["request_count"]
            self[f"{name}_tokens"] = row["total_tokens"]
            self[f"{name}_cost"] = row["total_cost"]

    def __missing__(self, key: str) -> float:
        if key.endswith(_COUNTED):
            return 0
        raise KeyError(key)


class LLMUsageTracker:
    """The original guide's tracker, over the ledger: calls may be awaited or not.

    `store` is a `LedgerStore` or where it is (see `open_store`); without one it is the ledger that the settings name. A day begins at
    midnight in `tz`, without one in the settings' time zone.

    Without a `store`, and asked for nothing in particular, `get_daily_stats()` and `usage_stats` count what this process used today, as
    the guide's do; with a `store`, a date, `by` or `source` they count what the ledger has, of all processes.
    """

    _set: dict[str, Any] | None = None

    def __init__(
        self,
        store: LedgerStore | str | os.PathLike[str] | None = None,
        *,
        tz: datetime.tzinfo | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = _store(store)
        self._tally = tally_of(self._store)
        self._of_process = store is None
        self._tz = tz or zone_of(load())
        self._clock = clock

    def track_request(
        self,
        provider: str,
        tokens: int = 0,
        cost: float | Decimal | str | None = None,
        *,
        model: str = "",
        input_tokens: int = 0,
        output_tokens: int = 0,
        tokens_used: int = 0,
        seconds: float = 0.0,
        outcome: str = "ok",
        request_id: str = "",
        metadata: dict[str, str] | None = None,
    ) -> AwaitableResult[None]:
        """Books a request that the caller made himself.

        `tokens` (or `tokens_used`) is for a total whose parts are unknown. `cost` is in US dollars; without it, it is worked out from
        `model` and the token counts where their price is known. Raises `ValueError` for a negative number
        and for more than a trillion tokens.
        """
        total = tokens or tokens_used
        if min(total, input_tokens, output_tokens, seconds) < 0:
            raise ValueError("tokens and seconds must be 0 or more")
        if max(total, input_tokens, output_tokens) > TOKENS_MOST:
            raise ValueError(f"tokens must be 0 or more, and no more than {TOKENS_MOST:,}")
        now = self._clock()
        usage = Usage(input_tokens=input_tokens or max(0, total - output_tokens), output_tokens=output_tokens)
        attempt_id = uuid.uuid4().hex
        record = AttemptRecord(
            attempt_id=attempt_id,
            request_id=request_id or attempt_id,
            started=now - seconds,
            target=provider,
            provider=provider,
            model=model,
            outcome=outcome,
            settlement=Settlement.SETTLED,
            usage=usage,
            cost=_money(cost) if cost is not None else _worked_out(provider, model, usage, now, split=not total),
            seconds=seconds,
            tracked=True,
            metadata=metadata or {},
        )
        self._store.settle(record)
        self._tally.add(record)
        return AwaitableResult(None)

    def get_daily_stats(
        self,
        date: Date | None = None,
        *,
        until: Date | None = None,
        by: Column | Sequence[Column] = "provider",
        source: Source | None = None,
    ) -> DailyStats:
        """The usage of one day (a date or "YYYY-MM-DD"; today without one), provider by provider.

        With `until`, of all days from `date` to that one, both included. `by` is what it is taken apart by instead of the provider: one or
        several of "provider", "model", "target", "key", "chain", "outcome", "settlement" and "day".

        `source` says whose account it is: "tracked" requests, what Segue's own "engine" booked, or, "auto", for each provider what was
        tracked that day if anything was, else the engine's: a request that went through both counts once. Attempts that were
        refused or skipped, and simulated ones, do not count.

        Reads the store on the calling thread: milliseconds for a file, a round trip for a database. In an event loop, see
        `aget_daily_stats`. Raises `ValueError` for what is no date and nothing to take apart by.
        """
        if self._of_process and date is until is source is None and by == "provider":
            return DailyStats(self._process_rows())
        source = source or "auto"
        first = self._today() if date is None else _day(date)
        last = first if until is None else _day(until)
        if last < first:
            raise ValueError(f"there is no day from {first} to {last}: put the earlier one first")
        columns: tuple[Column, ...] = (by,) if isinstance(by, str) else tuple(by)
        rows = add_up(self._rows(first, last, columns, source), columns)
        days = {"date": first.isoformat()} | ({"until": last.isoformat()} if until is not None else {})
        return DailyStats([_stats(row, days) for row in sorted(rows, key=lambda row: tuple(row.group.values()))])

    async def aget_daily_stats(
        self,
        date: Date | None = None,
        *,
        until: Date | None = None,
        by: Column | Sequence[Column] = "provider",
        source: Source | None = None,
    ) -> DailyStats:
        """`get_daily_stats` for an event loop: reads in a thread, and the loop goes on meanwhile."""
        return await asyncio.to_thread(self.get_daily_stats, date, until=until, by=by, source=source)

    @property
    def usage_stats(self) -> dict[str, Any]:
        """The guide's attribute: today's mapping, 0 for what was not used; or what a subclass has set."""
        return self._set if self._set is not None else self.get_daily_stats()

    @usage_stats.setter
    def usage_stats(self, stats: dict[str, Any]) -> None:
        self._set = stats

    def _process_rows(self) -> list[dict[str, Any]]:
        day = self._today()
        (bounds,) = day_bounds(day, day, self._tz)
        return [
            {
                "_id": provider,
                "provider": provider,
                "date": day.isoformat(),
                "request_count": sums.requests,
                "total_tokens": sums.tokens,
                "total_cost": float(sums.cost),
                "unpriced": sums.unpriced,
            }
            for provider, sums in sorted(self._tally.since(bounds.start).items())
        ]

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock(), self._tz).date()

    def _rows(
        self, first: datetime.date, last: datetime.date, columns: Sequence[Column], source: Source
    ) -> list[DailyRow]:
        """What counts, by day, provider and those columns."""
        by = tuple(dict.fromkeys(("provider", *(name for name in columns if name != "day"))))

        def read(where: Where) -> list[DailyRow]:
            return [
                row
                for row in self._store.daily(first, last, by=by, tz=self._tz, where=where)
                if row.attempts > row.free
            ]

        tracked = read(Where(tracked=True)) if source != "engine" else []
        engine = read(Where(tracked=False, simulated=False)) if source != "tracked" else []
        shown = {(row.day, row.group["provider"]) for row in tracked}
        return [*tracked, *(row for row in engine if (row.day, row.group["provider"]) not in shown)]


def _stats(row: DailyRow, days: dict[str, str]) -> dict[str, Any]:
    return {
        "_id": "/".join(row.group.values()),
        **row.group,
        **days,
        **({"date": row.group["day"]} if "day" in row.group else {}),
        "request_count": row.attempts - row.free,
        "total_tokens": row.usage.total_tokens,
        "total_cost": float(row.cost),
        "unpriced": row.unpriced,
    }


def _store(store: Any) -> LedgerStore:
    if store is None:
        return ledger_of(load())
    if isinstance(store, str | os.PathLike):
        return shared_store(store)
    if not callable(getattr(store, "settle", None)):
        raise ConfigurationError(
            f"a {type(store).__name__} is no ledger: use a path, sqlite:///path, none or a LedgerStore"
        )
    known: LedgerStore = store
    return known


def _day(date: Date) -> datetime.date:
    if isinstance(date, str):
        return datetime.date.fromisoformat(date)
    return date.date() if isinstance(date, datetime.datetime) else date


def _money(cost: float | Decimal | str) -> Decimal:
    amount = Decimal(str(cost))
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"cost={cost} is no amount of money: use US dollars, 0 or more")
    return amount


def _worked_out(provider: str, model: str, usage: Usage, now: float, *, split: bool) -> Decimal | None:
    """None where the price or the split into input and output is unknown: an unknown cost is never taken for nothing."""
    if not split or not model:
        return None
    unit = prices.price_of(provider, model, datetime.datetime.fromtimestamp(now, datetime.UTC))
    return None if unit is None else prices.cost(usage, unit)
