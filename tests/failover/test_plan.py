from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalog.models import ModelInfo
from segue.chat.failure import Failure, FailureKind
from segue.failover.plan import OMITTABLE, TRANSIENT, Entry, Look, Plan, Skipped
from segue.health.target import HEALTHY, Availability
from segue.policy import Policy
from segue.routing.fitness import Need
from segue.routing.target import Target

NOW = 1000.0
LONG_AFTER = 1e9
PLAIN = Need(prompt_tokens=100)
USUAL = Policy()
BLIP = Failure(kind=FailureKind.OVERLOAD, message="", status=500)
DOWN = Failure(kind=FailureKind.OVERLOAD, message="", status=503)
TOO_LONG = Failure(kind=FailureKind.CAPABILITY, message="")
GONE = Failure(kind=FailureKind.MODEL_GONE, message="")
NO_PREFILL = Failure(kind=FailureKind.CAPABILITY, message="", status=400, prefill_rejected=True)


def target(name: str, *, provider: str = "", model: str = "m", **facts: Any) -> Target:
    provider = provider or name
    info = ModelInfo(id=model, provider=provider, dialect="openai_chat", **facts)
    return Target(name=name, provider=provider, dialect="openai_chat", model=info, base_url="http://127.0.0.1")


A, B, C = target("a"), target("b"), target("c")


def no_heir(_: Target) -> Target | None:
    return None


def plan(
    *targets: Target,
    need: Need = PLAIN,
    policy: Policy = USUAL,
    successor: Callable[[Target], Target | None] = no_heir,
) -> Plan:
    return Plan(targets, need, policy, successor=successor)


def well(_: Target) -> Availability:
    return HEALTHY


def unhealthy(**states: Availability) -> Look:
    """Looks at targets of which those named are in these states, and all others are well."""
    return lambda target: states.get(target.name, HEALTHY)


def barred(recovers_at: float | None = None, *, hopeless: bool = False) -> Availability:
    return Availability(barred=True, recovers_at=recovers_at, reason="why", hopeless=hopeless)


def taken(plan: Plan, look: Look = well, **options: Any) -> Entry:
    entry = plan.next(look, **options)
    assert entry is not None
    return entry


def order(plan: Plan, look: Look = well) -> str:
    """The names of all that can still be asked, in their order; takes them."""
    names = ""
    while (entry := plan.next(look)) is not None:
        names += entry.target.name
    return names


def refused(param: str | None) -> Failure:
    return Failure(kind=FailureKind.CAPABILITY, message="", param=param)


# Who is next.


def test_the_chain_is_asked_in_its_order_and_each_target_once() -> None:
    assert order(plan(A, B, C)) == "abc"


def test_looking_ahead_takes_nothing() -> None:
    queue = plan(A, B)
    first = queue.peek(well)
    assert first == queue.peek(well) == queue.next(well)
    assert order(queue) == "b"


def test_without_failing_over_only_the_first_target_is_asked() -> None:
    assert order(plan(A, B, C, policy=Policy(fallback=False))) == "a"


def test_an_unhealthy_target_is_passed_over_and_keeps_its_place() -> None:
    queue = plan(A, B, C)
    assert taken(queue, unhealthy(a=barred())).target is B
    assert order(queue) == "ac"


def test_a_target_that_may_be_probed_is_asked() -> None:
    assert taken(plan(A, B), unhealthy(a=Availability(probing=True))).target is A


@pytest.mark.parametrize(
    ("facts", "need"),
    [
        ({"images": False}, Need(prompt_tokens=1, images=True)),
        ({"tools": False}, Need(prompt_tokens=1, tools=True)),
        ({"json_schema": False}, Need(prompt_tokens=1, schema=True)),
        ({"window": 100}, Need(prompt_tokens=126)),
    ],
)
def test_a_target_that_cannot_take_the_request_is_passed_over(facts: dict[str, Any], need: Need) -> None:
    assert order(plan(target("x", **facts), B, need=need)) == "b"


def test_targets_of_the_named_providers_are_left_out() -> None:
    queue = plan(target("a", provider="p"), target("b", provider="p"), C)
    assert taken(queue, providers={"p"}).target is C
    assert queue.next(well, providers={"p"}) is None


