from __future__ import annotations

import pytest

from segue.catalog.tokens import estimate_tokens
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
from segue.failover.splice.partial_answer import is_content
from segue.failover.splice.splice import Next, Splice

STOP = Finished(FinishReason.STOP)
LENGTH = Finished(FinishReason.LENGTH)
CALLS = Finished(FinishReason.TOOL_CALLS)
CUT = Failed(Failure(kind=FailureKind.TRANSPORT, message="reset"))
HELLO = TextDelta("Hello")
HMM = ThinkingDelta("Hmm.")
SIGNED = ThinkingDelta(signature="s", dialect="claude")
START = Started("id1", "model1")
LONG = "The Danube rises in the Black Forest and flows through ten countries to the sea."


def used(output: int) -> UsageReport:
    return UsageReport(Usage(input_tokens=10, output_tokens=output))


def called(arguments: str = '{"a":1}', index: int = 0, name: str = "add") -> ToolCallDelta:
    return ToolCallDelta(index, id=f"c{index}", name=name, arguments=arguments)


def call(arguments: str = '{"a":1}', index: int = 0, name: str = "add") -> ToolCall:
    return ToolCall(id=f"c{index}", name=name, arguments=arguments)


def passed_on(splice: Splice, *events: UpstreamEvent) -> list[ChatEvent]:
    return [shown for event in events for shown in splice.feed(event)]


def fresh(*events: UpstreamEvent, hold: bool = False) -> Splice:
    splice = Splice(hold=hold)
    passed_on(splice, *events)
    return splice


def gone_on(delivered: str, *, prefill: bool = True, taken_back: str = "") -> Splice:
    """A splice whose second attempt goes on with this text."""
    splice = fresh(START, TextDelta(delivered), CUT)
    splice.continue_with("a", "b", prefill=prefill, taken_back=taken_back)
    return splice


# What is content.


@pytest.mark.parametrize("event", [HELLO, HMM, ThinkingDelta(redacted="x"), called(), ToolCallDelta(0, arguments="{")])
def test_text_thinking_and_pieces_of_tool_calls_are_content(event: UpstreamEvent) -> None:
    assert is_content(event)
    assert fresh(START, event).content_seen


@pytest.mark.parametrize(
    "event",
    [START, used(1), TextDelta(""), ThinkingDelta(), SIGNED, ToolCallDelta(0, id="c", signature="s"), ToolCallEnd(0)],
)
def test_preambles_usage_signatures_and_empty_pieces_are_no_content(event: UpstreamEvent) -> None:
    assert not is_content(event)
    assert not fresh(event).content_seen


@pytest.mark.parametrize("event", [STOP, CUT])
def test_an_end_is_no_content(event: UpstreamEvent) -> None:
    assert not is_content(event)
    assert not fresh(event).content_seen


def test_each_attempt_has_yet_to_show_its_own_content() -> None:
    splice = gone_on("Hello")
    assert not splice.content_seen
    splice.feed(TextDelta(" there"))
    assert splice.content_seen


# Before the first content.


def test_nothing_goes_out_before_the_first_content_and_then_all_of_it_in_order() -> None:
    splice = Splice(hold=False)
    assert passed_on(splice, START, used(1), TextDelta(""), ThinkingDelta(), SIGNED) == []
    assert passed_on(splice, HELLO) == [START, used(1), SIGNED, HELLO]


def test_an_attempt_that_failed_before_its_first_content_leaves_no_trace() -> None:
    splice = fresh(START, used(1), SIGNED, CUT)
    splice.restart("a", "b")
    second = Started("id2", "model2")
    assert passed_on(splice, second, HELLO, STOP) == [second, HELLO, STOP]
    assert splice.usage == Usage()
    assert splice.seams == 0


def test_an_attempt_that_does_not_introduce_itself_is_started_all_the_same() -> None:
    splice = fresh(START, CUT)
    splice.restart("a", "b")
    assert passed_on(splice, HELLO) == [Started(), HELLO]


