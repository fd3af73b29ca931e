"""Custom tools of this dialect: offered as functions of one text, called and answered as what they are.

The shape of a streamed call is not in the published schema; it is the one that is reported from the field (openai/openai-openapi#576).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from segue.chat.events import Finished, FinishReason, Started, ToolCalled
from segue.chat.messages import ToolCall, ToolResult
from segue.chat.request import ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.codec import IngressRequest
from segue.wire.openai_chat.ingress.codec import Ingress

GRAMMAR = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[0-9]+"}}
SHELL = {"type": "custom", "custom": {"name": "shell", "description": "Runs a command.", "format": GRAMMAR}}
PLAIN = {"type": "function", "function": {"name": "shout", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": 'echo "안녕"'}}
EVENTS = (
    Started(model="m"),
    ToolCalled(0, ToolCall(id="call_1", name="shell", arguments='{"input":"echo \\"안녕\\""}')),
    ToolCalled(1, ToolCall(id="call_2", name="shout", arguments='{"input":"x"}')),
    Finished(FinishReason.TOOL_CALLS),
)


def received(**fields: Any) -> IngressRequest:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], "tools": [PLAIN, SHELL]} | fields
    return Ingress().decode(json.dumps(body).encode(), path="/v1/chat/completions", query="", headers={})


def answered(**fields: Any) -> bytes:
    encoder = Ingress().encoder(received(**fields), id="1", created=1)
    return b"".join(encoder.feed(event) for event in EVENTS)


def test_a_custom_tool_is_offered_as_a_function_of_one_text_with_its_grammar_in_words() -> None:
    _, tool = received().request.tools
    assert (tool.name, list(tool.parameters["properties"])) == ("shell", ["input"])
    assert tool.description == "Runs a command.\n\nThe input follows this regex grammar:\n[0-9]+"


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "custom", "custom": {"name": "shell"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [SHELL]}},
    ],
    ids=["by its name", "among those allowed"],
)
def test_a_custom_tool_can_be_chosen(choice: Any) -> None:
    request = received(tool_choice=choice).request
    assert request.tool_choice in (ToolChoice(mode="tool", name="shell"), ToolChoice(mode="required"))
    assert request.tools[-1].name == "shell"


def test_the_call_and_its_result_come_back_in_the_next_turn() -> None:
    turns = [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call_1", "content": "안녕"}]
    asked, answer = received(messages=turns).request.messages
    (call,), (result,) = asked.tool_calls, answer.parts
    assert (call.name, json.loads(call.arguments)) == ("shell", {"input": 'echo "안녕"'})
    assert isinstance(result, ToolResult)
    assert (result.call_id, result.name) == ("call_1", "shell")


def test_a_whole_answer_has_the_text_for_the_custom_tool_and_arguments_for_the_function() -> None:
    (choice,) = ChatCompletion.model_validate_json(answered()).choices
    custom, function = choice.message.tool_calls or ()
    assert (custom.type, custom.id, custom.type == "custom" and custom.custom.input) == (
        "custom",
        "call_1",
        'echo "안녕"',
    )
    assert (function.type, function.type == "function" and function.function.arguments) == (
        "function",
        '{"input":"x"}',
    )


def test_a_stream_has_the_name_first_and_then_the_text() -> None:
    lines = [line[6:] for line in answered(stream=True).decode().splitlines() if line.startswith("data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    assert pieces[:2] == [
        {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "shell", "input": ""}},
        {"index": 0, "custom": {"input": 'echo "안녕"'}},
    ]
    assert [piece.get("type") for piece in pieces[2:]] == ["function", None]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom"}]}, "tools[0].custom"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].custom.name"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"tool_choice": {"type": "custom", "custom": {"name": "other"}}}, "tool_choice"),
    ],
)
def test_what_is_missing_of_it_is_named(fields: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        received(**fields)
    assert caught.value.param == param
