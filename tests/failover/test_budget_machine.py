"""The hedge budget against a model that keeps every success and every payment and counts in whole shares."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from segue.failover.budget import CONTINUATION, HEDGE, HedgeBudget


class BudgetMachine(RuleBasedStateMachine):
    @initialize(
        capacity=st.sampled_from(["10", "1", "2.5", "0.5"]), per_success=st.sampled_from(["0.05", "0.3", "1", "0"])
    )
    def begin(self, capacity: str, per_success: str) -> None:
        self.budget = HedgeBudget(capacity=float(capacity), per_success=float(per_success))
        self.capacity, self.per_success = Fraction(capacity), Fraction(per_success)
        self.history: list[int | str] = []

    def level(self) -> Fraction:
        """What is left after the whole history: payments are numbers, successes are words."""
        level = self.capacity
        for entry in self.history:
            level = min(self.capacity, level + self.per_success) if isinstance(entry, str) else level - entry
        return level

    @rule(times=st.sampled_from([1, 1, 19, 20, 40]))
    def requests_are_answered(self, times: int) -> None:
        for _ in range(times):
            self.budget.success()
            self.history.append("answered")

    @rule(cost=st.sampled_from([HEDGE, CONTINUATION]), share_open=st.sampled_from([0.0, 0.0, 0.25, 0.49, 0.5, 1.0]))
    def a_caller_wants_to_pay(self, cost: float, share_open: float) -> None:
        granted = self.budget.take(cost, share_open=share_open)
        assert granted == (share_open < 0.5 and cost <= self.level())
        if granted:
            self.history.append(int(cost))

    @rule()
    def all_is_spent_on_hedges(self) -> None:
        paid = 0
        while self.budget.take(HEDGE):
            paid += 1
        assert paid == self.level() // 1
        self.history += [1] * paid

    @invariant()
    def the_level_is_the_same(self) -> None:
        assert abs(self.budget.level - float(self.level())) < 1e-9
        assert 0.0 <= self.budget.level <= float(self.capacity)


TestHedgeBudgetAgainstANaiveModel = BudgetMachine.TestCase
TestHedgeBudgetAgainstANaiveModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
