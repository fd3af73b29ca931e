"""The rules of failing over, one by one, in virtual time. Whatever a test is about, the invariants hold for its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from segue.chat.events import Finished, FinishReason, Seam, TextDelta
from segue.chat.failure import Failure, FailureKind
from segue.errors import (
    AuthenticationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    StreamInterruptedError,
)
from segue.health.breaker import BreakerState
from segue.health.quota import QuotaKey, QuotaLimits
from segue.policy import BreakerPolicy, Policy

from .answers import REFERENCES, Reference
from .faults import act
from .invariants import violations, violations_of
from .provider import Provider, Strike
from .refusals import RETRY_AFTER
from .world import Outcome, World

pytestmark = pytest.mark.looptime(start=0.0)

PROSE = REFERENCES["prose"]
NEVER_TRIPS = BreakerPolicy(consecutive=10**6, minimum=10**6)
Strikes = Callable[[int, float], Strike | None]


def always(fault: str, phase: str = "headers") -> Strikes:
    return lambda number, now: Strike(fault, phase)


def first(count: int, fault: str, phase: str = "headers") -> Strikes:
    """The first `count` requests are struck."""
    return lambda number, now: Strike(fault, phase) if number < count else None


def until(moment: float, fault: str, phase: str = "headers") -> Strikes:
    return lambda number, now: Strike(fault, phase) if now < moment else None


def well(number: int, now: float) -> None:
    return None


def a(strikes: Strikes = well, **options: Any) -> Provider:
    return Provider("a", "openai_chat", act, strikes, **options)


def b(strikes: Strikes = well, **options: Any) -> Provider:
    return Provider("b", "claude", act, strikes, **options)


def c(strikes: Strikes = well, **options: Any) -> Provider:
    return Provider("c", "gemini", act, strikes, **options)


async def check(world: World, *, answered: bool | None = True) -> None:
    """The invariants hold for all requests of the world, which were all answered, or all not."""
    await world.settle()
    found = [
        sentence for outcome in world.outcomes for sentence in violations(world, outcome, must_answer=answered is True)
    ]
    assert not [*found, *violations_of(world)]
    if answered is not None:
        assert {outcome.answered for outcome in world.outcomes} == {answered}


def at(outcome: Outcome, attempt: int) -> float:
    """When an attempt began, in seconds from the request's beginning."""
    return outcome.starts[attempt][0] - outcome.began


def ends(outcome: Outcome) -> list[str]:
    """How the attempts ended, in the order of their beginning."""
    by_id = {end.start.attempt_id: end.outcome for _, end in outcome.ends}
    return [by_id[start.attempt_id] for _, start in outcome.starts]


def seams(outcome: Outcome) -> list[Seam]:
    return [event for event in outcome.events if isinstance(event, Seam)]


def gets(world: World) -> int:
    """How many free probes were sent."""
    return sum(exchange.request.method == "GET" for exchange in world.transport.requests)


# Loud failures.


@pytest.mark.parametrize(
    "strike",
    [
        Strike("refused", "connect"), Strike("dns", "connect"), Strike("tls", "connect"), Strike("pooled reset", "headers"),
        Strike("unavailable", "headers"), Strike("rate", "headers"), Strike("money", "headers"), Strike("auth", "headers"),
        Strike("error event", "preamble"), Strike("raw tail", "preamble"), Strike("malformed", "preamble"),
        Strike("eof", "preamble"), Strike("empty stop", "headers"), Strike("eof", "mid-word"), Strike("reset", "mid-word"),
    ],
    ids=str,
)  # fmt: skip
async def test_after_a_loud_failure_the_next_request_is_on_the_wire_within_ten_milliseconds(strike: Strike) -> None:
    world = World(a(lambda number, now: strike), b())
    outcome = await world.ask(PROSE)
    verdict, _ = outcome.ends[0]
    assert outcome.starts[1][0] - verdict <= 0.01
    await check(world)


async def test_a_black_hole_costs_one_second() -> None:
    world = World(a(always("black hole", "connect")), b())
    outcome = await world.ask(PROSE)
    assert at(outcome, 1) == pytest.approx(1.1, abs=0.02)
    await check(world)


async def test_a_bare_500_of_a_healthy_target_gets_one_quick_second_try() -> None:
    world = World(a(first(1, "error 500")), b())
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "a"]
    assert 0.05 <= outcome.starts[1][0] - outcome.ends[0][0] <= 0.15
    await check(world)


async def test_a_second_500_fails_over() -> None:
    world = World(a(always("bad gateway")), b())
    assert (await world.ask(PROSE)).tried == ["a", "a", "b"]
    await check(world)