def test_an_answer_is_started_only_once() -> None:
    splice = Splice(hold=False)
    assert passed_on(splice, START, HELLO, Started("again", "m"), TextDelta("!")) == [START, HELLO, TextDelta("!")]


def test_of_two_introductions_before_the_first_content_the_later_is_given() -> None:
    assert passed_on(Splice(hold=False), Started(), START, HELLO) == [START, HELLO]


# What goes through.


def test_text_goes_out_as_it_comes_and_is_kept_to_the_letter() -> None:
    splice = Splice(hold=False)
    pieces = ["a", " \n", "", "```", "ü\u00a0"]
    assert [e.text for e in passed_on(splice, *map(TextDelta, pieces)) if isinstance(e, TextDelta)] == [
        *filter(None, pieces)
    ]
    assert splice.text == splice.delivered == "".join(pieces)


def test_thinking_and_its_signatures_go_out_as_they_come() -> None:
    splice = Splice(hold=False)
    assert passed_on(splice, HMM, SIGNED, HELLO) == [Started(), HMM, SIGNED, HELLO]
    assert splice.thinking == (HMM, SIGNED)


def test_usage_goes_out_once_the_answer_has_begun_and_newer_reports_replace_older_ones() -> None:
    splice = Splice(hold=False)
    assert passed_on(splice, HELLO, used(1), used(5)) == [Started(), HELLO, used(1), used(5)]
    assert splice.usage == used(5).usage


def test_usage_is_the_sum_over_the_attempts_that_brought_content() -> None:
    splice = fresh(HELLO, used(5), CUT)
    splice.continue_with("a", "b")
    passed_on(splice, used(1), CUT)
    splice.continue_with("b", "c", prefill=True)
    total = Usage(input_tokens=20, output_tokens=12)
    assert passed_on(splice, TextDelta(" there"), used(7))[-1] == UsageReport(total)
    assert splice.usage == total


@pytest.mark.parametrize(
    ("events", "spent"),
    [
        ([TextDelta("a"), TextDelta(" b"), TextDelta(" c")], 3),
        ([TextDelta("word " * 100)], estimate_tokens("word " * 100)),
        ([TextDelta("a"), TextDelta(" b"), UsageReport(Usage(input_tokens=9, output_tokens=12))], 12),
        ([UsageReport(Usage(input_tokens=9, output_tokens=1)), TextDelta("a"), TextDelta(" b"), TextDelta(" c")], 3),
        ([], 0),
    ],
)
def test_the_tokens_spent_are_those_reported_or_else_the_pieces_seen_or_an_estimate(
    events: list[UpstreamEvent], spent: int
) -> None:
    assert fresh(*events).spent() == spent


def test_the_tokens_of_what_was_taken_back_and_of_what_was_never_shown_are_not_spent() -> None:
    splice = fresh(TextDelta("Hello"), TextDelta(" all"), TextDelta(" of"), TextDelta(" y"), CUT)
    assert [splice.spent(size) for size in (0, 2, 3, 5, 99)] == [4, 3, 2, 2, 0]
    splice.continue_with("a", "b", prefill=True, taken_back=" y")
    passed_on(splice, TextDelta(" they"), CUT)
    assert splice.spent() == 4
    splice.continue_with("b", "c", prefill=True)
    passed_on(splice, TextDelta("ou"), TextDelta(" two"))
    assert splice.spent() == 6


def test_usage_that_comes_after_a_failure_is_counted_and_not_shown() -> None:
    splice = fresh(HELLO, CUT)
    assert splice.feed(used(5)) == []
    splice.continue_with("a", "b")
    assert splice.usage == used(5).usage


# The end.


@pytest.mark.parametrize("reason", list(FinishReason))
def test_the_providers_terminal_is_given_out_as_it_is(reason: FinishReason) -> None:
    splice, terminal = fresh(HELLO), Finished(reason, raw="word", refusal="no")
    assert splice.feed(terminal) == [terminal]
    assert splice.finished == terminal
    assert splice.failure is None


