"""One attempt: a request on its way to one target, running beside the caller.

An attempt is a task that reads its upstream and posts what arrives to a mailbox. It makes no decisions: it records arrivals
on its watch, remembers the latest usage, and stops reading while the mailbox is full, so that little is buffered for a slow reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from segue.chat.events import Failed, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UpstreamEvent, UsageReport
from segue.chat.failure import Failure, FailureKind
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.failover.hooks import AttemptStart
from segue.failover.plan import Entry
from segue.failover.splice.partial_answer import is_empty_stop
from segue.failover.stall_timer import Phase, Watch
from segue.failover.upstream import Ask, Batches, HttpBatches, Receipt
from segue.health.latency import LatencyKey
from segue.health.target import HealthKeys

MAILBOX_ROOM = 512
"""Batches of events held for a caller before an attempt stops reading."""

MAIL_ROOM = 512 * 1024
"""What they weigh: a batch may hold thousands of events, and an event 32 KiB of text. The text's length, and …"""

EVENT_WEIGHT = 128
"""… so much for each event."""

SAME_READ = 1e-6
"""Seconds within which two moments are one: they are sums of the clock's numbers."""

GAP_SAMPLING = 16
"""One gap in this many is kept for the estimate of usual gaps."""

Post: TypeAlias = "Callable[[Attempt, list[UpstreamEvent] | None], None]"
"""Takes an attempt's events, or None for its end."""


class Part(NamedTuple):
    """What one attempt requests.

    `tokens` is the prompt's estimate. `continuation`: the rest of an answer that broke off; its beginning is sent as a `prefill`
    or as a finished turn. `taken_back` is the end of that beginning that the model is not shown.
    """

    request: ChatRequest
    tokens: int
    continuation: bool = False
    prefill: bool = False
    taken_back: str = ""