async def test_a_target_that_has_just_failed_gets_no_second_try() -> None:
    world = World(a(always("error 500")), b())
    await world.ask(PROSE)
    assert (await world.ask(PROSE)).tried == ["a", "b"]
    await check(world)


@pytest.mark.parametrize("fault", ["unavailable", "overloaded", "rate"])
async def test_503_529_and_429_fail_over_at_once(fault: str) -> None:
    world = World(b(first(1, fault)), a())
    assert (await world.ask(PROSE)).tried == ["b", "a"]
    await check(world)


async def test_an_unsupported_parameter_is_left_out_at_once_and_from_then_on() -> None:
    world = World(a(first(1, "temperature refused")), b())
    learning = await world.ask(PROSE, temperature=0.5)
    assert learning.tried == ["a", "a"]
    assert learning.relay.report.omitted == ("temperature",)
    knowing = await world.ask(PROSE, temperature=0.5)
    assert knowing.tried == ["a"]
    sent = [msgspec.json.decode(exchange.request.body) for exchange in world.transport.requests]
    assert ["temperature" in body for body in sent] == [True, False, False]
    await check(world)


async def test_a_retired_model_is_replaced_by_its_successor() -> None:
    world = World(a(first(1, "model gone")), b())
    outcome = await world.ask(PROSE)
    assert [start.target.model.id for _, start in outcome.starts] == ["gpt-4.1-mini", "gpt-6-luna"]
    await check(world)


async def test_without_leave_for_successors_the_next_target_is_asked() -> None:
    world = World(a(first(1, "model gone")), b())
    assert (await world.ask(PROSE, policy=Policy(successor=False))).tried == ["a", "b"]
    await check(world)


async def test_a_context_that_is_too_long_fails_over_only_to_a_larger_window() -> None:
    small, large = (c().target.model, a().target.model)
    windows = [msgspec.structs.replace(small, window=size) for size in (1000, 900)]
    world = World(
        Provider("s1", "gemini", act, always("too long")),
        Provider("s2", "gemini", act),
        a(),
    )
    for name, window in zip(("s1", "s2"), windows, strict=True):
        provider = world.providers[name]
        provider.target = msgspec.structs.replace(provider.target, model=window)
    assert large.window is not None
    outcome = await world.ask(PROSE, padding=700)
    assert outcome.tried == ["s1", "a"]
    await check(world)


async def test_a_refusal_that_can_not_be_for_lack_of_room_bars_no_target() -> None:
    """A model that says no without naming a field, to a prompt that fills a thousandth of its window."""
    world = World(c(always("too large")), b())
    assert (await world.ask(PROSE)).tried == ["c", "b"]
    await check(world)


@pytest.mark.parametrize("fault", ["no pictures", "too long", "too large"])
@pytest.mark.parametrize("make", [a, b, c])
async def test_what_a_target_can_not_take_is_asked_once_and_brings_it_no_rest(
    fault: str, make: Callable[..., Provider]
) -> None:
    world = World(make(always(fault)))
    outcomes = [await world.ask(PROSE) for _ in range(5)]
    assert [len(outcome.tried) for outcome in outcomes] == [1] * 5
    assert all(type(outcome.error) is InvalidRequestError for outcome in outcomes)
    assert all(outcome.ended - outcome.began < 0.5 for outcome in outcomes)
    target = next(iter(world.providers.values())).target
    assert not world.health.look(world.engine.keys(target), asyncio.get_running_loop().time()).barred
    await check(world, answered=False)


@pytest.mark.parametrize("make", [a, b, c])
async def test_an_odd_status_fails_over_whatever_its_body_says(make: Callable[..., Provider]) -> None:
    spare = Provider("spare", "openai_responses", act)
    world = World(make(always("odd status")), spare)
    outcome = await world.ask(PROSE)
    assert outcome.tried[-1] == "spare"
    await check(world)


async def test_a_model_that_can_not_take_the_request_is_not_asked() -> None:
    world = World(a(), b())
    plain = msgspec.structs.replace(world.providers["a"].target.model, tools=False)
    world.providers["a"].target = msgspec.structs.replace(world.providers["a"].target, model=plain)
    assert (await world.ask(REFERENCES["tools"])).tried == ["b"]
    await check(world)


