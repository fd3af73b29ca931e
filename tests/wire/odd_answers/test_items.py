"""Items of a Responses answer whose index or id is not theirs alone, as servers really send them.

- One index for several items: github.com/decolua/9router/issues/2611, github.com/BerriAI/litellm/pull/36375,
  github.com/diegosouzapw/OmniRoute/pull/10025, github.com/tashfeenahmed/freellmapi/pull/846.
- Another id in each event of an item: github.com/BerriAI/litellm/pull/30072 (GitHub Copilot).
- Other ids at the end of the response, or another order: github.com/vllm-project/vllm/pull/56285,
  github.com/invergent-ai/surogate/issues/175.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from .harness import read, stream
from .test_text import RESPONSE

Event = dict[str, Any]
Calls = tuple[tuple[str, Any], ...]

F: Final[Calls] = (("f", {"a": 1}),)
BOTH: Final[Calls] = (*F, ("g", {"b": 2}))
ONE, TWO = '{"a":1}', '{"b":2}'


def event(kind: str, index: int | None, **fields: Any) -> Event:
    return {"type": f"response.{kind}", "output_index": index} | fields


def call_item(id: str, name: str = "f", arguments: str = "", call: str = "") -> Event:
    return {"type": "function_call", "id": id, "call_id": call or f"call_{name}", "name": name, "arguments": arguments}


def text_item(id: str, text: str = "Hello", **more: Any) -> Event:
    return {"type": "message", "id": id, "content": [{"type": "output_text", "text": text}]} | more


def thought_item(id: str, text: str = "hm") -> Event:
    return {"type": "reasoning", "id": id, "summary": [{"type": "summary_text", "text": text}]}


def done(item: Event, index: int | None = 0) -> Event:
    return event("output_item.done", index, item=item)


def added(item: Event, index: int | None = 0) -> Event:
    return event("output_item.added", index, item=item)


def arguments(id: str, delta: str, index: int = 0) -> Event:
    return event("function_call_arguments.delta", index, item_id=id, delta=delta)


def call(id: str, name: str = "f", whole: str = ONE, index: int = 0) -> list[Event]:
    return [added(call_item(id, name), index), arguments(id, whole, index), done(call_item(id, name, whole), index)]


def text(id: str, whole: str = "Hello", index: int = 0, **more: Any) -> list[Event]:
    piece = event("output_text.delta", index, item_id=id, delta=whole)
    return [added(text_item(id, "", **more), index), piece, done(text_item(id, whole, **more), index)]


def whole(id: str, text: str, index: int = 0) -> Event:
    return event("output_text.done", index, item_id=id, content_index=0, text=text)


def thought(id: str, index: int = 0) -> list[Event]:
    piece = event("reasoning_summary_text.delta", index, item_id=id, summary_index=0, delta="hm")
    return [added(thought_item(id, ""), index), piece, done(thought_item(id), index)]


LLAMA: Final = {"type": "function_call", "call_id": "fc_x", "name": "f", "arguments": ONE}
"""llama.cpp's item: github.com/ggml-org/llama.cpp/issues/20607."""


def bare(kind: str, **fields: Any) -> Event:
    return {"type": f"response.{kind}"} | fields


def end(*items: Event) -> Event:
    return {"type": "response.completed", "response": RESPONSE | {"status": "completed", "output": list(items)}}


CALL_F, CALL_G, HELLO, THOUGHT = (
    call_item("f1", "f", ONE),
    call_item("g1", "g", TWO),
    text_item("m1"),
    thought_item("r1"),
)
ASIDE: Final[Event] = {"phase": "commentary"}
FINAL: Final[Event] = {"phase": "final_answer"}
AGAIN: Final = [thought_item("r9"), text_item("m9"), call_item("f9", "f", ONE, "call_9")]
"""The whole answer under fresh ids."""

