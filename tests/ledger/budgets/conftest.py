from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue.budgets.mongodb import MongoBudgets
from segue.budgets.sqlite import SqliteBudgets
from segue.budgets.store import BudgetStore, MemoryBudgets
from segue.ledger.stores.mongodb_connection import MongoConnection
from segue.secret import Secret

Open = Callable[[], BudgetStore]
"""Opens the shared budgets once more, as another process would."""


@pytest.fixture(params=["memory", "sqlite", "mongodb"])
def open_budgets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "memory":
        one = MemoryBudgets()
        yield lambda: one
        return
    opened: list[BudgetStore] = []
    connections: list[MongoConnection] = []

    def open_one() -> BudgetStore:
        if request.param == "sqlite":
            opened.append(SqliteBudgets(tmp_path / "budgets.sqlite3"))
        else:
            connection = MongoConnection(Secret(request.getfixturevalue("mongodb_url")))
            connections.append(connection)
            opened.append(MongoBudgets(lambda: connection))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()
    for connection in connections:
        connection.close()


@pytest.fixture
def shared(open_budgets: Open) -> BudgetStore:
    return open_budgets()
