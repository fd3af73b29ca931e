"""The line in which requests wait for a target."""

from __future__ import annotations

from segue.failover.waiting import WaitingRoom
from segue.health.target import HealthKeys

A, B = HealthKeys("a", "k", "m"), HealthKeys("b", "k", "m")


class Waiter:
    def __init__(self) -> None:
        self.calls: list[tuple[HealthKeys, bool]] = []

    def called(self, keys: HealthKeys, *, well: bool) -> None:
        self.calls.append((keys, well))


def test_as_many_are_called_as_there_is_room_for_in_the_order_of_their_arrival() -> None:
    room = WaitingRoom()
    waiters = [Waiter() for _ in range(4)]
    for waiter in waiters:
        room.enter(waiter, [A])
    room.call(A, lambda: 2, well=True)
    assert [waiter.calls for waiter in waiters] == [[(A, True)], [(A, True)], [], []]


def test_who_left_is_not_called_and_the_next_one_is() -> None:
    room = WaitingRoom()
    first, second = Waiter(), Waiter()
    room.enter(first, [A, B])
    room.enter(second, [A])
    room.leave(first, [A, B])
    room.call(A, lambda: 1, well=False)
    room.call(B, lambda: 1, well=False)
    assert (first.calls, second.calls) == ([], [(A, False)])


def test_where_none_waits_the_room_is_not_looked_at() -> None:
    WaitingRoom().call(A, lambda: 1 // 0, well=True)


def test_leaving_twice_or_without_having_entered_does_no_harm() -> None:
    room, waiter = WaitingRoom(), Waiter()
    room.leave(waiter, [A])
    room.enter(waiter, [A])
    room.leave(waiter, [A])
    room.leave(waiter, [A])
    room.call(A, lambda: 1, well=True)
    assert waiter.calls == []
