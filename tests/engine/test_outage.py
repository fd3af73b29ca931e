"""A short outage of all providers is waited out: no request fails, and no provider is flooded after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from segue.errors import LLMServiceUnavailableError, RateLimitError
from segue.policy import Policy

from .answers import REFERENCES
from .faults import act
from .provider import Provider, Strike
from .test_rules import a, always, b, c, check, first, trip, until
from .world import Outcome, World

pytestmark = pytest.mark.looptime(start=0.0)

PROSE = REFERENCES["prose"]
OUTAGE = 1.5
CROWD = 20


async def crowd(world: World, count: int = CROWD, within: float = 1.0, **options: Any) -> list[Outcome]:
    """So many callers, spread evenly over the time."""

    async def caller(number: int) -> Outcome:
        await asyncio.sleep(within * number / count)
        return await world.ask(PROSE, **options)

    return await asyncio.gather(*(caller(number) for number in range(count)))


def asked_in(world: World, name: str, begin: float, end: float) -> int:
    """How many requests a provider got between two moments."""
    return sum(
        begin <= at < end for outcome in world.outcomes for at, start in outcome.starts if start.target.name == name
    )


def slowest(outcomes: list[Outcome]) -> float:
    return max(outcome.ended - outcome.began for outcome in outcomes)


@pytest.mark.parametrize("fault", ["rate of two seconds", "unavailable", "overloaded", "error 500", "bad gateway"])
@pytest.mark.parametrize("chain", ["a", "ab", "abc"])
async def test_an_outage_of_all_for_a_moment_costs_no_caller_his_answer(fault: str, chain: str) -> None:
    make = {"a": a, "b": b, "c": c}
    world = World(*(make[name](until(OUTAGE, fault), latency=0.01, pace=0.001) for name in chain))
    outcomes = await crowd(world)
    assert all(outcome.answered for outcome in outcomes)
    assert slowest(outcomes) < 3.5
    for name in chain:
        assert asked_in(world, name, 0.0, OUTAGE) <= 8
    if fault not in (
        "error 500",
        "bad gateway",
    ):  # in the pause before a quick second try others find the next target unhealthy
        await check(world)


@pytest.mark.parametrize("fault", ["rate of two seconds", "unavailable"])
async def test_a_caller_that_finds_a_target_still_unhealthy_waits_for_the_others_and_then_for_it_again(
    fault: str,
) -> None:
    world = World(a(until(4.0, fault), latency=0.01, pace=0.001), b(until(4.0, fault), latency=0.01, pace=0.001))
    outcomes = await crowd(world)
    assert all(outcome.answered for outcome in outcomes)
    assert slowest(outcomes) < 8.0
    for name in "ab":
        assert asked_in(world, name, 0.0, 4.0) <= 8
    await check(world)


@pytest.mark.parametrize("latency", [0.1, 1.0])
async def test_those_who_waited_are_let_in_one_after_another_and_never_all_at_once(latency: float) -> None:
    world = World(a(until(OUTAGE, "rate of two seconds"), latency=latency))
    outcomes = await crowd(world, 60)
    assert all(outcome.answered for outcome in outcomes)
    starts = sorted(at for outcome in outcomes for at, _ in outcome.starts if at > OUTAGE)
    waves = [sum(at < starts[0] + latency * turn + 0.05 for at in starts) for turn in range(1, 4)]
    assert starts[0] >= 2.0
    assert waves[0] == 1
    assert waves[1] <= 3
    assert waves[2] <= 7
    await check(world)


async def test_a_caller_who_comes_while_all_rest_waits_as_long_as_the_rest_lasts() -> None:
    world = World(a(first(3, "unavailable")), b(first(3, "unavailable")))
    await trip(world, "b")
    await asyncio.sleep(1.0)
    await trip(world, "a")
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["b"]
    assert 0.5 < outcome.starts[0][0] - outcome.began < 1.9
    await check(world, answered=None)


async def test_who_would_rest_beyond_patience_is_not_waited_for_and_the_error_comes_at_once() -> None:
    world = World(a(always("rate")), b(always("rate")))
    first_one = await world.ask(PROSE, policy=Policy(rounds=1))
    assert isinstance(first_one.error, RateLimitError)
    outcome = await world.ask(PROSE, policy=Policy(patience=2.0), targets=("a",))
    assert outcome.ended - outcome.began < 0.5
    assert isinstance(outcome.error, LLMServiceUnavailableError)
    assert outcome.error.retry_after is not None


async def test_a_wait_for_a_target_that_fails_again_is_given_up_when_patience_is_over() -> None:
    world = World(a(always("unavailable")))
    await trip(world, "a")
    outcomes = await crowd(world, 10)
    assert not any(outcome.answered for outcome in outcomes)
    assert slowest(outcomes) <= 20.0
    assert asked_in(world, "a", 0.1, 60.0) <= 12
    await check(world, answered=None)


async def test_a_caller_who_leaves_while_he_waits_gives_his_place_in_line_to_the_next() -> None:
    world = World(a(until(OUTAGE, "rate of two seconds")))
    first_one = asyncio.ensure_future(world.ask(PROSE))
    await asyncio.sleep(0.3)
    gone = [asyncio.ensure_future(world.ask(PROSE, cancel_after=1.0)) for _ in range(5)]
    last = await world.ask(PROSE)
    assert last.answered
    assert (await first_one).answered
    assert all(one.cancelled for one in await asyncio.gather(*gone))
    assert not world.engine.waiting._lines
    await check(world, answered=None)


async def test_while_one_target_is_healthy_no_caller_waits_for_the_others() -> None:
    world = World(a(always("unavailable")), b(latency=0.01, pace=0.001))
    outcomes = await crowd(world)
    assert all(outcome.answered for outcome in outcomes)
    assert slowest(outcomes) < 0.5
    await check(world)


async def test_an_answer_that_broke_off_goes_on_when_a_target_has_recovered() -> None:
    def cut_then_down(number: int, now: float) -> Strike | None:
        return (
            Strike("eof", "mid-word")
            if number == 0
            else Strike("rate of two seconds", "headers")
            if now < 3.0
            else None
        )

    world = World(Provider("a", "openai_chat", act, cut_then_down), policy=Policy(continuations=2))
    outcome = await world.ask(PROSE)
    assert outcome.text == PROSE.text
    await check(world)
