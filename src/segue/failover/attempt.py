"""One attempt: a request on its way to one target, running beside the caller.

An attempt is a task that reads its upstream and posts what arrives to a mailbox. It judges nothing: it stamps arrivals on its
watch, remembers the latest usage, and stops reading while the mailbox is full, so that a caller who reads slowly bounds what is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import msgspec

from segue.chat.events import Failed, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UpstreamEvent, UsageReport
from segue.chat.failure import Failure, FailureKind, Scope
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError
from segue.failover.listener import AttemptStart
from segue.failover.plan import Entry
from segue.failover.stall import Phase, Watch
from segue.routing.target import Target
from segue.transport.base import Answer, Transport, TransportError
from segue.wire.codec import Call, UpstreamCodec

ERROR_BODY = 64 * 1024
"""Bytes of an error's body that are read; more tells nothing …"""

ERROR_WAIT = 1.0
"""… and seconds it is waited for: the status alone is verdict enough."""

MAILBOX_ROOM = 512
"""Batches of events held for a caller before an attempt stops reading."""

DRAIN_WAIT = 0.05
"""Seconds an answer's end is waited for after its last word; closing before it would cost the connection."""

PROBE_WAIT = 5.0
"""Seconds a free probe may take."""

UNSENT = frozenset({"resolve", "connect", "tls"})
"""Phases of the network before a byte of the request is on its way."""

GAP_SAMPLING = 16
"""One gap in so many is kept for the estimate of what gaps are usual."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt sends. `connect` is in seconds."""

    request: ChatRequest
    connect: float
    prefill: bool = False
    omit: frozenset[str] = frozenset()


