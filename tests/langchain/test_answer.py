"""Answers as messages and chunks: what is merged stays whole, what is reported once stays reported once."""

from __future__ import annotations

import functools
import operator
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage, message_chunk_to_message

from segue.chat.events import Citation, FinishReason, Logprobs, Seam, TextDelta, ThinkingDelta, TokenLogprob, ToolCalled
from segue.chat.messages import Text, Thinking, ToolCall
from segue.chat.usage import Usage
from segue.langchain import results
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, OpenAIClient
from segue.langchain.messages import CALL_SIGNATURES, THINKING, to_chat


def whole(**fields: Any) -> Any:
    given = {
        "text": "so",
        "finish_reason": FinishReason.STOP,
        "target": "claude",
        "model": "claude-sonnet-5-5",
        "request_id": "r1",
        "attempts": (),
        "usage": Usage(input_tokens=1, output_tokens=2),
        "cost": None,
    }
    from segue import Answer

    return Answer(**(given | fields))


def merged(chunks: Any) -> AIMessageChunk:
    message: Any = None
    for chunk in chunks:
        message = chunk.message if message is None else message + chunk.message
    assert isinstance(message, AIMessageChunk)
    return message


THOUGHTS = (
    Thinking(text="first I", signature="s1", dialect="claude"),
    Thinking(redacted="opaque", dialect="claude"),
    Thinking(text="then", signature="s2", dialect="claude"),
)
CALLS = (
    ToolCall(id="c1", name="add", arguments='{"a":1}', signature="g1"),
    ToolCall(id="c2", name="add", arguments='{"a":2}', signature="g2"),
)


def test_a_whole_answer_and_its_merged_chunks_are_the_same_message() -> None:
    made = whole(thinking=THOUGHTS, tool_calls=CALLS, finish_reason=FinishReason.TOOL_CALLS)
    at_once = results.result(made).generations[0].message
    in_pieces = message_chunk_to_message(merged(results.in_chunks(made)))
    assert isinstance(at_once, AIMessage)
    assert isinstance(in_pieces, AIMessage)
    for field in ("content", "tool_calls", "additional_kwargs", "response_metadata", "usage_metadata"):
        assert getattr(in_pieces, field) == getattr(at_once, field), field


def test_thinking_that_came_in_pieces_is_sent_back_block_by_block_with_its_proof() -> None:
    chunks = results.Chunks()
    events = [
        ThinkingDelta("first "),
        ThinkingDelta("I"),
        ThinkingDelta(signature="s1", dialect="claude"),
        ThinkingDelta(redacted="opaque", dialect="claude"),
        ThinkingDelta("then"),
        ThinkingDelta(signature="s2", dialect="claude"),
        TextDelta("so"),
    ]
    pieces = [chunk for event in events if (chunk := chunks.feed(event)) is not None]
    message = merged([*pieces, chunks.last(whole(thinking=THOUGHTS))])
    (made,) = to_chat([message])
    assert [part for part in made.parts if isinstance(part, Thinking)] == list(THOUGHTS)
    assert message.content == "so"


def test_thinking_that_was_given_up_when_another_target_started_over_is_never_sent_back() -> None:
    chunks = results.Chunks()
    events = [
        ThinkingDelta("given up"),
        Seam("gemini", "claude", 0, restarted=True),
        ThinkingDelta("hm"),
        ThinkingDelta(signature="s", dialect="claude"),
        TextDelta("so"),
    ]
    pieces = [chunk for event in events if (chunk := chunks.feed(event)) is not None]
    last = chunks.last(whole(thinking=(Thinking(text="hm", signature="s", dialect="claude"),)))
    message = merged([*pieces, last])
    assert message.additional_kwargs[THINKING][0]["text"] == "given up"
    (made,) = to_chat([message])
    assert [part for part in made.parts if isinstance(part, Thinking)] == [
        Thinking(text="hm", signature="s", dialect="claude")
    ]


def test_content_blocks_are_langchains_standard_ones() -> None:
    message = results.result(whole(thinking=THOUGHTS[:1], tool_calls=CALLS[:1])).generations[0].message
    blocks: list[Any] = list(message.content_blocks)
    assert [block["type"] for block in blocks] == ["reasoning", "text", "tool_call"]
    assert blocks[0]["reasoning"] == "first I"
    assert blocks[0]["extras"] == {"signature": "s1", "dialect": "claude"}
    assert blocks[2]["args"] == {"a": 1}


def test_each_chunk_shows_the_piece_it_brings() -> None:
    chunks = results.Chunks()
    thought = chunks.feed(ThinkingDelta("hm"))
    call = chunks.feed(ToolCalled(0, CALLS[0]))
    assert thought is not None
    assert call is not None
    assert [block["type"] for block in thought.message.content_blocks] == ["reasoning"]
    (block,) = call.message.content_blocks
    assert dict(block) == {"type": "tool_call_chunk", "id": "c1", "name": "add", "args": '{"a":1}', "index": 0}
    assert call.message.additional_kwargs == {CALL_SIGNATURES: {"c1": "g1"}}