@pytest.mark.parametrize(
    ("strikes", "answered"),
    [
        (first(1, "unavailable"), True),
        (always("refused", "connect"), False),
        (always("stall"), False),
        (always("eof", "mid-word"), False),
        (always("stall", "mid-word"), False),
        (first(1, "model gone"), True),
        (always("money"), False),
    ],
)
@pytest.mark.parametrize("policy", [Policy(regions=("eu",)), Policy(regions=("eu",), policy="weights", deadline=30.0)])
async def test_whatever_fails_a_target_of_another_or_an_unknown_region_is_never_asked(
    policy: Policy, strikes: Strikes, answered: bool
) -> None:
    world = World(a(strikes), b(), c())
    for name, region in (("a", "eu"), ("b", "us")):
        world.providers[name].target = msgspec.structs.replace(world.providers[name].target, region=region)
    outcomes = [await world.ask(PROSE, policy=policy) for _ in range(4)]  # its breaker opens on the way
    assert {name for outcome in outcomes for name in outcome.tried} == {"a"}
    assert outcomes[0].answered is answered
    for outcome in outcomes:
        skipped = {} if outcome.error is None else {one.target: one.reason for one in outcome.error.attempts}
        assert outcome.answered or skipped["b"] == "b is in us, and only eu may be asked"


# Who is to blame.


async def test_the_callers_mistake_stops_at_once_with_the_providers_reason() -> None:
    world = World(a(always("caller")), b())
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a"]
    assert type(outcome.error) is InvalidRequestError
    assert "Invalid value: 'x'" in outcome.error.message
    await check(world, answered=False)


async def test_a_declined_content_stops_unless_failing_over_was_asked_for() -> None:
    world = World(a(always("policy")), b())
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a"]
    assert isinstance(outcome.error, ContentRefusedError)
    assert (await world.ask(PROSE, policy=Policy(failover_on_refusal=True))).tried == ["a", "b"]
    await check(world, answered=None)


async def test_a_refusal_by_finish_reason_is_the_answer_unless_failing_over_was_asked_for() -> None:
    world = World(a(always("refusal")), b())
    outcome = await world.ask(PROSE)
    assert (outcome.tried, outcome.refused) == (["a"], True)
    other = await world.ask(PROSE, policy=Policy(failover_on_refusal=True))
    assert (other.tried, other.text) == (["a", "b"], PROSE.text)
    await check(world)


async def test_without_fallback_only_the_first_target_is_asked_also_in_mid_stream() -> None:
    world = World(a(always("eof", "mid-word")), b(), policy=Policy(fallback=False))
    outcome = await world.ask(PROSE)
    assert set(outcome.tried) == {"a"}
    assert isinstance(outcome.error, StreamInterruptedError)
    assert PROSE.text.startswith(outcome.error.delivered)
    await check(world, answered=False)


async def test_without_fallback_a_passing_fault_is_retried_on_the_same_target() -> None:
    world = World(a(first(1, "eof", "mid-word")), b(), policy=Policy(fallback=False))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "a"]
    assert 4.0 <= outcome.starts[1][0] - outcome.ends[0][0] <= 8.0
    await check(world)


# Silence.


async def test_a_silent_target_is_raced_after_three_seconds_and_the_first_content_wins() -> None:
    world = World(a(always("stall")), b())
    outcome = await world.ask(PROSE)
    assert at(outcome, 1) == pytest.approx(3.0, abs=0.01)
    assert [start.hedge for _, start in outcome.starts] == [False, True]
    assert ends(outcome) == ["stall", "ok"]
    await check(world)
    assert world.providers["a"].services[0].exchange.cancelled


async def test_keep_alives_are_no_progress() -> None:
    world = World(b(always("pings", "preamble")), a())
    assert at(await world.ask(PROSE), 1) == pytest.approx(3.0, abs=0.01)
    await check(world)


async def test_a_longer_prompt_is_given_longer() -> None:
    world = World(a(always("stall")), b())
    outcome = await world.ask(PROSE, padding=20_000)
    tokens = outcome.starts[0][1].prompt_tokens
    assert tokens > 20_000
    assert at(outcome, 1) == pytest.approx(3.0 + tokens / 32_000, abs=0.01)
    await check(world)


async def test_a_reasoning_model_is_given_fifteen_seconds() -> None:
    world = World(b(always("hang"), model="claude-sonnet-5-5"), a())
    assert at(await world.ask(PROSE), 1) == pytest.approx(15.0, abs=0.01)
    await check(world)


async def test_after_twenty_answers_the_hedge_point_is_what_is_usual() -> None:
    world = World(a(lambda number, now: Strike("hang", "headers") if number == 20 else None), b())
    for _ in range(20):
        await world.ask(PROSE)
    assert at(await world.ask(PROSE), 1) == pytest.approx(0.8, abs=0.01)
    await check(world)


