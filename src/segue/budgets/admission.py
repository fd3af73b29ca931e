"""Requests and budgets: what a request may cost is set aside before it is sent, and what it cost is taken from that when it is over.

Set aside is the most one attempt can cost at the dearest target of its chain. Failed and raced attempts are paid too: where all of them together
cost more, the next request finds less. A model without a price counts at its family's
dearest. Stand-ins cost nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Final
from zoneinfo import ZoneInfo

from segue.budgets.lease import Budget
from segue.budgets.leases import Budgets, Ticket
from segue.budgets.sqlite import FILE_NAME, SqliteBudgets
from segue.budgets.store import BudgetStore, MemoryBudgets
from segue.catalog.prices import UnitPrices
from segue.failover.hooks import AttemptEnd, AttemptStart, RequestEnd
from segue.ledger.billing import bound, owed
from segue.ledger.record import AttemptRecord
from segue.ledger.stores.factory import place_of
from segue.ledger.stores.money import from_pico, to_pico
from segue.routing.target import Target
from segue.settings import Settings

MOST: Final = to_pico(Decimal(1_000_000))
"""What an attempt counts as at most, whatever its provider reports: as much as the largest budget. 64 bits hold nine of these."""

PriceOf = Callable[[str, str], UnitPrices | None]
"""Prices that those of a provider's model are not above, now."""


class BudgetKeeper:
    """A listener, and where requests are admitted. `price_of` must be quick: the price list was read."""

    def __init__(self, budgets: Budgets, price_of: PriceOf) -> None:
        self._budgets = budgets
        self._price_of = price_of
        self._open: dict[str, _Tally] = {}

    async def admit(
        self, budgets: Sequence[Budget], targets: Iterable[Target], *, prompt_tokens: int, max_tokens: int | None
    ) -> Ticket:
        """Sets aside what a request may cost. Raises `InvalidRequestError` where a budget does not have it, see `Budgets.take`."""
        bounds = (self._bound(target, prompt_tokens, max_tokens) for target in targets if not target.simulated)
        pico = max(bounds, default=0)
        return self._budgets.hold(budgets, pico) or await self._budgets.take(budgets, pico)

    def _bound(self, target: Target, prompt_tokens: int, max_tokens: int | None) -> int:
        if max_tokens is None:
            max_tokens = target.max_tokens or target.model.max_output
        prices = self._price_of(target.provider, target.model.id)
        return to_pico(bound(prices, prompt_tokens=prompt_tokens, max_tokens=max_tokens) or Decimal(0))

    def bind(self, request_id: str, ticket: Ticket) -> None:
        """The request that was admitted goes by this id; it is over with its `RequestEnd`, or with `release`."""
        self._open[request_id] = _Tally(ticket)

    def release(self, request_id: str) -> None:
        """The request is over; its attempts may still be on their way into the books."""
        if (tally := self._open.get(request_id)) is not None:
            tally.over = True
            self._close(request_id, tally)

    def cancel(self, ticket: Ticket) -> None:
        """The request never began."""
        self._budgets.settle(ticket, 0)

    def _close(self, request_id: str, tally: _Tally) -> None:
        if tally.over and not tally.running:
            del self._open[request_id]
            self._budgets.settle(tally.ticket, tally.spent)

    # A listener of the engine.

    def attempt_started(self, start: AttemptStart) -> None:
        if (tally := self._open.get(start.request_id)) is not None:
            tally.running += 1

    def attempt_ended(self, end: AttemptEnd) -> None:
        pass

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        if (tally := self._open.get(record.request_id)) is not None:
            tally.running -= 1
            if (amount := owed(record)) is not None and not record.simulated:
                tally.spent += min(to_pico(amount), MOST)
            self._close(record.request_id, tally)

    def request_ended(self, end: RequestEnd) -> None:
        self.release(end.start.request_id)

    def left(self) -> dict[str, Decimal]:
        """US dollars that are not spent today of each budget that a request fell under, by its name. Blocks."""
        return {name: from_pico(pico) for name, pico in self._budgets.left().items()}

    def amounts(self) -> dict[str, Decimal]:
        """US dollars a day of each of these budgets."""
        return {name: from_pico(pico) for name, pico in self._budgets.amounts().items()}

    def close(self) -> None:
        """Reports what was spent and gives back what is in hand."""
        self._budgets.close()


class _Tally:
    """What a request that was admitted has cost so far."""

    __slots__ = ("over", "running", "spent", "ticket")

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.running = 0
        self.spent = 0
        self.over = False


def store_of(settings: Settings) -> BudgetStore:
    """Where budgets are shared: MongoDB where it is set, else a file beside the ledger's, else memory as the ledger is."""
    if settings.mongodb_url:
        mongodb = import_module("segue.budgets.mongodb")  # PyMongo is an extra
        mongodb.shared_connection(settings.mongodb_url)  # complains of a wrong URL
        shared: BudgetStore = mongodb.MongoBudgets(lambda: mongodb.shared_connection(settings.mongodb_url))
        return shared
    path = place_of(settings.ledger)
    return MemoryBudgets() if path is None else SqliteBudgets(path.with_name(FILE_NAME))


def zone_of(settings: Settings) -> datetime.tzinfo:
    """When a day begins."""
    return datetime.UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone)


def budgets_of(settings: Settings, chain: str) -> tuple[Budget, ...]:
    """What the settings allow a request of that chain to spend a day: of everything, and of the chain."""
    found = []
    if settings.daily_budget is not None:
        found.append(Budget(name="all", pico=to_pico(settings.daily_budget), label="everything together"))
    named = settings.chains.get(chain)
    if named is not None and named.daily_budget is not None:
        found.append(Budget(name=f"chain:{chain}", pico=to_pico(named.daily_budget), label=f"the chain {chain!r}"))
    return tuple(found)
