from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.failover.stall_timer import Action, Limits, Phase, Verdict, Watch, limits
from segue.policy import StallPolicy

PLAIN: dict[str, Any] = {
    "p95_first": None,
    "p99_first": None,
    "p99_gap": None,
    "prompt_tokens": 0,
    "reasoning": False,
    "streams": True,
    "timeout": None,
}

KNOWN = Limits(
    hedge_first=3.0,
    give_up_first=10.0,
    hedge_gap=2.0,
    give_up_gap=10.0,
    quiet_give_up=60.0,
    no_byte=180.0,
    drip_window=20.0,
    drip_floor=40.0,
)


@pytest.mark.parametrize(
    ("known", "hedge_first"),
    [
        ({}, 3.0),
        ({"prompt_tokens": 64_000}, 5.0),
        ({"p95_first": 0.1}, 0.8),
        ({"p95_first": 2.5, "prompt_tokens": 64_000}, 2.5),
        ({"p95_first": 40.0}, 10.0),
        ({"reasoning": True, "prompt_tokens": 64_000}, 15.0),
        ({"reasoning": True, "p95_first": 4.0}, 4.0),
        ({"reasoning": True, "p95_first": 40.0}, 15.0),
        ({"streams": False}, 15.0),
        ({"streams": False, "p95_first": 40.0}, 40.0),
    ],
)
def test_the_hedge_point_before_content_follows_what_is_known(known: dict[str, Any], hedge_first: float) -> None:
    assert limits(StallPolicy(), **(PLAIN | known)).hedge_first == hedge_first


@pytest.mark.parametrize(
    ("known", "give_up_first"),
    [
        ({}, 10.0),
        ({"p99_first": 2.0}, 10.0),
        ({"p99_first": 5.0}, 15.0),
        ({"reasoning": True}, 120.0),
        ({"reasoning": True, "p99_first": 50.0}, 150.0),
        ({"streams": False}, 120.0),
        ({"timeout": 4.0}, 4.0),
        ({"timeout": 30.0, "reasoning": True}, 30.0),
        ({"timeout": 30.0}, 10.0),
    ],
)
def test_the_give_up_point_before_content_follows_what_is_known(known: dict[str, Any], give_up_first: float) -> None:
    assert limits(StallPolicy(), **(PLAIN | known)).give_up_first == give_up_first


@pytest.mark.parametrize(
    ("p99_gap", "hedge_gap", "give_up_gap"), [(None, 8.0, 24.0), (0.01, 1.0, 10.0), (0.5, 3.0, 10.0), (9.0, 8.0, 24.0)]
)
def test_the_limits_on_a_gap_in_text_follow_the_gaps_seen(
    p99_gap: float | None, hedge_gap: float, give_up_gap: float
) -> None:
    found = limits(StallPolicy(), **(PLAIN | {"p99_gap": p99_gap}))
    assert (found.hedge_gap, found.give_up_gap) == (hedge_gap, give_up_gap)


def test_a_target_that_does_not_stream_may_send_no_byte_for_as_long_as_it_may_take() -> None:
    assert limits(StallPolicy(), **(PLAIN | {"streams": False, "p99_first": 100.0})).no_byte == 300.0
    assert limits(StallPolicy(), **PLAIN).no_byte == 180.0


def test_silence_before_content_is_hedged_once_and_then_given_up() -> None:
    watch = Watch(KNOWN, 100.0)
    assert watch.next_check() == 103.0
    assert watch.check(102.9) == Verdict(Action.WAIT)
    assert watch.check(103.2) == Verdict(Action.HEDGE, "no content for 3.2 s")
    assert watch.check(103.3) == Verdict(Action.WAIT)
    assert watch.next_check() == 110.0
    assert watch.check(110.0) == Verdict(Action.GIVE_UP, "no content for 10.0 s")


def test_keep_alives_do_not_put_off_the_verdict_on_silence() -> None:
    watch = Watch(KNOWN, 0.0)
    for tick in range(1, 100):
        watch.received(tick / 10)
    assert watch.check(9.99).action is Action.HEDGE
    assert watch.check(10.0) == Verdict(Action.GIVE_UP, "no content for 10.0 s")


def test_an_empty_piece_of_content_is_only_a_byte() -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(Phase.TEXT, 0, 9.0)
    assert watch.phase is Phase.BEFORE
    assert watch.check(10.0).action is Action.GIVE_UP


def test_a_gap_in_text_is_hedged_and_text_that_comes_back_arms_the_hedge_again() -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(Phase.TEXT, 50, 1.0)
    assert watch.check(3.0) == Verdict(Action.HEDGE, "text stopped for 2.0 s")
    watch.progress(Phase.TEXT, 50, 3.5)
    assert watch.next_check() == 5.5
    assert watch.check(5.5).action is Action.HEDGE
    assert watch.check(13.5) == Verdict(Action.GIVE_UP, "text stopped for 10.0 s")


@pytest.mark.parametrize(
    ("phase", "reason"),
    [(Phase.TOOL, "tool arguments stopped for 60.0 s"), (Phase.THINKING, "thinking stopped for 60.0 s")],
)
def test_gaps_in_thinking_and_tool_arguments_are_never_hedged_and_given_up_late(phase: Phase, reason: str) -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(phase, 5, 1.0)
    assert watch.next_check() == 61.0
    assert watch.check(60.9).action is Action.WAIT
    assert watch.check(61.0) == Verdict(Action.GIVE_UP, reason)