class Attempt:
    """A running attempt.

    `overdue`: silent beyond its hedge point. `spared`: silent beyond its give-up point too, but no other target is left: only a dead
    connection or the deadline ends it. `lost`: another leads, and this one runs on only to show whether its target, being probed,
    is healthy. `awaited`: what arrives is noted as it arrives, so that gaps are known. `proven`: its first content was reported to its target's health, and True where that was a probe's success. `over`: its
    outcome is booked, later events do not count. `limit` is the moment by which it must have shown content, so that other targets keep
    their time; None if there are none. `keys` and `latency_key`: the names under which its target's health and waits are kept.
    """

    __slots__ = (
        "_begun",
        "_pieces",
        "_room",
        "_task",
        "ask",
        "awaited",
        "began",
        "brought",
        "entry",
        "finished",
        "first_content",
        "gaps",
        "keys",
        "last_content",
        "latency_key",
        "limit",
        "lost",
        "over",
        "overdue",
        "preamble",
        "prefill",
        "probe",
        "proven",
        "receipt",
        "request",
        "shown",
        "spared",
        "start",
        "taken_back",
        "target",
        "usage",
        "watch",
    )

    def __init__(
        self,
        entry: Entry,
        ask: Ask,
        start: AttemptStart,
        watch: Watch,
        began: float,
        *,
        keys: HealthKeys,
        latency_key: LatencyKey,
        probe: bool,
        taken_back: str,
        limit: float | None,
    ) -> None:
        self.entry = entry
        self.target = entry.target
        self.request = ask.request
        self.start = start
        self.watch = watch
        self.began = began
        self.keys = keys
        self.latency_key = latency_key
        self.probe = probe
        self.prefill = ask.prefill
        self.taken_back = taken_back
        self.limit = limit
        self.ask = ask
        self.receipt = Receipt()
        self.preamble: list[UpstreamEvent] = []
        self.usage: Usage | None = None
        self.first_content: float | None = None
        self.last_content = began
        self.brought: list[str] = []
        self.gaps: list[float] = []
        self.awaited = True
        self.shown = False
        self.overdue = False
        self.spared = False
        self.finished = False
        self.lost = False
        self.proven: bool | None = None
        self.over = False
        self._pieces = 0
        self._room: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun: HttpBatches | None = None
        """What was begun without a task, until its task runs: a task that is cancelled before then closes nothing."""

    def run(self, batches: Batches, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        self._task = loop.create_task(self._pump(batches, post, loop.time))

    def go_on(self, batches: HttpBatches, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        """`run`, for what was begun without a task."""
        self._begun = batches
        if self.over:
            (batches.drain if self.receipt.complete else batches.close)()
        else:
            self.run(batches, post, loop)

    def hold(self) -> None:
        """Stops its reading: nothing takes its events any more."""
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()

    def read_on(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def stop(self) -> None:
        """Ends the reading and closes the socket, unless the answer is complete and it waits briefly for the body's end."""
        self.over = True
        if self._task is not None and not self.receipt.complete:
            self._task.cancel()
            if self._begun is not None:
                self._begun.close()

    def next_moment(self) -> float:
        """The moment at which its silence may need a decision."""
        check, late = self.watch.next_check(), self.late_at
        return check if check < late else late

    @property
    def came_at_once(self) -> bool:
        """Whether all content so far came in one read."""
        return self.first_content is not None and self.last_content <= self.began + self.first_content + SAME_READ

    @property
    def late_at(self) -> float:
        """The moment from which its silence uses up the time of other targets: without content the limit itself, in thinking and
        in tool arguments once it has also lasted as long as a gap in text may. In text the watch is strict enough."""
        if self.limit is None or self.watch.phase is Phase.TEXT:
            return float("inf")
        if self.watch.phase is Phase.BEFORE:
            return self.limit
        return max(self.limit, self.last_content + (self.watch.limits.give_up_gap or 0.0))

    def spare(self) -> None:
        """Accepts its silence."""
        self.overdue = self.spared = True
        self.limit = None
        self.watch.spare()

    async def stopped(self) -> None:
        """Waits until the task is gone."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _pump(self, batches: Batches, post: Post, clock: Callable[[], float]) -> None:
        self._begun = None
        try:
            if self.receipt.complete:
                post(self, None)
            async for batch in batches:
                self.stamp(batch, clock())
                if batch:
                    post(self, batch)
                if self.receipt.complete:
                    post(self, None)
                if self._room is not None:
                    await self._room
                    self.watch.resume(clock())
        except asyncio.CancelledError:
            # Not passed on: the task would keep it, and by its traceback the attempt, which holds the task: a cycle around the prompt.
            return
        except Exception as error:  # an upstream that raises has a defect; the chain still continues
            failure = Failure(kind=FailureKind.BROKEN, message=f"the upstream raised {type(error).__name__}")
            post(self, [Failed(failure)])
        finally:
            await batches.aclose()
        post(self, None)

    def stamp(self, batch: list[UpstreamEvent], now: float) -> None:
        """Notes what has arrived, and when."""
        self.watch.received(now)
        for event in batch:
            if isinstance(event, TextDelta):
                self.content(Phase.TEXT, event.text, now)
            elif isinstance(event, UsageReport):
                self.usage = event.usage
            elif isinstance(event, ThinkingDelta):
                self.content(Phase.THINKING, event.text, now)
            elif isinstance(event, ToolCallDelta):
                self.content(Phase.TOOL, event.name + event.arguments, now)
            elif isinstance(event, Finished):
                self.finished = not event.provisional
                self.watch.finished = self.finished and (self.first_content is not None or not is_empty_stop(event))

    def more_text(self, texts: list[str], moments: list[float]) -> None:
        """`content`, of pieces in the middle of a text, each at its moment."""
        if self.awaited:
            moments = [self.last_content, *moments]
            for number in range(-self._pieces % GAP_SAMPLING, len(texts), GAP_SAMPLING):
                self.gaps.append(moments[number + 1] - moments[number])
        self._pieces += len(texts)
        self.last_content = moments[-1]
        self.brought += texts
        self.overdue = self.spared = False
        self.watch.more_text(list(zip(moments[-len(texts) :], map(len, texts), strict=True)))

    def content(self, phase: Phase, text: str, now: float) -> None:
        """Notes content that has arrived, and when."""
        if not text:
            return
        if self.first_content is None:
            self.first_content = now - self.began
        elif phase is Phase.TEXT:
            self._pieces += 1
            if self._pieces % GAP_SAMPLING == 1 and self.awaited:
                self.gaps.append(now - self.last_content)
        self.watch.finished = False
        self.last_content = now
        self.brought.append(text)
        self.overdue = self.spared = False
        self.watch.progress(phase, len(text), now)