async def test_a_hedge_goes_to_another_provider() -> None:
    world = World(a(always("hang")), Provider("a2", "openai_chat", act), b())
    assert (await world.ask(PROSE)).tried == ["a", "b"]
    await check(world)


async def test_with_no_other_provider_a_silent_target_is_given_up_after_ten_seconds() -> None:
    world = World(a(always("hang")), Provider("a2", "openai_chat", act))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "a2"]
    assert at(outcome, 1) == pytest.approx(10.0, abs=0.01)
    await check(world)


async def test_hedging_can_be_switched_off() -> None:
    world = World(a(always("hang")), b(), policy=Policy(hedge=False))
    outcome = await world.ask(PROSE)
    assert at(outcome, 1) == pytest.approx(10.0, abs=0.01)
    assert outcome.relay.report.hedges == 0
    await check(world)


async def test_the_hedge_budget_ends_and_is_earned_again_by_successes() -> None:
    world = World(a(until(10_000.0, "hang")), b(), policy=Policy(breaker=NEVER_TRIPS))
    outcomes = [await world.ask(PROSE) for _ in range(12)]
    assert [outcome.relay.report.hedges for outcome in outcomes] == [1] * 10 + [0] * 2
    assert at(outcomes[-1], 1) == pytest.approx(10.0, abs=0.01)
    for _ in range(20):
        await world.ask(PROSE, targets=("b",))
    assert (await world.ask(PROSE)).relay.report.hedges == 1
    await check(world)


async def test_no_request_is_hedged_while_half_the_targets_are_out() -> None:
    world = World(a(always("hang")), b(), c(always("auth")), Provider("d", "gemini", act, always("auth")))
    for name in ("c", "d"):
        await world.ask(PROSE, targets=(name,))
    outcome = await world.ask(PROSE)
    assert (outcome.tried, outcome.relay.report.hedges) == (["a", "b"], 0)
    assert at(outcome, 1) == pytest.approx(10.0, abs=0.01)
    await check(world, answered=None)


async def test_a_pause_in_the_text_is_raced_and_the_other_goes_on_from_where_it_stopped() -> None:
    world = World(a(always("stall", "mid-word")), b())
    outcome = await world.ask(PROSE)
    assert [(start.hedge, start.continuation) for _, start in outcome.starts] == [(False, False), (True, True)]
    last = world.providers["a"].services[0].exchange
    assert at(outcome, 1) == pytest.approx(8.0 + 0.1 + 0.2, abs=0.3)
    assert ends(outcome) == ["stall", "ok"]
    assert len(seams(outcome)) == 1
    assert last.closed is not None
    assert last.closed <= outcome.ended
    await check(world)


async def test_a_target_that_speaks_again_keeps_the_lead() -> None:
    world = World(a(always("long pause", "mid-word")), b(latency=5.0))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b"]
    assert ends(outcome) == ["ok", "cancelled"]
    assert not seams(outcome)
    await check(world)


async def test_a_drip_is_given_up_after_its_window() -> None:
    world = World(a(always("drip", "preamble")), b(), policy=Policy(hedge=False))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b"]
    first_content = outcome.ends[0][1].first_content
    assert first_content is not None
    assert at(outcome, 1) == pytest.approx(first_content + 20.0, abs=0.1)
    await check(world)


async def test_the_last_live_target_is_waited_for_until_the_deadline() -> None:
    world = World(a(always("hang")))
    outcome = await world.ask(PROSE, policy=Policy(deadline=50.0))
    assert outcome.tried == ["a"]
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.ended == pytest.approx(50.0, abs=0.01)
    await check(world, answered=False)


@pytest.mark.parametrize("hedge", [True, False])
async def test_a_silent_target_is_left_as_soon_as_another_can_be_asked_again(hedge: bool) -> None:
    world = World(a(always("hang")), b(), policy=Policy(hedge=hedge))
    quota(world, "b", requests_per_minute=1)
    await world.ask(PROSE, targets=("b",))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b"]
    assert outcome.starts[1][0] == pytest.approx(60.0, abs=2.0)
    await check(world)


async def test_without_a_deadline_a_dead_line_is_given_up_all_the_same() -> None:
    world = World(a(first(1, "hang")))
    outcome = await world.ask(PROSE, policy=Policy(deadline=None))
    assert outcome.ends[0][0] == pytest.approx(180.0, abs=0.2)
    await check(world)


async def test_earlier_attempts_leave_the_last_one_a_quarter_of_the_deadline() -> None:
    world = World(b(always("hang"), model="claude-sonnet-5-5"), a(), policy=Policy(hedge=False, deadline=40.0))
    outcome = await world.ask(PROSE)
    assert at(outcome, 1) == pytest.approx(30.0, abs=0.01)
    await check(world)