@pytest.mark.parametrize("event", [START, HELLO, HMM, called(), ToolCallEnd(0), STOP, CUT])
def test_after_the_terminal_nothing_is_heard_any_more(event: UpstreamEvent) -> None:
    splice = fresh(HELLO, STOP)
    assert splice.feed(event) == []
    assert (splice.text, splice.failure, splice.finished) == ("Hello", None, STOP)


def test_after_the_terminal_only_usage_is_reported() -> None:
    splice = fresh(HELLO, STOP)
    assert splice.feed(used(3)) == [used(3)]
    assert splice.usage == used(3).usage


@pytest.mark.parametrize("event", [START, HELLO, HMM, called(), ToolCallEnd(0), STOP])
def test_after_a_failure_nothing_of_that_attempt_is_heard_any_more(event: UpstreamEvent) -> None:
    splice = fresh(HELLO, CUT)
    assert splice.feed(event) == []
    assert (splice.text, splice.failure, splice.finished) == ("Hello", CUT.failure, None)


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.TOOL_CALLS])
@pytest.mark.parametrize("before", [[], [START, used(1)], [HMM], [TextDelta("")]])
def test_a_clean_stop_with_an_empty_answer_is_a_failure(reason: FinishReason, before: list[UpstreamEvent]) -> None:
    splice = fresh(*before)
    assert splice.feed(Finished(reason)) == []
    assert splice.failure == Failure(kind=FailureKind.BROKEN, message="empty answer")
    assert splice.finished is None
    assert splice.on_break() is Next.RESTART


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER, FinishReason.PAUSE])
def test_an_empty_answer_that_did_not_end_by_its_own_will_is_no_failure(reason: FinishReason) -> None:
    splice = fresh(START, used(1))
    assert splice.feed(Finished(reason)) == [START, used(1), Finished(reason)]
    assert splice.failure is None


def test_a_tool_call_alone_is_no_empty_answer() -> None:
    splice = fresh(called(), ToolCallEnd(0))
    assert splice.feed(CALLS) == [CALLS]
    assert splice.failure is None


def test_no_verdict_is_given_before_the_upstream_has_finished() -> None:
    splice = fresh(START)
    assert splice.verdict_at_finish() is None
    splice.feed(STOP)
    assert splice.verdict_at_finish() == Failure(kind=FailureKind.BROKEN, message="empty answer")
    splice.restart("a", "b")
    assert splice.verdict_at_finish() is None


# Tool calls.


def test_a_tool_call_goes_out_whole_at_its_end_and_not_before() -> None:
    splice = Splice(hold=False)
    assert passed_on(splice, START, called('{"a"'), ToolCallDelta(0, arguments=":1}")) == []
    assert passed_on(splice, ToolCallEnd(0)) == [START, ToolCalled(0, call())]
    assert splice.tool_calls == (call(),)


def test_tool_calls_that_the_upstream_never_ended_go_out_before_the_terminal() -> None:
    splice = fresh(HELLO, called(index=1), called(index=0))
    assert splice.feed(CALLS) == [ToolCalled(0, call(index=0)), ToolCalled(1, call(index=1)), CALLS]


def test_tool_calls_are_numbered_from_zero_without_gaps_whatever_the_upstream_counts() -> None:
    shown = passed_on(Splice(hold=False), called(index=4), ToolCallEnd(4), called(index=7), ToolCallEnd(7), CALLS)
    assert [event.index for event in shown if isinstance(event, ToolCalled)] == [0, 1]


def test_tool_calls_are_numbered_from_zero_after_a_restart() -> None:
    splice = fresh(HMM, called("{"), CUT)
    splice.restart("a", "b")
    shown = passed_on(splice, called(index=0), ToolCallEnd(0), CALLS)
    assert shown == [Seam("a", "b", 0, restarted=True), ToolCalled(0, call()), CALLS]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", '"x"'])
