"""The splice against a model that keeps every event of every attempt and recomputes everything after each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from segue.chat.events import (
    ChatEvent,
    Failed,
    Finished,
    FinishReason,
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
from segue.chat.request import ChatRequest, Tool
from segue.chat.usage import Usage
from segue.failover.check import Check
from segue.failover.splice.fences import Context, fence_state
from segue.failover.splice.prefill_seam import PrefillSeam
from segue.failover.splice.repeat_seam import RepeatSeam
from segue.failover.splice.splice import Next, Splice
from segue.wire.arguments import is_object, joined_arguments

CLEAN = (FinishReason.STOP, FinishReason.TOOL_CALLS)
SEAM_CHARS = 60
TOOLS_END = Finished(FinishReason.TOOL_CALLS, raw="by finish_tools()")
"""Marks in an attempt's events where the splice had to end the turn."""


def problem(text: str) -> str | None:
    return "there is an x in it" if "x" in text else None


CHECK = Check(ChatRequest(messages=(), tools=(Tool(name="add"),)), problem)


# One attempt, by its events.


def brings(event: UpstreamEvent) -> bool:
    """Whether an event is content."""
    return (
        (isinstance(event, TextDelta) and event.text != "")
        or (isinstance(event, ThinkingDelta) and event.text + event.redacted != "")
        or (isinstance(event, ToolCallDelta) and event.name + event.arguments != "")
    )


def open_call(events: list[UpstreamEvent], index: int) -> ToolCall | None:
    """The call number `index` that is open after these events."""
    last_end = max((at for at, event in enumerate(events) if event == ToolCallEnd(index)), default=-1)
    deltas = [event for event in events[last_end + 1 :] if isinstance(event, ToolCallDelta) and event.index == index]
    if not deltas:
        return None
    pieces = [delta.arguments for delta in deltas]
    text = "".join(pieces)
    return ToolCall(
        id=next((delta.id for delta in reversed(deltas) if delta.id), ""),
        name=next((delta.name for delta in reversed(deltas) if delta.name), ""),
        arguments=text if not text.strip() or is_object(text) else joined_arguments(pieces) or text,
    )


def is_whole(call: ToolCall) -> bool:
    try:
        return bool(call.name) and isinstance(json.loads(call.arguments), dict)
    except ValueError:
        return False


def settled(call: ToolCall) -> ToolCall | None:
    if call.name and not call.arguments:
        return msgspec.structs.replace(call, arguments="{}")
    return call if is_whole(call) else None


def call_in_doubt(events: list[UpstreamEvent]) -> ToolCall | None:
    """The call that ended without being whole, if nothing came since."""
    for at in reversed(range(len(events))):
        event = events[at]
        if isinstance(event, ToolCallEnd):
            call = open_call(events[:at], event.index)
            return None if call is None or is_whole(call) else call
        if brings(event):
            return None
    return None


def calls_due(events: list[UpstreamEvent], at: int) -> list[ToolCall | None]:
    """The tool calls that prove to be whole with the event number `at`; None for a malformed one."""
    event, before = events[at], events[:at]
    doubtful = call_in_doubt(before)
    found = [doubtful] if doubtful is not None and (brings(event) or isinstance(event, (ToolCallEnd, Finished))) else []
    if isinstance(event, Finished):
        found += [call for index in range(3) if (call := open_call(before, index)) is not None]
        if event.reason not in CLEAN:
            return [call for call in found if is_whole(call)]
    ended = open_call(before, event.index) if isinstance(event, ToolCallEnd) else None
    return [settled(call) for call in found] + ([ended] if ended is not None and is_whole(ended) else [])


@dataclass
class Account:
    """What comes of an attempt's events: things to say, how it ended, and how many events it took until then."""

    items: list[UpstreamEvent | ToolCall] = field(default_factory=list)
    failure: str | None = None
    finished: Finished | None = None
    heard: int = 0

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.items if isinstance(item, TextDelta))

    @property
    def calls(self) -> list[ToolCall]:
        return [item for item in self.items if isinstance(item, ToolCall)]


