"""The attempts of one request that run, and the books of those that have ended.

`Attempts` starts attempts and ends each exactly once: with an answer, a failure, or without a verdict. Every end goes to the target's
health, to the listeners and into the report. The relay decides why an attempt starts or ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from segue.chat.events import TextDelta, ThinkingDelta, ToolCallDelta, UpstreamEvent
from segue.chat.failure import Failure, FailureKind
from segue.errors import AttemptSummary
from segue.failover.attempt import EVENT_WEIGHT, MAIL_ROOM, MAILBOX_ROOM, Attempt, Part
from segue.failover.budget import FOREVER
from segue.failover.engine import Engine
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.job import Job, latency_key
from segue.failover.mailbox import Mailbox
from segue.failover.plan import Entry, Skipped
from segue.failover.report import Report
from segue.failover.stall_timer import Watch
from segue.failover.upstream import Ask, HttpBatches
from segue.health.breaker import Permit
from segue.routing.target import Target


def begun(
    engine: Engine,
    job: Job,
    report: Report,
    entry: Entry,
    part: Part,
    now: float,
    *,
    limit: float | None = None,
    hedge: bool = False,
    after: str = "",
    admitted: bool = False,
) -> Attempt:
    """An attempt that its target's health has admitted (or had already) and the listeners know of; nothing is sent yet."""
    target, request = entry.target, part.request
    ask = Ask(
        request=request,
        connect=job.policy.connect,
        prefill=part.prefill,
        dialect=job.dialect,
        omit=entry.omit | refused if (refused := engine.refusals.of(target)) else entry.omit,
    )
    start = AttemptStart(
        attempt_id=engine.new_id(),
        request_id=report.request_id,
        target=target,
        chain=job.chain,
        wall=engine.wall(),
        prompt_tokens=part.tokens,
        max_tokens=request.max_tokens or target.max_tokens,
        hedge=hedge,
        continuation=part.continuation,
        metadata=job.metadata,
        after=after,
    )
    keys, key = engine.keys(target), latency_key(target, request, part.tokens)
    probe = not admitted and engine.health.admit(keys, now) is Permit.PROBE
    watch = Watch(engine.limits(target, request, part.tokens, job.policy, key), now)
    attempt = Attempt(
        entry,
        ask,
        start,
        watch,
        now,
        keys=keys,
        latency_key=key,
        probe=probe,
        taken_back=part.taken_back,
        limit=limit,
    )
    engine.began(start)
    return attempt


def ended(
    engine: Engine,
    report: Report,
    attempt: Attempt,
    outcome: str,
    now: float,
    *,
    failure: Failure | None = None,
    recovers_in: float | None = None,
) -> None:
    """Writes an attempt's end into the report, and calls the listeners."""
    start, receipt, seconds = attempt.start, attempt.receipt, now - attempt.began
    report.attempts.append(
        AttemptSummary(
            target=attempt.target.name,
            model=receipt.model or attempt.target.model.id,
            outcome=outcome,
            reason=failure.message if failure is not None else "",
            status=receipt.status if failure is None else failure.status,
            seconds=seconds,
            first_content=attempt.first_content,
            recovers_in=recovers_in,
            hedge=start.hedge,
            continuation=start.continuation,
            attempt_id=start.attempt_id,
        )
    )
    engine.ended(
        AttemptEnd(
            start=start,
            outcome=outcome,
            seconds=seconds,
            failure=failure,
            usage=attempt.usage,
            # A stop reason may stand on every chunk: for a cancelled attempt only the end of the answer makes its report final.
            usage_is_final=attempt.finished and (outcome != "cancelled" or receipt.complete),
            first_content=attempt.first_content,
            status=receipt.status,
            sent=receipt.sent,
            text="".join(attempt.brought),
            shown=attempt.shown,
        )
    )


def _weight(events: Sequence[UpstreamEvent]) -> int:
    weight = EVENT_WEIGHT * len(events)
    for event in events:
        if isinstance(event, TextDelta | ThinkingDelta):
            weight += len(event.text)
        elif isinstance(event, ToolCallDelta):
            weight += len(event.arguments)
    return weight