@pytest.mark.parametrize("reference", ["tools", "bare tools"])
async def test_a_silence_in_tool_arguments_leaves_the_last_target_its_share_too(reference: str) -> None:
    world = World(a(always("stall", "tool arguments")), b(), policy=Policy(deadline=40.0))
    outcome = await world.ask(REFERENCES[reference])
    assert outcome.ends[0][0] == pytest.approx(30.0, abs=0.01)
    await check(world)


async def test_a_target_asked_late_is_given_a_chance_to_answer() -> None:
    """Three quarters of the deadline are gone when the second of three is asked: it is the last hop then."""
    policy = Policy(hedge=False, deadline=40.0)
    world = World(b(always("hang"), model="claude-sonnet-5-5"), a(latency=2.0), c(), policy=policy)
    outcome = await world.ask(PROSE)
    assert ends(outcome) == ["stall", "ok"]
    await check(world)


async def test_a_connection_that_stays_open_after_the_terminal_is_waited_for_half_a_second_at_most() -> None:
    well = await World(c()).ask(PROSE)
    world = World(c(always("stall", "after")))
    outcome = await world.ask(PROSE)
    assert outcome.ended - outcome.began == pytest.approx(well.ended - well.began + 0.5, abs=0.01)
    await check(world)


# Health.


async def trip(world: World, name: str) -> None:
    """Opens a target's breaker."""
    for _ in range(3):
        await world.ask(PROSE, targets=(name,), policy=Policy(rounds=1))
    assert world.health.look(world.engine.keys(world.providers[name].target), asyncio.get_running_loop().time()).barred


async def test_an_open_target_costs_nothing() -> None:
    world = World(a(first(3, "unavailable")), b())
    await trip(world, "a")
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["b"]
    assert at(outcome, 0) == 0.0
    await check(world, answered=None)


async def test_a_probe_is_raced_at_once_and_costs_the_budget_nothing() -> None:
    world = World(a(first(3, "unavailable")), b())
    await trip(world, "a")
    await asyncio.sleep(3.0)
    level = world.engine.budget.level
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b"]
    assert at(outcome, 1) == 0.0
    assert world.engine.budget.level >= level
    await check(world, answered=None)


async def test_a_probe_that_hangs_is_not_followed_by_one_in_every_request() -> None:
    world = World(a(lambda number, now: Strike("unavailable" if number < 3 else "stall", "headers")), b())
    await trip(world, "a")
    await asyncio.sleep(3.0)
    outcomes = [await world.ask(PROSE) for _ in range(10)]
    assert outcomes[-1].ended < outcomes[0].began + 4.0
    assert sum("a" in outcome.tried for outcome in outcomes) <= 2


async def test_a_silent_target_that_others_find_unhealthy_is_left_though_the_budget_is_spent() -> None:
    world = World(a(always("stall")), b())
    while world.engine.budget.take(1.0):
        pass
    asked = asyncio.ensure_future(world.ask(PROSE))
    await asyncio.sleep(3.5)
    keys = world.engine.keys(world.providers["a"].target)
    for _ in range(3):
        world.health.failed(keys, Failure(kind=FailureKind.OVERLOAD, message="x"), asyncio.get_running_loop().time())
    outcome = await asked
    assert outcome.tried == ["a", "b"]
    assert 3.5 <= at(outcome, 1) <= 4.5


async def test_a_half_open_target_sees_one_request_at_a_time() -> None:
    world = World(a(first(3, "unavailable"), latency=1.0), b())
    await trip(world, "a")
    await asyncio.sleep(3.0)
    crowd = await asyncio.gather(*(world.ask(PROSE) for _ in range(5)))
    assert sum("a" in outcome.tried for outcome in crowd) == 1
    await check(world, answered=None)


async def test_two_successes_close_the_breaker_also_if_the_probe_lost_its_race() -> None:
    world = World(a(first(3, "unavailable"), latency=0.2), b(latency=0.1))
    await trip(world, "a")
    await asyncio.sleep(3.0)
    for _ in range(2):
        await world.ask(PROSE)
    keys = world.engine.keys(world.providers["a"].target)
    assert not world.health.look(keys, asyncio.get_running_loop().time()).probing
    assert world.health._target(keys).breaker.recorded is BreakerState.CLOSED
    await check(world, answered=None)


