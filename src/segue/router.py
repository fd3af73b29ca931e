"""Gathers what a routing policy decides by, lets it decide, and writes the decision on the job. For every face, in this one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.prices import Overrides, UnitPrices, cost, price_of
from segue.catalog.providers import PROVIDERS, Provider
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError
from segue.failover.engine import Engine
from segue.failover.job import Job, latency_key
from segue.health.quota import QuotaKey, next_reset
from segue.routing import resolve
from segue.routing.complexity import of_request
from segue.routing.fitness import Need, need_of, unfit
from segue.routing.policy import Candidate, Dearness, Route, Situation, route
from segue.routing.target import Target
from segue.routing.turns import turn_of
from segue.settings import Settings, TargetSettings

TYPICAL_OUTPUT = 400
"""Tokens that an answer is taken to have, where `max_tokens` allows …"""
THINKING = 3
"""… and how many times as many where the model thinks first. Agreed; what matters is that it is the same for all targets of a kind."""

COMPLEXITY, TURN, AFTER, CHECKED = "segue_complexity", "segue_turn", "segue_after", "segue_checked"
"""What is booked in each attempt's metadata: the score, the turn's mark, the mark of the turn before it with a verdict on its answer,
and that the answer is checked against a schema. `segue route train` learns from these."""

PRICED_FOR = 60.0
"""Seconds for which a price is believed; few change with the hour."""


class Router:
    """Puts a job's targets in the order of its policy.

    `is_free` says whether a target is asked on a free tier; `free_within` of one of which that is not known, how many requests a day are
    free if it is. So many are then taken to be free, and no more: as nothing was refused, the others are paid.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        overrides: Overrides,
        is_free: Callable[[str], bool],
        free_within: Callable[[Target], int | None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._overrides = overrides
        self._is_free = is_free
        self._free_within = free_within
        self._assumed = AssumedFree()
        self._dearness = Dearness()
        self._priced: dict[tuple[str, str], tuple[UnitPrices | None, Decimal | None]] = {}
        self._priced_at = 0.0

    @classmethod
    def of_settings(
        cls, engine: Engine, settings: Settings, *, overrides: Overrides, providers: Mapping[str, Provider] = PROVIDERS
    ) -> Router:
        """The router for targets of these settings."""
        return cls(
            engine,
            overrides=overrides,
            is_free=lambda name: is_free(name, settings.target(name), providers=providers),
            free_within=lambda target: resolve.free_within(target, settings.target(target.name)),
        )

    @staticmethod
    def concerns(job: Job) -> bool:
        """Whether there is anything to do for a job: by default there is not."""
        return job.policy.policy != "priority" or job.policy.score

    def routed(self, job: Job, now: float) -> Job:
        """The job with its targets in order, and the decision in its metadata. `now` is monotonic seconds, the event loop's.

        Raises `InvalidRequestError` for a policy that there is not and for a complexity out of range.
        """
        score = _score(job)
        notes = _notes(job.request, score) if job.policy.score or job.policy.policy == "smart" else {}
        if job.policy.policy == "priority":
            return msgspec.structs.replace(job, metadata=job.metadata | notes)
        decided = self.decide(job, score, now)
        by_name = {target.name: target for target in job.targets}
        return msgspec.structs.replace(
            job,
            targets=tuple(by_name[name] for name in decided.order),
            metadata=job.metadata | notes | {"segue_policy": decided.policy, "segue_route": decided.reason},
            route=decided,
        )

    def decide(self, job: Job, score: float | None, now: float) -> Route:
        """The order for a job of this complexity."""
        engine, policy = self._engine, job.policy
        tokens = engine.count_tokens(job.request)
        need = need_of(job.request, tokens, policy.regions)
        candidates = [self._candidate(target, job, need, now) for target in job.targets]
        situation = Situation(
            complexity=score,
            strong_share=policy.strong_share,
            strong=policy.strong,
            unknown=policy.unknown,
            dearness=self._dearness.rank(candidates),
            draw=engine.rng.random(),
        )
        decided = route(policy.policy, candidates, situation)
        first = next(one for one in candidates if one.name == decided.order[0])
        if first.free_within is not None:
            self._assumed.count(first.name, engine.wall())
        return decided

    def _candidate(self, target: Target, job: Job, need: Need, now: float) -> Candidate:
        engine, tokens = self._engine, need.prompt_tokens
        prices, price = self._prices(target)
        key = latency_key(target, job.request, tokens)
        seconds = engine.latency.first(key, 0.5)
        availability = engine.look(target, tokens, now)
        free, within = self._free(target, now), self._assumed_within(target)
        return Candidate(
            name=target.name,
            barred=unfit(target, need) or (availability.reason if availability.barred else ""),
            cost=None if prices is None else expected_cost(target, job, tokens, prices),
            price=price,
            free=1.0 if within is not None else free,
            free_within=within,
            seconds=engine.latency.slowness(key.target) if seconds is None else seconds,
            weight=job.policy.weights.get(target.name, 1.0),
            draw=engine.rng.random(),
        )

    def _prices(self, target: Target) -> tuple[UnitPrices | None, Decimal | None]:
        """A target's prices, and the one to tell its class by."""
        wall = self._engine.wall()
        if not 0.0 <= wall - self._priced_at < PRICED_FOR:
            self._priced, self._priced_at = {}, wall
        key = target.provider, target.model.id
        if (known := self._priced.get(key)) is None:
            prices = price_of(*key, datetime.fromtimestamp(wall, UTC), self._overrides)
            known = self._priced[key] = prices, None if prices is None else blended(prices)
        return known

    def _free(self, target: Target, now: float) -> float | None:
        if not self._is_free(target.name):
            return None
        keys = self._engine.keys(target)
        left = self._engine.quota.day_left(QuotaKey(keys.credential, keys.model), now, self._engine.wall())
        if left is None:
            return 1.0
        requests, day = left
        return requests / max(day, 1e-3)

    def _assumed_within(self, target: Target) -> int | None:
        within = self._free_within(target)
        return within if within and self._assumed.today(target.name, self._engine.wall()) < within else None


class AssumedFree:
    """Requests of today that went to targets first because they may be free. The day is the providers': see `health.quota`."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}
        self._ends = 0.0

    def today(self, target: str, wall: float) -> int:
        return self._asked.get(target, 0) if wall < self._ends else 0

    def count(self, target: str, wall: float) -> None:
        if wall >= self._ends:
            self._asked, self._ends = {}, next_reset(wall)
        self._asked[target] = self._asked.get(target, 0) + 1


def _score(job: Job) -> float | None:
    """How hard a job is, where that is asked for; None where it is not, or where nothing tells."""
    policy = job.policy
    if policy.complexity is not None:
        if not 0.0 <= policy.complexity <= 1.0:
            raise InvalidRequestError(f"complexity={policy.complexity} is out of range: use 0 to 1", param="complexity")
        return policy.complexity
    return of_request(job.request) if policy.score or policy.policy == "smart" else None


def _notes(request: ChatRequest, score: float | None) -> dict[str, str]:
    notes = {} if score is None else {COMPLEXITY: f"{score:.3f}"}
    if (turn := turn_of(request)) is not None:
        notes[TURN] = turn.mark
        if turn.before:
            notes[AFTER] = f"{turn.before} {turn.verdict}"
    if request.output is not None:
        notes[CHECKED] = "yes"
    return notes


def is_free(name: str, settings: TargetSettings, *, providers: Mapping[str, Provider] = PROVIDERS) -> bool:
    """Whether a target is asked on a free tier, or is a model or a server on this machine."""
    provider = providers.get(settings.provider or name)
    return bool(settings.file) or resolve.on_free_tier(settings) or (provider is not None and provider.local)


def expected_cost(target: Target, job: Job, tokens: int, prices: UnitPrices) -> Decimal:
    """US dollars that a request is expected to cost at a target."""
    request = job.request
    thinks = target.model.deliberates(request.effort, request.thinking_budget)
    most = request.max_tokens or target.max_tokens or TYPICAL_OUTPUT * THINKING
    output = min(TYPICAL_OUTPUT * (THINKING if thinks else 1), most)
    return cost(Usage(input_tokens=tokens, output_tokens=output), prices)


def blended(prices: UnitPrices) -> Decimal:
    """US dollars a million tokens, three in four of them input: one number to tell a model's class by."""
    return (3 * prices.input + prices.output) * 250_000
