"""A thousand callers at once, while the provider they are on dies."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator

import pytest

from segue import Policy

from .upstream import Ask, Line, Upstream, answering
from .world import AT_ONCE, MEASURES, Heard, streamed, whole, world, wrong_answer

CALLERS = 1_000
DIES_AFTER = 300
"""Answers that the provider gives before it dies."""


@pytest.fixture
def many_sockets() -> Iterator[None]:
    """Both ends of each connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8 * CALLERS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"NOTICE: this machine allows {hard} open files, {CALLERS} callers need {wanted}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_sockets")
async def test_a_thousand_callers_of_a_provider_that_dies_are_all_answered_and_none_twice() -> None:
    steady = answering(pause=0.02)
    answered = 0

    async def mortal(line: Line, ask: Ask) -> None:
        nonlocal answered
        try:
            await steady(line, ask)
        finally:  # a client that has the last word may close before the body's end
            answered += ask.ended
            if ask.ended and answered == DIES_AFTER:
                dying.die()

    dying = Upstream(usual=mortal)
    policy = Policy(connect=20.0)  # so many connections in one turn of one loop take their time on a busy machine
    async with world(dying, policy=policy) as here:

        async def call(number: int) -> Heard:
            await asyncio.sleep(number * 0.001)
            return await (streamed if number % 2 else whole)(here.client, f"Count. #{number}-")

        began = time.perf_counter()
        found = await asyncio.gather(*(call(number) for number in range(CALLERS)))
        took = time.perf_counter() - began
        outlived = await here.outlived(max(outcome.ended for outcome in found))

    wrong = {}
    for number, outcome in enumerate(found):
        by = outcome.answer.target if outcome.answer is not None else ""
        if complaints := [*wrong_answer(outcome, by, f"Count. #{number}-")]:
            wrong[number] = complaints
    assert not wrong, f"{len(wrong)} of {CALLERS}: {list(wrong.items())[:3]}"
    asks = [ask for upstream in here.upstreams.values() for ask in upstream.asks]
    ended = [ask.prompt for ask in asks if ask.ended]
    twice = len(ended) - len(set(ended))
    hedges = sum(outcome.answer.hedges for outcome in found if outcome.answer is not None)
    assert twice <= hedges, "an answer was generated whole a second time, and no race explains it"
    givers = [outcome.answer.target for outcome in found if outcome.answer is not None]
    moved = [outcome for outcome in found if outcome.answer is not None and len(outcome.answer.attempts) > 1]
    assert givers.count("gemini") >= DIES_AFTER
    assert moved
    assert len(set(givers)) > 1
    assert outlived <= AT_ONCE
    assert not here.unsettled()
    seams = sum(outcome.answer.seams for outcome in found if outcome.answer is not None)
    MEASURES.notes.append(
        f"{CALLERS} callers, {givers.count('gemini')} answered before the provider died, {len(moved)} carried over with "
        f"{seams} seams and {hedges} hedges, all exact, in {took:.1f} s"
    )