def test_preferred_targets_come_first_and_the_others_after_them() -> None:
    queue = plan(A, B, C)
    assert [taken(queue, prefer=lambda target: target is C).target for _ in range(3)] == [C, A, B]


def test_a_preferred_target_that_is_unhealthy_does_not_come_first() -> None:
    assert taken(plan(A, B), unhealthy(b=barred()), prefer=lambda target: target is B).target is A


def test_a_target_that_waits_and_cannot_be_asked_is_named_with_the_reason() -> None:
    queue = plan(A, target("b", tools=False), C, need=Need(prompt_tokens=1, tools=True))
    assert queue.skipped(unhealthy(a=barred(1005.0))) == [
        Skipped(target=A, reason="why", recovers_at=1005.0),
        Skipped(target=target("b", tools=False), reason="m takes no tools", unfit=True),
    ]


def test_a_target_that_was_asked_is_not_named_among_those_passed_over() -> None:
    queue = plan(A, B)
    taken(queue)
    assert queue.skipped(unhealthy(a=barred())) == []


@pytest.mark.parametrize("back", [["a"], ["b"], ["c"], ["c", "a"], ["b", "a"], ["a", "c", "b"]])
def test_a_target_that_was_overtaken_gets_its_old_place_back(back: list[str]) -> None:
    queue = plan(A, B, C)
    entries = {entry.target.name: entry for entry in (taken(queue), taken(queue), taken(queue))}
    for name in back:
        queue.put_back(entries[name])
    assert order(queue) == "".join(sorted(back))


def test_a_target_that_comes_back_stands_before_those_behind_it_in_the_chain() -> None:
    queue = plan(A, B, C)
    queue.put_back(taken(queue))
    assert order(queue) == "abc"


# What follows from a failure.


@pytest.mark.parametrize("status", [500, 502])
def test_a_blip_of_a_healthy_target_gets_one_second_try_after_a_pause_and_before_all_others(status: int) -> None:
    queue = plan(A, B)
    blip = Failure(kind=FailureKind.OVERLOAD, message="", status=status)
    queue.failed(taken(queue), blip, NOW, healthy=True, pause=0.1)
    again = taken(queue)
    assert (again.target, again.not_before, again.retried) == (A, NOW + 0.1, True)
    queue.failed(again, blip, NOW, healthy=True, pause=0.1)
    assert order(queue) == "b"


@pytest.mark.parametrize(
    ("failure", "healthy"),
    [
        pytest.param(BLIP, False, id="it was not healthy"),
        pytest.param(DOWN, True, id="503"),
        pytest.param(Failure(kind=FailureKind.OVERLOAD, message="", status=529), True, id="529"),
        pytest.param(Failure(kind=FailureKind.OVERLOAD, message=""), True, id="no status"),
        pytest.param(Failure(kind=FailureKind.RATE, message="", status=429), True, id="429"),
        pytest.param(Failure(kind=FailureKind.BROKEN, message="", status=500), True, id="another kind"),
        pytest.param(
            Failure(kind=FailureKind.OVERLOAD, message="", status=500, retry_after=0.0), True, id="with a time"
        ),
        pytest.param(
            Failure(kind=FailureKind.OVERLOAD, message="", status=500, should_retry=False), True, id="asked not to"
        ),
    ],
)
def test_what_is_no_blip_fails_over_at_once(failure: Failure, healthy: bool) -> None:
    queue = plan(A, B)
    queue.failed(taken(queue), failure, NOW, healthy=healthy)
    assert order(queue) == "b"


@pytest.mark.parametrize("param", sorted(OMITTABLE))
def test_a_refused_field_that_can_be_done_without_is_left_out_on_the_same_target(param: str) -> None:
    queue = plan(A, B)
    queue.failed(taken(queue), refused(param), NOW, healthy=True)
    again = taken(queue)
    assert (again.target, again.omit, again.retried, again.not_before) == (A, frozenset({param}), True, 0.0)
    queue.failed(again, refused(param), NOW, healthy=True)
    assert order(queue) == "b"


