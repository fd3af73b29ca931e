"""Random histories of hours, and a thousand requests at once through a provider that dies: the invariants hold for every request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from segue.chat.events import Seam

from .answers import REFERENCES
from .faults import act
from .histories import live
from .invariants import violations, violations_of
from .provider import Provider, Strike
from .world import World, run

SHORT = range(300)
LONG = range(1_000, 11_000)
BATCH = 100


def batches(seeds: range) -> list[range]:
    return [seeds[begin : begin + BATCH] for begin in range(0, len(seeds), BATCH)]


def check(seeds: range, tally: Any) -> None:
    broken = []
    with tally("random histories", len(seeds)):
        for seed in seeds:
            _, found = live(seed)
            broken += [f"seed {seed}: {sentence}" for sentence in found]
    assert not broken, f"{len(broken)} violations, among them:\n" + "\n".join(broken[:10])


@pytest.mark.parametrize("seeds", batches(SHORT), ids=str)
def test_the_invariants_hold_in_random_histories(seeds: range, tally: Any) -> None:
    check(seeds, tally)


@pytest.mark.long
@pytest.mark.parametrize("seeds", batches(LONG), ids=str)
def test_the_invariants_hold_in_very_many_random_histories(seeds: range, tally: Any) -> None:
    check(seeds, tally)


def test_a_history_is_its_seed() -> None:
    assert live(7) == live(7)


DEATH = 1.0
REQUESTS = 1_000


def test_a_thousand_requests_at_once_survive_the_death_of_a_provider(tally: Any) -> None:
    """Those under way are cut within a word, later ones find a closed port: all are answered, none twice, none with a gap."""

    def dies(number: int, now: float) -> Strike | None:
        if now >= DEATH:
            return Strike("refused", "connect")
        return Strike("eof", "mid-word") if now > DEATH - 0.4 else None

    async def crowd() -> tuple[World, list[str]]:
        world = World(
            Provider("a", "openai_chat", act, dies, latency=0.2, pace=0.02),
            Provider("b", "claude", act, latency=0.2, pace=0.02),
            Provider("c", "gemini", act, latency=0.2, pace=0.02),
        )

        async def arrives(number: int) -> None:
            await asyncio.sleep(2 * DEATH * number / REQUESTS)
            await world.ask(REFERENCES["prose" if number % 3 else "tools"])

        async with asyncio.TaskGroup() as group:
            for number in range(REQUESTS):
                group.create_task(arrives(number))
        await world.settle()
        found = [sentence for outcome in world.outcomes for sentence in violations(world, outcome, must_answer=True)]
        return world, [*found, *violations_of(world)]

    with tally("concurrent requests through a dying provider", REQUESTS):
        world, found = run(crowd())
    assert not found, found[:5]
    assert all(outcome.answered for outcome in world.outcomes)
    spliced = sum(any(isinstance(event, Seam) for event in outcome.events) for outcome in world.outcomes)
    assert spliced > 100
    late = [outcome for outcome in world.outcomes if outcome.began > DEATH + 0.1]
    assert sum("a" in outcome.tried for outcome in late) <= 5, "once its breaker is open the dead one costs nothing"