def test_unknown_usage_is_none_and_an_unknown_cost_too() -> None:
    message = results.result(whole(usage=Usage())).generations[0].message
    assert isinstance(message, AIMessage)
    assert message.usage_metadata is None
    assert message.response_metadata["cost"] is None


def test_sources_and_log_probabilities_are_in_the_metadata(backend: Backend, far: Any) -> None:
    likely = Logprobs((TokenLogprob("Hello", -0.5),))
    far.tell(
        "openai", far.events(likely, TextDelta("Hello"), Citation(url="https://a.example", title="A", start=0, end=5))
    )
    model = OpenAIClient(backend=backend)
    streamed = reduce(add, model.stream("x"))
    for message in (model.invoke("x"), streamed):
        assert message.response_metadata["citations"] == [
            {"type": "citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5}
        ]
        assert [one["token"] for one in message.response_metadata["logprobs"]["content"]] == ["Hello"]


def test_a_refusal_is_reported(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say("", reason=FinishReason.CONTENT_FILTER, refusal="I'd rather not."))
    message = OpenAIClient(backend=backend).invoke("x")
    assert message.response_metadata["finish_reason"] == "content_filter"
    assert message.response_metadata["refusal"] == "I'd rather not."


def by_invoke(llm: Any, messages: list[Any]) -> AIMessage:
    answer: AIMessage = llm.invoke(messages)
    return answer


def by_stream(llm: Any, messages: list[Any]) -> AIMessage:
    answer: AIMessage = functools.reduce(operator.add, llm.stream(messages))
    return answer


def by_events(llm: Any, messages: list[Any]) -> AIMessage:
    answer: AIMessage = llm.stream_events(messages, version="v3").output
    return answer


@pytest.mark.parametrize("ask", [by_invoke, by_stream, by_events])
@pytest.mark.parametrize("version", [None, "v1"])
def test_a_turn_of_thinking_text_and_two_calls_is_the_same_in_every_form_and_goes_back_as_it_was(
    backend: Backend, far: Any, version: str | None, ask: Any
) -> None:
    tool = {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}
    calls = [ToolCall(id=f"c{n}", name="add", arguments=f'{{"a": {n}}}') for n in (0, 1)]
    thought = ThinkingDelta("let me see"), ThinkingDelta(signature="sig==", dialect="claude")
    far.tell("claude", far.events(*thought, TextDelta("I add."), *(ToolCalled(n, c) for n, c in enumerate(calls))))
    bound = ClaudeClient(backend=backend, output_version=version).bind_tools([tool])
    turn = ask(bound, [HumanMessage("1+1")])
    assert turn.text == "I add."
    assert [call["args"] for call in turn.tool_calls] == [{"a": 0}, {"a": 1}]
    assert [block["type"] for block in turn.content_blocks] == ["reasoning", "text", "tool_call", "tool_call"]
    assert turn.content_blocks[0]["extras"] == {"signature": "sig==", "dialect": "claude"}
    assert isinstance(turn.content, list if version == "v1" or ask is by_events else str)
    assert turn.response_metadata["target"] == "claude"
    assert turn.usage_metadata["output_tokens"] == 7
    far.tell("claude", far.say("so it is"))
    results = [ToolMessage("1", tool_call_id=call.id) for call in calls]
    bound.invoke([HumanMessage("1+1"), turn, *results])
    sent = far.asked[-1][1].messages[1]
    proof = Thinking(text="let me see", signature="sig==", dialect="claude")
    assert sent.parts == (proof, Text("I add."), *calls)


def test_a_tool_call_arrives_whole_and_its_result_is_answered(backend: Backend, far: Any) -> None:
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    far.tell("openai", far.call("add", '{"a": 1, "b": 2}'), far.say("3"))
    llm = OpenAIClient(backend=backend).bind_tools([add])
    turn = llm.invoke("1+2")
    assert turn.tool_calls == [{"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1", "type": "tool_call"}]
    assert turn.response_metadata["finish_reason"] == "tool_calls"
    history = [HumanMessage("1+2"), turn, ToolMessage("3", tool_call_id="call_1", name="add")]
    assert llm.invoke(history).content == "3"
    assert [message.role for message in far.asked[1][1].messages] == ["user", "assistant", "tool"]


def test_a_streamed_tool_call_merges_to_a_parsed_one(backend: Backend, far: Any) -> None:
    far.tell("openai", far.call("add", '{"a": 1}'))
    llm = OpenAIClient(backend=backend).bind_tools([{"name": "add", "parameters": {"type": "object"}}])
    whole: Any = None
    for chunk in llm.stream("x"):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls == [{"name": "add", "args": {"a": 1}, "id": "call_1", "type": "tool_call"}]
    assert len(whole.tool_call_chunks) == 1