@pytest.mark.parametrize(
    "then", [(ToolCallEnd(0), STOP), (CALLS,), (ToolCallEnd(0), HELLO), (ToolCallEnd(0), called())]
)
def test_a_malformed_tool_call_is_a_failure_and_is_not_shown(arguments: str, then: tuple[UpstreamEvent, ...]) -> None:
    splice = fresh(TextDelta("So: "), called(arguments))
    assert passed_on(splice, *then) == []
    assert splice.failure == Failure(kind=FailureKind.BROKEN, message="malformed tool call")
    assert splice.tool_calls == ()
    assert splice.on_break() is Next.CONTINUE


def test_an_ended_call_in_doubt_goes_out_before_what_comes_next() -> None:
    splice = fresh(called(""))
    assert passed_on(splice, ToolCallEnd(0)) == []
    assert passed_on(splice, used(1)) == []
    assert passed_on(splice, HELLO) == [Started(), used(1), ToolCalled(0, call("{}")), HELLO]


def test_two_ended_calls_in_doubt_are_both_given() -> None:
    splice = fresh(called("", index=0), called("", index=1))
    shown = passed_on(splice, ToolCallEnd(0), ToolCallEnd(1), CALLS)
    assert shown == [Started(), ToolCalled(0, call("{}", 0)), ToolCalled(1, call("{}", 1)), CALLS]


@pytest.mark.parametrize("end", [[], [ToolCallEnd(0)]])
def test_a_call_that_was_cut_by_the_token_limit_is_dropped_with_or_without_an_end(end: list[UpstreamEvent]) -> None:
    splice = fresh(HELLO, called('{"a":'), *end)
    assert splice.feed(LENGTH) == [LENGTH]
    assert splice.tool_calls == ()
    assert splice.failure is None


# The table of what to do when the leader breaks off.


@pytest.mark.parametrize(
    ("shown", "hold", "what"),
    [
        pytest.param([], False, Next.RESTART, id="nothing"),
        pytest.param([START, used(1), SIGNED], False, Next.RESTART, id="no content"),
        pytest.param([HMM], False, Next.RESTART, id="thinking"),
        pytest.param([called('{"a":')], False, Next.RESTART, id="half a tool call"),
        pytest.param([HMM, called("{}")], False, Next.RESTART, id="a tool call that is not ended"),
        pytest.param([called(""), ToolCallEnd(0)], False, Next.RESTART, id="a tool call in doubt"),
        pytest.param([HELLO], False, Next.CONTINUE, id="text"),
        pytest.param([TextDelta(" ")], False, Next.CONTINUE, id="a blank"),
        pytest.param([HMM, HELLO, called("{")], False, Next.CONTINUE, id="text and half a tool call"),
        pytest.param([called(), ToolCallEnd(0)], False, Next.FINISH_TOOLS, id="a tool call"),
        pytest.param([HELLO, called(), ToolCallEnd(0), HELLO], False, Next.FINISH_TOOLS, id="text and a tool call"),
        pytest.param([HELLO], True, Next.RESTART, id="held text"),
        pytest.param([HMM, called(), ToolCallEnd(0)], True, Next.RESTART, id="a held tool call"),
    ],
)
@pytest.mark.parametrize("end", [[CUT], []])
def test_what_comes_next_follows_from_what_was_shown(
    shown: list[UpstreamEvent], hold: bool, what: Next, end: list[UpstreamEvent]
) -> None:
    assert fresh(*shown, *end, hold=hold).on_break() is what


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("events", [[HELLO, STOP], [LENGTH], [called(), CALLS], [HMM, LENGTH]])
def test_an_answer_that_is_whole_cannot_break_off_or_be_gone_on_with(events: list[UpstreamEvent], hold: bool) -> None:
    splice = fresh(*events, hold=hold)
    with pytest.raises(RuntimeError):
        splice.on_break()
    with pytest.raises(RuntimeError):
        splice.restart("a", "b")
    with pytest.raises(RuntimeError):
        splice.continue_with("a", "b")
    with pytest.raises(RuntimeError):
        splice.finish_tools()


