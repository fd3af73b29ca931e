"""A whole answer, and how a request's events add up to one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Seam,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCalled,
)
from segue.chat.messages import Message, Text, Thinking, ToolCall
from segue.chat.usage import Usage
from segue.errors import AttemptSummary
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
    no model. `citations` are the sources that the provider named, `logprobs` the log probabilities of the text's tokens where they were
    asked for. `phase` is as `Text.phase`, of the last text. `route` is the order in which a policy put the targets, and why; None where they
    were asked as written.
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
    citations: tuple[Citation, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    seams: int = 0
    hedges: int = 0
    rounds: int = 1
    omitted: tuple[str, ...] = ()
    healed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    simulated: bool = False
    phase: str = ""
    route: Route | None = None

    @property
    def message(self) -> Message:
        """The answer as a message, to go on with the conversation."""
        text = (Text(self.text, self.phase),) if self.text else ()
        return Message("assistant", (*self.thinking, *text, *self.tool_calls))


def assemble(report: Report, events: Iterable[ChatEvent], *, cost: RequestCost, simulated: bool) -> Answer:
    """The answer that a request's events add up to."""
    text: list[str] = []
    thinking: list[Thinking] = []
    calls: list[ToolCall] = []
    citations: list[Citation] = []
    logprobs: list[TokenLogprob] = []
    phase = ""
    finished = Finished(FinishReason.STOP)
    for event in events:
        match event:
            case TextDelta(piece, phase):
                text.append(piece)
            case ThinkingDelta():
                _add_thinking(thinking, event)
            case ToolCalled(call=call):
                calls.append(call)
            case Citation():
                citations.append(event)
            case Logprobs(tokens):
                logprobs += tokens
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
        citations=tuple(citations),
        logprobs=tuple(logprobs),
        seams=report.seams,
        hedges=report.hedges,
        rounds=report.rounds,
        omitted=report.omitted,
        healed=report.healed,
        notices=report.notices,
        simulated=simulated,
        phase=phase,
        route=report.route,
    )


def _add_thinking(blocks: list[Thinking], piece: ThinkingDelta) -> None:
    """Joins pieces to blocks: a signature or an encrypted text ends one."""
    if blocks and not blocks[-1].signature and not blocks[-1].redacted:
        last = blocks.pop()
        piece = ThinkingDelta(last.text + piece.text, piece.signature, piece.redacted, piece.dialect)
    blocks.append(Thinking(text=piece.text, signature=piece.signature, redacted=piece.redacted, dialect=piece.dialect))
