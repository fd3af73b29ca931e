"""What every place where budgets are shared must do."""

from __future__ import annotations

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.ledger.budgets.conftest import Open

from segue.budgets import sqlite
from segue.budgets.lease import Budget, LeaseReport, Shared
from segue.budgets.sqlite import SqliteBudgets
from segue.budgets.store import BudgetStore

DAY = "2100-11-28"
BUDGET = Budget(name="key:k", pico=16_000, label="the key 'k'")


def test_a_slice_is_taken_of_what_is_left(shared: BudgetStore) -> None:
    assert shared.take(BUDGET, DAY, least=1) == Shared(1000, 1000, 0)
    shared.report(BUDGET.name, DAY, LeaseReport(1, 700, 0), source="a")
    assert shared.take(BUDGET, DAY, least=5000) == Shared(5000, 6000, 700)
    assert shared.take(BUDGET, DAY, least=10_001) == Shared(0, 6000, 700)
    assert shared.take(BUDGET, DAY, least=10_000) == Shared(10_000, 16_000, 700)


def test_what_is_given_back_can_be_taken_again(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=16_000)
    shared.report(BUDGET.name, DAY, LeaseReport(1, 40, -6000), source="a")
    assert shared.take(BUDGET, DAY, least=6000) == Shared(6000, 16_000, 40)


def test_each_budget_and_each_day_stands_for_itself(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=16_000)
    shared.report(BUDGET.name, DAY, LeaseReport(1, 5, 0), source="a")
    other = Budget(name="chain:fast", pico=800, label="the chain 'fast'")
    assert shared.take(other, DAY, least=1).slice == 50
    assert shared.take(BUDGET, "2100-11-29", least=1).slice == 1000
    assert shared.spent(DAY) == {"key:k": 5, "chain:fast": 0}
    assert shared.spent("2100-11-27") == {}


def test_a_report_may_come_before_anything_was_taken(shared: BudgetStore) -> None:
    shared.report(BUDGET.name, DAY, LeaseReport(1, 7, 7), source="a")
    assert shared.take(BUDGET, DAY, least=1) == Shared(999, 1006, 7)


def test_a_writer_whom_a_reader_kept_waiting_for_too_long_writes_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY", 0.05)
    store = SqliteBudgets(tmp_path / "budgets.sqlite3")
    store.report(BUDGET.name, DAY, LeaseReport(1, 1, 1), source="a")
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM budgets").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.report(BUDGET.name, DAY, LeaseReport(2, 5, 5), source="a")
    store.report(BUDGET.name, DAY, LeaseReport(2, 5, 5), source="a")
    assert store.spent(DAY) == {BUDGET.name: 6}
    store.close()


def test_a_budget_that_was_lowered_gives_nothing_more(shared: BudgetStore) -> None:
    shared.take(BUDGET, DAY, least=9000)
    lower = Budget(name=BUDGET.name, pico=5000, label=BUDGET.label)
    assert shared.take(lower, DAY, least=1).slice == 0


@pytest.mark.parametrize("replicas", [4])
def test_many_who_take_at_once_never_get_more_than_there_is(open_budgets: Open, replicas: int) -> None:
    stores = [open_budgets() for _ in range(replicas)]

    def take_all(store: BudgetStore) -> int:
        total = 0
        while got := store.take(BUDGET, DAY, least=300).slice:
            total += got
        return total

    with ThreadPoolExecutor(replicas) as pool:
        got = sum(pool.map(take_all, stores))
    assert 16_000 - 300 < got <= 16_000
    assert stores[0].take(BUDGET, DAY, least=0).taken in range(got, 16_001)
