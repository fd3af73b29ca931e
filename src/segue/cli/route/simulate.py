"""What the ledger's requests would have cost under each policy."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.prices import Overrides, UnitPrices, cost, price_of, read_overrides
from segue.chat.usage import Usage
from segue.cli.display import console, money, notes, table, write_json
from segue.cli.simulated import chain_names
from segue.health.quota import QuotaBook, QuotaKey
from segue.ledger.record import AttemptRecord
from segue.ledger.stores.factory import ledger_of
from segue.monitoring.overview import by_request
from segue.policy import Policy
from segue.router import COMPLEXITY, AssumedFree, blended, is_free
from segue.routing import resolve
from segue.routing.fitness import Need, unfit
from segue.routing.policy import Candidate, Dearness, Situation, route, strong_ones
from segue.routing.policy import names as policies
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load

DAY = 86_400.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered. `cost` is what all its attempts cost, None where a price is unknown."""

    started: float
    usage: Usage
    cost: Decimal | None
    complexity: float | None = None


class SimulatedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would have cost, in US dollars, but for `unpriced` requests; how often each target would have been asked first,
    and the share, 0 to 1, of requests that would have gone to a strong target."""

    policy: str
    cost: Decimal
    unpriced: int
    strong: float
    asked: dict[str, int]


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """`actual` is what the requests did cost; `scored` how many carry a complexity; of the targets in `tiers_unknown` it isn't set whether they
    are asked on a free tier."""

    requests: int
    scored: int
    actual: Decimal
    outcomes: list[SimulatedOutcome]
    tiers_unknown: list[str] = []


def show_simulation(*, days: float, chain: str | None, as_json: bool) -> None:
    settings = load()
    records = ledger_of(settings).records(since=time.time() - days * DAY, limit=None)
    found = simulation(settings, records, chain)
    if as_json:
        write_json(found)
        return
    if not found.requests:
        notes.print(f"The ledger has no answered request of the last {days:g} days.", markup=False)
        return
    unknown = found.requests - found.scored
    console.print(f"{found.requests} answered requests of the last {days:g} days; they did cost {money(found.actual)}.")
    if unknown:
        console.print(
            f"{unknown} of them carry no complexity: smart asks as written for these (see score in docs/settings.md)."
        )
    for name in found.tiers_unknown:
        variable = f"{resolve.variable(name)}_TIER"
        console.print(
            f"{name} is taken to be free when targets are ordered, and paid when costs are added up: {variable} is not set."
        )
    shown = table(
        "", "policy", "cost", "strong calls", "asked first", right=("cost", "strong calls"), prose=("asked first",)
    )
    for outcome in found.outcomes:
        asked = ", ".join(f"{name} {count}" for name, count in outcome.asked.items() if count)
        unpriced = f" + {outcome.unpriced} of unknown price" if outcome.unpriced else ""
        shown.add_row(outcome.policy, money(outcome.cost) + unpriced, f"{outcome.strong:.0%}", asked)
    console.print(shown)


def simulation(settings: Settings, records: Iterable[AttemptRecord], chain: str | None) -> Simulation:
    """Raises `ConfigurationError` for a target that can't be described."""
    records = [record for record in records if not record.simulated and not record.tracked]
    requests = answered(records)
    policy = settings.chains[chain].policy if chain in settings.chains else settings.policy
    names = chain_names(settings, chain)
    world = _World(settings, names, records)
    runs = [world.run(word, names, requests, policy.replace(policy=word)) for word in policies()]
    alone = [world.run(f"{name} alone", (name,), requests, policy.replace(policy="priority")) for name in names]
    return Simulation(
        requests=len(requests),
        scored=sum(request.complexity is not None for request in requests),
        actual=sum((request.cost for request in requests if request.cost is not None), Decimal(0)),
        outcomes=runs + alone,
        tiers_unknown=[name for name in names if world.free_within(name)],
    )


def answered(records: Iterable[AttemptRecord]) -> list[Request]:
    """The requests that ended with an answer, in order. The tokens are those of the attempt that finished it."""
    found = []
    for tries in by_request(records).values():
        last = next((record for record in reversed(tries) if record.outcome == "ok" and record.shown), None)
        if last is not None:
            costs = [record.cost for record in tries]
            found.append(
                Request(
                    started=tries[0].started,
                    usage=last.usage,
                    cost=None if None in costs else sum((one for one in costs if one is not None), Decimal(0)),
                    complexity=complexity_of(last),
                )
            )
    return sorted(found, key=lambda request: request.started)