@dataclass
class Attempt:
    """`before` is the text that it goes on with, None where it begins the answer; `prefill` and `taken_back` are those of that continuation."""

    name: str
    before: str | None = None
    prefill: bool = False
    taken_back: str = ""
    validated: bool = False
    events: list[UpstreamEvent] = field(default_factory=list)
    known: tuple[int, Account] = field(default_factory=lambda: (0, Account()))

    @property
    def content_seen(self) -> bool:
        return any(map(brings, self.events[: self.account().heard]))

    def account(self) -> Account:
        if len(self.events) != self.known[0]:
            self.known = len(self.events), self.work_out()
        return self.known[1]

    def work_out(self) -> Account:
        account = Account()
        for at, event in enumerate(self.events):
            if event is TOOLS_END:
                account.failure, account.finished = None, Finished(FinishReason.TOOL_CALLS)
                account.items.append(account.finished)
            elif account.failure is None and account.finished is None:
                account.heard = at + 1
                self.hear(account, at)
            elif isinstance(event, UsageReport) and account.finished is not None:
                account.items.append(event)
        return account

    def hear(self, account: Account, at: int) -> None:
        event, calls = self.events[at], calls_due(self.events, at)
        if None in calls:
            account.failure = "malformed tool call"
            return
        if calls or isinstance(event, Finished):
            self.say_text(account, at, forced=True)
        if account.failure is None:
            account.items += [call for call in calls if call is not None]
        match event:
            case TextDelta():
                self.say_text(account, at + 1, forced=False)
            case Failed(failure):
                account.failure = failure.message
            case Finished() if account.failure is None:
                self.finish(account, event)
            case Started() | UsageReport():
                account.items.append(event)
            case ThinkingDelta() if self.before is None and event != ThinkingDelta():
                account.items.append(event)

    def say_text(self, account: Account, upto: int, *, forced: bool) -> None:
        """The text that may be shown after so many events and was not shown before."""
        visible = self.visible(self.events[:upto], forced)
        if visible is None:
            account.failure = "another answer"
        elif visible != account.text:
            account.items.append(TextDelta(visible[len(account.text) :]))

    def visible(self, events: list[UpstreamEvent], forced: bool) -> str | None:
        """The text that may be shown after these events; None for another answer. `forced`: a tool call or the end comes next."""
        if self.before is None:
            return "".join(event.text for event in events if isinstance(event, TextDelta))
        seam = self.seam()
        shown = ""
        for at, event in enumerate(events):
            if calls_due(events, at):
                shown += seam.flush(final=True)
            if isinstance(event, TextDelta):
                shown += seam.feed(event.text)
        shown += seam.flush(final=True) if forced else ""
        return None if seam.error else shown

    def seam(self) -> PrefillSeam | RepeatSeam:
        """What tells new text from repeated text; how it does is tested by itself."""
        assert self.before is not None
        if self.prefill:
            return PrefillSeam(self.taken_back)
        return RepeatSeam(self.before, in_code=fence_state(self.before) is not Context.PROSE, max_chars=SEAM_CHARS)

    def finish(self, account: Account, event: Finished) -> None:
        text = (self.before or "") + account.text
        cut = event.reason is FinishReason.LENGTH
        if account.calls or not (cut or event.reason in CLEAN):
            pass
        elif not text and not cut:
            account.failure = "empty answer"
        elif self.validated:
            account.failure = problem(text)
        if account.failure is None:
            account.finished = event
            account.items.append(event)


# The whole answer.


def used_by(events: list[UpstreamEvent]) -> Usage:
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    return reports[-1] if reports else Usage()


def opened(items: list[UpstreamEvent | ToolCall], seams: list[Seam], earlier: Usage) -> list[ChatEvent]:
    """What the caller sees of the things an attempt says: nothing, unless one of them has to be heard."""
    heard = [isinstance(item, (ToolCall, Finished)) or brings(item) for item in items]
    if True not in heard:
        return []
    introductions = [item for item in items[: heard.index(True)] if isinstance(item, Started)]
    shown: list[ChatEvent] = [*(introductions or [Started()])[-1:], *seams]
    for item in items:
        match item:
            case ToolCall():
                shown.append(ToolCalled(sum(isinstance(event, ToolCalled) for event in shown), item))
            case UsageReport(usage):
                shown.append(UsageReport(earlier + usage))
            case TextDelta() | ThinkingDelta() | Finished():
                shown.append(item)
    return shown