def test_fields_that_are_refused_one_after_another_are_all_left_out() -> None:
    queue = plan(A)
    queue.failed(taken(queue), refused("seed"), NOW, healthy=True)
    queue.failed(taken(queue), refused("top_k"), NOW, healthy=True)
    assert taken(queue).omit == {"seed", "top_k"}


def test_a_refused_field_without_which_there_is_no_answer_fails_over() -> None:
    queue = plan(A, B)
    queue.failed(taken(queue), refused("messages"), NOW, healthy=True)
    assert order(queue) == "b"


def test_a_refused_prefill_is_left_out_once_on_the_same_target_and_keeps_what_else_was_left_out() -> None:
    queue = plan(A, B)
    queue.failed(taken(queue), refused("seed"), NOW, healthy=True)
    queue.failed(taken(queue), NO_PREFILL, NOW, healthy=True)
    again = taken(queue)
    assert (again.target, again.prefill, again.omit, again.retried) == (A, False, frozenset({"seed"}), True)
    queue.failed(again, NO_PREFILL, NOW, healthy=True)
    assert order(queue) == "b"


def test_a_prefill_that_was_not_gone_on_with_is_given_whole_and_then_left_out_on_the_same_target() -> None:
    not_gone_on = Failure(kind=FailureKind.CAPABILITY, message="", prefill_rejected=True)
    queue = plan(A, B)
    queue.failed(taken(queue), not_gone_on, NOW, healthy=True)
    again = taken(queue)
    assert (again.target, again.prefill, again.take_back, again.retried) == (A, True, False, True)
    queue.failed(again, not_gone_on, NOW, healthy=True)
    last = taken(queue)
    assert (last.target, last.prefill) == (A, False)
    queue.failed(last, not_gone_on, NOW, healthy=True)
    assert order(queue) == "b"


def test_a_context_too_long_for_one_model_bars_those_with_a_window_no_larger() -> None:
    windows = {"a": 1000, "b": 999, "c": 1000, "d": 1001}
    chain = [*(target(name, window=size) for name, size in windows.items()), target("e")]
    queue = plan(*chain, need=Need(prompt_tokens=600))
    queue.failed(taken(queue), TOO_LONG, NOW, healthy=True)
    assert {skip.target.name for skip in queue.skipped(well)} == {"b", "c"}
    assert order(queue) == "de"


def test_a_small_window_that_was_too_small_does_not_let_in_what_a_larger_one_barred() -> None:
    windows = {"a": 1000, "b": 2000, "c": 1500, "d": 2000}
    queue = plan(*(target(name, window=size) for name, size in windows.items()), need=Need(prompt_tokens=1100))
    first, second = taken(queue), taken(queue)
    queue.failed(second, TOO_LONG, NOW, healthy=True)
    queue.failed(first, TOO_LONG, NOW, healthy=True)
    assert order(queue) == ""


@pytest.mark.parametrize(("tokens", "left"), [(500, "b"), (501, "")])
def test_a_refusal_that_names_no_field_is_for_lack_of_room_only_where_the_prompt_may_fill_it(
    tokens: int, left: str
) -> None:
    queue = plan(target("a", window=1000), target("b", window=1000), need=Need(prompt_tokens=tokens))
    queue.failed(taken(queue), TOO_LONG, NOW, healthy=True)
    assert order(queue) == left


def heir_of(target_: Target) -> Target | None:
    return target(target_.name, model="m2") if target_.model.id == "m" else None


def test_where_a_model_is_gone_its_successor_is_asked_before_all_others_and_only_once() -> None:
    queue = plan(A, B, successor=heir_of)
    queue.failed(taken(queue), GONE, NOW, healthy=True)
    heir = taken(queue)
    assert (heir.target.name, heir.target.model.id) == ("a", "m2")
    queue.failed(heir, GONE, NOW, healthy=True)
    assert order(queue) == "b"


def test_an_endless_chain_of_successors_ends() -> None:
    def circle(gone: Target) -> Target:
        return target("a", model="m2" if gone.model.id == "m" else "m")

    queue = plan(A, successor=circle)
    for _ in range(10):
        if (entry := queue.next(well)) is not None:
            queue.failed(entry, GONE, NOW, healthy=True)
    assert queue.next(well) is None