class Attempts:
    """The running attempts of one request, and the events they posted."""

    def __init__(self, engine: Engine, job: Job, report: Report, tokens: int, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._job = job
        self._report = report
        self._tokens = tokens
        self._loop = loop
        self._now: Callable[[], float] = loop.time
        self._ended: list[Attempt] = []
        self._failed = ""
        self._misfits: list[Attempt] = []
        self._waiting = 0
        """What the mail weighs."""
        self.running: list[Attempt] = []
        self.mail: Mailbox[tuple[Attempt, list[UpstreamEvent] | None]] = Mailbox(loop)

    @property
    def racers(self) -> list[Attempt]:
        """Those that lead or may still lead."""
        return [attempt for attempt in self.running if not attempt.lost]

    def next_moment(self) -> float:
        """The earliest moment at which an attempt's silence may need a decision; infinite if none."""
        return min([attempt.next_moment() for attempt in self.running], default=FOREVER)

    def take(self) -> tuple[Attempt, list[UpstreamEvent] | None] | None:
        """The oldest post: an attempt's events, or None for its end."""
        if (item := self.mail.take()) is None:
            return None
        self._waiting -= _weight(item[1] or ())
        if len(self.mail) < MAILBOX_ROOM // 2 and self._waiting < MAIL_ROOM // 2:
            item[0].read_on()
        return item

    def start(self, entry: Entry, part: Part, *, limit: float | None, hedge: bool) -> None:
        """Sends `part` to the entry's target. `limit` is the moment by which it must have shown content."""
        after = "" if hedge else self._after(entry.target)
        attempt = begun(
            self._engine, self._job, self._report, entry, part, self._now(), limit=limit, hedge=hedge, after=after
        )
        self.running.append(attempt)
        self._report.hedges += hedge
        batches = self._engine.upstream(entry.target).stream(attempt.ask, attempt.receipt)
        attempt.run(batches, self._post, self._loop)

    def go_on(self, attempt: Attempt, batches: HttpBatches) -> None:
        """Reads what is still to come of an attempt that was begun elsewhere."""
        attempt.go_on(batches, self._post, self._loop)

    def answered(self, attempt: Attempt, *, cancelled: bool = False) -> None:
        """Its target has proved to be healthy: by a whole answer, or, if `cancelled`, by as much of one as was needed."""
        self._engine.answered(attempt, self._now())
        if not cancelled:
            for misfit in self._misfits:
                if misfit.target.name != attempt.target.name:
                    self._engine.surpassed(misfit, self._now())
        self._end(attempt, "cancelled" if cancelled else "ok")

    def _after(self, target: Target) -> str:
        """The target that failed before, if it is another; reported once."""
        failed, self._failed = self._failed, ""
        return failed if failed != target.name else ""

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        self._failed = attempt.target.name
        if failure.kind is FailureKind.INVALID:
            self._misfits.append(attempt)
        self._engine.failed(attempt, failure, self._now())
        self._end(attempt, failure.kind.value, failure)

    def release(self, attempt: Attempt) -> None:
        """Stops an attempt without a verdict on its target."""
        self._engine.released(attempt, self._now())
        self._end(attempt, "cancelled")

    def leave(self, attempt: Attempt) -> None:
        """Stops a probe that lost its race and showed nothing: it was silent for longer than usual, or it had too little time to judge."""
        silence = self._now() - attempt.last_content
        if attempt.overdue:
            self.failed(attempt, Failure(kind=FailureKind.STALL, message=f"a probe, silent for {silence:.1f} s"))
        else:
            self._engine.unproven(attempt, self._now())
            self._end(attempt, "cancelled")

    def close(self) -> None:
        for attempt in [*self.running]:
            if attempt.lost:
                self.leave(attempt)
            else:
                self.release(attempt)
        self.mail.close()

    async def closed(self) -> None:
        """Waits until no ended attempt has a task left."""
        for attempt in self._ended:
            await attempt.stopped()

    def summary(self, skipped: Sequence[Skipped]) -> list[AttemptSummary]:
        """What was tried, and what was skipped and why."""
        now = self._now()
        return self._report.attempts + [
            AttemptSummary(
                target=skip.target.name,
                model=skip.target.model.id,
                outcome="skipped",
                reason=skip.reason,
                recovers_in=None if skip.recovers_at is None else max(0.0, skip.recovers_at - now),
            )
            for skip in skipped
        ]

    def _post(self, attempt: Attempt, events: list[UpstreamEvent] | None) -> None:
        self.mail.put((attempt, events))
        self._waiting += _weight(events or ())
        if len(self.mail) >= MAILBOX_ROOM or self._waiting >= MAIL_ROOM:
            attempt.hold()

    def _end(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        attempt.stop()
        self.running.remove(attempt)
        self._ended.append(attempt)
        recovers_in = self._recovers_in(attempt) if failure is not None else None
        ended(self._engine, self._report, attempt, outcome, self._now(), failure=failure, recovers_in=recovers_in)

    def _recovers_in(self, attempt: Attempt) -> float | None:
        now = self._now()
        availability = self._engine.look(attempt.target, self._tokens, now)
        at = None if availability.gone else availability.recovers_at
        return None if at is None else at - now
