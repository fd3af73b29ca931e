"""What processes have in hand of shared budgets: they stay within them together, and find their money again."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.ledger.budgets.conftest import Open

from segue.errors import InvalidRequestError
from segue.ledger.budgets.holder import Budgets
from segue.ledger.budgets.purse import Budget, Shared
from segue.ledger.budgets.store import BudgetStore, MemoryBudgets

NOON = 4_115_275_200.0
"""2100-05-29 12:00 UTC; days of the past are deleted."""
DAY = "2100-05-29"
BUDGET = Budget(name="key:k", pico=16_000_000_000_000, said="the key 'k'")
DOLLAR = 1_000_000_000_000

Make = Callable[..., Budgets]


@pytest.fixture
def make() -> Iterator[Make]:
    """Processes, as it were."""
    made: list[Budgets] = []

    def budgets(store: BudgetStore, **options: Any) -> Budgets:
        made.append(Budgets(store, **{"wall": lambda: NOON, "report": 0.01, "idle": 60.0, **options}))
        return made[-1]

    yield budgets
    for each in made:
        each.close()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.005)


async def test_the_first_request_waits_for_a_slice_and_the_next_do_not(make: Make) -> None:
    budgets = make(MemoryBudgets())
    assert budgets.hold([BUDGET], DOLLAR // 10) is None
    ticket = await budgets.take([BUDGET], DOLLAR // 10)
    assert budgets.hold([BUDGET], DOLLAR // 10) is not None, "a slice is a dollar, and a tenth of it is held"
    budgets.settle(ticket, DOLLAR // 20)


async def test_what_was_spent_is_reported_and_the_rest_given_back(make: Make) -> None:
    store = MemoryBudgets()
    budgets = make(store)
    ticket = await budgets.take([BUDGET], DOLLAR)
    budgets.settle(ticket, DOLLAR // 4)
    eventually(lambda: store.spent(DAY) == {"key:k": DOLLAR // 4})
    budgets.close()
    assert store.take(BUDGET, DAY, least=0, spent=0).taken == DOLLAR // 4 + (16 * DOLLAR - DOLLAR // 4) // 16


async def test_what_is_left_is_what_nobody_has_spent_reported_or_not(make: Make) -> None:
    store = MemoryBudgets()
    budgets, other = make(store, report=60.0), make(store)
    assert budgets.left() == {}
    other.settle(await other.take([BUDGET], DOLLAR // 10), DOLLAR // 20)
    other.close()
    ticket = await budgets.take([BUDGET], DOLLAR // 10)
    assert budgets.left() == {"key:k": BUDGET.pico - DOLLAR // 20}
    budgets.settle(ticket, DOLLAR // 5)
    assert budgets.left() == {"key:k": BUDGET.pico - DOLLAR // 20 - DOLLAR // 5}


async def test_what_lies_idle_is_given_back_while_the_process_lives(make: Make) -> None:
    store = MemoryBudgets()
    budgets = make(store, idle=0.02)
    budgets.settle(await budgets.take([BUDGET], DOLLAR), 0)
    everything = BUDGET.pico + 1
    eventually(lambda: store.take(BUDGET, DAY, least=everything, spent=0).taken == 0)


async def test_a_request_that_would_overspend_is_refused_before_it_is_sent(make: Make) -> None:
    budgets = make(MemoryBudgets())
    ticket = await budgets.take([BUDGET], 15 * DOLLAR)
    with pytest.raises(InvalidRequestError, match="running requests hold what is left") as caught:
        await budgets.take([BUDGET], 2 * DOLLAR)
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (429, "insufficient_quota", 5.0)
    budgets.settle(ticket, 15 * DOLLAR)
    with pytest.raises(
        InvalidRequestError, match=r"\$16 a day: \$15 is spent, and this request may cost \$2"
    ) as caught:
        await budgets.take([BUDGET], 2 * DOLLAR)
    assert caught.value.retry_after == 12 * 3600.0
    await budgets.take([BUDGET], DOLLAR)


async def test_what_cost_more_than_was_held_is_paid_by_the_next(make: Make) -> None:
    budgets = make(MemoryBudgets())
    budgets.settle(await budgets.take([BUDGET], DOLLAR), 15 * DOLLAR)
    with pytest.raises(InvalidRequestError):
        await budgets.take([BUDGET], 2 * DOLLAR)


async def test_a_request_without_a_price_is_refused_too_once_nothing_is_left(make: Make) -> None:
    budgets = make(MemoryBudgets())
    budgets.settle(await budgets.take([BUDGET], 16 * DOLLAR), 16 * DOLLAR)
    with pytest.raises(InvalidRequestError):
        await budgets.take([BUDGET], 0)


async def test_a_day_ends_in_the_time_zone_that_is_set(make: Make) -> None:
    moment = [NOON]
    seoul = datetime.timezone(datetime.timedelta(hours=9))
    budgets = make(MemoryBudgets(), wall=lambda: moment[0], zone=seoul)
    budgets.settle(await budgets.take([BUDGET], 16 * DOLLAR), 16 * DOLLAR)
    with pytest.raises(InvalidRequestError) as caught:
        await budgets.take([BUDGET], DOLLAR)
    assert caught.value.retry_after == 3 * 3600.0
    moment[0] += 3 * 3600.0
    await budgets.take([BUDGET], DOLLAR)


async def test_several_budgets_are_kept_at_once(make: Make) -> None:
    budgets = make(MemoryBudgets())
    small = Budget(name="chain:fast", pico=DOLLAR, said="the chain 'fast'")
    await budgets.take([BUDGET, small], DOLLAR)
    with pytest.raises(InvalidRequestError, match="the chain 'fast'"):
        await budgets.take([BUDGET, small], DOLLAR)


async def test_who_leaves_while_waiting_holds_nothing(make: Make) -> None:
    class Slow(MemoryBudgets):
        def take(self, budget: Budget, day: str, *, least: int, spent: int) -> Shared:
            time.sleep(0.05)
            return super().take(budget, day, least=least, spent=spent)

    budgets = make(Slow())
    waiting = asyncio.create_task(budgets.take([BUDGET], 16 * DOLLAR))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await budgets.take([BUDGET], 16 * DOLLAR)


async def test_a_database_that_is_away_is_told_and_what_is_in_hand_is_spent_meanwhile(make: Make) -> None:
    class Away(MemoryBudgets):
        away = False

        def take(self, budget: Budget, day: str, *, least: int, spent: int) -> Shared:
            if self.away:
                raise OSError("no route")
            return super().take(budget, day, least=least, spent=spent)

        def report(self, name: str, day: str, *, spent: int, taken: int) -> None:
            if self.away:
                raise OSError("no route")
            super().report(name, day, spent=spent, taken=taken)

    store = Away()
    budgets = make(store)
    budgets.settle(await budgets.take([BUDGET], DOLLAR // 10), DOLLAR // 10)
    store.away = True
    ticket = budgets.hold([BUDGET], DOLLAR // 10)
    assert ticket is not None
    budgets.settle(ticket, DOLLAR // 10)
    with pytest.raises(InvalidRequestError) as caught:
        await budgets.take([BUDGET], DOLLAR)
    assert (caught.value.status, caught.value.code) == (503, "budget_unavailable")
    await asyncio.sleep(0.05)
    store.away = False
    await budgets.take([BUDGET], DOLLAR)
    eventually(lambda: store.spent(DAY) == {"key:k": DOLLAR // 5})


async def test_many_callers_of_several_processes_never_spend_more_than_there_is(open_budgets: Open, make: Make) -> None:
    """Each request holds more than it costs, so the sum must come close to the budget and never exceed it."""
    replicas = [make(open_budgets()) for _ in range(2)]
    chance = random.Random(7)
    spent = refused = 0

    async def caller(budgets: Budgets) -> None:
        nonlocal spent, refused
        while True:
            most = chance.randrange(DOLLAR // 100, DOLLAR // 10)
            try:
                ticket = budgets.hold([BUDGET], most) or await budgets.take([BUDGET], most)
            except InvalidRequestError:
                refused += 1
                return
            await asyncio.sleep(0)
            cost = chance.randrange(most // 2, most + 1)
            spent += cost
            budgets.settle(ticket, cost)

    await asyncio.gather(*(caller(replicas[number % 2]) for number in range(50)))
    assert refused == 50
    assert BUDGET.pico // 2 <= spent <= BUDGET.pico
