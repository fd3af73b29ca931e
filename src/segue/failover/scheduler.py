"""Which target is asked next for one request, when, and for

what. The plan decides which; health, quota, the budget for racing and the deadline decide when; what was shown so far decides for what.
"""

from __future__ import annotations

import asyncio

import msgspec

from segue.chat.failure import Failure, FailureKind
from segue.failover.attempt import Attempt, Part
from segue.failover.attempts import Attempts
from segue.failover.budget import CONTINUATION, FOREVER, HEDGE, Deadline
from segue.failover.delivery import Delivery
from segue.failover.engine import Engine
from segue.failover.job import Job
from segue.failover.plan import Entry, Plan, Skipped
from segue.failover.splice.continuation import continuation_request
from segue.failover.splice.splice import Next
from segue.failover.stall_timer import Action, Phase
from segue.health.target import Availability, HealthKeys
from segue.routing.fitness import takes_prefill
from segue.routing.target import Target

LOOK_AGAIN = 1.0
"""Seconds between looks for a target that could race a silent one, or that has recovered."""


class Scheduler:
    """Starts the attempts of one request, whose prompt has about `tokens`."""

    __slots__ = (
        "_attempts",
        "_deadline",
        "_delivery",
        "_engine",
        "_job",
        "_lines",
        "_now",
        "_pending",
        "_plan",
        "_round_at",
        "_tokens",
        "_waits_until",
    )

    def __init__(
        self,
        engine: Engine,
        job: Job,
        tokens: int,
        *,
        plan: Plan,
        attempts: Attempts,
        delivery: Delivery,
        deadline: Deadline,
    ) -> None:
        self._engine = engine
        self._job = job
        self._tokens = tokens
        self._plan = plan
        self._attempts = attempts
        self._delivery = delivery
        self._deadline = deadline
        self._now = asyncio.get_running_loop().time
        self._pending: Entry | None = None
        self._round_at = 0.0
        self._waits_until: float | None = None
        self._lines: list[HealthKeys] = []

    def look(self, target: Target) -> Availability:
        return self._engine.look(target, self._tokens, self._now())

    def has_another(self) -> bool:
        """Whether a target could be asked now."""
        return self._plan.peek(self.look, now=self._now()) is not None

    def skipped(self) -> list[Skipped]:
        """The targets that can't be asked now, and why."""
        return self._plan.skipped(self.look)

    def race(self, now: float) -> float | None:
        """Starts the next attempt where none runs, or one beside those that are

        silent. Returns when it may be due again, infinite for when something arrives; None where none runs and no target is left.
        """
        racers = self._attempts.racers
        if not racers:
            begin = self._start_next(now)
            if not (racers := self._attempts.racers):
                return begin
        if (leader := self._delivery.attempt) is not None:
            alone = leader.overdue and len(racers) == 1
            if alone and self._delivery.splice.on_break() in (Next.CONTINUE, Next.RESTART):
                return self._hedge(now, racers)
        elif all(attempt.overdue or attempt.probe for attempt in racers):
            return self._hedge(now, racers)
        return FOREVER

    def _hedge(self, now: float, racers: list[Attempt]) -> float:
        """Races the silent attempts, if another provider is healthy and the budget allows it. Beside a new probe it costs nothing.

        Returns when to look again: a target that can't be asked now may be healthy later.
        """
        providers = {attempt.target.provider for attempt in racers}
        entry = None
        if self._job.policy.hedge:
            entry = self._plan.peek(self.look, providers=providers, prefer=self._prefers, now=now)
        if entry is None:
            moments = [skip.recovers_at for skip in self.skipped() if skip.recovers_at is not None]
            return max(min(moments), now + LOOK_AGAIN) if moments else FOREVER
        part = self._part(entry)
        wait = max(entry.not_before - now, self._engine.quota_wait(entry.target, part.tokens, now))
        if wait > 0.0:
            return now + wait
        if not any(attempt.probe and not attempt.overdue for attempt in racers):
            targets = [self._engine.keys(target) for target in self._job.targets]
            cost = CONTINUATION if part.continuation else HEDGE
            if not self._engine.budget.take(cost, share_open=self._engine.health.share_open(targets, now)):
                return now + LOOK_AGAIN
        self._engine.reserve(entry.target, part.tokens, now)
        self._plan.take(entry)
        self._launch(entry, part, hedge=True)
        return FOREVER

    def _start_next(self, now: float) -> float | None:
        """Starts the next attempt of the plan. Returns when to look again, None if none follows."""
        if now < self._round_at:
            return self._round_at
        entry = self._waited_for() or self._plan.next(self.look, prefer=self._prefers, now=now)
        if entry is None:
            if (again := self._wait(now)) is not None:
                return again
            entry = self._plan.last_resort(self.look, now)
        if entry is None:
            return None
        part = self._part(entry)
        wait = max(0.0, entry.not_before - now) or self._engine.reserve(entry.target, part.tokens, now)
        if wait > 0.0:
            self._pending = msgspec.structs.replace(entry, not_before=now + wait)
            return now + wait
        if entry.resort and not self._may_resort(entry.target, now):
            self._plan.give_back(entry)
            return None
        self._launch(entry, part)
        return FOREVER

    def _waited_for(self) -> Entry | None:
        """The entry whose moment or quota was waited for, unless its target was found unhealthy in the meantime."""
        entry, self._pending = self._pending, None
        if entry is not None and not entry.resort and self.look(entry.target).barred:
            self._plan.give_back(entry)
            return None
        return entry

    def _may_resort(self, target: Target, now: float) -> bool:
        return not self.look(target).barred or self._engine.health.last_resort(self._engine.keys(target), now)

    def _wait(self, now: float) -> float | None:
        """None can be asked now. Returns when to look again, None where waiting is of no use.

        If many wait for one target, they are admitted one after another as it answers; meanwhile the others are skipped.
        """
        if self._waits_until is None:
            deadline = FOREVER if self._deadline.at is None else self._deadline.at
            begin = self._plan.next_round(self.look, now, until=deadline, jitter=self._engine.rng.random())
            if begin is None:
                return None
            self._waits_until = min(now + self._job.policy.patience, deadline)
            self._lines = [self._engine.keys(target) for target in self._plan.hoped_for(self.look)]
            self._engine.waiting.enter(self, self._lines)
            self._round_at = begin
            return begin
        recovery = self._plan.recovery(self.look, now)
        if recovery is None or recovery >= self._waits_until:
            self.leave_lines()
            return None
        return min(max(recovery, now + LOOK_AGAIN), self._waits_until)

    def called(self, keys: HealthKeys, *, well: bool) -> None:
        """A target that is waited for has room; `well`: it has just answered another request."""
        if well:
            self._plan.recovered(lambda target: self._engine.keys(target) == keys, self._now())
            self._round_at = 0.0
        elif self._round_at > self._now():
            return
        self._attempts.mail.wake()

    def leave_lines(self) -> None:
        """The waiting is over."""
        if self._waits_until is not None:
            self._waits_until = None
            self._engine.waiting.leave(self, self._lines)

    def _part(self, entry: Entry) -> Part:
        """What an attempt that starts now requests: the whole answer, or the rest of one that broke off."""
        if not self._delivery.goes_on:
            return Part(self._job.request, self._tokens)
        prefill = entry.prefill and takes_prefill(entry.target)
        splice = self._delivery.splice
        request, taken_back = continuation_request(
            self._job.request, splice.delivered, prefill=prefill, take_back=entry.take_back, spent=splice.spent
        )
        return Part(request, self._engine.count_tokens(request), True, prefill, taken_back)

    def _launch(self, entry: Entry, part: Part, *, hedge: bool = False) -> None:
        self.leave_lines()
        self._attempts.start(entry, part, limit=self._limit(self._now()), hedge=hedge)

    def limit(self, attempt: Attempt) -> None:
        """Gives an attempt its part of the deadline."""
        attempt.limit = self._limit(attempt.began)

    def _limit(self, began: float) -> float | None:
        if self._deadline.total is None:
            return None
        return self._deadline.attempt_limit(began, last=not self.has_another())

    def _prefers(self, target: Target) -> bool:
        """Whether a target can be given the beginning of its own answer. Without an answer to continue, all are equal."""
        return not self._delivery.goes_on or takes_prefill(target)


