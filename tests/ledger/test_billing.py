"""What an attempt cost, by the way it ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalog.prices import UnitPrices, cost
from segue.chat.failure import FailureKind
from segue.chat.usage import Usage
from segue.ledger.billing import PROMPT_MARGIN, Bill, Ending, bill, bound, owed
from segue.ledger.record import Settlement

CENT = Decimal("0.01")
PRICES = UnitPrices(input=CENT, output=10 * CENT)
CACHED = UnitPrices(input=CENT, output=10 * CENT, cache_read=CENT / 10, cache_write=2 * CENT, cache_write_1h=4 * CENT)
REPORT = Usage(input_tokens=90, cache_read_tokens=10, output_tokens=7)
START_REPORT = Usage(input_tokens=90, cache_read_tokens=10, output_tokens=1)


def settle(ending: Ending, prices: UnitPrices | None = PRICES) -> Bill:
    return bill(ending, prices, prompt_tokens=80, max_tokens=50)


@pytest.mark.parametrize(
    ("why", "ending"),
    [
        ("skipped", Ending(outcome="skipped", sent=False)),
        ("could not connect", Ending(outcome="transport", sent=False)),
        ("429", Ending(outcome="rate", status=429)),
        ("500", Ending(outcome="overload", status=500)),
        ("a status of no known class", Ending(outcome="broken", status=418)),
        ("refused content before any answer", Ending(outcome="policy", status=400)),
        ("an error event before any content", Ending(outcome="overload", status=200)),
        ("an empty report beside the refusal", Ending(outcome="rate", status=429, report=Usage())),
    ],
)
def test_an_attempt_is_free_when_nothing_was_generated(why: str, ending: Ending) -> None:
    assert settle(ending) == Bill(settlement=Settlement.FREE, cost=Decimal(0)), why


@pytest.mark.parametrize("kind", [*FailureKind, "cancelled"])
def test_an_attempt_that_went_out_and_was_not_refused_is_never_free(kind: str) -> None:
    refusals = {"rate", "money", "overload", "auth", "model_gone", "capability", "caller"}
    assert (settle(Ending(outcome=kind, status=200)).settlement is Settlement.FREE) == (kind in refusals)
    assert settle(Ending(outcome=kind, status=200, delivered_tokens=1)).settlement is Settlement.ESTIMATED
    assert settle(Ending(outcome=kind, status=529, report=START_REPORT)).settlement is Settlement.ESTIMATED


@pytest.mark.parametrize("outcome", ["ok", "cancelled", "invalid", "policy"])
def test_a_report_with_the_terminal_settles_whatever_became_of_the_answer(outcome: str) -> None:
    ending = Ending(outcome=outcome, finished=True, report=REPORT, delivered_tokens=999, status=200)
    due = settle(ending)
    assert due == Bill(settlement=Settlement.SETTLED, usage=REPORT, cost=cost(REPORT, PRICES))


def test_without_a_report_the_whole_answer_is_estimated_from_what_was_sent_and_delivered() -> None:
    due = settle(Ending(outcome="ok", finished=True, delivered_tokens=20))
    assert due.usage == Usage(input_tokens=80, output_tokens=20)
    assert (due.settlement, due.cost) == (Settlement.ESTIMATED, 80 * CENT + 20 * 10 * CENT)


def test_a_report_of_nothing_beside_an_answer_is_no_report() -> None:
    due = settle(Ending(outcome="ok", finished=True, report=Usage(), delivered_tokens=20))
    assert (due.settlement, due.usage.output_tokens) == (Settlement.ESTIMATED, 20)


@pytest.mark.parametrize("report", [Usage(input_tokens=1 << 62), Usage(input_tokens=9, output_tokens=-1)])
def test_a_plug_ins_impossible_report_is_no_report(report: Usage) -> None:
    assert settle(Ending(outcome="ok", finished=True, report=report, delivered_tokens=20)) == settle(
        Ending(outcome="ok", finished=True, delivered_tokens=20)
    )


def test_a_cut_attempt_costs_what_was_sent_and_delivered_and_its_bound_is_another_number() -> None:
    due = settle(Ending(outcome="cancelled", delivered_tokens=20))
    assert due.cost == 80 * CENT + 20 * 10 * CENT
    assert due.bound == 80 * PROMPT_MARGIN * CENT + 50 * 10 * CENT


@pytest.mark.parametrize("outcome", ["cancelled", "stall", "broken", "transport"])
def test_an_answer_of_25_tokens_is_not_shown_at_31_times_what_was_delivered(outcome: str) -> None:
    due = settle(Ending(outcome=outcome, delivered_tokens=2, report=START_REPORT, status=200))
    assert due.cost == 100 * CENT + 2 * 10 * CENT
    assert due.bound == 100 * CENT + 50 * 10 * CENT
    assert due.usage.output_tokens == 2


@pytest.mark.parametrize(
    ("provider", "outcome", "settlement", "counted"),
    [
        ("gemini", "cancelled", Settlement.ESTIMATED, "bound"),
        ("google", "stall", Settlement.ESTIMATED, "bound"),
        ("gemini", "ok", Settlement.ESTIMATED, "cost"),
        ("gemini", "invalid", Settlement.SETTLED, "cost"),
        ("claude", "cancelled", Settlement.ESTIMATED, "cost"),
        ("openai", "broken", Settlement.ESTIMATED, "cost"),
    ],
)
def test_a_budget_counts_the_bound_where_the_provider_bills_a_cut_answer_in_full(
    provider: str, outcome: str, settlement: Settlement, counted: str, attempt: Any
) -> None:
    record = attempt("a", settlement, provider=provider, outcome=outcome, cost=CENT, bound=9 * CENT)
    assert owed(record) == getattr(record, counted)


def test_an_early_report_of_the_prompt_replaces_our_count() -> None:
    due = settle(Ending(outcome="cancelled", report=START_REPORT, delivered_tokens=20), prices=CACHED)
    assert due.usage == Usage(input_tokens=90, cache_read_tokens=10, output_tokens=20)
    assert due.cost == cost(due.usage, CACHED)
    assert due.bound == 100 * 4 * CENT + 50 * 10 * CENT


def test_a_report_of_more_output_than_arrived_is_believed() -> None:
    report = Usage(input_tokens=90, output_tokens=30, reasoning_tokens=25)
    due = settle(Ending(outcome="stall", report=report, delivered_tokens=5))
    assert due.usage == report


def test_a_report_without_a_prompt_takes_ours() -> None:
    due = settle(Ending(outcome="cancelled", report=Usage(output_tokens=5)))
    assert due.usage == Usage(input_tokens=80, output_tokens=5)


def test_an_estimate_never_exceeds_its_bound() -> None:
    due = settle(Ending(outcome="cancelled", delivered_tokens=10_000))
    assert due.cost == due.bound


@pytest.mark.parametrize(
    "ending", [Ending(outcome="cancelled", delivered_tokens=5), Ending(outcome="ok", finished=True, report=REPORT)]
)
def test_an_unknown_price_is_unknown_and_not_nothing(ending: Ending) -> None:
    due = settle(ending, prices=None)
    assert (due.cost, due.bound) == (None, None)
    assert due.usage.total_tokens > 0


def test_without_max_tokens_there_is_no_bound_and_gemini_is_estimated_from_what_came() -> None:
    due = bill(Ending(outcome="cancelled", delivered_tokens=5), PRICES, prompt_tokens=80, max_tokens=None)
    assert (due.cost, due.bound) == (80 * CENT + 5 * 10 * CENT, None)
    assert bound(None, prompt_tokens=1, max_tokens=1) is None


def test_the_bound_takes_the_prices_of_the_tier_the_doubled_prompt_is_in() -> None:
    tiered = UnitPrices(input=CENT, output=CENT, tiers=((100, UnitPrices(input=2 * CENT, output=3 * CENT)),))
    assert bound(tiered, prompt_tokens=50, max_tokens=10) == 110 * CENT
    assert bound(tiered, prompt_tokens=51, max_tokens=10) == 102 * 2 * CENT + 10 * 3 * CENT


counts = st.integers(0, 5000)
prices = st.builds(
    UnitPrices,
    input=st.sampled_from([Decimal(0), CENT, Decimal("0.0000003")]),
    output=st.sampled_from([Decimal(0), CENT, Decimal("0.000015")]),
    cache_read=st.none() | st.sampled_from([CENT / 10, CENT * 5]),
    cache_write=st.none() | st.just(CENT * 2),
    cache_write_1h=st.none() | st.just(CENT * 4),
    reasoning=st.none() | st.just(CENT * 3),
)


@given(
    prices=prices,
    classes=st.tuples(counts, counts, counts, counts),
    generated=counts,
    thought=counts,
    delivered_share=st.floats(0, 1),
    reported_early=st.booleans(),
)
def test_no_bill_exceeds_the_bound_however_the_attempt_was_cut(
    prices: UnitPrices,
    classes: tuple[int, int, int, int],
    generated: int,
    thought: int,
    delivered_share: float,
    reported_early: bool,
) -> None:
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    prompt = Usage(**dict(zip(names, classes, strict=True)))
    billed = cost(prompt + Usage(output_tokens=generated, reasoning_tokens=min(thought, generated)), prices)
    counted = -(-prompt.prompt_tokens // PROMPT_MARGIN)  # the worst that our count of the prompt may be
    ending = Ending(
        outcome="cancelled",
        report=prompt if reported_early else None,
        delivered_tokens=int(generated * delivered_share),
    )
    due = bill(ending, prices, prompt_tokens=counted, max_tokens=5000)
    reserved = bound(prices, prompt_tokens=counted, max_tokens=5000)
    assert due.bound is not None
    assert due.cost is not None
    assert reserved is not None
    assert billed <= due.bound
    assert due.cost <= due.bound <= reserved