def test_a_successor_may_have_a_blip_of_its_own() -> None:
    queue = plan(A, successor=heir_of)
    queue.failed(taken(queue), BLIP, NOW, healthy=True)
    queue.failed(taken(queue), GONE, NOW, healthy=True)
    queue.failed(taken(queue), BLIP, NOW, healthy=True)
    assert taken(queue).target.model.id == "m2"


@pytest.mark.parametrize("policy", [Policy(successor=False), Policy(fallback=False)])
def test_no_successor_is_asked_where_that_is_not_wanted(policy: Policy) -> None:
    queue = plan(A, policy=policy, successor=heir_of)
    queue.failed(taken(queue), GONE, NOW, healthy=True)
    assert queue.next(well) is None


# A last resort.


def last_resort(queue: Plan, look: Look) -> str | None:
    entry = queue.last_resort(look, NOW)
    return None if entry is None else entry.target.name


def test_the_last_resort_is_the_target_that_recovers_first() -> None:
    look = unhealthy(a=barred(NOW + 9.0), b=barred(NOW + 3.0), c=barred(NOW + 6.0))
    assert last_resort(plan(A, B, C), look) == "b"


def test_of_those_that_recover_together_the_first_of_the_chain_is_the_last_resort() -> None:
    assert last_resort(plan(A, B), unhealthy(a=barred(NOW + 3.0), b=barred(NOW + 3.0))) == "a"


def test_a_last_resort_is_taken_and_marked() -> None:
    queue = plan(A, B)
    look = unhealthy(a=barred(NOW + 3.0), b=barred(NOW + 9.0))
    entry = queue.last_resort(look, NOW)
    assert entry is not None
    assert entry.resort
    assert order(queue) == "b"


def test_there_is_only_one_last_resort_and_none_after_anything_was_sent() -> None:
    look = unhealthy(a=barred(NOW + 3.0), b=barred(NOW + 9.0))
    queue = plan(A, B)
    assert last_resort(queue, look) == "a"
    assert last_resort(queue, look) is None
    queue = plan(A, B, C)
    taken(queue, look)
    assert last_resort(queue, look) is None


def test_what_was_taken_and_not_sent_does_not_rule_out_a_last_resort() -> None:
    queue = plan(A, B)
    queue.give_back(taken(queue))
    look = unhealthy(a=barred(NOW + 3.0), b=barred(NOW + 9.0))
    assert last_resort(queue, look) == "a"


def test_a_hopeless_or_unfit_target_is_no_last_resort() -> None:
    look = unhealthy(a=barred(NOW + 1.0, hopeless=True), b=barred(NOW + 2.0), c=barred(NOW + 3.0))
    queue = plan(A, target("b", tools=False), C, need=Need(prompt_tokens=1, tools=True))
    assert last_resort(queue, look) == "c"
    assert last_resort(plan(A), look) is None


# Another round.


def failed_round(*failures: tuple[Target, Failure], policy: Policy = USUAL) -> Plan:
    queue = plan(*(target for target, _ in failures), policy=policy)
    for _, failure in failures:
        queue.failed(taken(queue), failure, NOW, healthy=False)
    return queue


def next_round(queue: Plan, look: Look = well, *, until: float = LONG_AFTER, jitter: float = 0.0) -> float | None:
    return queue.next_round(look, NOW, until=until, jitter=jitter)


def test_those_that_failed_in_a_passing_way_are_asked_again_after_a_wait_in_the_order_they_failed() -> None:
    queue = failed_round((A, DOWN), (B, Failure(kind=FailureKind.STALL, message="")), (C, DOWN))
    assert next_round(queue) == NOW + 4.0
    assert queue.round == 2
    assert [taken(queue).not_before for _ in range(2)] == [NOW + 4.0] * 2
    assert order(queue) == "c"


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 4.0), (0.5, 6.0), (1.0, 8.0)])
def test_the_wait_for_another_round_is_spread_by_jitter(jitter: float, wait: float) -> None:
    assert next_round(failed_round((A, DOWN)), jitter=jitter) == NOW + wait


@pytest.mark.parametrize("kind", list(FailureKind))
def test_only_passing_failures_earn_another_round(kind: FailureKind) -> None:
    again = next_round(failed_round((A, Failure(kind=kind, message=""))))
    assert (again is not None) == (kind in TRANSIENT)


