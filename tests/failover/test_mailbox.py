from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

import pytest

from segue.failover.mailbox import Mailbox

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


def later(seconds: float, action: Callable[..., object], *args: object) -> None:
    asyncio.get_running_loop().call_later(seconds, action, *args)


def pending_timers() -> list[asyncio.TimerHandle]:
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]


async def test_items_are_taken_oldest_first_and_then_there_are_none() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    for item in "abc":
        box.put(item)
    assert len(box) == 3
    assert [box.take() for _ in range(4)] == ["a", "b", "c", None]
    assert len(box) == 0


async def test_waiting_ends_at_once_where_an_item_is_there_already_and_leaves_it_there() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    box.put("a")
    begun = now()
    await box.wait(begun + 5.0)
    assert now() == begun
    assert box.take() == "a"


async def test_waiting_ends_when_an_item_arrives() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    begun = now()
    later(2.0, box.put, "a")
    await box.wait(begun + 5.0)
    assert now() == begun + 2.0
    assert box.take() == "a"


async def test_waiting_ends_at_its_moment_though_nothing_arrived() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    begun = now()
    await box.wait(begun + 5.0)
    assert now() == pytest.approx(begun + 5.0)
    assert box.take() is None


async def test_waiting_for_a_moment_that_has_passed_lets_the_loop_turn_and_no_time_pass() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    turned: list[bool] = []
    asyncio.get_running_loop().call_soon(turned.append, True)
    begun = now()
    await asyncio.wait_for(box.wait(begun - 5.0), 1.0)
    assert now() == begun
    assert turned == [True]


async def test_waiting_without_end_sets_no_timer_and_ends_when_an_item_arrives() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    reader = asyncio.create_task(box.wait(inf))
    await asyncio.sleep(0)
    assert pending_timers() == []
    later(3600.0, box.put, "a")
    begun = now()
    await reader
    assert now() == begun + 3600.0


async def test_a_woken_reader_looks_again_although_nothing_arrived() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    begun = now()
    later(1.0, box.wake)
    await box.wait(inf)
    assert now() == begun + 1.0
    assert box.take() is None


async def test_several_arrivals_in_one_turn_of_the_loop_wake_the_reader_once_and_all_are_there() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    reader = asyncio.create_task(box.wait(inf))
    await asyncio.sleep(0)
    box.put("a")
    box.put("b")
    box.wake()
    await reader
    assert [box.take(), box.take()] == ["a", "b"]


async def test_a_wake_without_a_waiter_is_not_remembered() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    box.wake()
    begun = now()
    await box.wait(begun + 1.0)
    assert now() == pytest.approx(begun + 1.0)


async def test_a_wait_that_was_served_does_not_end_the_next_one_early() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    begun = now()
    later(1.0, box.put, "a")
    assert not await box.wait(begun + 2.0)
    box.take()
    assert await box.wait(begun + 9.0)
    assert now() == pytest.approx(begun + 9.0)


async def test_a_wait_that_is_to_end_before_the_one_before_it_does() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    begun = now()
    later(1.0, box.put, "a")
    await box.wait(begun + 9.0)
    box.take()
    assert await box.wait(begun + 2.0)
    assert now() == pytest.approx(begun + 2.0)


async def test_many_waits_that_are_served_set_one_timer() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    for _ in range(5):
        later(0.1, box.put, "a")
        await box.wait(now() + 3.0)
        box.take()
        assert len(pending_timers()) == 1


async def test_a_closed_box_leaves_no_timer() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    reader = asyncio.create_task(box.wait(now() + 50.0))
    await asyncio.sleep(0)
    box.close()
    assert not await reader
    assert pending_timers() == []


async def test_after_a_cancelled_reader_the_box_works_on() -> None:
    box: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    reader = asyncio.create_task(box.wait(now() + 50.0))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    box.put("a")
    await box.wait(inf)
    assert box.take() == "a"
