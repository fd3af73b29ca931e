from __future__ import annotations

import json
from typing import Any

import pytest

from segue.chat.events import FinishReason
from segue.chat.messages import Message, Text, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.chat.usage import Usage
from segue.failover.splice.continuation import continuation_request
from segue.failover.splice.phrases import anchor_of
from segue.sandbox.answers.replies import MARK, NUMBERED, Reply, reply_to, tokens_of

WEATHER = Tool(
    name="get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME = Tool(name="get_time", parameters={})
ASKED = ChatRequest(messages=(system("Be kind."), user("Tell me about Redis")))


def _ask(text: str, **fields: Any) -> Reply:
    return reply_to(ChatRequest(messages=(user(text),), **fields))


@pytest.mark.parametrize("text", ["Tell me about Redis", "Redis가 뭐예요?", "", "{", "{0} {asked}"])
def test_text_begins_by_saying_that_it_is_simulated(text: str) -> None:
    reply = _ask(text)
    assert reply.text.startswith(MARK)
    assert text in reply.text
    assert reply.reason is FinishReason.STOP


def test_the_answer_is_in_the_language_of_the_question() -> None:
    assert "모의 서버" in _ask("Redis가 뭐예요?").text
    assert "stand-in" in _ask("What is Redis?").text


@pytest.mark.parametrize("prefill", [True, False])
def test_a_continuation_goes_on_at_every_character_exactly(prefill: bool) -> None:
    whole = reply_to(ASKED).text
    for at in range(1, len(whole)):
        request, stripped = continuation_request(ASKED, whole[:at], prefill=prefill)
        rest = reply_to(request)
        assert rest.continued
        # With a prefill the model is not shown all of the end, so it says it again; without, it is asked to repeat the last words.
        prefix_end = at - len(stripped) if prefill else whole[:at].rindex(anchor_of(whole[:at]))
        assert whole[:prefix_end] + rest.text == whole


def test_a_continuation_in_other_words_is_understood_too() -> None:
    whole = reply_to(ASKED).text
    messages = (*ASKED.messages, assistant(whole[:50]), user("Please go on."))
    assert reply_to(ChatRequest(messages=messages)).text == whole[50:]


def test_a_continuation_of_an_answer_that_was_whole_adds_nothing() -> None:
    whole = reply_to(ASKED).text
    request, _ = continuation_request(ASKED, whole, prefill=False)
    assert reply_to(request).text == anchor_of(whole)


def test_a_second_question_after_a_whole_answer_gets_an_answer_from_its_beginning() -> None:
    messages = (*ASKED.messages, assistant(reply_to(ASKED).text), user("And Kafka?"))
    reply = reply_to(ChatRequest(messages=messages))
    assert not reply.continued
    assert "And Kafka?" in reply.text


def test_numbered_answers_count_their_tokens() -> None:
    text = reply_to(ASKED, "numbered").text
    assert text.split() == [f"t{number}" for number in range(NUMBERED)]
    request, _ = continuation_request(ASKED, text[:100], prefill=False)
    assert text.endswith(reply_to(request, "numbered").text)


def test_a_function_may_say_what_is_answered() -> None:
    reply = reply_to(ASKED, lambda request: request.messages[-1].text.upper())
    assert reply.text == "TELL ME ABOUT REDIS"


def test_a_function_may_say_all_of_an_answer_and_it_is_continued_as_texts_are() -> None:
    call = ToolCall(id="1", name="get_time", arguments="{}")
    scripted = Reply(thinking="Hm.", text="Let me look.", calls=(call,), usage=Usage(output_tokens=5))
    reply = reply_to(ASKED, lambda request: scripted)
    assert (reply.thinking, reply.text, reply.calls, reply.usage) == ("Hm.", "Let me look.", (call,), scripted.usage)
    assert reply.reason is FinishReason.TOOL_CALLS
    request, _ = continuation_request(ASKED, "Let me", prefill=True, take_back=False)
    rest = reply_to(request, lambda request: scripted)
    assert (rest.thinking, rest.text, rest.calls, rest.continued) == ("", " look.", (call,), True)


def test_a_model_that_cannot_be_made_to_call_follows_the_instruction() -> None:
    for wish, called in (("the tool `get_time`", "get_time"), ("one of the tools", "get_weather")):
        messages = (system(f"Be kind.\n\nAnswer by calling {wish}."), user("hello"))
        reply = reply_to(ChatRequest(messages=messages, tools=(WEATHER, TIME), tool_choice=ToolChoice()))
        assert [call.name for call in reply.calls] == [called]


def test_a_stop_sequence_ends_the_text_before_itself() -> None:
    assert _ask("hi", stop=("nothing here", "stand-in")).text.endswith("a local ")


def test_pieces_join_to_the_text() -> None:
    for text in (reply_to(ASKED).text, " a  b\n\nc ", "가나다라마바사아자차카타파하", ""):
        assert "".join(tokens_of(text)) == text


def test_a_schema_is_answered_with_json_alone() -> None:
    output = OutputSchema(schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    assert json.loads(_ask("Where?", output=output).text) == {"city": "Seoul"}


def test_json_without_a_schema_is_an_object() -> None:
    assert isinstance(json.loads(_ask("Where?", output=OutputSchema()).text), dict)


@pytest.mark.parametrize(
    ("choice", "prompt", "called"),
    [
        (ToolChoice(mode="required"), "hello", "get_weather"),
        (ToolChoice(mode="tool", name="get_time"), "hello", "get_time"),
        (ToolChoice(mode="none"), "get_weather in Seoul", None),
        (ToolChoice(), "What is the weather in Seoul?", "get_weather"),
        (None, "use get_time please", "get_time"),
        (None, "hello", None),
    ],
)
def test_a_tool_is_called_as_the_choice_allows(choice: ToolChoice | None, prompt: str, called: str | None) -> None:
    reply = _ask(prompt, tools=(WEATHER, TIME), tool_choice=choice)
    assert [call.name for call in reply.calls] == ([called] if called else [])
    assert reply.reason is (FinishReason.TOOL_CALLS if called else FinishReason.STOP)
    if called == "get_weather":
        assert json.loads(reply.calls[0].arguments) == {"city": "Seoul"}


def test_a_tools_result_is_answered_with_text() -> None:
    result = ToolResult(call_id="1", name="get_weather", content=(Text("21 degrees"),))
    messages = (
        user("What is the weather?"),
        Message("assistant", (ToolCall(id="1", name="get_weather"),)),
        Message("tool", (result,)),
    )
    reply = reply_to(ChatRequest(messages=messages, tools=(WEATHER,)))
    assert not reply.calls
    assert reply.text.startswith(MARK)
