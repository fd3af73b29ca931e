"""An answer: whole, or as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from segue.chat.events import ChatEvent, Finished, FinishReason, Seam, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.messages import Message, Text, Thinking, ToolCall
from segue.chat.usage import Usage
from segue.errors import AttemptSummary, SegueError
from segue.failover.relay import Relay
from segue.failover.report import Report
from segue.ledger.recorder import RequestCost
from segue.routing.policy import Route


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer.

    `target` and `model` say who gave it (who finished it, if there was a seam). `usage` sums what the attempts that spoke reported.
    `cost` is what all attempts of the request cost together, in US dollars; None where a price is unknown. Where an attempt left no usage
    report it is an estimate, of what was sent and delivered; `cost_bound`, the most that can have been billed, is then higher. `seams` counts where
    another target went on in mid-text; `omitted` names parameters that the model does not take; `healed` names what was put right in the
    request so that the provider takes it; `notices` tells of that in sentences, of a model whose end is near, and of one that was asked in
    another's place. `simulated`: a local stand-in spoke,
    no model. `route` is the order in which a policy put the targets, and why; None where they were asked as written.
    """

    text: str
    finish_reason: FinishReason
    target: str
    model: str
    request_id: str
    attempts: tuple[AttemptSummary, ...]
    usage: Usage
    cost: Decimal | None
    cost_bound: Decimal | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: tuple[Thinking, ...] = ()
    refusal: str = ""
    seams: int = 0
    hedges: int = 0
    rounds: int = 1
    omitted: tuple[str, ...] = ()
    healed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    simulated: bool = False
    route: Route | None = None

    @property
    def message(self) -> Message:
        """The answer as a message, to go on with the conversation."""
        text = (Text(self.text),) if self.text else ()
        return Message("assistant", (*self.thinking, *text, *self.tool_calls))


class AnswerStream:
    """An answer as it comes: iterate over its events, with `for` or `async for`, then read `answer`.

    Leave it early only through `close()`, `aclose()` or a `with` block: that is what stops the provider.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Relay]],
        finish: Callable[[Relay, list[ChatEvent]], Awaitable[Answer]],
        written: Callable[[], Awaitable[None]],
        run: Callable[[Coroutine[Any, Any, Any]], Any],
    ) -> None:
        self._start = start
        self._finish = finish
        self._written = written
        self._run = run
        self._relay: Relay | None = None
        self._events: list[ChatEvent] = []
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises `RuntimeError` before the stream has ended."""
        if self._answer is None:
            raise RuntimeError("the answer is not whole yet: read the stream to its end first")
        return self._answer

    async def batch(self) -> list[ChatEvent]:
        """The events that have come since, at least one; [] at the end. The fastest way to read."""
        if self._relay is None:
            self._relay = await self._start()
        try:
            events = await self._relay.next()
        except SegueError:
            await self._written()
            raise
        self._events += events
        if events and isinstance(events[-1], Finished):
            self._answer = await self._finish(self._relay, self._events)
        return events

    async def __aiter__(self) -> AsyncIterator[ChatEvent]:
        try:
            while events := await self.batch():
                for event in events:
                    yield event
        finally:
            await self.aclose()

    def __iter__(self) -> Iterator[ChatEvent]:
        try:
            while events := self._run(self.batch()):
                yield from events
        finally:
            self.close()

    async def aclose(self) -> None:
        """Stops the answer, and waits until its connections are closed."""
        if self._relay is not None:
            self._relay.close()
            await self._relay.closed()

    def close(self) -> None:
        """`aclose` for synchronous readers."""
        if self._relay is not None:
            self._run(self.aclose())

    async def __aenter__(self) -> AnswerStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def assemble(report: Report, events: Iterable[ChatEvent], *, cost: RequestCost, simulated: bool) -> Answer:
    """The answer that a request's events add up to."""
    text: list[str] = []
    thinking: list[Thinking] = []
    calls: list[ToolCall] = []
    finished = Finished(FinishReason.STOP)
    for event in events:
        match event:
            case TextDelta(piece):
                text.append(piece)
            case ThinkingDelta():
                _add_thinking(thinking, event)
            case ToolCalled(call=call):
                calls.append(call)
            case Seam(restarted=True):
                thinking.clear()  # of an attempt whose answer is not this one
            case Finished():
                finished = event
    return Answer(
        text="".join(text),
        finish_reason=finished.reason,
        target=report.target,
        model=report.model,
        request_id=report.request_id,
        attempts=tuple(report.attempts),
        usage=report.usage,
        cost=cost.cost,
        cost_bound=cost.bound,
        tool_calls=tuple(calls),
        thinking=tuple(thinking),
        refusal=finished.refusal,
        seams=report.seams,
        hedges=report.hedges,
        rounds=report.rounds,
        omitted=report.omitted,
        healed=report.healed,
        notices=report.notices,
        simulated=simulated,
        route=report.route,
    )


def _add_thinking(blocks: list[Thinking], piece: ThinkingDelta) -> None:
    """Joins pieces to blocks: a signature or an encrypted text ends one."""
    if blocks and not blocks[-1].signature and not blocks[-1].redacted:
        last = blocks.pop()
        piece = ThinkingDelta(last.text + piece.text, piece.signature, piece.redacted, piece.dialect)
    blocks.append(Thinking(text=piece.text, signature=piece.signature, redacted=piece.redacted, dialect=piece.dialect))
