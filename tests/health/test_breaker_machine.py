"""The breaker against a model that keeps every event for ever and recounts each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from segue.health.breaker import Breaker, Permit
from segue.policy import BreakerPolicy

POLICY = BreakerPolicy()


@dataclass
class Period:
    """A stretch of time in one state. `outcomes` are weights, 0 a success; `slot` is what happened to the probe's slot."""

    state: str
    begin: float
    end: float = inf
    outcomes: list[tuple[float, float]] = field(default_factory=list)
    slot: list[str] = field(default_factory=list)


@dataclass
class NaiveBreaker:
    periods: list[Period] = field(default_factory=lambda: [Period("closed", -inf)])

    def at(self, now: float) -> Period:
        last = self.periods[-1]
        if last.end <= now:
            self.periods.append(Period("half_open", last.end))
        return self.periods[-1]

    def admit(self, now: float) -> Permit:
        period = self.at(now)
        if period.state == "closed":
            return Permit.YES
        if period.state == "open" or period.slot[-1:] == ["taken"]:
            return Permit.NO
        period.slot.append("taken")
        return Permit.PROBE

    def end(self, now: float, started: float, weight: float | None, jitter: float) -> None:
        """An attempt ends: `weight` 0 well, above 0 badly, None without a verdict."""
        period = self.at(now)
        if started < period.begin or (period.state == "open" and (started == period.begin or weight != 0)):
            return
        period.slot.append("free")
        if weight is None:
            return
        if period.state == "open":
            period = Period("half_open", now, outcomes=[])
            self.periods.append(period)
        period.outcomes.append((now, weight))
        if period.state == "half_open" and weight:
            self.open(now, jitter)
        elif period.state == "half_open" and len(period.outcomes) == POLICY.successes:
            self.periods.append(Period("closed", now))
        elif period.state == "closed" and weight and (self.run(period) or self.share(period, now)):
            self.open(now, jitter)

    def run(self, period: Period) -> bool:
        weights = [weight for _, weight in period.outcomes]
        last_success = max((i for i, weight in enumerate(weights) if not weight), default=-1)
        return sum(weights[last_success + 1 :]) >= POLICY.consecutive

    def share(self, period: Period, now: float) -> bool:
        slot = POLICY.window / 12
        weights = [weight for moment, weight in period.outcomes if now // slot - moment // slot < 12]
        return len(weights) >= POLICY.minimum and sum(weights) / len(weights) >= POLICY.ratio

    def open(self, now: float, jitter: float) -> None:
        states = [period.state for period in self.periods]
        last_closed = max(i for i, state in enumerate(states) if state == "closed")
        length = POLICY.open_for[min(states[last_closed:].count("open"), len(POLICY.open_for) - 1)]
        self.periods.append(Period("open", now, now + length * (1.0 + POLICY.jitter * jitter)))


class BreakerMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.now = 1000.0
        self.breaker = Breaker(POLICY)
        self.model = NaiveBreaker()
        self.under_way: list[float] = []

    @rule(seconds=st.sampled_from([0.0, 0.25, 1.0, 2.0, 4.75, 5.0, 17.0, 60.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_request_asks_to_go(self) -> None:
        permit = self.breaker.admit(self.now)
        assert permit is self.model.admit(self.now)
        if permit is not Permit.NO:
            self.under_way.append(self.now)

    @rule()
    def a_last_resort_goes_unasked(self) -> None:
        self.under_way.append(self.now)

    @precondition(lambda self: self.under_way)
    @rule(
        which=st.integers(0, 30),
        weight=st.sampled_from([0.0, 0.0, 0.5, 1.0, 1.0, None]),
        jitter=st.sampled_from([-1.0, 0.0, 1.0]),
    )
    def an_attempt_ends(self, which: int, weight: float | None, jitter: float) -> None:
        self.settle(self.under_way.pop(which % len(self.under_way)), weight, jitter)

    @rule(weights=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=12))
    def a_burst_of_requests_goes_and_ends(self, weights: list[float]) -> None:
        for weight in weights:
            permit = self.breaker.admit(self.now)
            assert permit is self.model.admit(self.now)
            if permit is not Permit.NO:
                self.settle(self.now, weight, 0.0)

    def settle(self, started: float, weight: float | None, jitter: float) -> None:
        if weight is None:
            self.breaker.release(started=started)
        elif weight:
            self.breaker.failed(self.now, weight, jitter, started=started)
        else:
            self.breaker.succeeded(self.now, started=started)
        self.model.end(self.now, started, weight, jitter)

    @invariant()
    def both_are_in_the_same_state(self) -> None:
        period = self.model.at(self.now)
        assert self.breaker.state(self.now).value == period.state
        if period.state == "open":
            assert self.breaker.opens_until == period.end


TestBreakerAgainstANaiveModel = BreakerMachine.TestCase
TestBreakerAgainstANaiveModel.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