async def test_when_all_rest_and_waiting_is_not_allowed_the_one_that_recovers_first_is_asked_once_a_second() -> None:
    world = World(a(first(3, "unavailable")), b(first(3, "unavailable")), policy=Policy(rounds=1))
    await trip(world, "b")
    await asyncio.sleep(1.0)
    await trip(world, "a")
    crowd = await asyncio.gather(*(world.ask(PROSE) for _ in range(4)))
    assert [outcome.tried for outcome in crowd] == [["b"], [], [], []]
    assert crowd[0].answered
    for outcome in crowd[1:]:
        assert isinstance(outcome.error, LLMServiceUnavailableError)
        assert outcome.error.retry_after is not None
        assert 0.0 < outcome.error.retry_after < 2.5
    await check(world, answered=None)


async def test_a_last_resort_that_is_denied_tells_when_its_target_may_answer_again() -> None:
    world = World(a(first(3, "unavailable")), policy=Policy(rounds=1))
    await trip(world, "a")
    taken, denied = await asyncio.gather(world.ask(PROSE), world.ask(PROSE))
    assert (taken.tried, denied.tried) == (["a"], [])
    assert isinstance(denied.error, LLMServiceUnavailableError)
    assert denied.error.retry_after is not None
    assert [attempt.outcome for attempt in denied.error.attempts] == ["skipped"]
    await check(world, answered=None)


@pytest.mark.parametrize("fault", ["money", "auth"])
async def test_a_target_without_money_or_key_is_no_last_resort(fault: str) -> None:
    world = World(a(always(fault), keyed=lambda now: False))
    await world.ask(PROSE)
    outcome = await world.ask(PROSE)
    assert outcome.tried == []
    await check(world, answered=False)


async def test_every_key_refused_is_an_authentication_error() -> None:
    world = World(a(always("auth")), b(always("auth")))
    assert isinstance((await world.ask(PROSE)).error, AuthenticationError)
    await check(world, answered=False)


async def test_a_refused_key_is_off_until_a_free_probe_passes() -> None:
    world = World(a(first(1, "auth"), keyed=lambda now: now > 100.0), b())
    await world.ask(PROSE)
    await asyncio.sleep(40.0)
    assert (await world.ask(PROSE)).tried == ["b"]
    await asyncio.sleep(1.0)
    assert gets(world) == 1
    await asyncio.sleep(100.0)
    assert (await world.ask(PROSE)).tried == ["b"]
    await asyncio.sleep(1.0)
    assert gets(world) == 2
    assert (await world.ask(PROSE)).tried == ["a"]
    await check(world)


async def test_a_target_out_of_credit_is_left_alone_for_a_quarter_of_an_hour() -> None:
    world = World(a(first(1, "money")), b())
    assert (await world.ask(PROSE)).tried == ["a", "b"]
    await asyncio.sleep(14 * 60.0)
    assert (await world.ask(PROSE)).tried == ["b"]
    await asyncio.sleep(2 * 60.0)
    assert (await world.ask(PROSE)).tried == ["a"]
    await check(world)


# Rounds.


async def test_when_everything_fails_in_passing_the_chain_is_tried_three_times_with_waits() -> None:
    world = World(a(always("unavailable")), b(always("unavailable")), c(always("unavailable")))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b", "c"] * 3
    waits = [outcome.starts[3 * turn][0] - outcome.ends[3 * turn - 1][0] for turn in (1, 2)]
    assert 4.0 <= waits[0] <= 8.0
    assert 5.0 <= waits[1] <= 10.0
    assert isinstance(outcome.error, LLMServiceUnavailableError)
    assert len(outcome.error.attempts) == 9
    await check(world, answered=False)


async def test_a_target_that_recovers_answers_in_the_next_round() -> None:
    world = World(a(always("unavailable")), b(first(1, "unavailable")))
    assert (await world.ask(PROSE)).tried == ["a", "b", "a", "b"]
    await check(world)


async def test_the_same_target_is_not_asked_again_before_its_stated_retry_after() -> None:
    world = World(a(first(1, "rate")))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "a"]
    assert outcome.starts[1][0] - outcome.ends[0][0] >= RETRY_AFTER
    await check(world)


async def test_a_retry_after_beyond_the_deadline_is_passed_to_the_caller() -> None:
    world = World(a(always("rate")))
    outcome = await world.ask(PROSE, policy=Policy(deadline=5.0))
    assert outcome.tried == ["a"]
    assert isinstance(outcome.error, RateLimitError)
    assert outcome.error.retry_after == pytest.approx(RETRY_AFTER, abs=0.1)
    await check(world, answered=False)


# Quotas.


def quota(world: World, name: str, **limits: int) -> None:
    keys = world.engine.keys(world.providers[name].target)
    world.engine.quota.configure(QuotaKey(keys.credential, keys.model), QuotaLimits(**limits))


