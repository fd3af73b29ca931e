"""The policies, each a function from values to an order and its reason."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidRequestError
from segue.routing.policy import EXPLORE, POLICIES, Candidate, Dearness, Route, Situation, route, strong_ones

CHEAP = Candidate(name="cheap", cost=Decimal("0.0001"), price=Decimal("0.2"), seconds=0.9)
MIDDLE = Candidate(name="middle", cost=Decimal("0.0010"), price=Decimal("2"), seconds=0.4)
DEAR = Candidate(name="dear", cost=Decimal("0.0080"), price=Decimal("9"), seconds=0.7)
FREE = Candidate(name="free", cost=Decimal("0.0002"), price=Decimal("0.3"), free=1.0, seconds=1.5)
CHAIN = (DEAR, CHEAP, MIDDLE)


def order(policy: str, *candidates: Candidate, **situation: object) -> tuple[str, ...]:
    return route(policy, candidates or CHAIN, Situation(**situation)).order  # type: ignore[arg-type]


def changed(candidate: Candidate, **fields: object) -> Candidate:
    return Candidate(**{name: getattr(candidate, name) for name in Candidate.__struct_fields__} | fields)


def test_priority_asks_as_written() -> None:
    assert order("priority") == ("dear", "cheap", "middle")


def test_a_policy_that_there_is_not_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidRequestError, match="use priority, cost, latency, smart, weights"):
        route("cheapest", CHAIN, Situation())


def test_cost_asks_the_cheapest_for_this_request_first_and_says_its_price() -> None:
    assert order("cost") == ("cheap", "middle", "dear")
    assert "cheap is expected to cost least, $0.000100" in route("cost", CHAIN, Situation()).reason


def test_a_target_without_a_known_price_comes_after_those_with_one() -> None:
    unknown = changed(CHEAP, name="unknown", cost=None, price=None)
    assert order("cost", unknown, DEAR) == ("dear", "unknown")
    assert order("cost", unknown, changed(unknown, name="other")) == ("unknown", "other")


def test_free_quota_goes_before_the_cheapest_while_it_lasts() -> None:
    assert order("cost", *CHAIN, FREE) == ("free", "cheap", "middle", "dear")


def test_short_free_quota_is_kept_for_the_dearer_requests() -> None:
    short = changed(FREE, free=0.25)
    assert order("cost", short, *CHAIN, dearness=0.5) == ("cheap", "free", "middle", "dear")
    assert order("cost", short, dearness=0.5) == ("free",)
    assert order("cost", CHEAP, short, dearness=0.8) == ("free", "cheap")
    reason = route("cost", (CHEAP, short), Situation(dearness=0.5)).reason
    assert "the free quota of free is kept for dearer requests" in reason


def test_a_day_with_half_the_free_quota_it_needs_spends_it_on_the_dearer_half() -> None:
    quota, length, rng = 50, 100, random.Random(1)
    spent: list[float] = []
    for hour in range(length):
        cost = rng.random()
        left = (quota - len(spent)) / quota
        free = left / ((length - hour) / length) * quota / length
        if order("cost", CHEAP, changed(FREE, free=free), dearness=cost)[0] == "free" and len(spent) < quota:
            spent.append(cost)
    assert len(spent) > 40
    assert sum(spent) / len(spent) > 0.65


def test_latency_asks_the_quickest_first() -> None:
    assert order("latency") == ("middle", "dear", "cheap")


def test_what_was_not_measured_yet_is_tried_first() -> None:
    assert order("latency", MIDDLE, changed(DEAR, seconds=None)) == ("dear", "middle")


def test_those_that_are_about_as_quick_keep_their_order() -> None:
    assert order("latency", changed(DEAR, seconds=0.42), MIDDLE) == ("dear", "middle")
    assert order("latency", changed(DEAR, seconds=0.50), MIDDLE) == ("middle", "dear")


def test_a_few_requests_measure_the_slower_ones_again() -> None:
    firsts = Counter(order("latency", draw=draw / 1000)[0] for draw in range(1000))
    assert firsts["middle"] == 1000 - 1000 * EXPLORE
    assert firsts["dear"] == firsts["cheap"] == 1000 * EXPLORE / 2


def test_smart_sends_hard_requests_to_strong_targets_and_others_to_the_cheapest() -> None:
    assert order("smart", complexity=0.61) == ("dear", "middle", "cheap")
    assert order("smart", complexity=0.59) == ("cheap", "middle", "dear")
    assert (
        "complexity 0.61, 0.60 or more: strong targets first"
        in route("smart", CHAIN, Situation(complexity=0.61)).reason
    )


def test_the_wanted_share_of_strong_calls_sets_the_threshold() -> None:
    assert order("smart", complexity=0.85, strong_share=0.1)[0] == "cheap"
    assert order("smart", complexity=0.15, strong_share=0.9)[0] == "dear"


def test_strong_targets_are_recognised_by_their_prices_or_by_the_settings() -> None:
    assert strong_ones(CHAIN, ()) == {"dear", "middle"}
    assert strong_ones(CHAIN, ("middle", "gone")) == {"middle"}
    assert order("smart", complexity=0.9, strong=("middle",))[0] == "middle"


def test_smart_keeps_the_written_order_where_nothing_tells_targets_apart() -> None:
    twin = changed(DEAR, name="twin", price=Decimal("8"))
    assert order("smart", DEAR, twin, complexity=0.1) == ("dear", "twin")
    assert strong_ones((changed(DEAR, price=None), twin), ()) == frozenset()


def test_a_free_price_is_no_sign_of_strength() -> None:
    gratis = changed(CHEAP, price=Decimal(0))
    assert strong_ones((gratis, DEAR), ()) == {"dear"}


def test_weights_ask_each_first_in_proportion() -> None:
    rng = random.Random(7)
    firsts: Counter[str] = Counter()
    for _ in range(4000):
        weighed = [changed(one, weight=weight, draw=rng.random()) for one, weight in zip(CHAIN, (1, 3, 0), strict=True)]
        firsts[order("weights", *weighed)[0]] += 1
    assert firsts["middle"] == 0
    assert 0.72 < firsts["cheap"] / 4000 < 0.78


@pytest.mark.parametrize("policy", POLICIES)
def test_what_cannot_take_the_request_goes_behind_whatever_the_policy(policy: str) -> None:
    first = next(iter(order(policy, complexity=0.9)))
    barred = [changed(one, barred="takes no images") if one.name == first else one for one in CHAIN]
    found = route(policy, barred, Situation(complexity=0.9))
    assert found.order[-1] == first
    assert f"behind: {first} (takes no images)" in found.reason


def test_when_none_can_be_asked_the_order_is_as_written() -> None:
    barred = [changed(one, barred="cooling") for one in CHAIN]
    assert order("cost", *barred) == ("dear", "cheap", "middle")


amounts = st.none() | st.decimals(0, 1, places=6)
candidates = st.builds(
    Candidate,
    name=st.uuids().map(str),
    barred=st.sampled_from(["", "", "cooling"]),
    cost=amounts,
    price=amounts,
    free=st.none() | st.floats(0, 30),
    seconds=st.none() | st.floats(0, 100),
    weight=st.floats(0, 10),
    draw=st.floats(0, 1),
)
situations = st.builds(
    Situation,
    complexity=st.none() | st.floats(0, 1),
    strong_share=st.floats(0, 1),
    dearness=st.floats(0, 1),
    draw=st.floats(0, 1, exclude_max=True),
)


@given(st.sampled_from(sorted(POLICIES)), st.lists(candidates, min_size=1, max_size=6), situations)
def test_every_order_names_each_target_once_with_those_that_can_be_asked_first(
    policy: str, given: list[Candidate], situation: Situation
) -> None:
    found: Route = route(policy, given, situation)
    assert sorted(found.order) == sorted(candidate.name for candidate in given)
    barred = {candidate.name: bool(candidate.barred) for candidate in given}
    assert [barred[name] for name in found.order] == sorted(barred[name] for name in found.order)
    assert found.reason


def test_a_request_is_as_dear_as_the_share_of_the_latest_that_cost_less() -> None:
    dearness = Dearness()
    ranks = [dearness.rank([changed(CHEAP, cost=Decimal(cost))]) for cost in (5, 5, 9, 1, 5)]
    assert ranks == [0.5, 0.5, 1.0, 0.0, 0.5]
    assert dearness.rank([FREE, changed(CHEAP, barred="cooling")]) == 1.0
