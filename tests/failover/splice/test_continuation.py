from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalog.tokens import estimate_tokens
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, Tool
from segue.failover.splice.continuation import LEAST_TOKENS, continuation_request
from segue.failover.splice.phrases import demand

QUESTION = ChatRequest(messages=(system("Be brief."), user("Where does the Danube rise?")))


@pytest.mark.parametrize(
    ("delivered", "shown"),
    [
        pytest.param(
            "In the Black Forest. ", "In the Black Forest.", id="after a sentence only its whitespace is taken back"
        ),
        pytest.param(" In the \n Black. \n\t", " In the \n Black.", id="whitespace within stays"),
        pytest.param("In the Black For", "In the Black", id="half a word, and the whitespace before it"),
        pytest.param("In the Black Forest", "In the Black", id="a whole word, which may be half of one"),
        pytest.param("It is (warm", "It is", id="with the marks before it"),
        pytest.param("for i in ran", "for i in", id="a name in code"),
        pytest.param("today. We're", "today.", id="with its apostrophe"),
        pytest.param("it costs 12", "it costs", id="a number"),
        pytest.param("it costs 12.5", "it costs", id="a number with its point"),
        pytest.param("오늘 하늘은", "오늘", id="a word of Hangul"),
        pytest.param("今天天气", "今天天气", id="there are no spaces between words in Chinese"),
        pytest.param("きょうはいい天", "きょうはいい天", id="nor in Japanese"),
        pytest.param("今天 web", "今天", id="but a Latin word there is one"),
        pytest.param("1. **Brewing:*", "1.", id="half of a mark that comes in runs"),
        pytest.param("So:\n\n``", "So:", id="half of a code fence"),
        pytest.param("| a |\n|--", "| a |", id="half of a table's line"),
        pytest.param("It is so (they say).", "It is so (they say).", id="other marks are whole by themselves"),
        pytest.param("Well done 👍", "Well done 👍", id="a sign is no word"),
        pytest.param("key: " + "x" * 33, "key: " + "x" * 33, id="what is too long is no word"),
        pytest.param("Th", "Th", id="nothing would be left"),
        pytest.param("\n\nTh", "\n\nTh", id="nothing but whitespace would be left"),
    ],
)
def test_a_prefill_ends_the_transcript_with_the_delivered_text_but_what_no_model_goes_on_well_from(
    delivered: str, shown: str
) -> None:
    request, taken_back = continuation_request(QUESTION, delivered, prefill=True)
    assert request.messages == (*QUESTION.messages, assistant(shown))
    assert shown + taken_back == delivered


def test_a_prefill_can_end_in_half_a_word_where_that_is_asked_for() -> None:
    request, taken_back = continuation_request(QUESTION, "In the Black For", prefill=True, take_back=False)
    assert request.messages == (*QUESTION.messages, assistant("In the Black For"))
    assert taken_back == ""


def test_without_a_prefill_the_whole_text_is_a_finished_turn_followed_by_one_that_asks_for_the_rest() -> None:
    delivered = "In the Black \n"
    request, taken_back = continuation_request(QUESTION, delivered, prefill=False)
    assert request.messages == (*QUESTION.messages, assistant(delivered), user(demand(delivered)))
    assert taken_back == ""


@pytest.mark.parametrize("prefill", [True, False])
@pytest.mark.parametrize("delivered", [" ", "\n\n", "\u00a0\t"])
def test_where_only_whitespace_was_delivered_the_original_request_is_asked_and_all_of_it_given_back(
    delivered: str, prefill: bool
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=100)
    request, taken_back = continuation_request(limited, delivered, prefill=prefill)
    assert request == limited
    assert taken_back == delivered


@pytest.mark.parametrize("prefill", [True, False])
def test_a_beginning_that_the_caller_gave_and_the_delivered_text_are_one_turn(prefill: bool) -> None:
    begun = msgspec.structs.replace(QUESTION, messages=(*QUESTION.messages, assistant("It rises ")))
    request, _ = continuation_request(begun, "in the Black.", prefill=prefill)
    assert request.messages[:3] == (*QUESTION.messages, assistant("It rises in the Black."))
    assert len(request.messages) == (3 if prefill else 4)


def test_the_parts_of_a_beginning_that_the_caller_gave_stay_in_their_order() -> None:
    thought = Thinking(text="Hm.")
    begun = msgspec.structs.replace(QUESTION, messages=(user("?"), Message("assistant", (Text("It "), thought))))
    request, _ = continuation_request(begun, "rises.", prefill=True)
    assert request.messages[-1] == Message("assistant", (Text("It "), thought, Text("rises.")))


def test_an_answer_to_a_tools_result_is_a_turn_of_its_own() -> None:
    transcript = (
        user("?"),
        Message("assistant", (ToolCall(id="c1", name="rivers"),)),
        Message("tool", (ToolResult(call_id="c1", content=(Text("Danube"),)),)),
    )
    request, _ = continuation_request(ChatRequest(messages=transcript), "It is.", prefill=True)
    assert request.messages == (*transcript, assistant("It is."))


def test_a_request_without_messages_can_be_gone_on_with() -> None:
    request, _ = continuation_request(ChatRequest(messages=()), "It is.", prefill=True)
    assert request.messages == (assistant("It is."),)


def test_all_else_of_the_request_stays_as_it_was() -> None:
    question = ChatRequest(
        messages=(Message("user", (Text("?"), Image(url="u"))),),
        tools=(Tool(name="rivers"),),
        temperature=0.3,
        stop=("END",),
        seed=7,
        effort="low",
        user="u1",
        extra={"claude": {"top": 1}},
    )
    request, _ = continuation_request(question, "text", prefill=False)
    assert msgspec.structs.replace(request, messages=question.messages) == question


@pytest.mark.parametrize(
    ("limit", "spent", "left"),
    [
        pytest.param(None, 1000, None, id="no limit stays none"),
        pytest.param(1000, 100, 900, id="less what was spent"),
        pytest.param(1000, 990, LEAST_TOKENS, id="just the least is left"),
        pytest.param(1000, 9000, LEAST_TOKENS, id="more spent than allowed"),
        pytest.param(10, 100, 10, id="a limit below the least is not raised"),
    ],
)
@pytest.mark.parametrize("prefill", [True, False])
def test_the_limit_on_output_is_lessened_by_the_tokens_spent(
    limit: int | None, spent: int, left: int | None, prefill: bool
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=limit)
    assert continuation_request(limited, "It is", prefill=prefill, spent=lambda without: spent)[0].max_tokens == left


def test_without_a_count_of_the_tokens_spent_they_are_estimated() -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=1000)
    delivered = "The river flows east. " * 40
    assert continuation_request(limited, delivered, prefill=True)[0].max_tokens == 1000 - estimate_tokens(
        delivered.rstrip()
    )


@given(st.text(max_size=40), st.none() | st.integers(1, 60))
def test_what_the_model_is_shown_and_what_is_given_back_are_the_delivered_text(
    delivered: str, limit: int | None
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=limit)
    request, taken_back = continuation_request(limited, delivered, prefill=True)
    shown = "".join(message.text for message in request.messages[len(QUESTION.messages) :])
    assert shown + taken_back == delivered
    assert not shown[-1:].isspace()
    assert len(taken_back.split()) <= 1
    if limit is not None:
        assert request.max_tokens is not None
        assert min(limit, LEAST_TOKENS) <= request.max_tokens <= limit
