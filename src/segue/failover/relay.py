"""One request: attempts run, the leading one is delivered to the caller, and when it breaks off the next takes over.

An attempt leads once it shows content. Until then nothing is shown, so failing over loses nothing; from then on the others are
stopped. When the leader breaks off, the splice decides how the answer can go on, and the next attempt is started for that. What

decides is elsewhere and pure: the plan (which target is next), the watch (how long silence may last), the splice (what was shown), the
health book (which targets are healthy). The relay carries out their decisions, in one loop in the caller's task:

    take what arrived → start what is missing → check the timers → wait for an arrival or for the next moment of a timer
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias

import msgspec

from segue.chat.events import ChatEvent, Failed, Finished, UpstreamEvent, UsageReport
from segue.chat.failure import Failure, FailureKind
from segue.errors import AttemptSummary, SegueError
from segue.failover import error_mapping
from segue.failover.attempt import Attempt
from segue.failover.attempts import Attempts
from segue.failover.budget import FOREVER, Deadline
from segue.failover.check import Check
from segue.failover.delivery import Delivery
from segue.failover.engine import Engine
from segue.failover.hooks import RequestStart
from segue.failover.job import Job
from segue.failover.plan import Plan
from segue.failover.report import Report, ending, sign
from segue.failover.scheduler import Scheduler, judge
from segue.failover.splice.partial_answer import is_content, is_empty_stop
from segue.failover.splice.splice import Next
from segue.failover.upstream import HttpBatches
from segue.routing.fitness import need_of
from segue.routing.target import Target

Take: TypeAlias = Callable[[ChatEvent], Awaitable[None] | None]
"""Gets an event; what it returns, if anything, is to be awaited before it gets more."""

AT_ONCE = 512
"""Events after which other tasks of the event loop get a turn."""


class Relay:
    """One request. Read by one task with `next()`, closed if it is not read to its end.

    `began` is when, on the event loop's clock, `tokens` the estimate of its prompt. `announced`: its beginning was reported to listeners, so
    its end will be too.
    """

    def __init__(
        self, engine: Engine, job: Job, report: Report, began: float, tokens: int, announced: RequestStart | None = None
    ) -> None:
        self._engine = engine
        self._policy = policy = job.policy
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._began = began
        self._announced = announced
        self._last: tuple[str, Failure] | None = None
        self._error: SegueError | None = None
        self._done = False
        self.report = report
        self._deadline = deadline = Deadline(policy.deadline, began, policy.last_share)
        need = need_of(job.request, tokens, policy.regions)
        self._plan = plan = Plan(job.targets, need, policy, successor=engine.successor)
        check = Check(job.request, job.validate)
        self._delivery = delivery = Delivery(
            policy, hold=job.hold or check.whole, check=check, tools=bool(job.request.tools)
        )
        self._attempts = attempts = Attempts(engine, job, report, tokens, loop)
        self._scheduler = Scheduler(
            engine, job, tokens, plan=plan, attempts=attempts, delivery=delivery, deadline=deadline
        )

    def adopt(
        self, attempt: Attempt, batches: HttpBatches, arrived: Iterable[tuple[float, list[UpstreamEvent]]], given: int
    ) -> None:
        """Takes over the first attempt of the chain, of which some `batches` have `arrived`, each at a moment; its caller was given
        so many events."""
        clock = self._now
        self._plan.take(attempt.entry)
        self._scheduler.limit(attempt)
        self._attempts.running.append(attempt)
        for moment, events in arrived:
            self._now = partial(float, moment)
            for event in events:
                if not attempt.over:
                    self._receive(attempt, event)
        self._now = clock
        del self._delivery.out[:given]
        self._attempts.go_on(attempt, batches)

    # The reader's side.

    async def next(self, take: Take | None = None) -> list[ChatEvent]:
        """The next events, at least one; the last is `Finished`, and after it always []. `take`: as in `FastPath.next`, and not used here.

        Raises the request's `SegueError`, after all events before it. Cancelling closes the relay.
        """
        delivery = self._delivery
        try:
            if len(self._attempts.mail) and not delivery.out and not self._done:
                await self._take_turns()
            reached = 0.0
            while not delivery.out and not self._done:
                self._take_mail()
                if not delivery.out and not self._done:
                    until = self._advance(max(self._now(), reached))
                    if not delivery.out and not self._done and await self._attempts.mail.wait(until):
                        reached = until
        except BaseException:
            self.close()
            raise
        if not delivery.out and self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                # Its traceback refers to this frame, which would keep it, and the prompt with it, until a garbage collection.
                del error
        out, delivery.out = delivery.out, []
        return out

    async def _take_turns(self) -> None:
        """More has come than was taken: other tasks come first, and the deadline holds also while content comes without end."""
        await asyncio.sleep(0)
        deadline = self._deadline.at
        if deadline is not None and self._delivery.finished is None and (now := self._now()) >= deadline:
            self._run_out(now)

    def close(self) -> None:
        """Stops what still runs; sockets close within the event loop's next turn. May be called again."""
        self._done = True
        self.report.rounds = self._plan.round
        self._scheduler.leave_lines()
        self._attempts.close()
        if (start := self._announced) is not None:
            self._announced = None
            delivery, splice = self._delivery, self._delivery.splice
            self._engine.request_ended(
                ending(
                    start,
                    self.report,
                    delivery.speaker,
                    began=self._began,
                    now=self._now(),
                    first_content=delivery.first_content,
                    usage=splice.usage,
                    text=splice.delivered,
                    seams=splice.seams,
                    error=self._error,
                )
            )

    @property
    def speaker(self) -> Target | None:
        """The attempt that delivers content, or did last; None before there is content."""
        return self._delivery.speaker

    @property
    def answered(self) -> bool:
        """Whether a target has answered, at least with the head of its answer, and has not failed since."""
        heads = [attempt.receipt.status for attempt in self._attempts.running]
        return self._delivery.last_leader is not None or any(
            status is not None and 200 <= status < 300 for status in heads
        )

    async def closed(self) -> None:
        """Waits until no task of this relay is left."""
        await self._attempts.closed()

    # Arrivals.

    def _take_mail(self) -> None:
        taken = 0
        while taken < AT_ONCE and not self._done and (item := self._attempts.take()) is not None:
            attempt, events = item
            taken += len(events or ())
            if events is None and not attempt.over:
                self._ended(attempt)
            for event in events or ():
                if attempt.over or self._done:
                    break
                self._receive(attempt, event)

    def _receive(self, attempt: Attempt, event: UpstreamEvent) -> None:
        if isinstance(event, Failed):
            if (
                attempt is self._delivery.attempt
                and self._delivery.finished is not None
                and not self._delivery.doubtful
            ):
                self._complete(attempt)
            else:
                self._fail(attempt, event.failure)
        elif attempt is self._delivery.attempt:
            self._show(attempt, event)
        elif is_empty_stop(event) or not (is_content(event) or isinstance(event, Finished)):
            attempt.preamble.append(event)
        elif attempt.lost:
            self._acquit(attempt)
        else:
            self._begin(attempt, event)

    def _ended(self, attempt: Attempt) -> None:
        if not attempt.lost and (stop := next(filter(is_empty_stop, attempt.preamble), None)) is not None:
            self._begin(attempt, stop)
        if attempt is self._delivery.attempt and self._delivery.finished is not None:
            self._complete(attempt)
        elif not attempt.over:
            self._fail(
                attempt, Failure(kind=FailureKind.BROKEN, message="the stream ended before the answer was complete")
            )

    # The lead.

    def _begin(self, attempt: Attempt, first: UpstreamEvent) -> None:
        """The attempt shows content. A stop reason before any content does not count, unless nothing else came."""
        self._take_lead(attempt)
        early = [event for event in attempt.preamble if not isinstance(event, Finished)]
        attempt.preamble.clear()
        for event in (*early, first):
            if not attempt.over:
                self._show(attempt, event)

    def _take_lead(self, attempt: Attempt) -> None:
        before = self._delivery.attempt
        if attempt.first_content is not None and attempt.proven is None:
            self._engine.proved(attempt, self._now())
        self._delivery.take(attempt, self._now())
        self.report.omitted, self.report.healed = attempt.receipt.omitted, attempt.receipt.healed
        if before is not None:
            self._overtake(before, attempt)

    def _show(self, attempt: Attempt, event: UpstreamEvent) -> None:
        """Delivers an event of the leader to the caller."""
        if (failure := self._delivery.deliver(attempt, event, self._now())) is not None:
            self._fail(attempt, failure)
        elif len(self._attempts.running) > 1 and (self._delivery.finished is not None or is_content(event)):
            self._leave_behind(attempt)

    def _leave_behind(self, winner: Attempt) -> None:
        """The winner has content: the others end, except for a probe, which may still show that its target is healthy."""
        for other in self._attempts.racers:
            if other is not winner:
                self._overtake(other, winner)

    def _overtake(self, attempt: Attempt, winner: Attempt) -> None:
        if attempt.overdue:
            silence = self._now() - attempt.last_content
            reason = f"silent for {silence:.1f} s, overtaken by {winner.target.name}"
            failure = Failure(kind=FailureKind.STALL, message=reason)
            self._attempts.failed(attempt, failure)
            self._plan.failed(attempt.entry, failure, self._now(), healthy=False)
        elif attempt.probe and self._delivery.finished is None:
            attempt.lost = True
        else:
            self._attempts.release(attempt)
            self._plan.put_back(attempt.entry)

    def _acquit(self, attempt: Attempt) -> None:
        """A probe that lost its race has shown content: its target is healthy, and nothing else was to be learned."""
        self._attempts.answered(attempt, cancelled=True)
        self._plan.put_back(attempt.entry)

    def _complete(self, attempt: Attempt) -> None:
        """The answer is complete and its usage known, or waited for long enough. As a whole it may still turn out to be invalid."""
        if (failure := self._delivery.close()) is not None:
            self._fail(attempt, failure)
            return
        self._attempts.answered(attempt)
        self._engine.learned(attempt.entry)
        assert self._delivery.splice.finished is not None
        self._sign_off(self._delivery.splice.finished)

    def _sign_off(self, finished: Finished) -> None:
        """The last events for the caller, and the report."""
        leader, splice = self._delivery.last_leader, self._delivery.splice
        assert leader is not None
        sign(self.report, leader, usage=splice.usage, seams=splice.seams)
        if self.report.usage.total_tokens:
            self._delivery.out.append(UsageReport(self.report.usage))
        self._delivery.out.append(finished)
        self.close()

    # Failures.

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt failed: updates its target's health, and the plan or the caller."""
        now = self._now()
        led = attempt is self._delivery.attempt
        healthy = attempt.first_content is None and self._engine.healthy(attempt.target)
        if attempt.prefill and failure.status == 400:  # for whatever reason: it is asked again without
            failure = msgspec.structs.replace(failure, kind=FailureKind.CAPABILITY, prefill_rejected=True)
        self._attempts.failed(attempt, failure)
        if attempt.lost:
            return
        if not failure.prefill_rejected:
            self._last = attempt.target.name, failure
        kind = failure.kind
        if kind is FailureKind.INVALID:
            self._engine.learned(attempt.entry)  # its answer did not fit, but its request was accepted
        ends = kind is FailureKind.POLICY and not self._policy.failover_on_refusal
        ends = ends or (
            kind is FailureKind.CALLER and not (attempt.receipt.translated and error_mapping.is_about_form(failure))
        )
        if ends and not attempt.start.continuation and not attempt.shown:
            self._raise(error_mapping.stopped(failure, attempt.target.name, self.report.attempts))
            return
        self._plan.failed(
            attempt.entry, failure, now, healthy=healthy, pause=self._engine.rng.uniform(*self._policy.quick_retry)
        )
        if led:
            self._broke_off(failure)

    def _broke_off(self, failure: Failure) -> None:
        """The leader is gone. The next attempt, if there is to be one, is started by `_advance`."""
        match self._delivery.lose():
            case Next.FINISH_TOOLS:
                self._sign_off(self._delivery.finish_tools())
            case Next.FAIL:
                self._raise(self._interrupted(failure.message))
            case Next.RESTART | Next.CONTINUE:
                pass

    def _interrupted(self, reason: str) -> SegueError:
        return error_mapping.interrupted(reason, self._delivery.splice.delivered, self._summary())

    def _summary(self) -> list[AttemptSummary]:
        return self._attempts.summary(self._scheduler.skipped())

    def _raise(self, error: SegueError) -> None:
        error.request_id = self.report.request_id
        self._error = error
        self.close()

    # Starting what is missing, judging what is silent.

    def _advance(self, now: float) -> float:
        """Does what is due; returns the moment at which something may be due again."""
        delivery, deadline = self._delivery, self._deadline.at
        if delivery.finished is not None and delivery.attempt is not None:
            until = delivery.linger_until if deadline is None else min(delivery.linger_until, deadline)
            if now < until:
                return until
            if not delivery.doubtful or now >= delivery.linger_until:
                self._complete(delivery.attempt)
                if self._done:
                    return now
        if deadline is not None and now >= deadline:
            self._run_out(now)
            return now
        if now >= delivery.seam_until and (failure := delivery.flush()) is not None and delivery.attempt is not None:
            self._fail(delivery.attempt, failure)
        begin, due = FOREVER, self._flows_until()
        if now >= due:
            self._judge(now)
            begin = FOREVER if self._done else self._race(now)
            due = self._attempts.next_moment()
        return min(begin, due, delivery.seam_until, FOREVER if deadline is None else deadline)

    def _flows_until(self) -> float:
        """Until when there is nothing to judge or to start, since the leader is alone and not silent for too long; 0 where that is not so."""
        leader = self._delivery.attempt
        if leader is None or leader.over or leader.overdue or len(self._attempts.running) > 1:
            return 0.0
        return leader.next_moment()

    def _judge(self, now: float) -> None:
        for attempt in [*self._attempts.running]:
            if self._done or attempt.over or not (attempt.overdue or now >= attempt.next_moment()):
                continue
            if (failure := judge(attempt, now, self._attempts, self._scheduler)) is not None:
                self._fail(attempt, failure)

    def _race(self, now: float) -> float:
        if (begin := self._scheduler.race(now)) is None:
            self._give_up()
            return FOREVER
        return begin

    # The end of the request.

    def _run_out(self, now: float) -> None:
        """The deadline has passed."""
        assert self._policy.deadline is not None
        late = f"no answer within the deadline of {self._policy.deadline:g} s"
        for attempt in [*self._attempts.running]:
            if attempt.lost or not attempt.overdue:
                self._attempts.release(attempt)
            else:
                self._attempts.failed(attempt, Failure(kind=FailureKind.STALL, message=late))
        if self._delivery.splice.delivered:
            self._raise(self._interrupted(late))
        else:
            self._raise(error_mapping.late(self._policy.deadline, self._summary()))

    def _give_up(self) -> None:
        """No target is left."""
        if self._delivery.splice.delivered:
            self._raise(self._interrupted(self._last[1].message if self._last is not None else "no target is left"))
            return
        skipped = self._scheduler.skipped()
        unfit = all(skip.unfit for skip in skipped)
        self._raise(
            error_mapping.unanswered(self._last, self.report.attempts, self._attempts.summary(skipped), unfit=unfit)
        )
