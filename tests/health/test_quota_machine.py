"""The quota book against a model that keeps every reservation for ever and finds waits by trying moments one after another.

Clocks move in quarters of a second and tokens are whole, so that sums are exact in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from segue.chat.failure import QuotaHint
from segue.health.quota import QuotaBook, QuotaKey, QuotaLimits

KEY = QuotaKey("key", "model")
START = datetime(2026, 10, 31, 21, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
LIMIT = st.none() | st.integers(1, 12)


@dataclass
class NaiveQuota:
    """Reservations are [moment, tokens]; `resets` are the walls at which days ended or will end, by hand for two days."""

    limits: QuotaLimits
    made: list[list[float]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    spent_until: float = 0.0

    def reset_after(self, wall: float) -> float:
        # Quarter hours are enough: midnights fall on them.
        quarter = wall // 900 * 900 + 900
        while datetime.fromtimestamp(quarter, ZoneInfo("America/Los_Angeles")).strftime("%H%M") != "0000":
            quarter += 900
        return quarter

    def fits(self, tokens: int, moment: float, day_begins: float) -> bool:
        minute = [used for at, used in self.made if at > moment - 60]
        day = [used for at, used in self.made if at >= day_begins]
        checks = [
            (self.limits.requests_per_minute, len(minute), 1),
            (self.limits.input_tokens_per_minute, sum(minute), tokens),
            (self.limits.requests_per_day, len(day), 1),
            (self.limits.tokens_per_day, sum(day), tokens),
        ]
        return all(
            limit is None or (10 * (used + more) <= 9 * limit) or (used == 0 and more <= limit)
            for limit, used, more in checks
        )


class QuotaMachine(RuleBasedStateMachine):
    @initialize(rpm=LIMIT, tpm=st.none() | st.integers(1, 60), rpd=LIMIT, tpd=st.none() | st.integers(1, 200))
    def begin(self, rpm: int | None, tpm: int | None, rpd: int | None, tpd: int | None) -> None:
        limits = QuotaLimits(
            requests_per_minute=rpm, input_tokens_per_minute=tpm, requests_per_day=rpd, tokens_per_day=tpd
        )
        self.now = 500.0
        self.book = QuotaBook()
        self.book.configure(KEY, limits)
        self.model = NaiveQuota(limits)
        self.day_begins = self.now
        self.day_ends = self.model.reset_after(self.wall)
        self.process_begins = self.now

    @property
    def wall(self) -> float:
        return START + self.now

    def roll(self) -> None:
        if self.wall >= self.day_ends:
            self.day_begins = self.now
            self.day_ends = self.model.reset_after(self.wall)

    @rule(seconds=st.sampled_from([0.25, 1.0, 7.5, 20.0, 59.75, 60.0, 3600.0, 30_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(tokens=st.integers(0, 30))
    def a_request_is_reserved(self, tokens: int) -> None:
        self.roll()
        wait = self.book.reserve(KEY, tokens, self.now, self.wall)
        assert wait == self.expected_wait(tokens)
        if wait == 0.0:
            self.model.made.append([self.now, tokens])

    @rule(tokens=st.integers(0, 30))
    def a_wait_is_asked_for(self, tokens: int) -> None:
        self.roll()
        assert self.book.wait(KEY, tokens, self.now, self.wall) == self.expected_wait(tokens)

    def expected_wait(self, tokens: int) -> float:
        """The first moment at which something leaves and after which it fits."""
        day_ends = self.now + self.day_ends - self.wall
        begins = [pause for pause in self.model.pauses if pause > self.now] or [self.now]
        leaving = {at + 60 for at, _ in self.model.made if at + 60 > self.now}
        for moment in sorted({max(begins), day_ends} | {at for at in leaving if at > max(begins)}):
            if moment < max(begins) or (moment < day_ends and self.model.spent_until > self.wall):
                continue
            if self.model.fits(tokens, moment, self.day_begins if moment < day_ends else moment):
                return moment - self.now
        return inf

    def of_this_process(self) -> list[list[float]]:
        return [made for made in self.model.made if made[0] >= self.process_begins]

    @precondition(lambda self: self.of_this_process())
    @rule(which=st.integers(0, 30), real=st.integers(0, 40))
    def usage_is_known(self, which: int, real: int) -> None:
        """No process learns the usage of what an earlier one has asked."""
        made = self.of_this_process()
        chosen = made[which % len(made)]
        if [at for at, _ in self.model.made].count(chosen[0]) > 1:
            return
        self.roll_book()
        self.book.adjust(KEY, real - int(chosen[1]), self.now, reserved_at=chosen[0])
        chosen[1] = real

    def roll_book(self) -> None:
        self.roll()
        self.book.wait(KEY, 0, self.now, self.wall)

    @rule(seconds=st.none() | st.sampled_from([0.25, 10.0, 90.0]), limit=LIMIT, tokens=st.booleans())
    def a_minute_is_refused(self, seconds: float | None, limit: int | None, tokens: bool) -> None:
        self.book.learn(KEY, QuotaHint(period=60, limit=limit, tokens=tokens), seconds, self.now, self.wall)
        self.model.pauses.append(self.now + (60 if seconds is None else seconds))
        self.learn_limit("input_tokens_per_minute" if tokens else "requests_per_minute", limit)

    @rule(seconds=st.none() | st.sampled_from([10.0, 900.0, 4000.0]), limit=LIMIT, tokens=st.booleans())
    def a_day_is_refused(self, seconds: float | None, limit: int | None, tokens: bool) -> None:
        self.roll()
        self.book.learn(KEY, QuotaHint(period=86_400, limit=limit, tokens=tokens), seconds, self.now, self.wall)
        stated = seconds is not None and seconds >= 900
        ends = self.wall + seconds if stated and seconds is not None else self.model.reset_after(self.wall)
        self.day_ends = self.model.spent_until = max(ends, self.model.spent_until)
        self.learn_limit("tokens_per_day" if tokens else "requests_per_day", limit)

    def learn_limit(self, field_name: str, limit: int | None) -> None:
        if limit is not None:
            self.model.limits = msgspec.structs.replace(self.model.limits, **{field_name: limit})

    @rule()
    def the_process_restarts_at_leisure(self) -> None:
        """The minute's log and pauses are lost with the process; by the time it is back, they are over."""
        saved = msgspec.json.decode(msgspec.json.encode(self.book.snapshot()))
        self.now += 120.0
        self.process_begins = self.now
        self.book = QuotaBook()
        self.book.restore(saved, self.wall)
        self.book.configure(KEY, self.model.limits)
        self.roll()


TestQuotaAgainstANaiveModel = QuotaMachine.TestCase
TestQuotaAgainstANaiveModel.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