CASES: Final[dict[str, tuple[list[Event], str, str, Calls]]] = {
    "two calls at one index": ([*call("f1"), *call("g1", "g", TWO), end(CALL_F, CALL_G)], "", "", BOTH),
    "two calls at one index, not repeated": ([*call("f1"), *call("g1", "g", TWO), end()], "", "", BOTH),
    "two calls at one index, only whole": ([done(CALL_F), done(CALL_G), end()], "", "", BOTH),
    "two calls at one index, whose pieces alternate": (
        [added(call_item("f1")), added(call_item("g1", "g")), arguments("f1", ONE), arguments("g1", TWO), done(CALL_F), done(CALL_G), end(CALL_F, CALL_G)],
        "", "", BOTH,
    ),
    "two calls at one index, never done": (
        [added(call_item("f1")), arguments("f1", ONE), added(call_item("g1", "g")), arguments("g1", TWO), end()],
        "", "", BOTH,
    ),
    "a call whole at the index of a text": ([*text("m1"), done(CALL_F), end()], "Hello", "", F),
    "a call announced and whole at the index of a text": ([*text("m1"), added(call_item("f1")), done(CALL_F), end()], "Hello", "", F),
    "a call whole at the index of a whole text": ([done(HELLO), done(CALL_F), end()], "Hello", "", F),
    "a call whole at the index of a thought": ([*thought("r1"), done(CALL_F), end()], "", "hm", F),
    "two calls, the first at the index of the text": ([*text("m1"), *call("f1"), *call("g1", "g", TWO, 1), end(HELLO, CALL_F, CALL_G)], "Hello", "", BOTH),
    "two texts at one index": ([*text("m1"), *text("m2", " world"), end(HELLO, text_item("m2", " world"))], "Hello world", "", ()),
    "two texts at one index, the second not announced": (
        [*text("m1"), *text("m2", " world")[1:], end(HELLO, text_item("m2", " world"))], "Hello world", "", (),
    ),
    "a thought, a text and a call at one index": ([*thought("r1"), *text("m1"), *call("f1"), end(THOUGHT, HELLO, CALL_F)], "Hello", "hm", F),
    "a text at the index of an open call": (
        [added(call_item("f1")), event("output_text.delta", 0, item_id="m1", delta="Hello"), arguments("f1", ONE), done(HELLO), done(CALL_F), end()],
        "Hello", "", F,
    ),
    "another id in each event": (
        [
            added(thought_item("1", "")), event("reasoning_summary_text.delta", 0, item_id="2", summary_index=0, delta="hm"), done(thought_item("3")),
            added(text_item("4", ""), 1), event("output_text.delta", 1, item_id="5", delta="Hel"), event("output_text.delta", 1, item_id="6", delta="lo"), done(text_item("7"), 1),
            added(call_item("8"), 2), arguments("9", '{"a"', 2), arguments("10", ":1}", 2), done(call_item("11", "f", ONE), 2),
            end(thought_item("12"), text_item("13"), call_item("14", "f", ONE)),
        ],
        "Hello", "hm", F,
    ),
    "fresh ids at the end": ([*thought("r1"), *text("m1", index=1), *call("f1", index=2), end(*AGAIN)], "Hello", "hm", F),
    "fresh ids at the end, where a thought comes first that was not sent": ([*text("m1"), *call("f1", index=1), end(*AGAIN)], "Hello", "hm", F),
    "fresh ids at the end, the thought left out": ([*thought("r1"), *text("m1", index=1), *call("f1", index=2), end(*AGAIN[1:])], "Hello", "hm", F),
    "fresh ids at the end, in another order": ([*text("m1"), *thought("r1", 1), end(*AGAIN[:2])], "Hello", "hm", ()),
    "fresh ids at the end, the arguments spaced differently": (
        [*text("m1"), *call("f1", index=1), end(*AGAIN[:2], call_item("f9", "f", '{"a": 1}', "call_9"))], "Hello", "hm", F,
    ),
    "one index for all, and fresh ids at the end": ([*thought("r1"), *text("m1"), *call("f1"), *call("g1", "g", TWO), end(*AGAIN, call_item("g9", "g", TWO))], "Hello", "hm", BOTH),
    "two texts at one index, only in whole parts": (
        [added(text_item("m1", "")), whole("m1", "Hello"), done(HELLO), added(text_item("m2", "")), whole("m2", " world"), done(text_item("m2", " world")), end()],
        "Hello world", "", (),
    ),
    "a call at another's place at the end": ([*call("f1"), *call("g1", "g", TWO, 1), end(call_item("g9", "g", TWO), call_item("f9", "f", ONE))], "", "", BOTH),
    "a call without index and id": (
        [
            bare("output_item.added", item=LLAMA | {"arguments": ""}), bare("function_call_arguments.delta", item_id="fc_x", delta='{"a"'),
            bare("function_call_arguments.delta", item_id="fc_x", delta=":1}"), bare("output_item.done", item=LLAMA), end(LLAMA),
        ],
        "", "", F,
    ),
    "a text and two calls without index, the second not announced": (
        [
            bare("output_item.added", item=text_item("m1", "")), bare("output_text.delta", item_id="m1", delta="Hello"),
            bare("output_item.added", item=LLAMA | {"arguments": ""}), bare("function_call_arguments.delta", item_id="fc_x", delta=ONE),
            bare("function_call_arguments.delta", item_id="fc_y", delta=TWO),
            bare("output_item.done", item=HELLO), bare("output_item.done", item=LLAMA),
            bare("output_item.done", item=LLAMA | {"call_id": "fc_y", "name": "g", "arguments": TWO}),
            end(HELLO, LLAMA, LLAMA | {"call_id": "fc_y", "name": "g", "arguments": TWO}),
        ],
        "Hello", "", BOTH,
    ),
    "a call without index and id, its pieces without either": (
        [bare("output_item.added", item=LLAMA | {"arguments": ""}), bare("function_call_arguments.delta", delta=ONE), bare("output_item.done", item=LLAMA), end(LLAMA)],
        "", "", F,
    ),
    "a call that is not among the items at the end": (
        [added(call_item("f1")), arguments("f1", ONE), event("function_call_arguments.done", 0, item_id="f1", arguments=ONE), end(text_item("m1", ""))],
        "", "", F,
    ),
    "one call_id for two calls": ([*call("f1"), *call("f2", index=1), end()], "", "", F * 2),
    "one call_id for two calls, only at the end": ([end(CALL_F, call_item("f2", "g", TWO, "call_f"))], "", "", BOTH),
    "one id for two calls, only at the end": ([end(CALL_F, call_item("f1", "g", TWO))], "", "", BOTH),
    "a text without index or id": ([{"type": "response.output_text.delta", "delta": "Hello"}, end(HELLO)], "Hello", "", ()),
    "a text without index or id, cut at its ends when repeated": ([{"type": "response.output_text.delta", "delta": "\nHello "}, end(HELLO)], "\nHello ", "", ()),
    "a commentary and the same text as the answer": (
        [*text("m1", **ASIDE), *text("m2", "Hel", 1, **FINAL)[:2], *text("m2", "lo", 1)[1:2], done(text_item("m2", **FINAL), 1), end(text_item("m1", **ASIDE), text_item("m2", **FINAL))],
        "Hello", "", (),
    ),
    "a commentary and another text as the answer": (
        [*text("m1", **ASIDE), *text("m2", "Hell", 1, **FINAL)[:2], *text("m2", "s bells", 1)[1:2], done(text_item("m2", "Hells bells", **FINAL), 1), end()],
        "Hello\n\nHells bells", "", (),
    ),
    "a commentary and its beginning as the answer": ([*text("m1", **ASIDE), *text("m2", "He", 1, **FINAL), end()], "Hello\n\nHe", "", ()),
    "a commentary and its beginning as the answer, never done": ([*text("m1", **ASIDE), *text("m2", "He", 1, **FINAL)[:2], end()], "Hello\n\nHe", "", ()),
    "a commentary and the same text, only at the end": ([end(text_item("m1", **ASIDE), text_item("m2", **FINAL))], "Hello", "", ()),
    "a commentary before a call": ([*text("m1", **ASIDE), *call("f1", index=1), end()], "Hello", "", F),
    "the same call twice, rightly": ([*call("f1"), *call("f2", index=1), end(CALL_F, call_item("f2", "f", ONE))], "", "", F * 2),
    "the same call twice, the second only at the end": ([*call("f1"), end(CALL_F, call_item("f2", "f", ONE, "call_2"))], "", "", F * 2),
    "the same text twice, the second only at the end": ([*text("m1"), end(HELLO, text_item("m2"))], "HelloHello", "", ()),
}  # fmt: skip


@pytest.mark.parametrize(("events", "words", "thoughts", "calls"), CASES.values(), ids=CASES.keys())
def test_an_item_is_delivered_once_whatever_its_index_and_ids_are(
    events: list[Event], words: str, thoughts: str, calls: Calls
) -> None:
    answer = read("openai_responses", stream("openai_responses", *events))
    assert (answer.failure, answer.text, answer.thinking, answer.calls) == (None, words, thoughts, calls)