async def test_a_target_whose_quota_is_used_up_is_passed_over_without_a_429() -> None:
    world = World(c(), b())
    quota(world, "c", requests_per_minute=2)
    assert [(await world.ask(PROSE)).tried for _ in range(3)] == [["c"], ["b"], ["b"]]
    await asyncio.sleep(60.0)
    assert (await world.ask(PROSE)).tried == ["c"]
    await check(world)


async def test_a_day_that_is_spent_is_learned_from_the_refusal() -> None:
    world = World(c(first(1, "day spent")), b())
    assert (await world.ask(PROSE)).tried == ["c", "b"]
    await asyncio.sleep(3600.0)
    assert (await world.ask(PROSE)).tried == ["b"]
    await asyncio.sleep(24 * 3600.0)
    assert (await world.ask(PROSE)).tried == ["c"]
    await check(world)


async def test_a_target_that_fell_ill_while_its_quota_was_waited_for_is_not_asked() -> None:
    world = World(c(), b())
    quota(world, "c", requests_per_minute=1)
    await world.ask(PROSE, targets=("c",))
    await asyncio.sleep(60.0 - 0.5 - asyncio.get_running_loop().time())
    waiting = asyncio.create_task(world.ask(PROSE))
    await asyncio.sleep(0.1)
    assert world.outcomes[1].tried == []
    for _ in range(3):
        failure = Failure(kind=FailureKind.OVERLOAD, message="reported by someone else's request")
        world.health.failed(world.engine.keys(world.providers["c"].target), failure, asyncio.get_running_loop().time())
    assert (await waiting).tried == ["b"]
    await check(world)


# In mid-stream.


async def test_a_broken_stream_goes_on_from_exactly_where_it_stopped_and_says_so() -> None:
    world = World(a(always("eof", "mid-word")), b())
    outcome = await world.ask(PROSE)
    [seam] = seams(outcome)
    assert (seam.source, seam.target, seam.at, seam.restarted) == ("a", "b", PROSE.inside, False)
    assert outcome.relay.report.seams == 1
    await check(world)


async def test_a_target_that_takes_a_prefill_goes_before_one_that_does_not() -> None:
    world = World(a(always("eof", "mid-word")), Provider("a2", "openai_chat", act), c())
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "c"]
    body = msgspec.json.decode(world.transport.requests[-1].request.body)
    assert body["contents"][-1]["role"] == "model"
    await check(world)


async def test_a_refused_prefill_is_retried_without_on_the_same_target() -> None:
    world = World(a(always("eof", "mid-word")), b(first(1, "prefill rejected")))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a", "b", "b"]
    roles = [
        msgspec.json.decode(exchange.request.body)["messages"][-1]["role"] for exchange in world.transport.requests[1:]
    ]
    assert roles == ["assistant", "user"]
    await check(world)


async def test_an_answer_has_two_seams_at_most() -> None:
    world = World(a(always("eof", "first token")), b(always("eof", "mid-word")), c(always("eof", "before terminal")))
    outcome = await world.ask(PROSE)
    assert len(seams(outcome)) == 2
    assert isinstance(outcome.error, StreamInterruptedError)
    assert outcome.error.delivered == outcome.text
    assert len(outcome.tried) == 3
    await check(world, answered=False)


async def test_without_leave_for_seams_a_broken_stream_ends_with_an_error() -> None:
    world = World(a(always("eof", "mid-word")), b(), policy=Policy(continuations=0))
    outcome = await world.ask(PROSE)
    assert outcome.tried == ["a"]
    assert isinstance(outcome.error, StreamInterruptedError)
    await check(world, answered=False)


async def test_a_whole_answer_is_restarted_and_has_no_seam() -> None:
    world = World(a(always("eof", "mid-word")), b())
    outcome = await world.ask(PROSE, hold=True)
    assert not seams(outcome)
    assert not any(start.continuation for _, start in outcome.starts)
    await check(world)


async def test_structured_output_is_restarted_never_stitched() -> None:
    world = World(a(always("eof", "mid-word")), b())
    outcome = await world.ask(REFERENCES["json"])
    assert not seams(outcome)
    assert msgspec.json.decode(outcome.text)["items"]
    await check(world)


async def test_structured_output_that_fails_its_check_is_its_targets_failure() -> None:
    world = World(a(), b())
    seen: list[str] = []

    def validate(text: str) -> str | None:
        seen.append(text)
        return "too short" if len(seen) == 1 else None

    outcome = await world.ask(REFERENCES["json"], validate=validate)
    assert outcome.tried == ["a", "b"]
    assert ends(outcome) == ["invalid", "ok"]
    await check(world)