class Receipt:
    """What an upstream tells of an attempt beside its events.

    `sent`: a part of the request may have gone out. `complete`: the answer's last word was read, and only the end of the body may follow.
    """

    __slots__ = ("complete", "omitted", "sent", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.omitted: tuple[str, ...] = ()
        self.sent = False
        self.complete = False


class Upstream(Protocol):
    """Something that answers for a target: a codec over a transport, or a LangChain model."""

    def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        """Events as they arrive; an empty list for bytes that mean nothing. Raises nothing: what goes wrong is `Failed`."""
        ...

    async def probe(self, *, connect: float) -> Failure | None:
        """Asks for something free, to learn whether the key and the address work; None if they do."""
        ...


class HttpUpstream:
    """A target reached over HTTP in one of the dialects."""

    def __init__(self, target: Target, codec: UpstreamCodec, transport: Transport, wall: Callable[[], float]) -> None:
        self._target = target
        self._codec = codec
        self._transport = transport
        self._wall = wall

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        try:
            wire = self._codec.encode(_with_defaults(ask.request, self._target), self._call(ask))
        except InvalidRequestError as error:
            yield [Failed(Failure(kind=FailureKind.CAPABILITY, message=error.message, param=error.param or "messages"))]
            return
        receipt.omitted = wire.omitted
        receipt.sent = True
        try:
            answer = await self._transport.send(wire, connect=ask.connect)
            receipt.status = answer.status
            try:
                async for events in self._read(answer, receipt):
                    yield events
            finally:
                answer.close()
        except TransportError as error:
            receipt.sent = error.phase not in UNSENT
            yield [Failed(_transport_failure(error))]

    async def probe(self, *, connect: float) -> Failure | None:
        """Asks for the list of models."""
        ask = Ask(request=ChatRequest(messages=()), connect=connect)
        try:
            async with asyncio.timeout(PROBE_WAIT):
                answer = await self._transport.send(self._codec.list_models(self._call(ask)), connect=connect)
                try:
                    if 200 <= answer.status < 300:
                        return None
                    body = await _error_body(answer)
                    return self._codec.failure(answer.status, answer.headers, body, wall=self._wall())
                finally:
                    answer.close()
        except TransportError as error:
            return _transport_failure(error)
        except TimeoutError:
            return Failure(kind=FailureKind.STALL, message=f"no answer to a free probe within {PROBE_WAIT:g} s")

    async def _read(self, answer: Answer, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        if not 200 <= answer.status < 300:
            body = await _error_body(answer)
            yield [Failed(self._codec.failure(answer.status, answer.headers, body, wall=self._wall()))]
            return
        decoder = self._codec.decoder(answer.headers.get("content-type", ""))
        while data := await answer.read():
            events = _joined(decoder.feed(data))
            receipt.complete = decoder.complete
            yield events
            if decoder.complete:
                await _drain(answer)
                return
        yield decoder.eof()

    def _call(self, ask: Ask) -> Call:
        target = self._target
        return Call(
            model=target.model,
            base_url=target.base_url,
            key=target.key,
            headers=target.headers,
            stream=target.streams,
            omit=ask.omit,
            prefill=ask.prefill,
            quirks=target.quirks,
        )


Post = Callable[["Attempt", "list[UpstreamEvent] | None"], None]


class Attempt:
    """A running attempt.

    `overdue`: silent beyond its hedge point. `spared`: silent beyond its give-up point too, but there is no one else to ask: only a
    dead line or the deadline ends it. `lost`: another leads, and this one runs on only to show whether its target, being probed, is
    well. `over`: its fate is booked, nothing it still says counts. `limit` is the moment by which it must have shown content, so
    that others keep their time; None where there are none.
    """

    def __init__(
        self,
        entry: Entry,
        ask: Ask,
        start: AttemptStart,
        watch: Watch,
        began: float,
        *,
        probe: bool,
        stripped: str,
        limit: float | None,
    ) -> None:
        self.entry = entry
        self.target = entry.target
        self.request = ask.request
        self.start = start
        self.watch = watch
        self.began = began
        self.probe = probe
        self.stripped = stripped
        self.limit = limit
        self._ask = ask
        self.receipt = Receipt()
        self.preamble: list[UpstreamEvent] = []
        self.usage: Usage | None = None
        self.first_content: float | None = None
        self.last_content = began
        self.brought: list[str] = []
        self.gaps: list[float] = []
        self.shown = False
        self.overdue = False
        self.spared = False
        self.finished = False
        self.lost = False
        self.over = False
        self._pieces = 0
        self.room = asyncio.Event()
        self.room.set()
        self._task: asyncio.Task[None] | None = None

    def run(self, upstream: Upstream, post: Post, clock: Callable[[], float]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._pump(upstream, post, clock))

    def stop(self) -> None:
        """Ends the reading and closes the socket, unless all is said and only the body's end is waited for, briefly."""
        self.over = True
        if self._task is not None and not self.receipt.complete:
            self._task.cancel()

    def next_moment(self) -> float:
        """When its silence may have something to say."""
        return min(self.watch.next_check(), self.late_at)

    @property
    def late_at(self) -> float:
        """From when on its silence costs others the time that is theirs: without content at the limit itself, in thinking and in tool
        arguments once it has also lasted as long as a gap in text may. In text the watch is strict enough."""
        if self.limit is None or self.watch.phase is Phase.TEXT:
            return float("inf")
        if self.watch.phase is Phase.BEFORE:
            return self.limit
        return max(self.limit, self.last_content + (self.watch.limits.give_up_gap or 0.0))

    def spare(self) -> None:
        """Lets its silence go on."""
        self.overdue = self.spared = True
        self.limit = None
        self.watch.spare()

    async def stopped(self) -> None:
        """Waits until the task is gone."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _pump(self, upstream: Upstream, post: Post, clock: Callable[[], float]) -> None:
        events = upstream.stream(self._ask, self.receipt)
        try:
            async for batch in events:
                self._stamp(batch, clock())
                if batch:
                    post(self, batch)
                if self.receipt.complete:
                    post(self, None)
                if not self.room.is_set():
                    await self.room.wait()
                    self.watch.resume(clock())
        except Exception as error:  # an upstream that raises is a defect in it, and the chain goes on all the same
            failure = Failure(kind=FailureKind.BROKEN, message=f"the upstream raised {type(error).__name__}")
            post(self, [Failed(failure)])
        finally:
            await events.aclose()
        post(self, None)

    def _stamp(self, batch: list[UpstreamEvent], now: float) -> None:
        self.watch.heard(now)
        for event in batch:
            match event:
                case TextDelta(text) if text:
                    self._content(Phase.TEXT, text, now)
                case ThinkingDelta(text) if text:
                    self._content(Phase.THINKING, text, now)
                case ToolCallDelta(name=name, arguments=arguments) if name or arguments:
                    self._content(Phase.TOOL, name + arguments, now)
                case UsageReport(usage):
                    self.usage = usage
                case Finished():
                    self.finished = True
                    self.watch.finished = True

    def _content(self, phase: Phase, text: str, now: float) -> None:
        if self.first_content is None:
            self.first_content = now - self.began
        elif phase is Phase.TEXT:
            self._pieces += 1
            if self._pieces % GAP_SAMPLING == 1:
                self.gaps.append(now - self.last_content)
        self.last_content = now
        self.brought.append(text)
        self.overdue = self.spared = False
        self.watch.progress(phase, len(text), now)


def _joined(events: list[UpstreamEvent]) -> list[UpstreamEvent]:
    """Pieces of text that came in one read, as one: whoever reads on has less to do, and gets them no later."""
    if len(events) < 2:
        return events
    joined: list[UpstreamEvent] = []
    texts: list[str] = []
    for event in events:
        if type(event) is TextDelta:
            texts.append(event.text)
            continue
        if texts:
            joined.append(TextDelta("".join(texts)))
            texts.clear()
        joined.append(event)
    if texts:
        joined.append(TextDelta("".join(texts)))
    return joined


def _with_defaults(request: ChatRequest, target: Target) -> ChatRequest:
    changes: dict[str, float | int] = {}
    if request.temperature is None and target.temperature is not None:
        changes["temperature"] = target.temperature
    if request.max_tokens is None and target.max_tokens is not None:
        changes["max_tokens"] = target.max_tokens
    return msgspec.structs.replace(request, **changes) if changes else request


async def _drain(answer: Answer) -> None:
    """Reads what follows the dialect's last word, which is nothing but the end: only then is the connection of use to others."""
    try:
        async with asyncio.timeout(DRAIN_WAIT):
            while await answer.read():
                pass
    except (TransportError, TimeoutError):
        pass


async def _error_body(answer: Answer) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(ERROR_WAIT):
            while len(body) < ERROR_BODY and (data := await answer.read()):
                body += data
    except (TransportError, TimeoutError):
        pass
    return body


def _transport_failure(error: TransportError) -> Failure:
    scope = Scope.ENDPOINT if error.phase in UNSENT else Scope.MODEL
    return Failure(kind=FailureKind.TRANSPORT, message=error.message, code=error.phase, scope=scope)
