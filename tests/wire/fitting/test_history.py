"""Histories that providers refuse, put to each of them: each takes them, nothing is lost, and what was done is reported.

Found in public: calls that a crash or a stop left without a result (letta-ai/letta#3308, openclaw/openclaw#19048), results without a call
after trimming (pydantic/pydantic-ai#6319, strands-agents/harness-sdk#4154, open-webui/open-webui#23013), results behind a user turn
meanwhile (imzodev/openaidy#487), `$ref` in results (googleapis/python-genai#2792, vercel/ai#14369, NousResearch/hermes-agent#93014).
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.chat.messages import Image, Message, Part, Text, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest
from segue.wire.dialects import DIALECTS, ingress
from segue.wire.fitting.history import HEALED, NO_RESULT, heal

from ..transcripts.judges import judge
from .providers import body, wire


def calling(*calls: tuple[str, str], text: str = "", arguments: str = "{}") -> Message:
    parts: list[Part] = [Text(text)] if text else []
    return Message("assistant", (*parts, *(ToolCall(id=id, name=name, arguments=arguments) for id, name in calls)))


def giving(*results: tuple[str, str], name: str = "") -> Message:
    return Message("tool", tuple(ToolResult(call_id=id, name=name, content=(Text(text),)) for id, text in results))


Q, AND = user("question"), user("and?")
PICTURE = Image(data="iVBORw0KGgo=", media_type="image/png")

HISTORIES: dict[str, tuple[tuple[Message, ...], set[str]]] = {
    "a call that was never answered": ((Q, calling(("a", "f")), AND), {"call-without-result"}),
    "at the end": ((Q, calling(("a", "f"))), {"call-without-result"}),
    "one of two": ((Q, calling(("a", "f"), ("b", "g")), giving(("a", "result-1")), AND), {"call-without-result"}),
    "the first of two": ((Q, calling(("a", "f"), ("b", "g")), giving(("b", "result-1")), AND), {"call-without-result"}),
    "two turns of them": ((Q, calling(("a", "f")), AND, calling(("b", "f")), AND), {"call-without-result"}),
    "a result without a call": ((Q, giving(("x", "result-1")), AND), {"result-without-call"}),
    "at the beginning": ((giving(("x", "result-1")), Q), {"result-without-call"}),
    "two of them": ((Q, giving(("x", "result-1"), ("y", "result-2")), AND), {"result-without-call"}),
    "beside one that has a call": (
        (Q, calling(("a", "f")), giving(("a", "result-1"), ("x", "result-2")), AND),
        {"result-without-call"},
    ),
    "a result behind the user's next turn": (
        (Q, calling(("a", "f")), user("meanwhile"), giving(("a", "result-1")), AND),
        {"result-moved"},
    ),
    "a result behind the model's next turn": (
        (Q, calling(("a", "f")), AND, assistant("hm"), giving(("a", "result-1")), AND),
        {"result-moved"},
    ),
    "results split by a user": (
        (Q, calling(("a", "f"), ("b", "g")), giving(("a", "result-1")), user("meanwhile"), giving(("b", "result-2")), AND),
        {"result-moved"},
    ),
    "an id for two turns' calls": (
        (Q, calling(("a", "f")), giving(("a", "result-1")), calling(("a", "f")), giving(("a", "result-2")), AND),
        {"repeated-id"},
    ),
    "an id for two calls of a turn": (
        (Q, calling(("a", "f"), ("a", "g")), giving(("a", "result-1"), ("a", "result-2")), AND),
        {"repeated-id"},
    ),
    "an id used again while its first call waits": (
        (Q, calling(("a", "f")), AND, calling(("a", "g")), giving(("a", "result-1")), AND),
        {"repeated-id", "call-without-result"},
    ),
    "two results for a call": (
        (Q, calling(("a", "f")), giving(("a", "result-1")), giving(("a", "result-2")), AND),
        {"second-result"},
    ),
    "arguments that were cut off": (
        (Q, calling(("a", "f"), arguments='{"result-0": "x'), giving(("a", "result-1")), AND),
        {"broken-arguments"},
    ),
    "arguments that are a list": (
        (Q, calling(("a", "f"), arguments='["result-0"]'), giving(("a", "result-1")), AND),
        {"broken-arguments"},
    ),
    "no arguments": ((Q, calling(("a", "f"), arguments=""), giving(("a", "result-1")), AND), set()),
    "no ids": ((Q, calling(("", "f"), ("", "g")), giving(("", "result-1"), name="f"), giving(("", "result-2"), name="g"), AND), set()),
    "no ids, the other way round": (
        (Q, calling(("", "f"), ("", "g")), giving(("", "result-2"), name="g"), giving(("", "result-1"), name="f"), AND),
        set(),
    ),
    "no ids and no names": ((Q, calling(("", "f"), ("", "f")), giving(("", "result-1"), ("", "result-2")), AND), set()),
    "a call without a name": ((Q, calling(("a", "")), giving(("a", "result-1")), AND), set()),
    "calls made together in turns of their own": (
        (Q, calling(("a", "f")), calling(("b", "g")), giving(("a", "result-1")), giving(("b", "result-2")), AND),
        set(),
    ),
    "the model's turn at the end": ((Q, assistant("result-1")), {"ends-with-assistant"}),
    "the model's turn at the beginning": ((assistant("result-1"), Q), {"begins-with-assistant"}),
    "nothing but the model's": ((assistant("result-1"),), {"begins-with-assistant", "ends-with-assistant"}),
    "turns of one role": ((Q, user("result-1"), assistant("x"), assistant("result-2"), AND), set()),
    "empty turns": ((Message("user", ()), Q, assistant(""), user(""), Message("assistant", ()), AND), set()),
    "blank turns": ((Q, assistant("  "), user("\n"), AND), set()),
    "the system in the middle": ((Q, system("result-1"), assistant("x"), system("result-2"), AND), set()),
    "the system at the end": ((Q, system("result-1")), set()),
    "text beside a call that was not answered": ((Q, calling(("a", "f"), text="result-1"), AND), {"call-without-result"}),
}  # fmt: skip
TURNS_OF_A_DIALECT = {"ends-with-assistant", "begins-with-assistant"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("messages", "healed"), HISTORIES.values(), ids=HISTORIES)
def test_each_provider_takes_each_history(dialect: str, messages: tuple[Message, ...], healed: set[str]) -> None:
    sent = wire(dialect, ChatRequest(messages=messages))
    judge(dialect, sent.body)
    for nth in range(3):
        there = f"result-{nth}" in repr(messages)
        assert (f"result-{nth}".encode() in sent.body) is there
    turns = TURNS_OF_A_DIALECT if dialect.startswith("openai") else set()
    assert set(sent.healed) - {"ends-with-assistant"} == healed - turns - {"ends-with-assistant"}
    assert set(sent.healed) <= HEALED.keys()


@pytest.mark.parametrize("dialect", ["claude", "gemini"])
@pytest.mark.parametrize("begun", [True, False])
def test_a_turn_that_the_model_began_is_continued_where_it_can_be_and_else_asked_on(dialect: str, begun: bool) -> None:
    sent = wire(dialect, ChatRequest(messages=(Q, assistant("Once"))), model=_other(dialect, begun))
    assert (sent.healed == ()) is begun
    assert sent.body.endswith(b"Once") is False
    assert (b"Go on from exactly" in sent.body) is not begun


def _other(dialect: str, begun: bool) -> Any:
    from segue.catalog.models import find_model

    names = {
        "claude": ("claude-sonnet-4-5", "claude-sonnet-5-5"),
        "gemini": ("gemini-3.5-flash", "gemini-3.5-flash-lite"),
    }
    return find_model(dialect, names[dialect][0 if begun else 1])


WHOLE = (
    system("s"),
    Q,
    calling(("a", "f"), ("b", "g")),
    giving(("a", "1")),
    giving(("b", "2")),
    calling(("c", "f")),
    giving(("c", "3")),
    AND,
)


def test_a_history_that_is_in_order_is_left_alone() -> None:
    healed = heal(WHOLE)
    assert all(ours is theirs for ours, theirs in zip(healed.messages, WHOLE, strict=True))
    assert (healed.what, healed.places) == ((), {})


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    healed = heal((Q, calling(("a", "f")), AND))
    assert healed.messages[2] == Message(
        "tool", (ToolResult(call_id="a", name="f", content=(Text(NO_RESULT),), is_error=True),)
    )


def test_a_result_without_a_call_is_sent_with_its_pictures() -> None:
    result = ToolResult(call_id="x", name="look", content=(Text("seen"), PICTURE), is_error=True)
    healed = heal((Q, Message("tool", (result,)), AND))
    assert healed.messages[1] == Message(
        "user", (Text("Earlier, the tool `look` gave this result. It failed."), Text("seen"), PICTURE)
    )


def test_marks_for_the_prompt_cache_stay_with_their_parts() -> None:
    control = {"type": "ephemeral"}
    messages = (Q, calling(("a", "f"), text="x"), AND, user("last"))
    extra = {"claude": {"cache_breakpoints": [[1, 1, control], [2, 0, control], [3, 0, control]]}}
    turns = body("claude", ChatRequest(messages=messages, extra=extra))["messages"]
    marked = [
        block for turn in turns for block in turn["content"] if isinstance(block, dict) and "cache_control" in block
    ]
    assert [block["type"] for block in marked] == ["tool_use", "text", "text"]
    assert [block.get("text") for block in marked] == [None, "and?", "last"]


def test_a_reference_in_a_result_is_text_to_gemini() -> None:
    schema = '{"schema":{"$ref":"#/$defs/A"}}'
    turns = (Q, calling(("a", "f")), giving(("a", schema)), AND)
    (part,) = body("gemini", ChatRequest(messages=turns))["contents"][2]["parts"]
    assert part["functionResponse"]["response"] == {"output": schema}


ids = st.sampled_from(["", "a", "b", "c"])
names = st.sampled_from(["f", "g"])
turns = st.one_of(
    st.just(user("u")),
    st.just(assistant("t")),
    st.just(system("s")),
    st.lists(st.tuples(ids, names), min_size=1, max_size=3).map(lambda calls: calling(*calls)),
    st.builds(
        lambda given, name: giving(*((id, f"r{n}") for n, id in enumerate(given)), name=name),
        st.lists(ids, min_size=1, max_size=3),
        st.sampled_from(["", "f", "g"]),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(turns, min_size=1, max_size=9))
def test_any_history_becomes_one_in_order_and_keeps_its_content(messages: list[Message]) -> None:
    healed = heal(messages)
    assert heal(healed.messages).what == ()
    assert heal(healed.messages).messages == healed.messages
    before, after = (sorted(t for m in all for t in _texts(m)) for all in (messages, healed.messages))
    assert not set(before) - set(after)
    for place, now in healed.places.items():
        assert type(messages[place[0]].parts[place[1]]) in (type(healed.messages[now[0]].parts[now[1]]), ToolResult)
    for dialect in DIALECTS:
        judge(dialect, wire(dialect, ChatRequest(messages=(Q, *messages, AND))).body)


def _texts(message: Message) -> list[str]:
    inner = [part.content if isinstance(part, ToolResult) else (part,) for part in message.parts]
    return [part.text for part in itertools.chain.from_iterable(inner) if isinstance(part, Text)]


def test_a_long_history_is_healed_in_time_that_grows_with_its_length() -> None:
    many = 20_000
    same = Message("assistant", tuple(ToolCall(id="a", name="f") for _ in range(many)))
    healed = heal((Q, same, Message("tool", tuple(ToolResult(call_id="a") for _ in range(many)))))
    assert len({call.id for call in healed.messages[1].tool_calls}) == many
    assert len(heal((Q, *(calling(("", "f")) for _ in range(many)))).messages) == 3


LEGACY = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "w?"},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        },
        {"role": "function", "name": "get_weather", "content": "rain"},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
        },
        {"role": "user", "content": "and?"},
    ],
    "functions": [
        {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ],
    "function_call": {"name": "get_weather"},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_functions_of_2023_are_tools_to_every_provider(dialect: str) -> None:
    request = ingress("openai_chat").decode(json.dumps(LEGACY).encode(), path="/", query="", headers={}).request
    sent = wire(dialect, request)
    judge(dialect, sent.body)
    for word in (b"Paris", b"Rome", b"rain"):
        assert sent.body.count(word) == 1
    assert sent.healed == ("call-without-result",)
    assert request.tool_choice is not None
    assert msgspec.to_builtins(request.tool_choice) == {"mode": "tool", "name": "get_weather"}
