"""The fast path: a request whose first target is well is carried without a plan, a task or a mailbox.

One exchange is read in the caller's task: what arrives is decoded and handed on. The first thing that is not plain ends the fast path:
a timer that is due, a failure, a tool call, an end in doubt. Then a `Relay` is made, which is shown what has arrived so far, each
batch at its moment, takes the attempt over as it stands, and goes on as if it had carried the request from the start. So whatever is
decided, the relay decides; the fast path only knows which answers need no decision:

    text (and thinking), one stop reason that is `stop` or `length`, usage, and the end of the stream
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeAlias

import msgspec

from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.usage import Usage
from segue.failover.alarm import Alarm
from segue.failover.attempt import Attempt, Part
from segue.failover.attempts import begun, ended
from segue.failover.budget import FOREVER, Deadline
from segue.failover.engine import Engine
from segue.failover.hooks import RequestStart
from segue.failover.job import Job
from segue.failover.plan import Entry
from segue.failover.relay import Relay, Take
from segue.failover.report import Report, ending, sign
from segue.failover.stall_timer import Phase
from segue.failover.upstream import HttpBatches, HttpUpstream
from segue.routing.fitness import need_of, unfit
from segue.routing.target import Target
from segue.transport.base import InFlight

_PLAIN_ENDS = frozenset({FinishReason.STOP, FinishReason.LENGTH})


def start(engine: Engine, job: Job) -> Carrier:
    """Begins a request in the running event loop. It must be read to its end or closed."""
    if not job.targets:
        raise ValueError("a job needs at least one target")
    if (targets := engine.current(job.targets, job.policy)) is not job.targets:
        job = msgspec.structs.replace(job, targets=targets)
    request_id = engine.new_id()
    announced = engine.request_started(job, request_id)
    report = Report(request_id=request_id, route=job.route)
    began = asyncio.get_running_loop().time()
    tokens = engine.count_tokens(job.request)
    if engine.fast_steps > 0 and _is_plain(job):
        upstream = engine.upstream(targets[0])
        if isinstance(upstream, HttpUpstream) and upstream.fast is not None:
            return FastPath(engine, job, report, began, tokens, announced, upstream)
    return Relay(engine, job, report, began, tokens, announced)


def _is_plain(job: Job) -> bool:
    """Whether a text can answer a request without having been checked as a whole."""
    request, choice = job.request, job.request.tool_choice
    return job.validate is None and request.output is None and (choice is None or choice.mode in ("auto", "none"))


class FastPath:
    """One request. Made by `start`, read by one task with `next()`, closed if it is not read to its end."""

    __slots__ = (
        "_alarm",
        "_announced",
        "_arrived",
        "_asides",
        "_attempt",
        "_batches",
        "_began",
        "_comes_sooner",
        "_deadline",
        "_done",
        "_engine",
        "_finished",
        "_given",
        "_has_text",
        "_held",
        "_is_text",
        "_job",
        "_late",
        "_linger_until",
        "_loop",
        "_moments",
        "_phase",
        "_polled",
        "_relay",
        "_sent",
        "_started",
        "_steps",
        "_take",
        "_texts",
        "_tokens",
        "_upstream",
        "_waiting",
        "_woken",
        "_writing",
        "report",
    )

    def __init__(
        self,
        engine: Engine,
        job: Job,
        report: Report,
        began: float,
        tokens: int,
        announced: RequestStart | None,
        upstream: HttpUpstream,
    ) -> None:
        self._engine = engine
        self._job = job
        self._began = began
        self._tokens = tokens
        self._announced = announced
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self.report = report
        self._relay: Relay | None = None
        self._attempt: Attempt | None = None
        self._batches: HttpBatches | None = None
        self._sent: InFlight | None = None
        self._arrived: list[tuple[float, list[UpstreamEvent]]] = []
        """Batches of events, and when each came."""
        self._held: list[ChatEvent] = []
        """With `hold`, what is handed out at the end."""
        self._given = 0
        """Events handed out."""
        self._started = Started()
        self._asides: list[ChatEvent] = []
        """What goes out with the first content."""
        self._has_text = False
        self._phase = Phase.BEFORE
        self._is_text = False
        """Whether text has begun and not ended."""
        self._finished: Finished | None = None
        self._linger_until = FOREVER
        self._alarm = Alarm(self._loop)
        self._waiting = False
        self._take: Take | None = None
        self._woken: asyncio.Future[None] | None = None
        self._texts: list[str] = []
        """What was handed on in this wait, and below when: it is noted once that matters."""
        self._moments: list[float] = []
        self._writing: Awaitable[None] | None = None
        """What `_take` has returned."""
        self._polled: list[UpstreamEvent] | None = None
        """What has come and was not looked at."""
        self._comes_sooner = True
        """Whether the alarm may have to go off before the moment for which it is set."""
        self._late = False
        self._done = False
        self._steps = engine.fast_steps
        """How many more it takes."""

    # The reader's side, as `Relay`'s.

    async def next(self, take: Take | None = None) -> list[ChatEvent]:
        """The next events, at least one; the last is `Finished`, and after it always [].

        `take` may get text that comes while this waits, at once, which spares the caller's task its turn; what it returns is
        awaited before more is read. Raises the request's `SegueError`, after all events before it. Cancelling closes it.
        """
        if self._relay is None:
            try:
                if (out := await self._carry(take)) is not None:
                    return out
                if self._relay is None:
                    self._relay = self._promoted()
            except BaseException:
                self.close()
                raise
        return await self._relay.next()

    def close(self) -> None:
        """Stops what still runs; sockets close within the event loop's next turn. May be called again."""
        if self._relay is not None:
            self._relay.close()
        elif not self._done:
            if (attempt := self._attempt) is not None and self._batches is not None:
                now = self._loop.time()
                self._catch_up()
                self._engine.released(attempt, now)
                self._batches.close()
                ended(self._engine, self.report, attempt, "cancelled", now)
            self._end()

    @property
    def speaker(self) -> Target | None:
        """The target that delivers content, or did last; None before there is content."""
        if self._relay is not None:
            return self._relay.speaker
        attempt = self._attempt
        return None if attempt is None or attempt.first_content is None else attempt.target

    @property
    def answered(self) -> bool:
        """Whether a target has answered, at least with the head of its answer, and has not failed since."""
        if self._relay is not None:
            return self._relay.answered
        return self._attempt is not None and self._attempt.receipt.status is not None

    @property
    def promoted(self) -> bool:
        """Whether a relay carries the request."""
        return self._relay is not None

    async def closed(self) -> None:
        """Waits until nothing of this request runs any more."""
        if self._relay is not None:
            await self._relay.closed()
        else:
            await asyncio.sleep(0)

    # The fast path.

    async def _carry(self, take: Take | None) -> list[ChatEvent] | None:
        """The next events; None where a relay has to go on."""
        if self._done:
            return []
        if self._attempt is None and not self._begin():
            return None
        sent, batches, attempt = self._sent, self._batches, self._attempt
        assert attempt is not None
        assert batches is not None
        if sent is None:
            return None
        while self._relay is None:
            events, self._polled = self._polled, None
            if events is None:
                if self._late or self._steps <= 0:
                    return None
                self._steps -= 1
                events = batches.poll()
            if events is None:
                if not batches.plain:
                    return None
                await self._wait(sent, attempt, take)
                continue
            now = self._note(attempt, events)
            if (out := self._taken(attempt, events, now)) is None:
                return None
            if attempt.receipt.complete or batches.over:
                whole = self._finished is not None and not self._finished.provisional
                return self._complete(attempt, batches, out, now) if whole else None
            if self._job.hold:
                self._held += out
            elif out:
                attempt.shown = True
                self._given += len(out)
                return out
        return None

    async def _wait(self, sent: InFlight, attempt: Attempt, take: Take | None) -> None:
        """Waits for what comes next, and for `take` to have dealt with what it got of that."""
        self._set_alarm()
        attempt.awaited = self._waiting = True
        if take is None or not self._has_text or self._job.hold:
            await sent.more()
            self._waiting = False
            return
        self._take = take
        self._is_text = self._phase is Phase.TEXT and self._finished is None
        self._woken = woken = self._loop.create_future()
        sent.listen(self._look)
        try:
            await woken
        finally:
            sent.listen(None)
            self._waiting = False
            self._catch_up()
        writing, self._writing = self._writing, None
        if writing is not None:
            attempt.awaited = False
            await writing

    def _look(self) -> None:
        """What `_wait` has the transport call: more text is handed on, anything else wakes it."""
        woken, self._woken = self._woken, None
        if woken is None or woken.done():
            return
        try:
            if self._handed_on():
                self._woken = woken
            else:
                woken.set_result(None)
        except Exception as error:
            woken.set_exception(error)

    def _handed_on(self) -> bool:
        """Whether nothing but text has come, if anything, more may follow, and the caller can take it at once."""
        batches, sent, take = self._batches, self._sent, self._take
        if self._late or self._steps <= 0 or batches is None or sent is None or take is None:
            return False
        self._steps -= 1
        if self._is_text and (text := batches.poll_text()):
            self._texts.append(text)
            self._moments.append(self._loop.time())
            self._writing = writing = take(TextDelta(text))
            return writing is None and not sent.complete and sent.error is None
        self._polled = batches.poll()
        return self._polled is None and batches.plain

    def _catch_up(self) -> None:
        """Notes the texts that were handed on."""
        if self._texts and self._attempt is not None:
            self._attempt.more_text(self._texts, self._moments)
            self._arrived[-1][1].extend(map(TextDelta, self._texts))
            self._given += len(self._texts)
            self._texts, self._moments = [], []

    def _begin(self) -> bool:
        """Sends the request to its first target; False, and begins no attempt, if that can't be asked at once."""
        engine, job, tokens, now = self._engine, self._job, self._tokens, self._loop.time()
        target = job.targets[0]
        if unfit(target, need_of(job.request, tokens, job.policy.regions)) is not None:
            return False
        if not engine.admit_freely(target, tokens, now):
            return False
        deadline = Deadline(job.policy.deadline, self._began, job.policy.last_share)
        self._deadline = FOREVER if deadline.at is None else deadline.at
        limit = deadline.attempt_limit(now, last=False)
        self._attempt = attempt = begun(
            engine, job, self.report, Entry(target=target), Part(job.request, tokens), now, limit=limit, admitted=True
        )
        self._batches = batches = self._upstream.stream(attempt.ask, attempt.receipt)
        self._sent = batches.begin()
        return True

    def _note(self, attempt: Attempt, events: list[UpstreamEvent]) -> float:
        """Notes what has arrived; returns when."""
        now = self._loop.time()
        attempt.stamp(events, now)
        attempt.awaited = False
        if self._has_text and self._finished is None and len(events) == 1 and type(events[0]) is TextDelta:
            self._arrived[-1][1].append(
                events[0]
            )  # nothing is decided by the moment of more text: a long answer keeps none
        elif events:
            self._arrived.append((now, events))
        if (phase := attempt.watch.phase) is not self._phase:
            self._phase = phase
            self._comes_sooner = True  # within a phase it only moves on
        return now

    def _taken(self, attempt: Attempt, events: list[UpstreamEvent], now: float) -> list[ChatEvent] | None:
        """What the caller gets of these events; None where one of them is not plain."""
        out: list[ChatEvent] = []
        for event in events:
            if type(event) is TextDelta or (type(event) is ThinkingDelta and event.text):
                if not event.text:
                    continue
                if self._finished is not None:
                    return None
                if attempt.proven is None:
                    self._engine.proved(attempt, now)
                    self.report.omitted, self.report.healed = attempt.receipt.omitted, attempt.receipt.healed
                    out += self._started, *self._asides
                self._has_text = self._has_text or type(event) is TextDelta
                out.append(event)
            elif type(event) is ThinkingDelta:
                if event.redacted or self._finished is not None:
                    return None
                if event.signature:
                    (self._asides if attempt.proven is None else out).append(event)
            elif type(event) is Started:
                self._started = event
            elif type(event) is Finished:
                is_over = self._finished is not None and not self._finished.provisional
                if is_over or event.reason not in _PLAIN_ENDS or not self._has_text:
                    return None
                if event.provisional and self._job.request.tools:
                    continue  # a call may still follow
                self._finished = event
                self._linger_until = now + self._job.policy.linger
                self._comes_sooner = True
            elif type(event) is not UsageReport:
                return None
        return out

    def _complete(self, attempt: Attempt, batches: HttpBatches, out: list[ChatEvent], now: float) -> list[ChatEvent]:
        """The answer is whole."""
        assert self._finished is not None
        engine, report = self._engine, self.report
        attempt.shown = True
        engine.answered(attempt, now)
        batches.drain()
        ended(engine, report, attempt, "ok", now)
        sign(report, attempt, usage=attempt.usage or Usage())
        out = [*self._held, *out]
        if report.usage.total_tokens:
            out.append(UsageReport(report.usage))
        out.append(self._finished)
        self._end()
        return out

    def _end(self) -> None:
        self._done = True
        self._alarm.stop()
        if (start := self._announced) is None:
            return
        self._announced = None
        attempt, usage, first = self._attempt, None, None
        if attempt is not None and attempt.first_content is not None:
            usage, first = attempt.usage, attempt.began + attempt.first_content
        shown = self.report.target or not self._job.hold
        texts = [event.text for _, batch in self._arrived for event in batch if type(event) is TextDelta]
        self._engine.request_ended(
            ending(
                start,
                self.report,
                self.speaker,
                began=self._began,
                now=self._loop.time(),
                first_content=first,
                usage=usage or Usage(),
                text="".join(texts) if shown else "",
            )
        )

    def _promoted(self) -> Relay:
        """The relay that goes on from here."""
        self._alarm.stop()
        relay = Relay(self._engine, self._job, self.report, self._began, self._tokens, self._announced)
        if self._attempt is not None and self._batches is not None:
            relay.adopt(self._attempt, self._batches, self._arrived, self._given)
        return relay

    # The moment at which silence needs a decision.

    def _set_alarm(self) -> None:
        if self._comes_sooner:
            self._comes_sooner = False
            self._alarm.set(self._due(), self._ring)

    def _due(self) -> float:
        assert self._attempt is not None
        return min(self._attempt.next_moment(), self._deadline, self._linger_until)

    def _ring(self, at: float) -> None:
        self._catch_up()
        if (due := self._due()) > at:
            self._alarm.set(due, self._ring)
        elif self._waiting:
            self._late = True
            assert self._sent is not None
            self._sent.wake()
        elif self._attempt is not None and self._batches is not None:
            # The caller is busy elsewhere: a relay reads on meanwhile, and sees whether it is the target that is silent.
            if self._batches.plain and (events := self._batches.poll()) is not None:
                self._note(self._attempt, events)
            self._relay = self._promoted()


Carrier: TypeAlias = FastPath | Relay
"""What carries a request, as its caller sees it."""
