"""Books attempts as they begin and as they end, each with its cost."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from segue.catalog.prices import Overrides, UnitPrices, price_of
from segue.ledger.billing import Ending, bill, bound
from segue.ledger.record import AttemptRecord
from segue.ledger.store import LedgerStore


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt on its way: its record as reserved, and what its bill will need. Not `priced`: the price list was not at hand yet."""

    record: AttemptRecord
    priced: bool
    prices: UnitPrices | None
    prompt_tokens: int
    max_tokens: int | None


class Bookkeeper:
    """Books attempts in `store`, at the catalogue's prices or those in `overrides`.

    It does no I/O on the caller's thread, but the first look-up of a price imports the price list: see `warm`.
    """

    def __init__(self, store: LedgerStore, *, overrides: Overrides | None = None) -> None:
        self.store = store
        self._overrides = overrides

    def warm(self, models: Iterable[tuple[str, str]], *, wall: float) -> None:
        """Looks up the prices of (provider, model) pairs. The first look-up takes up to a second: call it in a thread, early."""
        for provider, model in models:
            self.price_of(provider, model, wall)

    def reserve(
        self, record: AttemptRecord, *, prompt_tokens: int, max_tokens: int | None, priced: bool = True
    ) -> Reservation:
        """Books `record`, which is `RESERVED`, at the most it can cost. `max_tokens` is what is sent or, if nothing is, the model's own.

        Not `priced`, it has no bound, and its price is looked up when it is settled.
        """
        prices = self.price_of(record.provider, record.model, record.started) if priced else None
        most = bound(prices, prompt_tokens=prompt_tokens, max_tokens=max_tokens)
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
            prices = self.price_of(reserved.provider, reserved.model, reserved.started)
        due = bill(
            ending,
            prices,
            provider=reserved.provider,
            prompt_tokens=reservation.prompt_tokens,
            max_tokens=reservation.max_tokens,
        )
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
        return record

    def price_of(self, provider: str, model: str, wall: float) -> UnitPrices | None:
        """The unit prices of a model at an epoch second."""
        moment = datetime.datetime.fromtimestamp(wall, datetime.UTC)
        return price_of(provider, model, moment, self._overrides)
