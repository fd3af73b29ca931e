"""Budgets as leased slices. Pure; amounts are whole pico-dollars.

A budget is an amount a day. Where it is shared, it is known how much of it was taken; a process that spends takes a slice, pays out of the
slice in hand, and takes the next one before that is empty. No more slices are given than the budget has, so those who spend stay within it
together, however many they are, and ask for permission once a slice instead of once a request.

A slice is a 16th of what is left: the first are large, the last ones small. A process that dies takes the slice in hand along until the day
is over: what may have been spent is not given out twice.
"""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple

import msgspec

SHARE: Final = 16
"""The part of what is left that one slice is: 6 % is little to lose, and a budget is asked for some fifty times a day and process."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """`pico` a day for whatever `name` stands for (`key:key_1f…`, `chain:fast`, `all`); `label` is its name in errors."""

    name: str
    pico: int
    label: str


class LeaseReport(NamedTuple):
    """To be added to what was spent and to what was taken (less than 0: given back). A later one has a higher `number`."""

    number: int
    spent: int
    taken: int


class Shared(msgspec.Struct, frozen=True):
    """What was got of a shared budget, and how it stands then: `taken` includes the slice; `spent` is what was reported."""

    slice: int
    taken: int
    spent: int


def slice_of(budget: int, taken: int, least: int) -> int:
    """How much of a budget, of which `taken` is handed out, a process gets that lacks `least`; 0 if that is more than is left."""
    left = budget - taken
    return 0 if least > left else max(least, left // SHARE)


class Purse:
    """What one process has in hand of a budget on one day.

    `in_hand` may be below zero, after attempts that cost more than was held for them. `low` is when the next slice should be taken
    ahead; `unreported` was spent and may not be reported yet; `tickets` counts the holders, also of amount 0.
    """

    __slots__ = ("_report", "asked", "budget", "day", "held", "in_hand", "low", "tickets", "unreported", "used")

    def __init__(self, budget: Budget, day: str) -> None:
        self.budget = budget
        self.day = day
        self.in_hand = 0
        self.held = 0
        self.tickets = 0
        self.low = 0
        self.unreported = 0
        self.used = 0.0
        self.asked = False
        self._report: LeaseReport | None = None

    def covers(self, pico: int) -> bool:
        """Whether that much can be held. Nothing can where nothing is left."""
        return self.in_hand > 0 and self.in_hand >= pico

    def lacks(self, pico: int) -> int:
        """What is missing to hold that much."""
        return max(0, pico - self.in_hand)

    def hold(self, pico: int, now: float) -> None:
        """Sets that much aside."""
        self.in_hand -= pico
        self.held += pico
        self.tickets += 1
        self.used = now

    def settle(self, held: int, spent: int) -> None:
        """Puts back what was set aside, less what was spent."""
        self.held -= held
        self.tickets -= 1
        self.in_hand += held - spent
        self.unreported += spent

    def fill(self, pico: int) -> None:
        """Takes in a slice; nothing got means that asking ahead is of no use."""
        self.in_hand += pico
        self.low = self.in_hand // 2 if pico else 0
        self.asked = False

    def give_back(self, now: float, idle: float) -> int:
        """What is to be added to what was taken: debts at once, and less what has been in hand unused for `idle` seconds."""
        if self.in_hand < 0 or (self.in_hand and now - self.used >= idle):
            change, self.in_hand, self.low = -self.in_hand, 0, 0
            return change
        return 0

    def report(self, number: int, now: float, idle: float) -> LeaseReport | None:
        """What is to be reported: the same until it was (`reported`), because a failed report may have arrived. None for nothing."""
        if self._report is None:
            taken = self.give_back(now, idle)
            if self.unreported or taken:
                self._report = LeaseReport(number, self.unreported, taken)
        return self._report

    def reported(self) -> None:
        """The report is known to have come through."""
        if self._report is not None:
            self.unreported -= self._report.spent
            self._report = None

    @property
    def empty(self) -> bool:
        """Nothing of it is left to be remembered."""
        return not (self.in_hand or self.tickets or self.unreported or self._report)


def day_of(wall: float, zone: datetime.tzinfo) -> str:
    """The day of an epoch second in that time zone, as `2026-11-28`."""
    return datetime.datetime.fromtimestamp(wall, zone).date().isoformat()


def until_midnight(wall: float, zone: datetime.tzinfo) -> float:
    """Seconds until the day of an epoch second is over in that time zone."""
    now = datetime.datetime.fromtimestamp(wall, zone)
    midnight = datetime.datetime.combine(now.date() + datetime.timedelta(days=1), datetime.time(), zone)
    return midnight.timestamp() - wall