@pytest.mark.parametrize("continuations", [0, 1, 2, 5])
def test_an_answer_has_no_more_seams_than_allowed(continuations: int) -> None:
    splice = Splice(hold=False, continuations=continuations)
    passed_on(splice, TextDelta("0"), CUT)
    for number in range(continuations):
        assert splice.on_break() is Next.CONTINUE
        splice.continue_with("a", "b", prefill=True)
        passed_on(splice, TextDelta(f" {number} x"), CUT)
        assert splice.seams == number + 1
    assert splice.on_break() is Next.FAIL


def test_an_attempt_without_content_costs_no_seam() -> None:
    splice = Splice(hold=False, continuations=1)
    passed_on(splice, HELLO, CUT)
    for _ in range(5):
        assert splice.on_break() is Next.CONTINUE
        splice.continue_with("a", "b")
        passed_on(splice, START, used(1), HMM, CUT)
    assert splice.seams == 0


def test_a_restart_after_thinking_costs_no_seam() -> None:
    splice = Splice(hold=False, continuations=1)
    passed_on(splice, HMM, CUT)
    splice.restart("a", "b")
    passed_on(splice, HMM, HELLO, CUT)
    assert splice.seams == 0
    assert splice.on_break() is Next.CONTINUE


# Restarting.


def test_a_restart_after_thinking_is_marked_and_the_thinking_starts_over() -> None:
    splice = fresh(START, HMM, CUT)
    splice.restart("a", "b")
    other = ThinkingDelta("So.")
    assert passed_on(splice, Started("id2", "m2"), used(1)) == []
    assert passed_on(splice, other, HELLO) == [Seam("a", "b", 0, restarted=True), used(1), other, HELLO]
    assert splice.thinking == (other,)


def test_a_restart_is_announced_once_from_the_target_that_spoke_last() -> None:
    splice = fresh(HMM, CUT)
    splice.restart("a", "b")
    passed_on(splice, START, CUT)
    splice.restart("b", "c")
    assert passed_on(splice, HELLO, HELLO) == [Seam("a", "c", 0, restarted=True), HELLO, HELLO]


@pytest.mark.parametrize("shown", [[HELLO], [called(), ToolCallEnd(0)]])
def test_an_answer_that_was_shown_cannot_start_over(shown: list[UpstreamEvent]) -> None:
    splice = fresh(*shown, CUT)
    with pytest.raises(RuntimeError):
        splice.restart("a", "b")


# Going on with text.


def test_a_continuation_is_announced_with_its_first_words_and_its_place() -> None:
    splice = gone_on("Hello")
    assert passed_on(splice, Started("id2", "m2"), used(1)) == []
    assert passed_on(splice, TextDelta(", all"), TextDelta("!")) == [
        Seam("a", "b", 5),
        used(1),
        TextDelta(", all"),
        TextDelta("!"),
    ]
    assert splice.delivered == "Hello, all!"


def test_a_seam_names_the_target_that_spoke_last_where_an_attempt_between_had_no_content() -> None:
    splice = gone_on("Hello")
    passed_on(splice, HMM, CUT)
    splice.continue_with("b", "c", prefill=True)
    assert passed_on(splice, TextDelta(", all")) == [Seam("a", "c", 5), TextDelta(", all")]


def test_the_next_seam_starts_from_the_attempt_that_spoke() -> None:
    splice = gone_on("Hello")
    passed_on(splice, TextDelta(", all"), CUT)
    splice.continue_with("b", "c", prefill=True)
    assert passed_on(splice, TextDelta(" you")) == [Seam("b", "c", 10), TextDelta(" you")]


