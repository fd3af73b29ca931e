"""From the engine to the books: every attempt becomes one record, and every request knows what it cost."""

from __future__ import annotations

from decimal import Decimal

from segue.catalog.tokens import estimate_tokens
from segue.failover.listener import AttemptEnd, AttemptStart
from segue.ledger.billing import Ending
from segue.ledger.bookkeeper import Bookkeeper, Reservation
from segue.ledger.record import AttemptRecord, Settlement

COSTS_KEPT = 10_000
"""Requests whose cost is kept for asking; a caller who leaves never asks."""


class Recorder:
    """A listener that books attempts, and adds up each request's cost until it is asked for."""

    def __init__(self, bookkeeper: Bookkeeper) -> None:
        self._books = bookkeeper
        self._open: dict[str, Reservation] = {}
        self._costs: dict[str, Decimal | None] = {}

    def attempt_started(self, start: AttemptStart) -> None:
        target = start.target
        record = AttemptRecord(
            attempt_id=start.attempt_id,
            request_id=start.request_id,
            started=start.wall,
            target=target.name,
            provider=target.provider,
            model=target.model.id,
            outcome="pending",
            settlement=Settlement.RESERVED,
            chain=start.chain,
            hedge=start.hedge,
            continuation=start.continuation,
            simulated=target.simulated,
            metadata=start.metadata,
        )
        most = start.max_tokens or target.model.max_output
        self._open[start.attempt_id] = self._books.reserve(record, prompt_tokens=start.prompt_tokens, max_tokens=most)

    def attempt_ended(self, end: AttemptEnd) -> None:
        reservation = self._open.pop(end.start.attempt_id)
        ending = Ending(
            outcome=end.outcome,
            sent=end.sent,
            finished=end.usage_is_final,
            report=end.usage,
            delivered_tokens=0 if end.usage_is_final and end.usage is not None else estimate_tokens(end.text),
            status=end.status,
        )
        record = self._books.settle(
            reservation,
            ending,
            seconds=end.seconds,
            first_content=end.first_content,
            reason=end.failure.message if end.failure is not None else "",
            shown=end.shown,
        )
        request = record.request_id
        before = self._costs.get(request, Decimal(0))
        self._costs[request] = None if before is None or record.cost is None else before + record.cost
        if len(self._costs) > COSTS_KEPT:
            del self._costs[next(iter(self._costs))]

    def take_cost(self, request_id: str) -> Decimal | None:
        """What all attempts of a request cost together, in US dollars; None where one of them has no known price. Forgets it."""
        return self._costs.pop(request_id, Decimal(0))
