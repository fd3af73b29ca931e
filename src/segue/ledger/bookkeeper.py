"""Books attempts as they begin and as they end, each with its cost.

A model without a price has no cost, but a bound: the dearest price of its family, so that no budget takes it for free. The log says so, once.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Container, Iterable
from typing import Final

import msgspec

from segue.catalog.prices import FREE, Overrides, UnitPrices, dearest_of_family, price_of
from segue.ledger.billing import Bill, Ending, bill, bound
from segue.ledger.process_tally import tally_of
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import AttemptStore

MODELS_MOST: Final = 1024
"""Models without a price that are remembered: their names may be callers' free text."""

log = logging.getLogger("segue.ledger")


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt on its way: its record as reserved, and what its bill will need. Not `priced`: the price list was not at hand yet."""

    record: AttemptRecord
    priced: bool
    prices: UnitPrices | None
    prompt_tokens: int
    max_tokens: int | None


class Bookkeeper:
    """Books attempts in `store`, at the catalogue's prices or those in `overrides`.

    Targets whose names are in `free` cost nothing: they are asked on a free tier. It does no I/O on the caller's thread, but the first look-up of a price imports the price list: see `warm`.
    """

    def __init__(
        self, store: AttemptStore, *, overrides: Overrides | None = None, free: Container[str] = frozenset()
    ) -> None:
        self.store = store
        self._tally = tally_of(store)
        self._overrides = overrides
        self._free = free
        self._prices: dict[tuple[str, str], tuple[int, UnitPrices | None]] = {}
        """Those looked up last, and for which minute: no price changes within one."""
        self._family: dict[tuple[str, str], UnitPrices | None] = {}

    def warm(self, models: Iterable[tuple[str, str]], *, wall: float) -> None:
        """Looks up the prices of (provider, model) pairs. The first look-up takes up to a second: call it in a thread, early."""
        moment = datetime.datetime.fromtimestamp(wall, datetime.UTC)
        for provider, model in models:
            if self.price_of(provider, model, wall) is None:
                dearest_of_family(provider, model, moment)  # its first look-up of a provider takes 20 ms

    def reserve(
        self, record: AttemptRecord, *, prompt_tokens: int, max_tokens: int | None, priced: bool = True
    ) -> Reservation:
        """Books `record`, which is `RESERVED`, at the most it can cost. `max_tokens` is what is sent or, if nothing is, the model's own.

        Not `priced`, it has no bound, and its price is looked up when it is settled.
        """
        prices = self._price(record) if priced else None
        ceiling = prices if prices or not priced else self.ceiling_of(record.provider, record.model, record.started)
        most = bound(ceiling, prompt_tokens=prompt_tokens, max_tokens=max_tokens)
        record = msgspec.structs.replace(record, bound=most)
        self.store.reserve(record)
        return Reservation(
            record=record, priced=priced, prices=prices, prompt_tokens=prompt_tokens, max_tokens=max_tokens
        )

    def settle(
        self,
        reservation: Reservation,
        ending: Ending,
        *,
        seconds: float,
        first_content: float | None = None,
        reason: str = "",
        shown: bool = False,
    ) -> AttemptRecord:
        """Books how it ended and gives the record back, with its cost."""
        reserved, prices = reservation.record, reservation.prices
        if not reservation.priced:
            prices = self._price(reserved)
        due = bill(
            ending,
            prices or self.ceiling_of(reserved.provider, reserved.model, reserved.started),
            prompt_tokens=reservation.prompt_tokens,
            max_tokens=reservation.max_tokens,
        )
        if prices is None and due.settlement is not Settlement.FREE:
            due = Bill(settlement=due.settlement, usage=due.usage, bound=due.bound or due.cost)
        record = msgspec.structs.replace(
            reserved,
            outcome=ending.outcome,
            settlement=due.settlement,
            usage=due.usage,
            cost=due.cost,
            bound=due.bound,
            seconds=seconds,
            first_content=first_content,
            status=ending.status,
            reason=reason,
            shown=shown,
        )
        self.store.settle(record)
        self._tally.add(record)
        return record

    def _price(self, record: AttemptRecord) -> UnitPrices | None:
        return FREE if record.target in self._free else self.price_of(record.provider, record.model, record.started)

    def price_of(self, provider: str, model: str, wall: float) -> UnitPrices | None:
        """The unit prices of a model at an epoch second."""
        key, minute = (provider, model), int(wall // 60)
        known = self._prices.get(key)
        if known is None or known[0] != minute:
            if len(self._prices) >= MODELS_MOST:
                self._prices.clear()
            moment = datetime.datetime.fromtimestamp(minute * 60, datetime.UTC)
            known = self._prices[key] = minute, price_of(provider, model, moment, self._overrides)
        return known[1]

    def ceiling_of(self, provider: str, model: str, wall: float) -> UnitPrices | None:
        """Prices that a model's are not above: its own, or the dearest of its family where its own are not known."""
        if (prices := self.price_of(provider, model, wall)) is not None:
            return prices
        key = (provider, model)
        if key not in self._family:
            moment = datetime.datetime.fromtimestamp(wall, datetime.UTC)
            family = dearest_of_family(provider, model, moment)
            if len(self._family) >= MODELS_MOST:
                self._family.clear()
            self._family[key] = family
            consequence = (
                "no budget sees it"
                if family is None
                else f"budgets count it at its family's dearest, {_per_million(family)}"
            )
            log.warning(
                "no price is known for %r of %s: %s; set it in [prices] of segue.toml", model, provider, consequence
            )
        return self._family[key]


def _per_million(prices: UnitPrices) -> str:
    return f"${prices.input * 1_000_000:.2f} and ${prices.output * 1_000_000:.2f} a million tokens in and out"