def test_the_thinking_of_a_continuation_is_not_shown() -> None:
    splice = gone_on("Hello")
    assert passed_on(splice, HMM, SIGNED, TextDelta("!"), HMM) == [Seam("a", "b", 5), TextDelta("!")]
    assert splice.thinking == ()


def test_what_a_continuation_repeats_is_shown_once_wherever_the_pieces_end() -> None:
    for step in (1, 5, 500):
        splice = gone_on(LONG[:60], prefill=False)
        rest = [TextDelta(LONG[at : at + step]) for at in range(30, len(LONG), step)]
        shown = passed_on(splice, *rest, STOP)
        assert shown[0] == Seam("a", "b", 60)
        assert "".join(event.text for event in shown if isinstance(event, TextDelta)) == LONG[60:]
        assert splice.delivered == LONG


def test_whitespace_that_was_taken_off_for_a_prefill_is_not_shown_twice() -> None:
    splice = gone_on("Hello \n", taken_back=" \n")
    passed_on(splice, TextDelta(" \nall"))
    assert splice.delivered == "Hello \nall"


def test_half_a_word_that_was_taken_back_for_a_prefill_is_shown_once() -> None:
    splice = gone_on("Hello all of y", taken_back=" y")
    assert passed_on(splice, TextDelta(" "), TextDelta("you"), TextDelta(" there")) == [
        Seam("a", "b", 14),
        TextDelta("ou"),
        TextDelta(" there"),
    ]


def test_another_word_in_the_place_of_half_a_word_says_that_the_prefill_was_not_taken() -> None:
    splice = gone_on("Hello all of y", taken_back=" y")
    assert passed_on(splice, TextDelta(" them")) == []
    assert splice.failure is not None
    assert (splice.failure.kind, splice.failure.prefill_rejected) == (FailureKind.CAPABILITY, True)
    assert splice.on_break() is Next.CONTINUE
    assert splice.seams == 0


def test_with_a_prefill_nothing_is_trimmed() -> None:
    splice = gone_on(LONG)
    passed_on(splice, TextDelta(LONG), STOP)
    assert splice.delivered == LONG + LONG


def test_in_a_code_block_less_than_24_repeated_characters_are_taken_for_new_text() -> None:
    for opening, shown in (("", ""), ("```\n", "0123456789abcdef")):
        splice = gone_on(opening + "text 0123456789abcdef", prefill=False)
        passed_on(splice, TextDelta("0123456789abcdef"), TextDelta("!"), STOP)
        assert splice.delivered.endswith("text 0123456789abcdef" + shown + "!")


def test_where_the_text_stops_is_seen_over_all_attempts_so_far() -> None:
    splice = gone_on("```\nx = 1")
    passed_on(splice, TextDelta("\ntext 0123456789abcdef"), CUT)
    splice.continue_with("b", "c")
    passed_on(splice, TextDelta("0123456789abcdef!"), STOP)
    assert splice.delivered.endswith("text 0123456789abcdef0123456789abcdef!")


def test_a_continuation_that_withholds_says_so_and_time_sets_it_free() -> None:
    splice = Splice(hold=False, seam_chars=20)
    passed_on(splice, TextDelta(LONG), CUT)
    splice.continue_with("a", "b")
    assert not splice.holding
    assert passed_on(splice, TextDelta("Black")) == []
    assert splice.holding
    assert splice.content_seen
    assert splice.flush() == []
    rest = " and white and green and blue, all of them and all the other colours of the sea"
    assert passed_on(splice, TextDelta(rest)) == [Seam("a", "b", len(LONG)), TextDelta("Black" + rest)]
    assert not splice.holding
    assert splice.flush() == []


def test_an_attempt_that_begins_the_answer_never_withholds() -> None:
    splice = fresh(HELLO)
    assert not splice.holding
    assert splice.flush() == []


def test_what_a_continuation_withholds_goes_out_before_its_terminal() -> None:
    splice = gone_on(LONG, prefill=False)
    assert passed_on(splice, TextDelta("the")) == []
    assert splice.feed(STOP) == [Seam("a", "b", len(LONG)), TextDelta("the"), STOP]


