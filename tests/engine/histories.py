"""Random histories: hours of virtual time in which providers fall ill and recover while requests come and go, alone and in crowds.

A history is its seed. Every provider has a *weather*: spells of health and of trouble, each with a fault that strikes a share of
the requests. All requests share one engine, with its health book, quotas and hedge budget.
"""

from __future__ import annotations

import asyncio
import math
import random
from bisect import bisect
from itertools import accumulate

import msgspec

from segue.errors import InvalidRequestError, StreamInterruptedError
from segue.health.quota import QuotaKey, QuotaLimits
from segue.policy import Policy

from .answers import REFERENCES, REPETITIVE
from .cases import DIALECTS, UNPREFILLED
from .faults import FAULTS, act
from .invariants import violations, violations_of
from .provider import MANNERS, Provider, Strike
from .world import Outcome, World, run

SPAN = 3 * 3600.0
"""Seconds over which the requests of a history are spread."""


class Spell(msgspec.Struct, frozen=True):
    """Trouble, or None, that strikes this share of the requests."""

    strike: Strike | None
    share: float


class Weather:
    def __init__(self, rng: random.Random, dialect: str) -> None:
        self._rng = rng
        lengths = [rng.choice((30.0, 300.0, 3000.0)) * rng.uniform(0.2, 1.8) for _ in range(40)]
        self._ends = [*accumulate(lengths)]
        self._spells = [_spell(rng, dialect) for _ in lengths]

    def strike(self, number: int, now: float) -> Strike | None:
        spell = self._at(now)
        return spell.strike if self._rng.random() < spell.share else None

    def fair(self, begin: float, end: float) -> bool:
        """Whether nothing strikes at all between two moments."""
        first, last = (min(bisect(self._ends, at), len(self._ends) - 1) for at in (begin, end))
        return all(spell.strike is None for spell in self._spells[first : last + 1])

    def _at(self, now: float) -> Spell:
        return self._spells[min(bisect(self._ends, now), len(self._spells) - 1)]


def _spell(rng: random.Random, dialect: str) -> Spell:
    if rng.random() < 0.45:
        return Spell(None, 0.0)
    possible = [fault for fault in FAULTS.values() if dialect in fault.dialects]
    fault = rng.choice([fault for fault in possible if fault.name not in ("policy", "caller", "refusal")])
    if rng.random() < 0.03:
        fault = FAULTS[rng.choice(("policy", "caller", "refusal"))]
    return Spell(Strike(fault.name, rng.choice(fault.phases)), rng.choice((0.1, 0.5, 1.0, 1.0)))


class History:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        self.weathers: dict[str, Weather] = {}
        self.limited: set[str] = set()
        """The providers that have a quota."""
        self.providers = [self._provider(place) for place in range(rng.randint(2, 5))]
        self.world = World(*self.providers, seed=seed, enough=rng.choice((5, 20)))

    def _provider(self, place: int) -> Provider:
        rng, name = self.rng, f"p{place}"
        dialect = DIALECTS[place % len(DIALECTS)] if rng.random() < 0.7 else rng.choice(DIALECTS)
        self.weathers[name] = weather = Weather(random.Random(rng.random()), dialect)
        return Provider(
            name,
            dialect,
            act,
            weather.strike,
            manner=rng.choice(MANNERS),
            latency=rng.choice((0.05, 0.3, 1.2)),
            pace=rng.choice((0.005, 0.02, 0.1)),
            model=UNPREFILLED.get(dialect, "") if rng.random() < 0.3 else "",
            keyed=lambda now: weather.fair(now, now),
            streams=rng.random() < 0.9,
        )

    async def live(self) -> list[str]:
        rng, world = self.rng, self.world
        for provider in self.providers:
            if rng.random() < 0.2:
                self.limited.add(provider.name)
                key = world.engine.keys(provider.target)
                limits = QuotaLimits(requests_per_minute=rng.randint(2, 20), requests_per_day=rng.choice((None, 30)))
                world.engine.quota.configure(QuotaKey(key.credential, key.model), limits)
        moments = sorted(rng.uniform(0.0, SPAN) for _ in range(rng.randint(1, 6)))
        crowds = [(moment, rng.choice((1, 1, 2, 5))) for moment in moments]
        async with asyncio.TaskGroup() as group:
            for moment, size in crowds:
                for _ in range(size):
                    group.create_task(self._request(moment + rng.uniform(0.0, 5.0), random.Random(rng.random())))
        await asyncio.sleep(10.0)  # free probes end
        await world.settle()
        found = [
            f"request {outcome.number} ({outcome.reference.name}): {sentence}"
            for outcome in world.outcomes
            for sentence in violations(world, outcome, must_answer=self._must_answer(outcome))
        ]
        return [*found, *violations_of(world)]

    async def _request(self, moment: float, rng: random.Random) -> None:
        await asyncio.sleep(moment)
        names = rng.sample([*self.world.providers], rng.randint(1, len(self.world.providers)))
        await self.world.ask(
            REFERENCES[rng.choice([name for name in REFERENCES if name not in REPETITIVE])],
            hold=rng.random() < 0.3,
            targets=names,
            policy=Policy(
                deadline=rng.choice((30.0, 120.0, 120.0, None)),
                fallback=rng.random() < 0.95,
                failover_on_refusal=rng.random() < 0.2,
                hedge=rng.random() < 0.9,
            ),
            cancel_after=rng.choice((0.0, 0.2, 1.0, 5.0, 20.0)) if rng.random() < 0.1 else None,
            temperature=0.5,
        )

    def _must_answer(self, outcome: Outcome) -> bool | None:
        """Yes, if one of its targets was well and free to be asked from beginning to end.

        Seams beyond two end any answer, and so may the deadline if two others were silent: one share of it is kept, not two.
        """
        if outcome.cancelled or isinstance(outcome.error, InvalidRequestError) or _spent_its_seams(outcome):
            return None
        if outcome.reference.thinking and any(service.struck == "drip" for service in self.world.services(outcome)):
            return None  # only the deadline bounds a trickle of thinking
        silent = {
            service.provider for service in self.world.services(outcome) if FAULTS[service.struck or "none"].silent
        }
        if len(silent) > 1 and outcome.ended - outcome.began >= (outcome.job.policy.deadline or math.inf):
            return None
        job = outcome.job
        targets = job.targets if job.policy.fallback else job.targets[:1]
        for target in targets:
            fair = self.weathers[target.name].fair(outcome.began, outcome.ended)
            if fair and target.name not in outcome.barred and not self._used_by_others(target.name, outcome):
                return True
        return None

    def _used_by_others(self, name: str, outcome: Outcome) -> bool:
        """Whether other requests may have taken a provider's quota meanwhile."""
        others = (other for other in self.world.outcomes if other is not outcome)
        return name in self.limited and any(
            outcome.began <= moment <= outcome.ended and start.target.name == name
            for other in others
            for moment, start in other.starts
        )


def _spent_its_seams(outcome: Outcome) -> bool:
    return (
        isinstance(outcome.error, StreamInterruptedError)
        and sum(start.continuation for _, start in outcome.starts) >= 2
    )


def live(seed: int) -> tuple[int, list[str]]:
    """Runs a history; gives how many requests it had and what was wrong."""

    async def all_of_it() -> tuple[int, list[str]]:
        history = History(seed)
        found = await history.live()
        return len(history.world.outcomes), found

    return run(all_of_it())
