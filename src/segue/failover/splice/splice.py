"""One answer out of several attempts: what the caller has been shown, and the gate for the leading attempt's events.

A `Splice` is fed the leader's upstream events and returns the events to deliver. Its rules:

- Nothing goes out before the first content, so that failing over before it leaves no trace: neither `Started` nor usage.
- One `Started`, then content, then one `Finished`; after that only usage reports.
- Tool calls go out whole and are numbered through.
- With `hold` nothing goes out before `Finished`: a broken attempt can always be restarted.
- A `Seam` goes out together with the first content of a new attempt, so an attempt that fails before leaves no trace either.
- The thinking of an attempt that continues within the text is not delivered: it is about the interruption.

When `failure` is set, by a `Failed` event or because the answer is invalid, the attempt is over: deliver what `feed` returned,
then do what `on_break()` returns. That follows from what was shown:

| shown            | next                                                                        |
|------------------|-----------------------------------------------------------------------------|
| nothing          | RESTART: the next attempt's answer stands alone                             |
| thinking         | RESTART, marked with a `Seam`                                               |
| text             | CONTINUE while `continuations` are left (a restart counts as none), else FAIL |
| a tool call      | FINISH_TOOLS: the caller runs it and comes back                             |
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from segue.catalog.tokens import estimate_tokens
from segue.chat.events import (
    ChatEvent,
    Citation,
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    Seam,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCalled,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import Failure, FailureKind
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.failover.check import Check
from segue.failover.splice.gate import Gate
from segue.failover.splice.partial_answer import CLEAN, PartialAnswer, is_content
from segue.failover.splice.prefill_seam import PrefillSeam
from segue.failover.splice.repeat_seam import RepeatSeam
from segue.failover.splice.toolcalls import MalformedToolCallError, ToolCallCollector

MANY_TOKENS: Final = 1.5
"""From this estimated number of tokens per piece of text on, pieces are not tokens; the estimate is off by up to 30 %."""


class Next(StrEnum):
    """What to do when the leading attempt broke off."""

    RESTART = "restart"
    CONTINUE = "continue"
    FINISH_TOOLS = "finish_tools"
    FAIL = "fail"


class _Part:
    """What one attempt contributes, from character `start` of the answer on. `seam` is None where it begins the answer; `sizes` are
    the lengths of its pieces of text."""

    __slots__ = ("calls", "content_seen", "seam", "sizes", "start", "usage")

    def __init__(self, seam: PrefillSeam | RepeatSeam | None = None, start: int = 0) -> None:
        self.seam = seam
        self.start = start
        self.sizes: list[int] = []
        self.calls = ToolCallCollector()
        self.content_seen = False
        self.usage: Usage | None = None


class Splice:
    """The record of one answer.

    `continuations` is the number of seams allowed in its text, `seam_chars` is `max_chars` of `RepeatSeam`. `check` examines
    calls and the whole answer, which must be held if the check requires it (else `ValueError`).
    """

    def __init__(
        self, *, hold: bool, continuations: int = 2, seam_chars: int = 240, check: Check | None = None
    ) -> None:
        if check is not None and check.whole and not hold:
            raise ValueError("an answer that is checked as a whole must be held")
        self._hold = hold
        self._continuations = continuations
        self._seam_chars = seam_chars
        self._check = check
        self._answer = PartialAnswer()
        self._gate = Gate(hold=hold)
        self._part = _Part()
        self._earlier_usage: Usage | None = None
        self._sizes: list[int] = []
        self._terminal: Finished | None = None
        self.finished: Finished | None = None
        self.failure: Failure | None = None

    @property
    def text(self) -> str:
        """The answer's text so far: delivered, or with `hold` waiting to be."""
        return self._answer.text

    @property
    def delivered(self) -> str:
        """The exact text that the caller has been shown."""
        return "" if self._hold and self.finished is None else self._answer.text

    @property
    def thinking(self) -> tuple[ThinkingDelta, ...]:
        return tuple(self._answer.thinking)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._answer.calls)

    @property
    def usage(self) -> Usage:
        """The sum over the attempts that brought content, of the latest report of each."""
        earlier, latest = self._earlier_usage, self._part.usage
        if earlier is None or latest is None:
            return latest or earlier or Usage()
        return earlier + latest

    def spent(self, taken_back: int = 0) -> int:
        """The tokens that the answer has taken so far, without its last `taken_back` characters: as reported; where more pieces of text
        than that arrived, those, or an estimate where a piece is clearly more than a token."""
        sizes = self._shown_sizes()
        again = 0
        while taken_back > 0 and again < len(sizes):
            again += 1
            taken_back -= sizes[-again]
        reported = self.usage.output_tokens
        total = len(sizes)
        if reported >= total:
            total = reported
        elif (estimate := estimate_tokens(self._answer.text)) > total * MANY_TOKENS:
            total = estimate
        return max(0, total - again)

    @property
    def seams(self) -> int:
        """How many seams the delivered text has."""
        return self._gate.seams

    @property
    def content_seen(self) -> bool:
        """Whether the current attempt has brought any content."""
        return self._part.content_seen

    @property
    def holding(self) -> bool:
        """Whether a seam withholds text that `flush()` may release."""
        return self._part.seam is not None and self._part.seam.holding

    def feed(self, event: UpstreamEvent) -> list[ChatEvent]:
        """Takes the leader's next event; returns what to deliver. Check `failure` afterwards."""
        if isinstance(event, UsageReport):
            return self._take_usage(event.usage)
        if self.finished is not None or self.failure is not None:
            return []
        try:
            return self._take(event)
        except MalformedToolCallError:
            self._fail("malformed tool call")
            return []

    def pass_on(self, event: TextDelta) -> bool:
        """Takes text in the midst of an answer, which is delivered as it is. False, and takes nothing, where it is for `feed` to take."""
        part = self._part
        if part.seam is not None or part.calls.in_doubt or not event.text or not self._gate.open:
            return False
        if self.finished is not None or self.failure is not None:
            return False
        part.content_seen = True
        part.sizes.append(len(event.text))
        self._answer.add(event.text)
        return True

    def flush(self) -> list[ChatEvent]:
        """The time for withholding text at a seam is over; returns what to deliver."""
        return self._flush_seam(final=False)

    def on_break(self) -> Next:
        """What to do now that the leading attempt is over without having finished the answer; `RuntimeError` if it has."""
        if self.finished is not None:
            raise RuntimeError("the answer is whole")
        if not self._committed:
            return Next.RESTART
        if self._answer.calls:
            return Next.FINISH_TOOLS
        return Next.CONTINUE if self.seams < self._continuations else Next.FAIL

    def restart(self, source: str, target: str) -> None:
        """The target `target` restarts the answer after `source` broke off.

        `RuntimeError` if text or a tool call was shown, or the answer is whole.
        """
        if self.on_break() is not Next.RESTART:
            raise RuntimeError("part of the answer has been delivered")
        marked = self._gate.anything_shown
        self._gate.next_attempt(Seam(source, target, 0, restarted=True) if marked else None)
        self._answer = PartialAnswer()
        self._begin(_Part())

    def continue_with(self, source: str, target: str, *, prefill: bool = False, taken_back: str = "") -> None:
        """The target `target` continues the text after `source` broke off.

        `prefill` and `taken_back` are those of `continuation_request`. `RuntimeError` if there is no text, or a tool call after it,
        or the answer is whole.
        """
        if self.on_break() in (Next.RESTART, Next.FINISH_TOOLS):
            raise RuntimeError("no text to continue")
        self._gate.next_attempt(Seam(source, target, self._answer.length))
        answer = self._answer
        seam = (
            PrefillSeam(taken_back)
            if prefill
            else RepeatSeam(answer.text, in_code=answer.in_code, max_chars=self._seam_chars)
        )
        self._begin(_Part(seam, answer.length))

    def finish_tools(self) -> list[ChatEvent]:
        """Ends the turn with the tool calls delivered so far; `RuntimeError` if there are none, or it has ended."""
        if not self._committed or not self._answer.calls or self.finished is not None:
            raise RuntimeError("no tool call to end the turn with")
        self.finished = Finished(FinishReason.TOOL_CALLS)
        self.failure = None
        return self._gate.give(self.finished)

    def verdict_at_finish(self) -> Failure | None:
        """What is wrong with the answer that the upstream has finished, if anything. `feed` sets `failure` to it."""
        return None if self._terminal is None else self._answer.verdict(self._terminal, self._check)

    @property
    def _committed(self) -> bool:
        """Whether the caller has been shown a part of the answer itself."""
        return not self._hold and self._answer.begun

    def _begin(self, part: _Part) -> None:
        if self._part.content_seen:
            self._earlier_usage = self.usage
        self._sizes = self._shown_sizes() if part.seam is not None else []
        self._part = part
        self._terminal = None
        self.failure = None

    def _shown_sizes(self) -> list[int]:
        """The lengths of the pieces of all attempts that showed text."""
        part = self._part
        return self._sizes + part.sizes if self._answer.length > part.start else self._sizes

    def _take(self, event: UpstreamEvent) -> list[ChatEvent]:
        part = self._part
        content = is_content(event)
        part.content_seen = part.content_seen or content
        settled = part.calls.settle() if content or isinstance(event, ToolCallEnd) else ()
        events = self._give_calls(settled) if settled else []
        if isinstance(event, TextDelta):
            events += self._take_text(event)
        elif isinstance(event, ThinkingDelta):
            events += self._take_thinking(event)
        elif isinstance(event, ToolCallDelta):
            part.calls.add(event)
        elif isinstance(event, ToolCallEnd):
            events += self._give_calls(part.calls.end(event.index))
        elif isinstance(event, (Citation, Logprobs)):
            events += self._take_beside(event)
        elif isinstance(event, Started):
            self._gate.started(event)
        elif isinstance(event, Finished):
            events += self._take_finish(event)
        elif isinstance(event, Failed):
            self.failure = event.failure
        return events

    def _take_usage(self, usage: Usage) -> list[ChatEvent]:
        self._part.usage = usage
        if self.failure is not None:
            return []
        return self._gate.give_aside(UsageReport(self.usage))

    def _take_text(self, event: TextDelta) -> list[ChatEvent]:
        seam, text = self._part.seam, event.text
        if text:
            self._part.sizes.append(len(text))
        return self._give_text(text if seam is None or not text else seam.feed(text), event.phase)

    def _take_thinking(self, event: ThinkingDelta) -> list[ChatEvent]:
        if self._part.seam is not None or event == ThinkingDelta():
            return []
        self._answer.thinking.append(event)
        return self._gate.give(event) if is_content(event) else self._gate.give_aside(event)

    def _take_beside(self, event: Citation | Logprobs) -> list[ChatEvent]:
        """Events that accompany the text. Positions in the text of a continuation count from its own beginning, so they are left out."""
        if self._part.seam is not None:
            if isinstance(event, Logprobs):
                return []
            event = msgspec.structs.replace(event, start=None, end=None, native={})
        return self._gate.give_aside(event)

    def _take_finish(self, event: Finished) -> list[ChatEvent]:
        calls = self._part.calls.finish(cut=event.reason not in CLEAN)
        events = self._flush_seam(final=True) + self._give_calls(calls)
        if self.failure is None:
            self._terminal = event
            self.failure = self.verdict_at_finish()
        if self.failure is not None:
            return events
        if self._hold and self._check is not None:
            self._settle_text(self._check.delivered(self._answer.text))
        self.finished = event
        events += self._gate.give(event)
        return self._gate.release() if self._hold else events

    def _settle_text(self, text: str) -> None:
        """What is held goes out with this text."""
        if text != self._answer.text:
            self._answer.replace(text)
            self._gate.replace_text(text)

    def _flush_seam(self, *, final: bool) -> list[ChatEvent]:
        seam = self._part.seam
        if seam is None or self.failure is not None or self.finished is not None:
            return []
        return self._give_text(seam.flush(final=final))

    def _give_text(self, text: str, phase: str = "") -> list[ChatEvent]:
        seam = self._part.seam
        if seam is not None and seam.error is not None:
            rejected = isinstance(seam, PrefillSeam)
            kind = FailureKind.CAPABILITY if rejected else FailureKind.BROKEN
            # By the status the plan tells a refused prefill from one that only led to another word.
            restarted = isinstance(seam, PrefillSeam) and seam.restarted(self._answer.text)
            status = 200 if restarted else None
            self.failure = Failure(kind=kind, message=seam.error, prefill_rejected=rejected, status=status)
        if not text:
            return []
        self._answer.add(text)
        return self._gate.give(TextDelta(text, phase))

    def _give_calls(self, calls: Iterable[ToolCall]) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        for call in calls:
            events += self._flush_seam(final=True)
            if self._check is not None and (problem := self._check.call(call)) is not None:
                self.failure = self.failure or Failure(kind=FailureKind.INVALID, message=problem)
            if self.failure is None:
                events += self._gate.give(ToolCalled(len(self._answer.calls), call))
                self._answer.calls.append(call)
        return events

    def _fail(self, message: str) -> None:
        self.failure = Failure(kind=FailureKind.BROKEN, message=message)