def test_what_a_continuation_withholds_goes_out_before_its_tool_call() -> None:
    splice = gone_on(LONG, prefill=False)
    assert passed_on(splice, TextDelta("the"), called()) == []
    assert splice.feed(ToolCallEnd(0)) == [Seam("a", "b", len(LONG)), TextDelta("the"), ToolCalled(0, call())]


def test_what_a_continuation_withheld_when_it_broke_off_is_forgotten() -> None:
    splice = Splice(hold=False, seam_chars=20)
    passed_on(splice, TextDelta(LONG), CUT)
    splice.continue_with("a", "b")
    passed_on(splice, TextDelta("Black"), CUT)
    assert splice.flush() == []
    assert splice.delivered == splice.text == LONG
    assert splice.on_break() is Next.CONTINUE
    assert splice.seams == 0


def test_what_is_likely_to_be_a_repetition_is_withheld_longer() -> None:
    splice = gone_on(LONG, prefill=False)
    assert passed_on(splice, TextDelta("The Danube rises")) == []
    assert splice.flush() == []
    assert not splice.holding
    assert passed_on(splice, TextDelta(LONG[16:] + " Yes.")) == [Seam("a", "b", len(LONG)), TextDelta(" Yes.")]


def test_a_continuation_that_stops_at_once_ends_the_answer() -> None:
    splice = gone_on("Hello")
    assert passed_on(splice, START, STOP) == [Seam("a", "b", 5), STOP]
    assert splice.failure is None
    assert splice.seams == 1


@pytest.mark.parametrize(
    "then",
    [[TextDelta(LONG[:50] + "another way")], [TextDelta(LONG[:60]), STOP], [TextDelta(LONG[:60]), called(), CALLS]],
)
def test_a_continuation_that_begins_another_answer_is_a_failure_and_shows_nothing(then: list[UpstreamEvent]) -> None:
    splice = gone_on(LONG, prefill=False)
    assert passed_on(splice, *then) == []
    assert splice.failure is not None
    assert splice.failure.kind is FailureKind.BROKEN
    assert "again" in splice.failure.message
    assert (splice.delivered, splice.tool_calls, splice.finished) == (LONG, (), None)
    assert splice.on_break() is Next.CONTINUE


def test_a_tool_call_of_a_continuation_is_announced_by_the_seam() -> None:
    splice = gone_on("Hello")
    assert passed_on(splice, called(), ToolCallEnd(0), CALLS) == [Seam("a", "b", 5), ToolCalled(0, call()), CALLS]


@pytest.mark.parametrize("shown", [[], [HMM], [called(), ToolCallEnd(0)], [HELLO, called(), ToolCallEnd(0)]])
def test_without_text_or_after_a_tool_call_there_is_nothing_to_go_on_from(shown: list[UpstreamEvent]) -> None:
    splice = fresh(*shown, CUT)
    with pytest.raises(RuntimeError):
        splice.continue_with("a", "b")


# Ending with the tool calls.


@pytest.mark.parametrize("end", [CUT, called("[1]", index=1)])
def test_after_a_delivered_tool_call_the_turn_ends_with_it(end: UpstreamEvent) -> None:
    splice = fresh(called(), ToolCallEnd(0), end, ToolCallEnd(1), HELLO)
    assert splice.failure is not None
    assert splice.finish_tools() == [CALLS]
    assert (splice.finished, splice.failure) == (CALLS, None)
    assert splice.feed(HELLO) == []
    assert splice.feed(used(2)) == [used(2)]


@pytest.mark.parametrize("shown", [[], [HMM], [HELLO], [called()]])
def test_a_turn_without_a_delivered_tool_call_cannot_end_with_one(shown: list[UpstreamEvent]) -> None:
    with pytest.raises(RuntimeError):
        fresh(*shown, CUT).finish_tools()


# Holding.