def test_who_says_that_asking_again_is_no_use_is_not_asked_again() -> None:
    no_use = Failure(kind=FailureKind.OVERLOAD, message="", should_retry=False)
    assert next_round(failed_round((A, no_use))) is None


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_there_are_no_more_rounds_than_allowed(rounds: int) -> None:
    queue = failed_round((A, DOWN), policy=Policy(rounds=rounds))
    begun = 1
    while next_round(queue) is not None:
        begun += 1
        queue.failed(taken(queue), DOWN, NOW, healthy=False)
    assert begun == queue.round == rounds


@pytest.mark.parametrize(("until", "begins"), [(NOW + 4.0, False), (NOW + 4.1, True)])
def test_no_round_begins_that_the_deadline_would_end_at_once(until: float, begins: bool) -> None:
    queue = failed_round((A, DOWN))
    assert (next_round(queue, until=until) is not None) is begins
    assert queue.round == (2 if begins else 1)


def test_no_target_is_asked_again_before_the_time_it_named() -> None:
    rate = Failure(kind=FailureKind.RATE, message="", retry_after=9.0)
    queue = failed_round((A, rate))
    assert next_round(queue) == NOW + 9.0
    assert taken(queue).not_before == NOW + 9.0


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 5.0), (0.5, 5.5), (1.0, 6.0)])
def test_a_stated_wait_is_stretched_by_up_to_a_fifth(jitter: float, wait: float) -> None:
    rate = Failure(kind=FailureKind.RATE, message="", retry_after=5.0)
    assert next_round(failed_round((A, rate)), jitter=jitter) == NOW + wait
    assert next_round(plan(A), unhealthy(a=barred(NOW + 5.0)), jitter=jitter) == NOW + wait


def test_no_target_is_asked_again_before_it_recovers() -> None:
    assert next_round(failed_round((A, DOWN)), unhealthy(a=barred(NOW + 9.0))) == NOW + 9.0


def test_those_that_rest_are_waited_for_though_nothing_was_asked_for_this_request() -> None:
    queue = plan(A, B, C)
    assert next_round(queue, unhealthy(a=barred(NOW + 9.0), b=barred(NOW + 3.0), c=barred(NOW + 6.0))) == NOW + 3.0
    assert order(queue, unhealthy(a=barred(NOW + 9.0), c=barred(NOW + 6.0))) == "b"


@pytest.mark.parametrize(("recovers", "waits"), [(NOW + 9.9, True), (NOW + 10.1, False), (None, False)])
def test_who_recovers_beyond_what_patience_allows_is_not_waited_for(recovers: float | None, waits: bool) -> None:
    assert (next_round(plan(A), unhealthy(a=barred(recovers))) is not None) is waits
    assert next_round(plan(A, policy=Policy(patience=20.0)), unhealthy(a=barred(NOW + 15.0))) == NOW + 15.0


def test_a_wait_for_a_target_that_was_passed_over_costs_the_others_no_round() -> None:
    queue = plan(A, B)
    look = unhealthy(b=barred(NOW + 1.0))
    queue.failed(taken(queue, look), DOWN, NOW, healthy=False)
    assert next_round(queue, look) == NOW + 1.0
    passed_over = queue.next(well, now=NOW + 1.0)
    assert passed_over is not None
    assert (passed_over.target, passed_over.tried) == (B, 0)
    queue.failed(passed_over, DOWN, NOW + 1.0, healthy=False)
    tried = []
    now = NOW + 1.0
    while (moment := queue.next_round(well, now, until=LONG_AFTER, jitter=0.0)) is not None:
        now = moment
        while (entry := queue.next(well, now=now)) is not None:
            tried.append(entry.target.name)
            queue.failed(entry, DOWN, now, healthy=False)
    assert sorted(tried) == ["a", "a", "b", "b"]
    assert queue.round == 3


def test_who_is_hopeless_or_unfit_is_not_waited_for() -> None:
    look = unhealthy(a=barred(NOW + 1.0, hopeless=True), b=barred(NOW + 2.0), c=barred(NOW + 3.0))
    queue = plan(A, target("b", tools=False), C, need=Need(prompt_tokens=1, tools=True))
    assert next_round(queue, look) == NOW + 3.0
    assert [target.name for target in queue.hoped_for(look)] == ["c"]


