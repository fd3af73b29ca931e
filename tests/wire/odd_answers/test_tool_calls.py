"""Tool calls as servers really send them: what a caller must get is the call that the model made, once."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from segue.chat.events import FinishReason
from segue.wire.arguments import joined_arguments

from .harness import read, stream
from .test_text import COMPLETED, RESPONSE, STARTED, STOPPED, chat, claude, gemini, responses

Event = dict[str, Any]
Calls = tuple[tuple[str, Any], ...]

A1: Final = {"a": 1}
F: Final[Calls] = (("f", A1),)
NONE: Final[Calls] = (("f", {}),)
BOTH: Final[Calls] = (("f", A1), ("g", {"b": 2}))


def piece(arguments: Any = None, name: Any = None, **more: Any) -> Event:
    function = {"name": name, "arguments": arguments}
    return more | {"function": {key: value for key, value in function.items() if value is not None}}


def calls(*pieces: Event) -> Event:
    return chat({"tool_calls": list(pieces)})


END: Final = chat({}, "tool_calls")

CHAT: Final[dict[str, tuple[list[Event], Calls]]] = {
    "a placeholder before the arguments": (
        [calls(piece("{}", "f", index=0, id="a")), calls(piece('{"a"', index=0)), calls(piece(":1}", index=0))],
        F,
    ),
    "a placeholder before the arguments, the next call behind it": (
        [
            calls(piece("{}", "f", index=0, id="a")),
            calls(piece("{}", "g", index=1, id="b")),
            calls(piece('{"a":1}', index=0)),
            calls(piece('{"b":2}', index=1)),
        ],
        BOTH,
    ),
    "a placeholder that is all": ([calls(piece("{}", "f", index=0, id="a"))], NONE),
    "a placeholder null": ([calls(piece("null", "f", index=0, id="a")), calls(piece('{"a":1}', index=0))], F),
    "a placeholder behind the arguments": (
        [calls(piece('{"a":1}', "f", index=0, id="a")), calls(piece("{}", index=0))],
        F,
    ),
    "an empty string for no arguments": ([calls(piece('""', "f", index=0, id="a"))], NONE),
    "no arguments at all": ([calls(piece(None, "f", index=0, id="a"))], NONE),
    "arguments null": ([chat({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}]})], NONE),
    "an empty list for no arguments": ([calls(piece([], "f", index=0, id="a"))], NONE),
    "an empty list as text": ([calls(piece("[]", "f", index=0, id="a"))], NONE),
    "whitespace for no arguments": ([calls(piece(" \n", "f", index=0, id="a"))], NONE),
    "arguments as an object": ([calls(piece(A1, "f", index=0, id="a"))], F),
    "arguments as text within text": ([calls(piece(json.dumps('{"a":1}'), "f", index=0, id="a"))], F),
    "the whole arguments again": (
        [calls(piece('{"a":1}', "f", index=0, id="a")), calls(piece('{"a":1}', index=0))],
        F,
    ),
    "the whole call again, under its index": (
        [calls(piece('{"a":1}', "f", index=0, id="a")), calls(piece('{"a":1}', "f", index=0, id="a"))],
        F,
    ),
    "the whole call again, without its index": (
        [calls(piece('{"a":1}', "f", index=0, id="a")), calls(piece('{"a":1}', "f", id="a"))],
        F,
    ),
    "all calls again in the last chunk": (
        [
            calls(piece('{"a":1}', "f", index=0, id="a")),
            calls(piece('{"b":2}', "g", index=1, id="b")),
            calls(piece('{"a":1}', "f", index=0, id="a"), piece('{"b":2}', "g", index=1, id="b")),
        ],
        BOTH,
    ),
    "all calls again in a message": (
        [
            calls(piece('{"a":1}', "f", index=0, id="a")),
            {"choices": [{"index": 0, "message": {"tool_calls": [piece('{"a":1}', "f", id="a")]}}]},
        ],
        F,
    ),
    "all calls again in a message, without ids": (
        [
            calls(piece('{"a":1}', "f", index=0)),
            {"choices": [{"index": 0, "message": {"tool_calls": [piece('{"a":1}', "f")]}}]},
        ],
        F,
    ),
    "arguments that are each time the whole so far": (
        [calls(piece('{"a', "f", index=0, id="a")), calls(piece('{"a":', index=0)), calls(piece('{"a":1}', index=0))],
        F,
    ),
    "no index": ([calls(piece('{"a"', "f", id="a")), calls(piece(":1}"))], F),
    "no index, the id on each piece": ([calls(piece('{"a"', "f", id="a")), calls(piece(":1}", id="a"))], F),
    "no index, two calls whose pieces alternate": (
        [
            calls(piece('{"a"', "f", id="a")),
            calls(piece('{"b"', "g", id="b")),
            calls(piece(":1}", id="a")),
            calls(piece(":2}", id="b")),
        ],
        BOTH,
    ),
    "no id": ([calls(piece('{"a"', "f", index=0)), calls(piece(":1}", index=0))], F),
    "no id and no index": ([calls(piece('{"a"', "f")), calls(piece(":1}"))], F),
    "no id and no index, two calls": ([calls(piece('{"a":1}', "f")), calls(piece('{"b":2}', "g"))], BOTH),
    "an id of zero": ([calls(piece('{"a":1}', "f", index=0, id=0))], F),
    "an index as text": ([calls(piece('{"a"', "f", index="0", id="a")), calls(piece(":1}", index="0"))], F),
    "an index that counts the pieces": (
        [calls(piece('{"a"', "f", index=0, id="a")), calls(piece(":", index=1)), calls(piece("1}", index=2))],
        F,
    ),
    "an id that comes late": ([calls(piece('{"a"', "f", index=0)), calls(piece(":1}", index=0, id="a"))], F),
    "an id that changes with each piece": (
        [calls(piece('{"a"', "f", index=0, id="a")), calls(piece(":1}", index=0, id="b"))],
        F,
    ),
    "an id that changes with each piece, the name repeated": (
        [calls(piece('{"a"', "f", index=0, id="a")), calls(piece(":1}", "f", index=0, id="b"))],
        F,
    ),
    "an empty id on later pieces": (
        [calls(piece('{"a"', "f", index=0, id="a")), calls(piece(":1}", "", index=0, id=""))],
        F,
    ),
    "one id for two calls": (
        [calls(piece('{"a":1}', "f", index=0, id="x")), calls(piece('{"b":2}', "g", index=1, id="x"))],
        BOTH,
    ),
    "one id for two calls, without index": (
        [calls(piece('{"a":1}', "f", id="x")), calls(piece('{"b":2}', "g", id="x"))],
        BOTH,
    ),
    "one index for two calls": (
        [calls(piece('{"a":1}', "f", index=0, id="a")), calls(piece('{"b":2}', "g", index=0, id="b"))],
        BOTH,
    ),
    "one index for two calls, without ids": (
        [calls(piece('{"a":1}', "f", index=0)), calls(piece('{"b":2}', "g", index=0))],
        BOTH,
    ),
    "an index that begins at one": (
        [calls(piece('{"a":1}', "f", index=1, id="a")), calls(piece('{"b":2}', "g", index=2, id="b"))],
        BOTH,
    ),
    "a name in pieces": (
        [calls(piece("", "get_", index=0, id="a")), calls(piece("", "time", index=0)), calls(piece("{}", index=0))],
        (("get_time", {}),),
    ),
    "a name that is each time the whole so far": (
        [calls(piece("", "get_", index=0, id="a")), calls(piece("{}", "get_time", index=0))],
        (("get_time", {}),),
    ),
    "a name on every piece": (
        [calls(piece("", "f", index=0, id="a")), calls(piece('{"a"', "f", index=0)), calls(piece(":1}", "f", index=0))],
        F,
    ),
    "a name behind the arguments": ([calls(piece('{"a":1}', index=0, id="a")), calls(piece("", "f", index=0))], F),
    "an empty piece before the call": ([calls({"index": 0}), calls(piece('{"a":1}', "f", index=0, id="a"))], F),
    "an empty piece behind the call": ([calls(piece('{"a":1}', "f", index=0, id="a")), calls({})], F),
    "a call announced and never made": ([calls(piece('{"a":1}', "f", index=0, id="a")), calls({"index": 1, "id": "b"})], F),
    "the list as one object": ([chat({"tool_calls": piece('{"a":1}', "f", index=0, id="a")})], F),
    "null among the pieces": ([chat({"tool_calls": [None, piece('{"a":1}', "f", index=0, id="a")]})], F),
    "the function in a list": ([chat({"tool_calls": [{"index": 0, "id": "a", "function": [{"name": "f", "arguments": '{"a":1}'}]}]})], F),
    "a line break inside a string": ([calls(piece('{"a":"x\ny"}', "f", index=0, id="a"))], (("f", {"a": "x\ny"}),)),
    "half a character in a string": ([calls(piece('{"a":"\\ud83d"}', "f", index=0, id="a"))], (("f", {"a": "\ufffd"}),)),
    "the legacy function_call": (
        [chat({"function_call": {"name": "f", "arguments": ""}}), chat({"function_call": {"arguments": '{"a":1}'}})],
        F,
    ),
    "the legacy function_call, the name repeated": (
        [chat({"function_call": {"name": "f", "arguments": '{"a"'}}), chat({"function_call": {"name": "f", "arguments": ":1}"}})],
        F,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), CHAT.values(), ids=CHAT.keys())
def test_a_chat_call_is_put_together_from_whatever_its_pieces_look_like(events: list[Event], expected: Calls) -> None:
    answer = read("openai_chat", stream("openai_chat", *events, END))
    assert (answer.failure, answer.calls, answer.finish) == (None, expected, FinishReason.TOOL_CALLS)


def block(name: str = "f", input: Any = None, index: Any = 0, **more: Any) -> Event:
    content = {"type": "tool_use", "id": f"t{index}", "name": name, "input": input} | more
    return claude("content_block_start", index=index, content_block=content)


def json_delta(text: Any, index: Any = 0) -> Event:
    return claude("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": text})


CLAUDE: Final[dict[str, tuple[list[Event], Calls]]] = {
    "an input that is an empty string": ([block(input="")], NONE),
    "an input that is null": ([block(input=None)], NONE),
    "an input that is an empty list": ([block(input=[])], NONE),
    "an input that is false": ([block(input=False)], NONE),
    "an input that is text of an object": ([block(input='{"a":1}')], F),
    "a whole input without deltas": ([block(input=A1)], F),
    "a placeholder input and then deltas": ([block(input={}), json_delta('{"a"'), json_delta(":1}")], F),
    "an empty string and then deltas": ([block(input=""), json_delta('{"a":1}')], F),
    "the whole input and its deltas too": ([block(input=A1), json_delta('{"a":1}')], F),
    "an empty delta alone": ([block(input={}), json_delta("")], NONE),
    "a placeholder delta first": ([block(input={}), json_delta("{}"), json_delta('{"a":1}')], F),
    "a delta that is an object": ([block(input={}), json_delta(A1)], F),
    "a delta null": ([block(input={}), json_delta(None), json_delta('{"a":1}')], F),
    "the whole input as a delta twice": ([block(input={}), json_delta('{"a":1}'), json_delta('{"a":1}')], F),
    "an index as text": ([block(index="0", input={}), json_delta('{"a":1}', index="0")], F),
    "no input": ([claude("content_block_start", index=0, content_block={"type": "tool_use", "id": "t", "name": "f"})], NONE),
    "an id that is a number": ([block(input=A1, id=7)], F),
    "a block that is never stopped": ([block(input={}), json_delta('{"a":1}'), block("g", {"b": 2}, index=1)], BOTH),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), CLAUDE.values(), ids=CLAUDE.keys())
def test_a_claude_call_is_put_together_from_whatever_its_pieces_look_like(events: list[Event], expected: Calls) -> None:
    answer = read("claude", stream("claude", STARTED, *events, *STOPPED))
    assert (answer.failure, answer.calls) == (None, expected)


def item(arguments: Any = "", **more: Any) -> Event:
    return {"type": "function_call", "id": "fc", "call_id": "a", "name": "f", "arguments": arguments} | more


def arguments(text: Any, index: Any = 0) -> Event:
    return responses("function_call_arguments.delta", item_id="fc", delta=text) | {"output_index": index}


def added(arguments: Any = "", **more: Any) -> Event:
    return responses("output_item.added", item=item(arguments, **more))


def done(arguments: Any, **more: Any) -> Event:
    return responses("output_item.done", item=item(arguments, **more))


def completed(*items: Event) -> Event:
    return responses("completed", response=RESPONSE | {"status": "completed", "output": list(items)})


RESPONSES: Final[dict[str, tuple[list[Event], Calls]]] = {
    "an empty first delta": ([added(), arguments(""), arguments('{"a":1}'), COMPLETED], F),
    "a delta null": ([added(), arguments(None), arguments('{"a":1}'), COMPLETED], F),
    "a placeholder delta first": ([added(), arguments("{}"), arguments('{"a":1}'), COMPLETED], F),
    "a placeholder in the announcement": ([added("{}"), arguments('{"a":1}'), COMPLETED], F),
    "sent in deltas, at the end of the item, and of the response": ([added(), arguments('{"a":1}'), done('{"a":1}'), completed(item('{"a":1}'))], F),
    "only at the end of the item": ([added(), done('{"a":1}'), COMPLETED], F),
    "only at the end of the response": ([completed(item('{"a":1}'))], F),
    "only when the arguments are done": ([added(), responses("function_call_arguments.done", item_id="fc", arguments='{"a":1}'), COMPLETED], F),
    "arguments as an object": ([added(), done(A1), COMPLETED], F),
    "arguments as an empty string within a string": ([added(), done('""'), COMPLETED], NONE),
    "no arguments": ([added(None), done(None), COMPLETED], NONE),
    "an empty list for no arguments": ([added([]), done([]), COMPLETED], NONE),
    "no call_id": ([added(call_id=None), done('{"a":1}', call_id=None), COMPLETED], F),
    "an index as text": ([added() | {"output_index": "0"}, arguments('{"a":1}', index="0"), COMPLETED], F),
    "the id changes at the end of the item": ([added(), arguments('{"a":1}'), done('{"a":1}', id="fc_other"), COMPLETED], F),
    "no index": ([added() | {"output_index": None}, arguments('{"a":1}', index=None), COMPLETED], F),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), RESPONSES.values(), ids=RESPONSES.keys())
def test_a_responses_call_is_put_together_from_whatever_its_pieces_look_like(
    events: list[Event], expected: Calls
) -> None:
    answer = read("openai_responses", stream("openai_responses", *events))
    assert (answer.failure, answer.calls) == (None, expected)


def function_call(**fields: Any) -> Event:
    return gemini({"functionCall": fields})


def streamed(*values: Event, **more: Any) -> Event:
    return function_call(partialArgs=list(values), **more)


def at(path: str, **value: Any) -> Event:
    return {"jsonPath": path} | value


OPEN: Final = {"willContinue": True}
LAST: Final = function_call()
STOP: Final = gemini({"text": ""}, "STOP")

GEMINI: Final[dict[str, tuple[list[Event], Calls]]] = {
    "arguments in parts": ([function_call(name="f", **OPEN), streamed(at("$.a", numberValue=1), **OPEN), LAST], F),
    "arguments in parts, whole with the last value": ([function_call(name="f", **OPEN), streamed(at("$.a", numberValue=1))], F),
    "arguments in parts, begun with the name": ([streamed(at("$.a", numberValue=1), name="f", **OPEN), LAST], F),
    "arguments in parts, all with the name": ([streamed(at("$.a", numberValue=1), name="f")], F),
    "arguments in parts, the name on each": ([streamed(at("$.a", numberValue=1), name="f", **OPEN), function_call(name="f")], F),
    "arguments in parts, ended by the answer": ([function_call(name="f", **OPEN), streamed(at("$.a", numberValue=1), **OPEN)], F),
    "arguments in parts, ended by the next call": ([function_call(name="f", **OPEN), streamed(at("$.a", numberValue=1), **OPEN), function_call(name="g", args={"b": 2})], BOTH),
    "a string in pieces": (
        [function_call(name="f", **OPEN), streamed(at("$.a", stringValue="x", willContinue=True), **OPEN), streamed(at("$.a", stringValue="y z", willContinue=True), **OPEN), streamed(at("$.a", stringValue="", willContinue=False), **OPEN), LAST],
        (("f", {"a": "xy z"}),),
    ),
    "a number as text": ([function_call(name="f", **OPEN), streamed(at("$.a", numberValue="1"), **OPEN), LAST], F),
    "every type of value": (
        [function_call(name="f", **OPEN), streamed(at("$.s", stringValue="x"), at("$.n", numberValue=1.5), at("$.t", boolValue=True), at("$.z", nullValue="NULL_VALUE"), **OPEN), LAST],
        (("f", {"s": "x", "n": 1.5, "t": True, "z": None}),),
    ),
    "nested paths": (
        [function_call(name="f", **OPEN), streamed(at("$.q[0].o[0].label", stringValue="x"), at("$.q[0].o[1].label", stringValue="y"), at("$.q[1].o", nullValue=None), **OPEN), LAST],
        (("f", {"q": [{"o": [{"label": "x"}, {"label": "y"}]}, {"o": None}]}),),
    ),
    "quoted names": ([function_call(name="f", **OPEN), streamed(at("$['a b']", boolValue=False), at('$["c.d"]', numberValue=2), **OPEN), LAST], (("f", {"a b": False, "c.d": 2}),)),
    "no arguments, in parts": ([function_call(name="f", **OPEN), LAST], NONE),
    "args an empty string": ([function_call(name="f", args="")], NONE),
    "args null": ([function_call(name="f", args=None)], NONE),
    "args an empty list": ([function_call(name="f", args=[])], NONE),
    "args as text": ([function_call(name="f", args='{"a":1}')], F),
    "no args": ([function_call(name="f")], NONE),
    "an empty call": ([function_call(name="f", args=A1), LAST], F),
    "two calls in one part each": ([function_call(name="f", args=A1), function_call(name="g", args={"b": 2})], BOTH),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), GEMINI.values(), ids=GEMINI.keys())
def test_a_gemini_call_is_put_together_from_whatever_its_pieces_look_like(events: list[Event], expected: Calls) -> None:
    answer = read("gemini", stream("gemini", *events, STOP))
    assert (answer.failure, answer.calls, answer.finish) == (None, expected, FinishReason.TOOL_CALLS)


def test_a_call_that_the_token_limit_cut_in_its_parts_is_not_delivered() -> None:
    events = [
        function_call(name="f", **OPEN),
        streamed(at("$.a", numberValue=1), **OPEN),
        gemini({"text": ""}, "MAX_TOKENS"),
    ]
    answer = read("gemini", stream("gemini", *events))
    assert (answer.calls, answer.finish) == ((), FinishReason.LENGTH)


@pytest.mark.parametrize("path", ["a", "$", "$.", "$..a", "$.a[*]", "$[0]", "$.a.b", "$.a[7]", "$.a[", "$['a", ""])
def test_a_value_that_has_no_place_breaks_the_answer(path: str) -> None:
    events = [
        function_call(name="f", **OPEN),
        streamed(at("$.a", numberValue=1), **OPEN),
        streamed(at(path, numberValue=1)),
    ]
    assert read("gemini", stream("gemini", *events, STOP)).failure is not None


REPEATS: Final[dict[str, list[Event]]] = {
    "a message behind the deltas": [chat({"content": "Hello "}), chat({"content": "world"}), {"choices": [{"index": 0, "message": {"content": "Hello world"}, "finish_reason": "stop"}]}],
    "a message behind one delta": [chat({"content": "Hello world"}), {"choices": [{"index": 0, "message": {"content": "Hello world"}, "finish_reason": "stop"}]}],
    "a message that has more than the deltas": [chat({"content": "Hello "}), {"choices": [{"index": 0, "message": {"content": "Hello world"}, "finish_reason": "stop"}]}],
    "a message that is trimmed": [chat({"content": "Hello world"}), {"choices": [{"index": 0, "message": {"content": "Hello worl"}, "finish_reason": "stop"}]}],
    "a message beside an empty delta": [chat({"content": "Hello world"}), {"choices": [{"index": 0, "delta": {}, "message": {"content": "Hello world"}, "finish_reason": "stop"}]}],
    "a message and nothing before": [chat({"role": "assistant"}), {"choices": [{"index": 0, "message": {"content": "Hello world"}, "finish_reason": "stop"}]}],
    "messages in place of deltas": [{"choices": [{"index": 0, "message": {"content": "Hello "}}]}, {"choices": [{"index": 0, "message": {"content": "world"}, "finish_reason": "stop"}]}],
    "a message in parts": [chat({"content": "Hello world"}), {"choices": [{"index": 0, "message": {"content": [{"type": "text", "text": "Hello world"}]}, "finish_reason": "stop"}]}],
    "a thought again": [chat({"reasoning_content": "hm"}), chat({"content": "Hello world"}), {"choices": [{"index": 0, "message": {"content": "Hello world", "reasoning_content": "hm"}, "finish_reason": "stop"}]}],
}  # fmt: skip


@pytest.mark.parametrize("events", REPEATS.values(), ids=REPEATS.keys())
def test_what_the_last_chunk_repeats_is_delivered_once(events: list[Event]) -> None:
    answer = read("openai_chat", stream("openai_chat", *events))
    assert (answer.text, answer.thinking) in (("Hello world", ""), ("Hello world", "hm"))


def test_a_last_delta_that_repeats_the_whole_answer_is_dropped() -> None:
    events = [
        chat({"content": "The harbour is "}),
        chat({"content": "quiet."}),
        chat({"content": "The harbour is quiet."}, "stop"),
    ]
    assert read("openai_chat", stream("openai_chat", *events)).text == "The harbour is quiet."


@pytest.mark.parametrize(
    "pieces", [["ha", "ha"], ["ha", "ha", "haha"], ["no ", "no ", "no no no"], ["The ", "The harbour"]]
)
def test_a_text_that_rightly_repeats_itself_loses_nothing(pieces: list[str]) -> None:
    events = [*(chat({"content": text}) for text in pieces[:-1]), chat({"content": pieces[-1]}, "stop")]
    assert read("openai_chat", stream("openai_chat", *events)).text == "".join(pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        ["{"],
        ['{"a":'],
        ["5"],
        ["[1]"],
        ['"x"'],
        ['{"a":1}', '{"a":2}'],
        ["{'a': 1}"],
        ["0 " * 500_000],
        ["{}" * 100],
        ['{"a":NaN}'],
        ["true"],
    ],
)
def test_arguments_without_a_plain_meaning_are_not_guessed_at(pieces: list[str]) -> None:
    assert joined_arguments(pieces) is None


CALL: Final = [block(input=A1), claude("content_block_stop", index=0)]


@pytest.mark.parametrize(
    ("events", "reason", "expected"),
    [
        (CALL, "tool_use", FinishReason.TOOL_CALLS),
        (CALL, "end_turn", FinishReason.TOOL_CALLS),
        (CALL, "stop_sequence", FinishReason.TOOL_CALLS),
        (CALL, "max_tokens", FinishReason.LENGTH),
        ([], "tool_use", FinishReason.STOP),
        ([], "end_turn", FinishReason.STOP),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_a_claude_answer_ends_for_its_calls_if_it_has_any(
    whole: bool, events: list[Event], reason: str, expected: FinishReason
) -> None:
    """vLLM says end_turn after a forced call, and so does LiteLLM before Ollama: github.com/vllm-project/agentic-api/pull/296,
    github.com/BerriAI/litellm/issues/34692."""
    words = {"type": "text", "text": "x"}
    text = claude("content_block_start", index=9, content_block=words)
    stopped = claude("message_delta", delta={"stop_reason": reason})
    if whole:
        content = [words, *(event["content_block"] for event in events[:1])]
        message = {"type": "message", "id": "m", "content": content, "stop_reason": reason}
        answer = read("claude", json.dumps(message).encode(), "application/json")
    else:
        answer = read("claude", stream("claude", STARTED, text, *events, stopped, claude("message_stop")))
    assert (answer.failure, len(answer.calls), answer.finish) == (None, len(events[:1]), expected)
