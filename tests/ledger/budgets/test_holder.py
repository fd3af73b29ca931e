"""What processes have in hand of shared budgets: they stay within them together, and find their money again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.budgets.conftest import Open

from segue.budgets.lease import Budget, LeaseReport, Shared
from segue.budgets.leases import Budgets
from segue.budgets.mongodb import MongoBudgets
from segue.budgets.sqlite import SqliteBudgets
from segue.budgets.store import BudgetStore, MemoryBudgets
from segue.errors import InvalidRequestError

NOON = 4_115_275_200.0
"""2100-05-29 12:00 UTC; days of the past are deleted."""
DAY = "2100-05-29"
BUDGET = Budget(name="key:k", pico=16_000_000_000_000, label="the key 'k'")
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
    assert store.take(BUDGET, DAY, least=0).taken == DOLLAR // 4 + (16 * DOLLAR - DOLLAR // 4) // 16


async def test_what_is_left_is_what_is_not_spent_reported_or_not(make: Make) -> None:
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
    eventually(lambda: store.take(BUDGET, DAY, least=everything).taken == 0)


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
    small = Budget(name="chain:fast", pico=DOLLAR, label="the chain 'fast'")
    await budgets.take([BUDGET, small], DOLLAR)
    with pytest.raises(InvalidRequestError, match="the chain 'fast'"):
        await budgets.take([BUDGET, small], DOLLAR)


async def test_who_leaves_while_waiting_holds_nothing(make: Make) -> None:
    class Slow(MemoryBudgets):
        def take(self, budget: Budget, day: str, *, least: int) -> Shared:
            time.sleep(0.05)
            return super().take(budget, day, least=least)

    budgets = make(Slow())
    waiting = asyncio.create_task(budgets.take([BUDGET], 16 * DOLLAR))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await budgets.take([BUDGET], 16 * DOLLAR)


async def test_a_database_that_is_away_is_reported_and_what_is_in_hand_is_spent_meanwhile(make: Make) -> None:
    class Away(MemoryBudgets):
        away = False

        def take(self, budget: Budget, day: str, *, least: int) -> Shared:
            if self.away:
                raise OSError("no route")
            return super().take(budget, day, least=least)

        def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
            if self.away:
                raise OSError("no route")
            super().report(name, day, report, source=source)

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


async def test_what_another_holds_while_a_second_slice_is_taken_is_not_held_twice(make: Make) -> None:
    class Raced(MemoryBudgets):
        def take(self, budget: Budget, day: str, *, least: int) -> Shared:
            got = super().take(budget, day, least=least)
            if budget is second:
                assert budgets.hold([first], DOLLAR)
            return got

    first = Budget(name="key:k", pico=DOLLAR, label="the key 'k'")
    second = Budget(name="all", pico=DOLLAR, label="everything together")
    budgets = make(Raced())
    with pytest.raises(InvalidRequestError, match=r"the key 'k'.*running requests hold what is left"):
        await budgets.take([first, second], DOLLAR)


async def test_what_a_request_of_unknown_bound_cost_is_counted_however_long_it_took(make: Make) -> None:
    store = MemoryBudgets()
    budgets = make(store, idle=0.01)
    ticket = await budgets.take([BUDGET], 0)
    eventually(lambda: store.take(BUDGET, DAY, least=BUDGET.pico + 1).taken == 0)
    await asyncio.sleep(0.05)
    budgets.settle(ticket, DOLLAR)
    eventually(lambda: store.spent(DAY) == {"key:k": DOLLAR})


async def test_who_waits_for_a_database_that_is_away_waits_for_one_try_not_for_those_before(make: Make) -> None:
    class Away(MemoryBudgets):
        tries = 0

        def take(self, budget: Budget, day: str, *, least: int) -> Shared:
            self.tries += 1
            time.sleep(0.05)
            raise OSError("no route")

    store = Away()
    budgets = make(store)
    found = await asyncio.gather(*(budgets.take([BUDGET], 1) for _ in range(50)), return_exceptions=True)
    assert {getattr(error, "code", None) for error in found} == {"budget_unavailable"}
    assert store.tries < 5


async def test_a_report_that_is_refused_again_and_again_keeps_no_other_from_being_made(make: Make) -> None:
    class Refuses(MemoryBudgets):
        def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
            if name == BUDGET.name:
                raise OverflowError("more than 64 bits")
            super().report(name, day, report, source=source)

    store = Refuses()
    budgets = make(store)
    other = Budget(name="all", pico=DOLLAR, label="everything together")
    budgets.settle(await budgets.take([BUDGET, other], 1), 1)
    eventually(lambda: store.spent(DAY).get("all") == 1)


async def test_reports_are_made_however_many_ask(make: Make) -> None:
    class Slow(MemoryBudgets):
        def take(self, budget: Budget, day: str, *, least: int) -> Shared:
            time.sleep(0.005)
            return super().take(budget, day, least=least)

    async def ask_again_and_again() -> None:
        while True:
            with contextlib.suppress(InvalidRequestError):
                await budgets.take([other], DOLLAR)

    other = Budget(name="all", pico=1, label="everything together")
    store = Slow()
    budgets = make(store)
    asking = [asyncio.create_task(ask_again_and_again()) for _ in range(10)]
    budgets.settle(await budgets.take([BUDGET], DOLLAR), DOLLAR)
    await asyncio.to_thread(eventually, lambda: bool(store.spent(DAY).get("key:k")))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_report_that_came_through_though_it_failed_counts_once(open_budgets: Open, make: Make) -> None:
    """A slice that was given back must not be in hand as well."""
    store = open_budgets()
    report, lost = store.report, [True, True]

    def reply_lost(name: str, day: str, sent: LeaseReport, *, source: str) -> None:
        report(name, day, sent, source=source)
        if lost:
            lost.pop()
            raise OSError("the reply was lost")

    if isinstance(store, MongoBudgets):  # with the others, what raises was not done
        store.report = reply_lost  # type: ignore[method-assign]
    budgets = make(store, idle=0.02)
    budgets.settle(await budgets.take([BUDGET], DOLLAR), DOLLAR // 4)
    eventually(lambda: store.take(BUDGET, DAY, least=BUDGET.pico).taken == DOLLAR // 4)
    assert store.spent(DAY) == {"key:k": DOLLAR // 4}


FORKED = """
import asyncio, pathlib
from segue.budgets.leases import Budgets
from segue.budgets.mongodb import MongoBudgets
from segue.budgets.lease import Budget
from segue.budgets.sqlite import SqliteBudgets
budget = Budget(name="all", pico=1600, label="everything together")
budgets = Budgets(SqliteBudgets(pathlib.Path(sys.argv[1])), wall=lambda: 4_115_275_200.0, idle=60.0)
mine = asyncio.run(budgets.take([budget], 1))
if not (child := os.fork()):
    assert budgets.hold([budget], 1) is None, "what is in hand is the parent's"
    budgets.settle(asyncio.run(budgets.take([budget], 1)), 1)
    budgets.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
budgets.settle(mine, 1)
budgets.close()
"""


def test_a_fork_has_nothing_in_hand(tmp_path: Path, python: Any, finished: Any) -> None:
    path = tmp_path / "budgets.sqlite3"
    finished(python(FORKED, path))
    store = SqliteBudgets(path)
    all_of_it = Budget(name="all", pico=1600, label="everything together")
    assert store.take(all_of_it, DAY, least=1601) == Shared(0, 2, 2)
    store.close()
