"""One request on its way: attempts run, the one in the lead speaks to the caller, and when it breaks off the next takes over.

An attempt leads once it shows content. Until then nothing is shown, so failing over loses nothing; from then on the others are
stopped. When the leader breaks off, the splice says how the answer can go on, and the next attempt is started for just that.

What decides is elsewhere and pure: the plan (who is next), the watch (how long silence may last), the splice (what was shown), the
health book (who is well). The relay carries their decisions out, in one loop in the caller's own task:

    take what arrived → start what is missing → let the timers speak → wait for an arrival or for the next moment of a timer
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from segue.chat.events import ChatEvent, Failed, Finished, FinishReason, UpstreamEvent, UsageReport
from segue.chat.failure import Failure, FailureKind
from segue.errors import SegueError
from segue.failover import outcome
from segue.failover.answer import is_content
from segue.failover.attempt import Attempt
from segue.failover.budget import CONTINUATION, HEDGE, Deadline
from segue.failover.continuation import continuation_request
from segue.failover.field import FOREVER, Field, Part, Report
from segue.failover.listener import RequestStart
from segue.failover.plan import Entry, Plan
from segue.failover.splice import Next, Splice
from segue.failover.stall import Action, Phase
from segue.failover.telling import ending
from segue.health.target import Availability
from segue.routing.fitness import need_of, takes_prefill
from segue.routing.target import Target

if TYPE_CHECKING:
    from segue.failover.engine import Engine, Job


LOOK_AGAIN = 1.0
"""Seconds between looks for someone who could race a silent target."""


class Relay:
    """One request. Made by `Engine.start`, read by one task with `next()`, closed if it is not read to its end.

    `told`: its beginning was told to listeners, so its end will be too.
    """

    def __init__(self, engine: Engine, job: Job, request_id: str, told: RequestStart | None = None) -> None:
        self._engine = engine
        self._job = job
        self._policy = policy = job.policy
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._tokens = engine.count_tokens(job.request)
        self._began = self._now()
        self._first_content: float | None = None
        self._deadline = Deadline(policy.deadline, self._began, policy.last_share)
        need = need_of(job.request, self._tokens, policy.regions)
        self._plan = Plan(job.targets, need, policy, successor=engine.successor)
        self._splice = Splice(
            hold=job.hold, continuations=policy.continuations, seam_chars=policy.seam_chars, validate=job.validate
        )
        self._leader: Attempt | None = None
        self._spoke: Attempt | None = None
        self._pending: Entry | None = None
        self._round_at = 0.0
        self._seam_until = FOREVER
        self._linger_until = FOREVER
        self._finished: Finished | None = None
        self._last: tuple[str, Failure] | None = None
        self._out: list[ChatEvent] = []
        self._error: SegueError | None = None
        self._done = False
        self.report = Report(request_id=request_id, route=job.route)
        self._field = Field(engine, job, self.report, self._tokens, loop)
        self._told = told

    # The reader's side.

    async def next(self) -> list[ChatEvent]:
        """The next events, at least one; the last is `Finished`, and after it there is [] for ever.

        Raises the request's `SegueError`, after all that was to be shown before it. Cancelling closes the relay.
        """
        try:
            reached = 0.0
            while not self._out and not self._done:
                self._take_mail()
                if not self._out and not self._done:
                    until = self._advance(max(self._now(), reached))
                    if not self._out and not self._done and await self._field.mail.wait(until):
                        reached = until
        except BaseException:
            self.close()
            raise
        if not self._out and self._error is not None:
            error, self._error = self._error, None
            raise error
        out, self._out = self._out, []
        return out

    def close(self) -> None:
        """Stops what still runs; sockets close before the event loop's next turn is over. May be called again."""
        self._done = True
        self.report.rounds = self._plan.round
        self._field.close()
        if (start := self._told) is not None:
            self._told = None
            seconds = self._now() - self._began
            self._engine.request_ended(
                ending(start, self.report, self._splice, self.speaker, self._error, seconds, self._first_content)
            )

    @property
    def speaker(self) -> Target | None:
        """Who speaks, or spoke last; None before there is content."""
        return self._spoke.target if self._spoke is not None else None

    async def closed(self) -> None:
        """Waits until no task of this relay is left."""
        await self._field.closed()

    # Arrivals.

    def _take_mail(self) -> None:
        while not self._done and (item := self._field.take()) is not None:
            attempt, events = item
            if events is None and not attempt.over:
                self._ended(attempt)
            for event in events or ():
                if attempt.over or self._done:
                    break
                self._hear(attempt, event)

    def _hear(self, attempt: Attempt, event: UpstreamEvent) -> None:
        if isinstance(event, Failed):
            if attempt is self._leader and self._finished is not None:
                self._complete(attempt)
            else:
                self._fail(attempt, event.failure)
        elif attempt is self._leader:
            self._show(attempt, event)
        elif not is_content(event) and not isinstance(event, Finished):
            attempt.preamble.append(event)
        elif attempt.lost:
            self._acquit(attempt)
        else:
            self._lead(attempt)
            for early in (*attempt.preamble, event):
                if not attempt.over:
                    self._show(attempt, early)

    def _ended(self, attempt: Attempt) -> None:
        if attempt is self._leader and self._finished is not None:
            self._complete(attempt)
        else:
            self._fail(attempt, Failure(kind=FailureKind.BROKEN, message="the stream ended without its terminal"))

    # The lead.

    def _lead(self, attempt: Attempt) -> None:
        before, self._leader = self._leader, attempt
        if self._spoke is not None:
            if attempt.start.continuation:
                self._splice.continue_with(self._spoke.target.name, attempt.target.name, stripped=attempt.stripped)
            else:
                self._splice.restart(self._spoke.target.name, attempt.target.name)
        if before is not None:
            self._overtake(before, attempt)
        if self._spoke is None:
            self._first_content = self._now() - self._began
        self._spoke = attempt

    def _show(self, attempt: Attempt, event: UpstreamEvent) -> None:
        """The leader says something, which goes to the caller through the splice."""
        if self._is_refusal(event):
            self._fail(attempt, Failure(kind=FailureKind.POLICY, message="the model declined to answer"))
            return
        shown = self._splice.feed(event)
        if self._splice.failure is not None:
            self._out += shown
            self._fail(attempt, self._splice.failure)
            return
        if shown:
            attempt.shown = True
            self._out += [event for event in shown if not isinstance(event, (UsageReport, Finished))]
        if not self._splice.holding:
            self._seam_until = FOREVER
        elif self._seam_until == FOREVER:
            self._seam_until = self._now() + self._policy.seam_wait
        if self._splice.finished is not None and self._finished is None:
            self._finished = self._splice.finished
            self._linger_until = self._now() + self._policy.linger
        if len(self._field.running) > 1 and (self._finished is not None or is_content(event)):
            self._leave_behind(attempt)

    def _is_refusal(self, event: UpstreamEvent) -> bool:
        """Whether the answer is a refusal that another target is to be asked instead of."""
        refused = isinstance(event, Finished) and event.reason is FinishReason.CONTENT_FILTER
        return refused and self._policy.failover_on_refusal and not self._splice.delivered

    def _leave_behind(self, winner: Attempt) -> None:
        """The winner has content: the others end, but for a probe, which may still show that its target is well."""
        for other in self._field.racers:
            if other is not winner:
                self._overtake(other, winner)

    def _overtake(self, attempt: Attempt, winner: Attempt) -> None:
        if attempt.overdue:
            silence = self._now() - attempt.last_content
            reason = f"silent for {silence:.1f} s, overtaken by {winner.target.name}"
            failure = Failure(kind=FailureKind.STALL, message=reason)
            self._field.failed(attempt, failure)
            self._plan.failed(attempt.entry, failure, self._now(), healthy=False)
        elif attempt.probe and self._finished is None:
            attempt.lost = True
        else:
            self._field.release(attempt)
            self._plan.put_back(attempt.entry)

    def _acquit(self, attempt: Attempt) -> None:
        """A probe that lost its race has shown content: its target is well, and that was all there was to learn."""
        self._field.answered(attempt, cancelled=True)
        self._plan.put_back(attempt.entry)

    def _complete(self, attempt: Attempt) -> None:
        """The answer is whole and its usage known, or waited for long enough."""
        assert self._finished is not None
        self._field.answered(attempt)
        self._engine.learned(attempt.entry)
        self.report.omitted = attempt.receipt.omitted
        self._sign_off(self._finished)

    def _sign_off(self, finished: Finished) -> None:
        """The last words to the caller, and the report."""
        assert self._spoke is not None
        self.report.target = self._spoke.target.name
        self.report.model = self._spoke.receipt.model or self._spoke.target.model.id
        if notice := self._spoke.target.notice:
            self.report.notices = (notice,)
        self.report.seams = self._splice.seams
        self.report.usage = usage = self._splice.usage
        if usage.total_tokens:
            self._out.append(UsageReport(usage))
        self._out.append(finished)
        self.close()

    # Failures.

    def _fail(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt failed: its target's health hears of it, and the plan or the caller."""
        now = self._now()
        led = attempt is self._leader
        healthy = attempt.first_content is None and self._engine.healthy(attempt.target)
        self._field.failed(attempt, failure)
        if attempt.lost:
            return
        self._last = attempt.target.name, failure
        kind = failure.kind
        ends = kind is FailureKind.CALLER or (kind is FailureKind.POLICY and not self._policy.failover_on_refusal)
        if ends and not attempt.start.continuation and not attempt.shown:
            self._raise(outcome.stopped(failure, attempt.target.name, self.report.attempts))
            return
        self._plan.failed(
            attempt.entry, failure, now, healthy=healthy, pause=self._engine.rng.uniform(*self._policy.quick_retry)
        )
        if led:
            self._leader = None
            self._seam_until = FOREVER
            self._broke_off(failure)

    def _broke_off(self, failure: Failure) -> None:
        """The leader is gone. The next attempt, if there is to be one, is started by `_advance`."""
        match self._splice.on_break():
            case Next.FINISH_TOOLS:
                self._out += self._splice.finish_tools()[:-1]
                assert self._splice.finished is not None
                self._sign_off(self._splice.finished)
            case Next.FAIL:
                self._raise(self._interrupted(failure.message))
            case Next.RESTART | Next.CONTINUE:
                pass

    def _interrupted(self, reason: str) -> SegueError:
        skipped = self._plan.skipped(self._look)
        return outcome.interrupted(reason, self._splice.delivered, self._field.summary(skipped))

    def _raise(self, error: SegueError) -> None:
        self._error = error
        self.close()

    # What is missing is started, what is silent is judged.

    def _advance(self, now: float) -> float:
        """Does what is due; gives the moment at which something may be due again."""
        if self._finished is not None:
            if now >= self._linger_until and self._leader is not None:
                self._complete(self._leader)
            return self._linger_until
        deadline = self._deadline.at
        if deadline is not None and now >= deadline:
            self._run_out(now)
            return now
        if now >= self._seam_until:
            self._seam_until = FOREVER
            self._out += self._splice.flush()
            if self._splice.failure is not None and self._leader is not None:
                self._fail(self._leader, self._splice.failure)
        begin = FOREVER
        if not self._is_flowing(now):
            for attempt in [*self._field.running]:
                if attempt.overdue or now >= attempt.next_moment():
                    self._judge(attempt, now)
            begin = FOREVER if self._done else self._race(now)
        return min(begin, self._seam_until, self._field.next_moment(), FOREVER if deadline is None else deadline)

    def _is_flowing(self, now: float) -> bool:
        """Whether the leader is alone and not silent for too long, so that there is nothing to judge or to start."""
        leader = self._leader
        if leader is None or leader.over or leader.overdue or len(self._field.running) > 1:
            return False
        return now < leader.next_moment()

    def _judge(self, attempt: Attempt, now: float) -> None:
        """Lets an attempt's silence speak."""
        if self._done or attempt.over:
            return
        verdict = attempt.watch.check(now)
        before = attempt.watch.phase is Phase.BEFORE
        late = now >= attempt.late_at
        if verdict.action is Action.HEDGE:
            attempt.overdue = True
        elif verdict.action is Action.GIVE_UP or late or attempt.spared:
            bounded = attempt.target.timeout is not None and not late
            final = verdict.action is Action.GIVE_UP and (not before or attempt.spared or bounded)
            if attempt.lost:
                self._field.leave(attempt)
            elif final or self._has_another(attempt):
                silence = now - attempt.last_content
                reason = verdict.reason or f"no content for {silence:.1f} s, the rest of the deadline is others'"
                self._fail(attempt, Failure(kind=FailureKind.STALL, message=reason))
            elif before:
                attempt.spare()
            else:
                attempt.limit = None
        if attempt.overdue and not attempt.over and self._is_better_left(attempt):
            reason = f"silent for {now - attempt.last_content:.1f} s, and others find it unwell"
            self._fail(attempt, Failure(kind=FailureKind.STALL, message=reason))

    def _is_better_left(self, attempt: Attempt) -> bool:
        """A silent target that has been found unwell meanwhile is not waited for, if there is another: that costs no budget."""
        if attempt.lost or attempt.probe or self._field.racers != [attempt]:
            return False
        return self._look(attempt.target).barred and self._plan.peek(self._look) is not None

    def _has_another(self, attempt: Attempt) -> bool:
        return self._field.racers != [attempt] or self._plan.peek(self._look) is not None

    def _race(self, now: float) -> float:
        """Starts the next attempt where none runs, or one beside those that are silent. Gives when it may be due again."""
        racers = self._field.racers
        if not racers:
            begin = self._start_next(now)
            if not (racers := self._field.racers):
                return begin
        if self._leader is not None:
            alone = self._leader.overdue and len(racers) == 1
            if alone and self._splice.on_break() in (Next.CONTINUE, Next.RESTART):
                return self._hedge(now, racers)
        elif all(attempt.overdue or attempt.probe for attempt in racers):
            return self._hedge(now, racers)
        return FOREVER

    def _hedge(self, now: float, racers: list[Attempt]) -> float:
        """Races the silent ones, if another provider is well and the budget allows it. Beside a fresh probe it costs nothing.

        Gives when to look again: a target that can't be asked now may be well later.
        """
        providers = {attempt.target.provider for attempt in racers}
        entry = self._plan.peek(self._look, providers=providers, prefer=self._prefers) if self._policy.hedge else None
        if entry is None:
            moments = [skip.recovers_at for skip in self._plan.skipped(self._look) if skip.recovers_at is not None]
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
        self.report.hedges += 1
        self._launch(entry, part, hedge=True)
        return FOREVER

    def _start_next(self, now: float) -> float:
        """Starts the next attempt of the plan, or ends the request where there is none. Gives when to look again."""
        if now < self._round_at:
            return self._round_at
        entry = (
            self._waited_for()
            or self._plan.next(self._look, prefer=self._prefers)
            or self._plan.last_resort(self._look, now)
        )
        if entry is None:
            return self._next_round(now)
        part = self._part(entry)
        wait = max(0.0, entry.not_before - now) or self._engine.reserve(entry.target, part.tokens, now)
        if wait > 0.0:
            self._pending = msgspec.structs.replace(entry, not_before=now + wait)
            return now + wait
        if entry.resort and not self._may_resort(entry.target, now):
            self._plan.give_back(entry)
            return self._next_round(now)
        self._launch(entry, part)
        return FOREVER

    def _waited_for(self) -> Entry | None:
        """The entry whose moment or quota was waited for, unless others found its target unwell in the meantime."""
        entry, self._pending = self._pending, None
        if entry is not None and not entry.resort and self._look(entry.target).barred:
            self._plan.give_back(entry)
            return None
        return entry

    def _may_resort(self, target: Target, now: float) -> bool:
        return not self._look(target).barred or self._engine.health.last_resort(self._engine.keys(target), now)

    def _next_round(self, now: float) -> float:
        """Nobody can be asked: another round, or the end. Gives when to look again."""
        until = FOREVER if self._deadline.at is None else self._deadline.at
        begin = self._plan.next_round(self._look, now, until=until, jitter=self._engine.rng.random())
        if begin is not None:
            self._round_at = begin
        else:
            self._give_up()
        return self._round_at

    def _part(self, entry: Entry) -> Part:
        """What an attempt that starts now is asked for: the whole answer, or the rest of one that broke off."""
        if self._spoke is None or self._splice.on_break() is not Next.CONTINUE:
            return Part(self._job.request, self._tokens)
        prefill = entry.prefill and takes_prefill(entry.target)
        request, stripped = continuation_request(self._job.request, self._splice.delivered, prefill=prefill)
        return Part(request, self._engine.count_tokens(request), True, prefill, stripped)

    def _launch(self, entry: Entry, part: Part, *, hedge: bool = False) -> None:
        limit = self._deadline.attempt_limit(self._now(), last=self._plan.peek(self._look) is None)
        self._field.start(entry, part, limit=limit, hedge=hedge)

    def _prefers(self, target: Target) -> bool:
        """Whether a target can be given the beginning of its own answer. Without an answer to go on with, all are alike."""
        return self._spoke is None or self._splice.on_break() is not Next.CONTINUE or takes_prefill(target)

    def _look(self, target: Target) -> Availability:
        return self._engine.look(target, self._tokens, self._now())

    # The end of the request.

    def _run_out(self, now: float) -> None:
        """The deadline has passed."""
        assert self._policy.deadline is not None
        late = f"no answer within the deadline of {self._policy.deadline:g} s"
        for attempt in [*self._field.running]:
            if attempt.lost or not attempt.overdue:
                self._field.release(attempt)
            else:
                self._field.failed(attempt, Failure(kind=FailureKind.STALL, message=late))
        if self._splice.delivered:
            self._raise(self._interrupted(late))
        else:
            skipped = self._plan.skipped(self._look)
            self._raise(outcome.late(self._policy.deadline, self._field.summary(skipped)))

    def _give_up(self) -> None:
        """Nobody is left to ask."""
        failure = self._last[1].message if self._last is not None else "no target is left"
        if self._splice.delivered:
            self._raise(self._interrupted(failure))
            return
        skipped = self._plan.skipped(self._look)
        failed = {attempt.outcome for attempt in self.report.attempts} - {"cancelled"}
        if self._last is not None and failed == {FailureKind.POLICY}:
            target, refusal = self._last
            self._raise(outcome.stopped(refusal, target, self.report.attempts))
            return
        incapable = failed <= {FailureKind.CAPABILITY} and all(skip.unfit for skip in skipped)
        self._raise(outcome.exhausted(self._field.summary(skipped), incapable=incapable))
