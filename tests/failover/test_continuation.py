from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, Tool
from segue.failover.splice.continuation import INSTRUCTION, LEAST_TOKENS, continuation_request

QUESTION = ChatRequest(messages=(system("Be brief."), user("Where does the Danube rise?")))


def test_a_prefill_ends_the_transcript_with_the_delivered_text_as_the_models_own_turn() -> None:
    request, stripped = continuation_request(QUESTION, "In the Black For", prefill=True)
    assert request.messages == (*QUESTION.messages, assistant("In the Black For"))
    assert stripped == ""


def test_a_prefill_loses_the_whitespace_at_its_end_which_is_given_back() -> None:
    request, stripped = continuation_request(QUESTION, " In the \n Black \n\t", prefill=True)
    assert request.messages[-1] == assistant(" In the \n Black")
    assert stripped == " \n\t"


def test_without_a_prefill_the_whole_text_is_a_finished_turn_followed_by_one_that_explains() -> None:
    request, stripped = continuation_request(QUESTION, "In the Black \n", prefill=False)
    assert request.messages == (*QUESTION.messages, assistant("In the Black \n"), user(INSTRUCTION))
    assert stripped == ""


@pytest.mark.parametrize("prefill", [True, False])
@pytest.mark.parametrize("delivered", [" ", "\n\n", "\u00a0\t"])
def test_where_only_whitespace_was_delivered_the_original_request_is_asked_and_all_of_it_given_back(
    delivered: str, prefill: bool
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=100)
    request, stripped = continuation_request(limited, delivered, prefill=prefill)
    assert request == limited
    assert stripped == delivered


@pytest.mark.parametrize("prefill", [True, False])
def test_a_beginning_that_the_caller_gave_and_the_delivered_text_are_one_turn(prefill: bool) -> None:
    begun = msgspec.structs.replace(QUESTION, messages=(*QUESTION.messages, assistant("It rises ")))
    request, _ = continuation_request(begun, "in the Black", prefill=prefill)
    assert request.messages[:3] == (*QUESTION.messages, assistant("It rises in the Black"))
    assert len(request.messages) == (3 if prefill else 4)


def test_the_parts_of_a_beginning_that_the_caller_gave_stay_in_their_order() -> None:
    thought = Thinking(text="Hm.")
    begun = msgspec.structs.replace(QUESTION, messages=(user("?"), Message("assistant", (Text("It "), thought))))
    request, _ = continuation_request(begun, "rises", prefill=True)
    assert request.messages[-1] == Message("assistant", (Text("It "), thought, Text("rises")))


def test_an_answer_to_a_tools_result_is_a_turn_of_its_own() -> None:
    transcript = (
        user("?"),
        Message("assistant", (ToolCall(id="c1", name="rivers"),)),
        Message("tool", (ToolResult(call_id="c1", content=(Text("Danube"),)),)),
    )
    request, _ = continuation_request(ChatRequest(messages=transcript), "It is", prefill=True)
    assert request.messages == (*transcript, assistant("It is"))


def test_a_request_without_messages_can_be_gone_on_with() -> None:
    request, _ = continuation_request(ChatRequest(messages=()), "It is", prefill=True)
    assert request.messages == (assistant("It is"),)


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
    ("limit", "delivered", "left"),
    [
        pytest.param(None, "x" * 4000, None, id="no limit stays none"),
        pytest.param(1000, "x" * 400, 900, id="four characters are a token"),
        pytest.param(1000, "x" * 403, 900, id="what is no whole token is not counted"),
        pytest.param(1000, "ü" * 400, 800, id="two bytes each"),
        pytest.param(1000, "川" * 400, 700, id="three bytes each"),
        pytest.param(1000, "x" * 3936, LEAST_TOKENS, id="just the least is left"),
        pytest.param(1000, "x" * 9000, LEAST_TOKENS, id="more delivered than allowed"),
        pytest.param(10, "x" * 400, 10, id="a limit below the least is not raised"),
        pytest.param(1000, "\ud800" * 400, 700, id="halves of surrogate pairs"),
    ],
)
@pytest.mark.parametrize("prefill", [True, False])
def test_the_limit_on_output_is_lessened_by_what_was_delivered(
    limit: int | None, delivered: str, left: int | None, prefill: bool
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=limit)
    assert continuation_request(limited, delivered, prefill=prefill)[0].max_tokens == left


@given(st.text(max_size=40), st.none() | st.integers(1, 60))
def test_what_the_model_is_shown_and_what_is_given_back_are_the_delivered_text(
    delivered: str, limit: int | None
) -> None:
    limited = msgspec.structs.replace(QUESTION, max_tokens=limit)
    request, stripped = continuation_request(limited, delivered, prefill=True)
    shown = "".join(message.text for message in request.messages[len(QUESTION.messages) :])
    assert shown + stripped == delivered
    assert not shown[-1:].isspace()
    assert stripped.strip() == ""
    if limit is not None:
        assert request.max_tokens is not None
        assert min(limit, LEAST_TOKENS) <= request.max_tokens <= limit