class NaiveSplice:
    def __init__(self, *, hold: bool, validated: bool, continuations: int) -> None:
        self.hold = hold
        self.continuations = continuations
        self.attempts = [Attempt("t1", validated=validated)]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]

    @property
    def text(self) -> str:
        return (self.last.before or "") + self.last.account().text

    @property
    def thinking(self) -> list[ThinkingDelta]:
        begun = [attempt for attempt in self.attempts if attempt.before is None][-1]
        return [item for item in begun.account().items if isinstance(item, ThinkingDelta)]

    @property
    def usage(self) -> Usage:
        earlier = [attempt for attempt in self.attempts[:-1] if attempt.content_seen]
        return sum((used_by(attempt.events) for attempt in [*earlier, self.last]), Usage())

    def shown(self) -> list[ChatEvent]:
        """All that the caller has been shown."""
        shown: list[ChatEvent] = []
        speaker, usage = "", Usage()
        for attempt in self.attempts:
            account = attempt.account()
            if self.hold:
                shown = []
            seam = Seam(speaker, attempt.name, len(attempt.before or ""), restarted=attempt.before is None)
            part = opened(account.items, [seam] if shown else [], usage)
            if part:
                shown = [*shown, *(part[1:] if shown else part)]
                speaker = attempt.name
            if attempt.content_seen:
                usage = usage + used_by(attempt.events)
        return [] if self.hold and account.finished is None else shown

    def next(self) -> Next:
        account, seams = (
            self.last.account(),
            sum(isinstance(event, Seam) and not event.restarted for event in self.shown()),
        )
        if self.hold or not (self.text or account.calls):
            return Next.RESTART
        if account.calls:
            return Next.FINISH_TOOLS
        return Next.CONTINUE if seams < self.continuations else Next.FAIL


# The machine.

PIECES = [
    "The Danube rises in the Black Forest and flows to the Black Sea.",
    "in the Black Sea.",
    "twelve chars",
    "x",
    " ",
    "\n\n",
    "",
    "```\n",
    "| a |\n",
]
WORDS = {"another answer": "the continuation"}


def speaks(machine: SpliceMachine) -> bool:
    account = machine.model.last.account()
    return account.failure is None and account.finished is None