def test_a_connection_without_a_byte_is_given_up_where_nothing_else_would_end_it() -> None:
    watch = Watch(KNOWN.replace(hedge_first=None, give_up_first=None), 0.0)
    watch.received(100.0)
    assert watch.next_check() == 280.0
    assert watch.check(279.9).action is Action.WAIT
    assert watch.check(280.0) == Verdict(Action.GIVE_UP, "no byte for 180.0 s")


def test_text_that_only_drips_is_given_up_although_it_never_stops() -> None:
    watch = Watch(KNOWN, 0.0)
    verdicts = []
    for second in range(1, 40):
        watch.progress(Phase.TEXT, 1, float(second))
        verdicts.append(watch.check(float(second)))
    assert [verdict.action for verdict in verdicts[:20]] == [Action.WAIT] * 20
    assert verdicts[20] == Verdict(Action.GIVE_UP, "20 characters in 20 s")


def test_a_drip_is_judged_by_the_last_window_and_not_by_a_quick_start() -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(Phase.TEXT, 5000, 1.0)
    first = None
    for tick in range(2, 60):
        watch.progress(Phase.TEXT, 1, float(tick))
        if first is None and watch.check(float(tick)).action is Action.GIVE_UP:
            first = tick
    assert first == 21


@pytest.mark.parametrize("phase", [Phase.THINKING, Phase.TOOL])
def test_slow_thinking_and_slow_tool_arguments_are_no_drip(phase: Phase) -> None:
    watch = Watch(KNOWN, 0.0)
    for second in range(1, 200):
        watch.progress(phase, 1, float(second))
        assert watch.check(float(second)).action is Action.WAIT


def test_text_after_thinking_gets_a_whole_window_before_it_is_judged() -> None:
    watch = Watch(KNOWN.replace(give_up_gap=None, hedge_gap=None), 0.0)
    watch.progress(Phase.THINKING, 10, 1.0)
    watch.progress(Phase.TEXT, 1, 50.0)
    assert watch.next_check() == 70.0
    assert watch.check(69.9).action is Action.WAIT
    assert watch.check(70.0) == Verdict(Action.GIVE_UP, "0 characters in 20 s")


def test_time_without_a_reader_is_no_silence() -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(Phase.TEXT, 10, 1.0)
    watch.resume(200.0)
    assert watch.check(200.0).action is Action.WAIT
    assert watch.next_check() == 202.0


def test_a_finished_attempt_is_never_given_up() -> None:
    watch = Watch(KNOWN, 0.0)
    watch.progress(Phase.TEXT, 10, 1.0)
    watch.finished = True
    assert watch.check(9e9).action is Action.WAIT
    assert watch.next_check() == inf


def test_where_both_are_due_giving_up_goes_before_hedging() -> None:
    assert Watch(KNOWN, 0.0).check(50.0).action is Action.GIVE_UP


def test_an_attempt_without_limits_waits_for_ever() -> None:
    never = KNOWN.replace(hedge_first=None, give_up_first=None, no_byte=None)
    assert Watch(never, 0.0).next_check() == inf


STEPS = st.lists(
    st.tuples(
        st.sampled_from([None, Phase.TEXT, Phase.THINKING, Phase.TOOL]), st.integers(0, 60), st.floats(0.0, 30.0)
    ),
    max_size=25,
)


@given(STEPS, st.floats(0.0, 1.0))
def test_the_verdict_changes_exactly_at_the_next_check_and_never_before(
    steps: list[tuple[Phase | None, int, float]], part: float
) -> None:
    watch = Watch(KNOWN, 0.0)
    now = 0.0
    for phase, size, wait in steps:
        now += wait
        if phase is None:
            watch.received(now)
        else:
            watch.progress(phase, size, now)
    while (ahead := watch.next_check()) < inf:
        if ahead > now:
            before = now + (ahead - now) * part
            if before < ahead:
                assert watch.check(before).action is Action.WAIT
        verdict = watch.check(max(now, ahead))
        assert verdict.action is not Action.WAIT
        assert verdict.reason
        if verdict.action is Action.GIVE_UP:
            break
        now = max(now, ahead)


@given(STEPS)
def test_a_drip_is_found_exactly_where_adding_up_the_last_window_finds_it(
    steps: list[tuple[Phase | None, int, float]],
) -> None:
    only_drip = KNOWN.replace(
        hedge_first=None, give_up_first=None, hedge_gap=None, give_up_gap=None, quiet_give_up=None, no_byte=None
    )
    watch = Watch(only_drip, 0.0)
    now, since, pieces = 0.0, None, list[tuple[float, int]]()
    for phase, size, wait in steps:
        now += wait
        dripping = since is not None and since + 20.0 <= now and sum(n for at, n in pieces if at + 20.0 > now) < 40
        assert (watch.check(now).action is Action.GIVE_UP) is dripping
        watch.progress(phase or Phase.TEXT, size, now)
        if not size:
            continue
        if phase in (None, Phase.TEXT):
            since = now if since is None else since
            pieces.append((now, size))
        else:
            since, pieces = None, []