async def test_an_answer_cut_in_its_thinking_is_restarted_and_marked() -> None:
    world = World(a(always("eof", "thinking")), b())
    outcome = await world.ask(REFERENCES["thinking"])
    [seam] = seams(outcome)
    assert (seam.restarted, seam.at) == (True, 0)
    await check(world)


async def test_a_cut_inside_a_tool_call_makes_the_call_again() -> None:
    world = World(a(always("eof", "tool arguments")), b())
    outcome = await world.ask(REFERENCES["bare tools"])
    assert [event.call.name for event in outcome.calls] == ["look_up", "look_up"]
    await check(world)


@pytest.mark.parametrize("reference", ["tools", "bare tools"])
async def test_after_a_delivered_tool_call_the_turn_ends_with_it(reference: str) -> None:
    world = World(a(always("eof", "second call")), b())
    outcome = await world.ask(REFERENCES[reference])
    assert outcome.tried == ["a"]
    assert len(outcome.calls) == 1
    assert isinstance(outcome.events[-1], Finished)
    assert outcome.events[-1].reason is FinishReason.TOOL_CALLS
    await check(world)


@pytest.mark.parametrize("manner", ["overlap", "restart", "bare"])
@pytest.mark.parametrize("reference", ["prose", "code", "table", "korean", "spaced"])
async def test_whatever_the_manner_of_going_on_nothing_comes_twice(manner: str, reference: str) -> None:
    phase = "code fence" if reference == "code" else "mid-word"
    world = World(a(always("eof", phase)), b(manner=manner))
    outcome = await world.ask(REFERENCES[reference])
    assert outcome.text == REFERENCES[reference].text
    await check(world)


@pytest.mark.parametrize("phase", ["first token", "mid-word"])
@pytest.mark.parametrize("reference", ["rows", "refrain"])
async def test_what_rightly_comes_again_after_a_prefill_is_shown_again(phase: str, reference: str) -> None:
    world = World(a(always("eof", phase)), b())
    outcome = await world.ask(REFERENCES[reference])
    assert len(seams(outcome)) == 1
    assert outcome.text == REFERENCES[reference].text
    await check(world)


async def test_a_400_to_a_prefill_does_not_mask_what_broke_the_answer_off() -> None:
    world = World(a(always("eof", "mid-word")), b(always("prefill rejected")), policy=Policy(rounds=1))
    outcome = await world.ask(PROSE)
    assert isinstance(outcome.error, StreamInterruptedError)
    assert "prefill" not in str(outcome.error).splitlines()[0]
    assert outcome.tried == ["a", "b", "b"]


async def test_the_prompt_of_a_continuation_is_booked_with_the_text_it_carries() -> None:
    world = World(a(always("eof", "mid-word")), b())
    outcome = await world.ask(PROSE)
    whole, rest = (start.prompt_tokens for _, start in outcome.starts)
    assert rest > whole
    await check(world)


async def test_text_goes_out_as_it_comes() -> None:
    """Nothing is held back but at a seam."""
    world = World(a())
    arrivals: list[float] = []

    async def note(outcome: Outcome) -> None:
        if any(isinstance(event, TextDelta) for event in outcome.events):
            arrivals.append(asyncio.get_running_loop().time())

    await world.ask(PROSE, read=note)
    assert len(set(arrivals)) > 3
    await check(world)


# The caller.


@pytest.mark.parametrize("strike", [None, Strike("hang", "headers"), Strike("stall", "mid-word")], ids=str)
async def test_a_cancelled_request_leaves_nothing_behind_after_a_tenth_of_a_second(strike: Strike | None) -> None:
    world = World(a(lambda number, now: strike, pace=0.1), b())
    outcome = await world.ask(PROSE, cancel_after=0.5)
    assert outcome.cancelled
    assert ends(outcome) == ["cancelled"]
    await check(world, answered=None)
    assert not world.transport.open


async def test_a_cancelled_race_stops_both() -> None:
    world = World(a(always("hang")), b(always("hang")))
    outcome = await world.ask(PROSE, cancel_after=3.5)
    assert ends(outcome) == ["cancelled", "cancelled"]
    await check(world, answered=None)


async def test_a_caller_that_reads_slowly_is_no_silence_of_the_targets() -> None:
    long = Reference(name="prose", text=PROSE.text)
    world = World(a(pace=0.0), b())

    async def dawdle(outcome: Outcome) -> None:
        await asyncio.sleep(15.0)

    outcome = await world.ask(long, read=dawdle, policy=Policy(deadline=None))
    assert outcome.tried == ["a"]
    await check(world)