def test_a_held_answer_goes_out_whole_with_its_terminal() -> None:
    splice = Splice(hold=True)
    assert passed_on(splice, START, HMM, HELLO, called(), ToolCallEnd(0), used(1)) == []
    assert (splice.text, splice.delivered) == ("Hello", "")
    assert splice.feed(STOP) == [START, HMM, HELLO, ToolCalled(0, call()), used(1), STOP]
    assert splice.delivered == "Hello"
    assert splice.feed(used(2)) == [used(2)]


def test_a_held_answer_that_broke_off_starts_over_without_a_trace() -> None:
    splice = fresh(START, HMM, HELLO, called(), ToolCallEnd(0), used(1), CUT, hold=True)
    splice.restart("a", "b")
    assert (splice.text, splice.thinking, splice.tool_calls) == ("", (), ())
    second = Started("id2", "m2")
    assert passed_on(splice, second, TextDelta("Hi"), STOP) == [second, TextDelta("Hi"), STOP]


@pytest.mark.parametrize("shown", [[HELLO], [called(), ToolCallEnd(0)]])
def test_a_held_answer_is_never_gone_on_with_and_never_ended_early(shown: list[UpstreamEvent]) -> None:
    splice = fresh(*shown, CUT, hold=True)
    with pytest.raises(RuntimeError):
        splice.continue_with("a", "b")
    with pytest.raises(RuntimeError):
        splice.finish_tools()


# Structured answers.


def no_json(text: str) -> str | None:
    return None if text.startswith("{") else f"no object: {text}"


CHECKED = Check(ChatRequest(messages=(), tools=(Tool(name=called().name),)), no_json)


def test_a_structured_answer_that_is_wrong_is_a_failure_and_is_not_shown() -> None:
    splice = Splice(hold=True, check=CHECKED)
    assert passed_on(splice, START, HELLO, STOP) == []
    assert splice.failure == Failure(kind=FailureKind.INVALID, message="no object: Hello")
    assert splice.on_break() is Next.RESTART
    splice.restart("a", "b")
    assert passed_on(splice, TextDelta("{"), TextDelta("}"), STOP)[1:] == [TextDelta("{"), TextDelta("}"), STOP]


def test_an_empty_structured_answer_is_broken_rather_than_wrong() -> None:
    splice = Splice(hold=True, check=CHECKED)
    passed_on(splice, START, STOP)
    assert splice.failure is not None
    assert splice.failure.kind is FailureKind.BROKEN


@pytest.mark.parametrize("before", [[HELLO], []])
def test_a_structured_answer_that_its_token_limit_cut_off_is_a_failure_that_says_so(
    before: list[UpstreamEvent],
) -> None:
    splice = Splice(hold=True, check=CHECKED)
    assert passed_on(splice, *before, LENGTH) == []
    assert splice.failure is not None
    assert splice.failure.kind is FailureKind.INVALID
    assert splice.failure.message.startswith("cut off by its token limit: no object")


def test_a_structured_answer_that_is_right_is_whole_although_it_reached_its_token_limit() -> None:
    splice = Splice(hold=True, check=CHECKED)
    assert passed_on(splice, TextDelta("{}"), LENGTH)[-1] == LENGTH
    assert splice.failure is None


@pytest.mark.parametrize(
    "rest",
    [[Finished(FinishReason.CONTENT_FILTER)], [Finished(FinishReason.PAUSE)], [called(), CALLS], [called(), LENGTH]],
)
def test_text_that_was_declined_or_paused_or_stands_beside_a_tool_call_is_not_checked(
    rest: list[UpstreamEvent],
) -> None:
    splice = Splice(hold=True, check=CHECKED)
    passed_on(splice, HELLO, *rest)
    assert splice.failure is None
    assert splice.finished == rest[-1]


def test_only_a_held_answer_can_be_checked() -> None:
    with pytest.raises(ValueError, match="held"):
        Splice(hold=False, check=CHECKED)