def complexity_of(record: AttemptRecord) -> float | None:
    """The complexity that was booked with an attempt, if any."""
    try:
        return float(record.metadata[COMPLEXITY])
    except (KeyError, ValueError):
        return None


class _World:
    """The chain's targets, with their prices, free quotas and usual waits."""

    def __init__(self, settings: Settings, names: Sequence[str], records: Sequence[AttemptRecord]) -> None:
        self._settings = settings
        self._overrides: Overrides = read_overrides(settings.prices)
        self._targets = {name: resolve.target(name, settings.target(name)) for name in names}
        self._waits = {name: _usual_wait(target, records) for name, target in self._targets.items()}

    def run(self, title: str, names: Sequence[str], requests: Sequence[Request], policy: Policy) -> SimulatedOutcome:
        quotas, dearness, rng, assumed = QuotaBook(), Dearness(), random.Random(1), AssumedFree()
        for name in names:
            self._limit(name, quotas)
        total, unpriced, strong_calls, asked = Decimal(0), 0, 0, dict.fromkeys(names, 0)
        for request in requests:
            candidates = [self._candidate(name, request, policy, quotas, assumed, rng.random()) for name in names]
            situation = Situation(
                complexity=request.complexity if policy.complexity is None else policy.complexity,
                strong_share=policy.strong_share,
                strong=policy.strong,
                dearness=dearness.rank(candidates),
                draw=rng.random(),
            )
            first = route(policy.policy, candidates, situation).order[0]
            chosen = next(candidate for candidate in candidates if candidate.name == first)
            asked[first] += 1
            strong_calls += first in self._strong(request, policy)
            quotas.reserve(self._key(first), request.usage.prompt_tokens, request.started, request.started)
            if chosen.free_within is not None:
                assumed.count(first, request.started)
            if chosen.free is None or chosen.free_within is not None or chosen.barred:
                unpriced += chosen.cost is None
                total += chosen.cost or Decimal(0)
        share = strong_calls / len(requests) if requests else 0.0
        return SimulatedOutcome(policy=title, cost=total, unpriced=unpriced, strong=share, asked=asked)

    def _candidate(
        self, name: str, request: Request, policy: Policy, quotas: QuotaBook, assumed: AssumedFree, draw: float
    ) -> Candidate:
        prices, at, key = self._prices(name, request.started), request.started, self._key(name)
        left = quotas.day_left(key, at, at)
        waits = quotas.wait(key, request.usage.prompt_tokens, at, at) > 0
        pace = 1.0 if left is None else left[0] / max(left[1], 1e-3)
        within = self.free_within(name)
        if within is not None and assumed.today(name, at) >= within:
            within = None
        need = Need(prompt_tokens=request.usage.prompt_tokens, regions=policy.regions)
        return Candidate(
            name=name,
            barred=unfit(self._targets[name], need) or ("its free quota is used up" if waits else ""),
            cost=None if prices is None else cost(request.usage, prices),
            price=None if prices is None else blended(prices),
            free=pace if within is not None or is_free(name, self._settings.target(name)) else None,
            free_within=within,
            seconds=self._waits[name],
            weight=policy.weights.get(name, 1.0),
            draw=draw,
        )

    def free_within(self, name: str) -> int | None:
        return resolve.free_within(self._targets[name], self._settings.target(name))

    def _strong(self, request: Request, policy: Policy) -> frozenset[str]:
        """Judged by all targets of the chain, also where one alone is asked."""
        prices = {name: self._prices(name, request.started) for name in self._targets}
        priced = [Candidate(name=name, price=blended(units)) for name, units in prices.items() if units is not None]
        return strong_ones(priced, policy.strong)

    def _prices(self, name: str, at: float) -> UnitPrices | None:
        target = self._targets[name]
        return price_of(target.provider, target.model.id, datetime.fromtimestamp(at, UTC), self._overrides)

    def _limit(self, name: str, quotas: QuotaBook) -> None:
        if (limits := resolve.quota(self._targets[name], self._settings.target(name))) is not None:
            quotas.configure(self._key(name), limits)

    def _key(self, name: str) -> QuotaKey:
        target = self._targets[name]
        return QuotaKey(target.credential, target.model.id)


def _usual_wait(target: Target, records: Sequence[AttemptRecord]) -> float | None:
    """The median wait for a target's first content."""
    waits = [one.first_content for one in records if one.target == target.name and one.model == target.model.id]
    known = [wait for wait in waits if wait is not None]
    return statistics.median(known) if known else None