def test_a_round_is_not_held_up_by_those_that_come_later_who_are_asked_when_their_time_has_come() -> None:
    rate = Failure(kind=FailureKind.RATE, message="", retry_after=7.0)
    queue = failed_round((A, rate), (B, DOWN))
    assert next_round(queue) == NOW + 4.0
    second = queue.next(well, now=NOW + 4.0)
    assert second is not None
    assert second.target is B
    assert queue.next(well, now=NOW + 4.0) is None
    queue.failed(second, DOWN, NOW + 5.0, healthy=False)
    assert queue.next_round(well, NOW + 5.0, until=LONG_AFTER, jitter=0.0) == NOW + 7.0
    assert order(queue) == "ab"


def test_who_proves_well_for_another_request_is_asked_before_its_wait_is_over() -> None:
    queue = failed_round((A, DOWN), (B, DOWN))
    next_round(queue, jitter=1.0)
    assert queue.next(well, now=NOW + 1.0) is None
    queue.recovered(lambda target: target is B, NOW + 1.0)
    entry = queue.next(well, now=NOW + 1.0)
    assert entry is not None
    assert (entry.target, entry.not_before) == (B, 0.0)


def test_who_stated_a_wait_is_not_asked_before_it_is_over_whatever_others_find() -> None:
    queue = failed_round((A, Failure(kind=FailureKind.RATE, message="", retry_after=5.0)))
    next_round(queue)
    queue.recovered(lambda target: target is A, NOW + 1.0)
    assert queue.next(well, now=NOW + 1.0) is None


def test_those_that_were_passed_over_still_wait_in_the_next_round() -> None:
    queue = plan(A, B)
    queue.failed(taken(queue, unhealthy(a=barred())), DOWN, NOW, healthy=False)
    assert next_round(queue) == NOW + 4.0
    assert order(queue) == "ab"


def test_a_second_try_that_is_still_queued_is_not_doubled_by_the_next_round() -> None:
    queue = plan(A)
    entry = taken(queue)
    queue.failed(entry, DOWN, NOW, healthy=False)
    queue.put_back(entry)
    assert next_round(queue) == NOW + 4.0
    assert order(queue) == "a"


def test_a_successor_that_failed_in_a_passing_way_is_the_one_that_is_asked_again() -> None:
    queue = plan(A, successor=heir_of)
    queue.failed(taken(queue), GONE, NOW, healthy=True)
    queue.failed(taken(queue), DOWN, NOW, healthy=False)
    assert next_round(queue) is not None
    assert taken(queue).target.model.id == "m2"


# All together.

FAILURES = st.sampled_from(
    [BLIP, DOWN, TOO_LONG, GONE, NO_PREFILL, refused("seed"), refused("stop")]
    + [Failure(kind=kind, message="", retry_after=wait) for kind in FailureKind for wait in (None, 20.0)]
)


@given(st.data(), st.integers(1, 4), st.booleans())
def test_whatever_fails_a_request_ends_and_asks_no_barred_target_but_as_a_last_resort(
    data: st.DataObject, size: int, healthy: bool
) -> None:
    """A target has one try in each of three rounds, and besides one each for a blip, a prefill and two fields; its heir as many."""
    chain = [target(name, window=1000) for name in "abcd"[:size]]
    queue = plan(*chain, need=Need(prompt_tokens=600), successor=heir_of)
    now, attempts = NOW, 0
    while attempts < 1000:
        look = unhealthy(**{name: barred(now + 5.0) for name in data.draw(st.sets(st.sampled_from("abcd")))})
        entry = queue.next(look) or queue.last_resort(look, now)
        if entry is None:
            begin = queue.next_round(look, now, until=NOW + 120.0, jitter=0.5)
            if begin is None:
                break
            assert now < begin < NOW + 120.0
            now = begin
            continue
        attempts += 1
        assert entry.resort or not look(entry.target).barred
        now = max(now, entry.not_before)
        queue.failed(entry, data.draw(FAILURES), now, healthy=healthy, pause=0.1)
    assert attempts <= size * 2 * 3 * 5
