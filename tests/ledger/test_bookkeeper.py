"""Attempts on their way through the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from segue.catalog.prices import UnitPrices
from segue.chat.usage import Usage
from segue.ledger.billing import Ending
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.record import Settlement
from segue.ledger.store import LedgerStore

NOON = 1_780_056_000.0
PRICES = {"gemini/*": UnitPrices(input=Decimal("0.01"), output=Decimal("0.1"))}


@pytest.fixture
def books(store: LedgerStore) -> Bookkeeper:
    return Bookkeeper(store, overrides=PRICES)


def test_an_attempt_on_its_way_is_booked_at_its_bound(books: Bookkeeper, attempt: Any) -> None:
    reservation = books.reserve(attempt("a", Settlement.RESERVED), prompt_tokens=10, max_tokens=5)
    (record,) = books.store.records()
    assert record == reservation.record
    assert (record.settlement, record.bound, record.cost) == (Settlement.RESERVED, Decimal("0.7"), None)


def test_an_attempt_that_ended_is_booked_with_all_that_is_known_of_it(books: Bookkeeper, attempt: Any) -> None:
    reserved = attempt("a", Settlement.RESERVED, chain="fast", hedge=True, metadata={"user": "u"})
    reservation = books.reserve(reserved, prompt_tokens=10, max_tokens=5)
    usage = Usage(input_tokens=12, output_tokens=3)
    ending = Ending(outcome="ok", finished=True, report=usage, status=200)
    given = books.settle(reservation, ending, seconds=1.5, first_content=0.5, shown=True)
    (record,) = books.store.records()
    assert record == given
    assert (record.settlement, record.cost, record.bound) == (Settlement.SETTLED, Decimal("0.42"), None)
    assert (record.outcome, record.usage, record.status) == ("ok", usage, 200)
    assert (record.seconds, record.first_content, record.shown) == (1.5, 0.5, True)
    assert (record.chain, record.hedge, record.metadata, record.started) == ("fast", True, {"user": "u"}, NOON)


def test_a_failed_attempt_keeps_its_reason_and_an_estimate_its_bound(books: Bookkeeper, attempt: Any) -> None:
    reservation = books.reserve(attempt("a", Settlement.RESERVED), prompt_tokens=10, max_tokens=5)
    books.settle(reservation, Ending(outcome="stall", delivered_tokens=1), seconds=9.0, reason="no content for 9.0 s")
    (record,) = books.store.records()
    assert (record.outcome, record.reason) == ("stall", "no content for 9.0 s")
    assert (record.settlement, record.cost, record.bound) == (Settlement.ESTIMATED, Decimal("0.2"), Decimal("0.7"))


def test_prices_come_from_the_catalogue_at_the_attempts_own_time(store: LedgerStore, attempt: Any) -> None:
    books = Bookkeeper(store)
    books.warm([("openai", "gpt-4.1"), ("unknown", "knows")], wall=NOON)
    reservation = books.reserve(
        attempt("a", Settlement.RESERVED, provider="openai", model="gpt-4.1"), prompt_tokens=10, max_tokens=5
    )
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    record = books.settle(reservation, Ending(outcome="ok", finished=True, report=usage), seconds=1.0)
    assert record.cost == Decimal(10)  # $2 a million in, $8 a million out
    unknown = books.reserve(
        attempt("b", Settlement.RESERVED, provider="unknown", model="knows"), prompt_tokens=10, max_tokens=5
    )
    assert unknown.record.bound is None


def test_a_model_without_a_price_has_no_cost_but_its_familys_dearest_as_its_bound(
    store: LedgerStore, attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    books = Bookkeeper(store)
    usage = Usage(input_tokens=1000, output_tokens=1000)
    for id in ("a", "b"):
        reserved = attempt(id, Settlement.RESERVED, provider="openai", model="gpt-6.9-sol")
        reservation = books.reserve(reserved, prompt_tokens=1000, max_tokens=1000)
        assert reservation.record.bound is not None
        record = books.settle(reservation, Ending(outcome="ok", finished=True, report=usage), seconds=1.0)
        assert (record.settlement, record.cost) == (Settlement.SETTLED, None)
        astra = books.price_of("openai", "gpt-6-astra", NOON)
        assert astra is not None
        assert record.bound is not None
        assert record.bound >= 1000 * astra.input + 1000 * astra.output
    free = books.reserve(
        attempt("c", Settlement.RESERVED, provider="openai", model="gpt-6.9-sol"), prompt_tokens=1, max_tokens=1
    )
    assert books.settle(free, Ending(outcome="rate", sent=True, status=429), seconds=1.0).cost == 0
    warned = [entry.message for entry in caplog.records if "no price is known" in entry.message]
    assert len(warned) == 1
    assert "'gpt-6.9-sol' of openai: budgets count it at its family's dearest, $" in warned[0]