def judge(attempt: Attempt, now: float, attempts: Attempts, scheduler: Scheduler) -> Failure | None:
    """Returns a stall failure if the attempt has been silent too long, else

    None. A silence that is to be raced leaves the attempt `overdue`. A probe that lost its race is ended here.
    """
    verdict = attempt.watch.check(now)
    before = attempt.watch.phase is Phase.BEFORE
    late = now >= attempt.late_at
    silence = now - attempt.last_content
    if verdict.action is Action.HEDGE:
        attempt.overdue = True
    elif verdict.action is Action.GIVE_UP or late or attempt.spared:
        bounded = attempt.target.timeout is not None and not late
        final = verdict.action is Action.GIVE_UP and (not before or attempt.spared or bounded)
        if attempt.lost:
            attempts.leave(attempt)
            return None
        if final or attempts.racers != [attempt] or scheduler.has_another():
            return _stalled(
                verdict.reason
                or f"no content for {silence:.1f} s, the rest of the deadline is reserved for other targets"
            )
        if before:
            attempt.spare()
        else:
            attempt.limit = None
    if attempt.overdue and _is_better_stopped(attempt, attempts, scheduler):
        return _stalled(f"silent for {silence:.1f} s, and other requests find it unhealthy")
    return None


def _is_better_stopped(attempt: Attempt, attempts: Attempts, scheduler: Scheduler) -> bool:
    """A silent target that was found unhealthy meanwhile is not waited for, if there is another: that costs no budget."""
    if attempt.lost or attempt.probe or attempts.racers != [attempt]:
        return False
    return scheduler.look(attempt.target).barred and scheduler.has_another()


def _stalled(reason: str) -> Failure:
    return Failure(kind=FailureKind.STALL, message=reason)