class SpliceMachine(RuleBasedStateMachine):
    @initialize(
        hold=st.sampled_from([False, False, False, True]),
        validated=st.booleans(),
        continuations=st.integers(0, 4),
        calls_tools=st.sampled_from([False, False, True]),
    )
    def begin(self, hold: bool, validated: bool, continuations: int, calls_tools: bool) -> None:
        self.calls_tools = calls_tools
        self.model = NaiveSplice(hold=hold, validated=validated and hold, continuations=continuations)
        self.start()

    def start(self) -> None:
        check = CHECK if self.model.last.validated else None
        self.splice = Splice(
            hold=self.model.hold, continuations=self.model.continuations, seam_chars=SEAM_CHARS, check=check
        )
        self.delivered: list[ChatEvent] = []

    @precondition(lambda self: self.model.last.account().finished is not None)
    @rule()
    def another_request_begins(self) -> None:
        model = self.model
        self.model = NaiveSplice(hold=model.hold, validated=model.last.validated, continuations=model.continuations)
        self.start()

    def feed(self, *events: UpstreamEvent) -> None:
        for event in events:
            self.delivered += self.splice.feed(event)
            self.model.last.events.append(event)

    @precondition(speaks)
    @rule(piece=st.sampled_from(PIECES))
    def text_comes(self, piece: str) -> None:
        self.feed(TextDelta(piece))

    @precondition(lambda self: speaks(self) and self.model.last.before)
    @rule(data=st.data(), blank=st.sampled_from(["", "", "\n"]))
    def a_continuation_repeats_something(self, data: st.DataObject, blank: str) -> None:
        text = self.model.last.before
        assert text is not None
        begin = data.draw(st.sampled_from([0, 0, max(0, len(text) - 12), max(0, len(text) - 24), len(text) // 2]))
        end = data.draw(st.sampled_from([begin + 5, begin + 13, begin + 50, len(text)]))
        self.feed(TextDelta(blank + text[begin:end]))

    @precondition(speaks)
    @rule(
        text=st.sampled_from(["", "Hmm."]),
        signature=st.sampled_from(["", "s"]),
        redacted=st.sampled_from(["", "", "r"]),
    )
    def thinking_comes(self, text: str, signature: str, redacted: str) -> None:
        self.feed(ThinkingDelta(text, signature, redacted))

    @precondition(lambda self: speaks(self) and self.calls_tools)
    @rule(
        index=st.integers(0, 2),
        name=st.sampled_from(["", "add", "add"]),
        arguments=st.sampled_from(["", "{}", '{"a"', ":1}", "[]"]),
    )
    def a_piece_of_a_tool_call_comes(self, index: int, name: str, arguments: str) -> None:
        self.feed(ToolCallDelta(index, id=name and f"c{index}", name=name, arguments=arguments))

    @precondition(lambda self: speaks(self) and self.calls_tools)
    @rule(index=st.integers(0, 2))
    def a_tool_call_ends(self, index: int) -> None:
        self.feed(ToolCallEnd(index))

    @precondition(lambda self: speaks(self) and self.calls_tools)
    @rule(index=st.integers(0, 2), arguments=st.sampled_from(["", "{}", '{"a":1}']))
    def a_whole_tool_call_comes(self, index: int, arguments: str) -> None:
        self.feed(ToolCallDelta(index, id="c", name="add", arguments=arguments), ToolCallEnd(index))

    @precondition(speaks)
    @rule(id=st.sampled_from(["", "id1", "id2"]))
    def the_attempt_introduces_itself(self, id: str) -> None:
        self.feed(Started(id, "model"))

    @rule(output=st.integers(0, 9))
    def usage_comes(self, output: int) -> None:
        self.feed(UsageReport(Usage(output_tokens=output)))

    @precondition(lambda self: speaks(self) and len(self.model.last.events) > 2)
    @rule(reason=st.sampled_from(FinishReason))
    def the_upstream_finishes(self, reason: FinishReason) -> None:
        self.feed(Finished(reason))

    @precondition(lambda self: speaks(self) and len(self.model.last.events) > 2)
    @rule()
    def the_upstream_fails(self) -> None:
        self.feed(Failed(Failure(kind=FailureKind.TRANSPORT, message="reset")))

    @precondition(lambda self: not speaks(self))
    @rule(
        event=st.sampled_from(
            [Started("late"), TextDelta("late"), ThinkingDelta("late"), ToolCallDelta(0, name="late"), ToolCallEnd(0)]
        )
    )
    def something_comes_too_late(self, event: UpstreamEvent) -> None:
        self.feed(event)

    @precondition(lambda self: not self.splice.holding)
    @rule()
    def time_passes_where_nothing_is_withheld(self) -> None:
        assert self.splice.flush() == []

    @precondition(lambda self: self.model.last.account().finished is None)
    @rule(prefilled=st.booleans())
    def the_leader_is_replaced(self, prefilled: bool) -> None:
        what, text = self.model.next(), self.model.text
        assert self.splice.on_break() is what
        source, target = self.model.last.name, f"t{len(self.model.attempts) + 1}"
        taken_back = text[len(text.rstrip()) :] if prefilled else ""
        match what:
            case Next.FINISH_TOOLS:
                self.delivered += self.splice.finish_tools()
                self.model.last.events.append(TOOLS_END)
            case Next.RESTART:
                self.splice.restart(source, target)
                self.model.attempts.append(Attempt(target, validated=self.model.last.validated))
            case Next.CONTINUE:
                self.splice.continue_with(source, target, prefill=prefilled, taken_back=taken_back)
                self.model.attempts.append(Attempt(target, before=text, prefill=prefilled, taken_back=taken_back))

    @invariant()
    def the_caller_has_been_shown_the_same(self) -> None:
        assert self.delivered == self.model.shown()

    @invariant()
    def the_attempt_stands_the_same(self) -> None:
        account, failure = self.model.last.account(), self.splice.failure
        assert self.splice.finished == account.finished
        assert (failure is None) == (account.failure is None)
        if failure is not None and account.failure is not None:
            assert WORDS.get(account.failure, account.failure) in failure.message
        assert self.splice.content_seen == self.model.last.content_seen

    @invariant()
    def the_record_is_the_same(self) -> None:
        assert self.splice.text == self.model.text
        assert self.splice.thinking == tuple(self.model.thinking)
        assert self.splice.tool_calls == tuple(self.model.last.account().calls)
        assert self.splice.usage == self.model.usage

    @invariant()
    def what_was_shown_is_well_formed(self) -> None:
        """Needs no model: these are the promises to readers of the events."""
        shown = self.delivered
        kinds = [type(event) for event in shown]
        assert kinds.count(Started) == (kinds[:1] == [Started]) == bool(shown)
        after = kinds[kinds.index(Finished) + 1 :] if Finished in kinds else []
        assert set(after) <= {UsageReport}
        assert "".join(event.text for event in shown if isinstance(event, TextDelta)) == self.splice.delivered
        calls = [event for event in shown if isinstance(event, ToolCalled)]
        assert [event.index for event in calls] == list(range(len(calls)))
        assert all(is_whole(event.call) for event in calls)
        marks = [event for event in shown if isinstance(event, Seam) and not event.restarted]
        assert len(marks) == self.splice.seams <= self.model.continuations


TestSpliceAgainstANaiveModel = SpliceMachine.TestCase
TestSpliceAgainstANaiveModel.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
