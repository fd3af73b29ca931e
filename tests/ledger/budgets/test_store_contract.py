"""What every place where budgets are shared must do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.ledger.budgets.conftest import Open

from segue.ledger.budgets.purse import Budget, Shared
from segue.ledger.budgets.store import BudgetStore

DAY = "2100-11-28"
BUDGET = Budget(name="key:k", pico=16_000, said="the key 'k'")


def test_a_slice_is_taken_of_what_is_left(shared: BudgetStore) -> None:
    assert shared.take(BUDGET, DAY, least=1, spent=0) == Shared(1000, 1000, 0)
    assert shared.take(BUDGET, DAY, least=5000, spent=700) == Shared(5000, 6000, 700)
    assert shared.take(BUDGET, DAY, least=10_001, spent=0) == Shared(0, 6000, 700)
    assert shared.take(BUDGET, DAY, least=10_000, spent=0) == Shared(10_000, 16_000, 700)


def test_what_is_given_back_can_be_taken_again(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=16_000, spent=0)
    shared.report(BUDGET.name, DAY, spent=40, taken=-6000)
    assert shared.take(BUDGET, DAY, least=6000, spent=2) == Shared(6000, 16_000, 42)


def test_each_budget_and_each_day_stands_for_itself(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=16_000, spent=5)
    other = Budget(name="chain:fast", pico=800, said="the chain 'fast'")
    assert shared.take(other, DAY, least=1, spent=0).slice == 50
    assert shared.take(BUDGET, "2100-11-29", least=1, spent=0).slice == 1000
    assert shared.spent(DAY) == {"key:k": 5, "chain:fast": 0}
    assert shared.spent("2100-11-27") == {}


def test_a_report_may_come_before_anything_was_taken(shared: BudgetStore) -> None:
    shared.report(BUDGET.name, DAY, spent=7, taken=7)
    assert shared.take(BUDGET, DAY, least=1, spent=0) == Shared(999, 1006, 7)


def test_a_budget_that_was_lowered_gives_nothing_more(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=9000, spent=0)
    lower = Budget(name=BUDGET.name, pico=5000, said=BUDGET.said)
    assert shared.take(lower, DAY, least=1, spent=0).slice == 0


@pytest.mark.parametrize("replicas", [4])
def test_many_who_take_at_once_never_get_more_than_there_is(open_budgets: Open, replicas: int) -> None:
    stores = [open_budgets() for _ in range(replicas)]

    def take_all(store: BudgetStore) -> int:
        total = 0
        while got := store.take(BUDGET, DAY, least=300, spent=0).slice:
            total += got
        return total

    with ThreadPoolExecutor(replicas) as pool:
        got = sum(pool.map(take_all, stores))
    assert 16_000 - 300 < got <= 16_000
    assert stores[0].take(BUDGET, DAY, least=0, spent=0).taken in range(got, 16_001)
