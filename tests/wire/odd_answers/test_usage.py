"""Usage as servers report it: every class of token is counted once, and as what it is."""

from __future__ import annotations

from typing import Any, Final

import pytest

from segue.chat.usage import Usage

from .harness import read, stream
from .test_text import RESPONSE, STARTED, chat, claude, gemini, responses

Event = dict[str, Any]


def used(fresh: int = 0, cached: int = 0, written: int = 0, output: int = 0, reasoning: int = 0) -> Usage:
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=reasoning,
    )


def counts(prompt: Any = None, completion: Any = None, total: Any = None, **more: Any) -> Event:
    fields = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total} | more
    return {name: value for name, value in fields.items() if value is not None}


def cached(tokens: Any, **more: Any) -> Event:
    return {"prompt_tokens_details": {"cached_tokens": tokens} | more}


def reasoned(tokens: Any) -> Event:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


CHAT: Final[dict[str, tuple[Event, Usage]]] = {
    "as OpenAI says it": (counts(1010, 20, 1030, **cached(1000), **reasoned(15)), used(10, 1000, 0, 20, 15)),
    "the cache beside the prompt, in the total": (counts(10, 20, 1030, **cached(1000)), used(10, 1000, 0, 20)),
    "the cache beside the prompt, no total": (counts(10, 20, None, **cached(1000)), used(10, 1000, 0, 20)),
    "the cache beside the prompt, a total without it": (counts(10, 20, 30, **cached(1000)), used(10, 1000, 0, 20)),
    "a smaller cache beside the prompt": (counts(100, 20, 160, **cached(40)), used(100, 40, 0, 20)),
    "cache and cache writes beside the prompt": (
        counts(10, 20, 1530, **cached(1000, cache_write_tokens=500)),
        used(10, 1000, 500, 20),
    ),
    "only the cache writes beside the prompt": (
        counts(1010, 20, 1530, **cached(1000, cache_write_tokens=500)),
        used(10, 1000, 500, 20),
    ),
    "the cache and the reasoning beside": (
        counts(10, 20, 1035, **cached(1000), **reasoned(5)),
        used(10, 1000, 0, 25, 5),
    ),
    "the reasoning beside the completion": (counts(10, 20, 50, **reasoned(20)), used(10, 0, 0, 40, 20)),
    "the reasoning beside the completion, as much as the cache": (
        counts(30, 20, 70, **cached(20), **reasoned(20)),
        used(10, 20, 0, 40, 20),
    ),
    "the reasoning beside the completion, unnamed": (counts(10, 20, 50), used(10, 0, 0, 40, 20)),
    "the reasoning beside the completion, no total": (counts(10, 20, None, **reasoned(30)), used(10, 0, 0, 50, 30)),
    "reasoning beyond everything": (counts(10, 20, 30, **reasoned(99)), used(10, 0, 0, 20, 20)),
    "a total that is too small": (counts(10, 20, 5), used(10, 0, 0, 20)),
    "a total alone beside the completion": (counts(None, 20, 30), used(10, 0, 0, 20)),
    "no total": (counts(10, 20), used(10, 0, 0, 20)),
    "DeepSeek's hits and misses": (
        counts(110, 20, 130, prompt_cache_hit_tokens=100, prompt_cache_miss_tokens=10),
        used(10, 100, 0, 20),
    ),
    "hits and misses without a prompt": (
        counts(None, 20, None, prompt_cache_hit_tokens=100, prompt_cache_miss_tokens=10),
        used(10, 100, 0, 20),
    ),
    "Moonshot's cached tokens": (counts(110, 20, 130, cached_tokens=100), used(10, 100, 0, 20)),
    "Perplexity's reasoning tokens": (counts(10, 20, 30, reasoning_tokens=5), used(10, 0, 0, 20, 5)),
    "Claude's cache counts inside the prompt": (
        counts(1510, 20, 1530, cache_read_input_tokens=1000, cache_creation_input_tokens=500),
        used(10, 1000, 500, 20),
    ),
    "Claude's cache counts beside the prompt": (
        counts(10, 20, 1530, cache_read_input_tokens=1000, cache_creation_input_tokens=500),
        used(10, 1000, 500, 20),
    ),
    "Claude's names for all": (
        {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2},
        used(10, 5, 2, 20),
    ),
    "LiteLLM's name for cache writes": (
        counts(510, 20, 530, **cached(0, cache_creation_tokens=500)),
        used(10, 0, 500, 20),
    ),
    "OpenRouter's cost beside the counts": (
        counts(10, 20, 30, cost=0.00014, cost_details={"upstream_inference_cost": None}, is_byok=False),
        used(10, 0, 0, 20),
    ),
    "counts as text": (counts("10", "20", "30", **cached("4")), used(6, 4, 0, 20)),
    "counts as floats": (counts(10.0, 20.0, 30.0), used(10, 0, 0, 20)),
    "counts with fractions": (counts(10.9, 20.2, 30.0), used(10, 0, 0, 20)),
    "details null": (
        counts(10, 20, 30) | {"prompt_tokens_details": None, "completion_tokens_details": None},
        used(10, 0, 0, 20),
    ),
    "details that are lists": (
        counts(10, 20, 30) | {"prompt_tokens_details": [], "completion_tokens_details": []},
        used(10, 0, 0, 20),
    ),
}


@pytest.mark.parametrize(("fields", "expected"), CHAT.values(), ids=CHAT.keys())
def test_usage_in_chat_is_counted_as_what_it_is(fields: Event, expected: Usage) -> None:
    events = [chat({"content": "x"}, "stop"), {"id": "c", "choices": [], "usage": fields}]
    assert read("openai_chat", stream("openai_chat", *events)).usage == expected


IMPOSSIBLE: Final = (
    -35,
    1 << 62,
    1e18,
    10**30,
    "9" * 400,
    "1e30",
    float("inf"),
    float("nan"),
    "many",
    True,
    [7],
    1 << 27,
)
"""Not what an answer consumed. A negative count was reported of OpenAI itself (github.com/64bit/async-openai/issues/404)."""


def reports(dialect: str, *fields: Event) -> bytes:
    """A whole answer with each of these as its usage, one after the other."""
    if dialect == "openai_chat":
        events = [chat({"content": "x"}, "stop"), *({"id": "c", "choices": [], "usage": usage} for usage in fields)]
    elif dialect == "openai_responses":
        done = responses("completed", response=RESPONSE | {"status": "completed", "usage": fields[-1]})
        events = [responses("output_text.delta", delta="x"), done]
    elif dialect == "claude":
        text = claude("content_block_start", index=0, content_block={"type": "text", "text": "x"})
        later = [claude("message_delta", delta={"stop_reason": "end_turn"}, usage=usage) for usage in fields[1:]]
        started = STARTED | {"message": STARTED["message"] | {"usage": fields[0]}}
        events = [started, text, *later, claude("message_stop")]
    else:
        chunks = [gemini({"text": ""}) | {"usageMetadata": usage} for usage in fields]
        events = [gemini({"text": "x"}), *chunks, gemini({"text": ""}, "STOP")]
    return stream(dialect, *events)


COUNTS: Final[dict[str, Event]] = {
    "openai_chat": counts(10, 20, 30, **cached(4)),
    "openai_responses": {
        "input_tokens": 10,
        "output_tokens": 20,
        "total_tokens": 30,
        "input_tokens_details": {"cached_tokens": 4},
    },
    "claude": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 20},
    "gemini": {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 20,
        "totalTokenCount": 30,
    },
}


@pytest.mark.parametrize("odd", IMPOSSIBLE, ids=lambda odd: f"{odd!r:.20}")
@pytest.mark.parametrize("dialect", COUNTS)
def test_a_report_with_an_impossible_count_is_not_believed_in_any_class(dialect: str, odd: Any) -> None:
    plain = COUNTS[dialect]
    assert read(dialect, reports(dialect, plain, plain)).usage == used(6, 4, 0, 20)
    for name, value in plain.items():
        wrong = plain | {name: dict.fromkeys(value, odd) if isinstance(value, dict) else odd}
        answer = read(dialect, reports(dialect, plain, wrong))
        assert (answer.text, answer.usage) == ("x", used()), name


@pytest.mark.parametrize("dialect", ["openai_chat", "gemini"])
def test_a_whole_report_after_an_impossible_one_is_believed(dialect: str) -> None:
    plain = COUNTS[dialect]
    assert read(dialect, reports(dialect, dict.fromkeys(plain, -1), plain)).usage == used(6, 4, 0, 20)


def test_a_claude_report_that_was_impossible_once_stays_in_doubt_for_it_is_made_of_pieces() -> None:
    assert read("claude", reports("claude", {"input_tokens": 1 << 62}, {"output_tokens": 20})).usage == used()


WHOLE: Final = counts(10, 20, 30)
PLACES: Final[dict[str, list[Event]]] = {
    "in a chunk of its own": [chat({"content": "x"}, "stop"), {"choices": [], "usage": WHOLE}],
    "in the last chunk": [chat({"content": "x"}, "stop") | {"usage": WHOLE}],
    "in the choice": [{"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "usage": WHOLE}]}],
    "in Groq's own field": [chat({"content": "x"}, "stop") | {"x_groq": {"id": "r", "usage": WHOLE}}],
    "on every chunk, growing": [
        chat({"content": "x"}) | {"usage": counts(10, 1, 11)},
        chat({"content": "y"}) | {"usage": counts(10, 2, 12)},
        chat({}, "stop") | {"usage": WHOLE},
    ],
    "twice": [chat({"content": "x"}, "stop") | {"usage": WHOLE}, {"choices": [], "usage": WHOLE}],
    "zeros first": [chat({"content": "x"}) | {"usage": counts(0, 0, 0)}, chat({}, "stop") | {"usage": WHOLE}],
    "zeros last": [chat({"content": "x"}, "stop") | {"usage": WHOLE}, {"choices": [], "usage": counts(0, 0, 0)}],
    "null, false and empty beside it": [
        chat({"content": "x"}) | {"usage": None},
        chat({"content": "y"}) | {"usage": False},
        chat({}, "stop") | {"usage": WHOLE},
        {"choices": [], "usage": {}},
        {"choices": [], "usage": []},
    ],
}


@pytest.mark.parametrize("events", PLACES.values(), ids=PLACES.keys())
def test_usage_in_chat_is_found_wherever_it_stands(events: list[Event]) -> None:
    assert read("openai_chat", stream("openai_chat", *events)).usage == used(10, 0, 0, 20)


RESPONSES: Final[dict[str, tuple[Event, Usage]]] = {
    "as OpenAI says it": (
        {"input_tokens": 1010, "output_tokens": 20, "total_tokens": 1030, "input_tokens_details": {"cached_tokens": 1000}},
        used(10, 1000, 0, 20),
    ),
    "the cache beside the input": (
        {"input_tokens": 10, "output_tokens": 20, "total_tokens": 1030, "input_tokens_details": {"cached_tokens": 1000}},
        used(10, 1000, 0, 20),
    ),
    "counts as text": ({"input_tokens": "10", "output_tokens": "20", "total_tokens": "30"}, used(10, 0, 0, 20)),
    "details that are lists": (
        {"input_tokens": 10, "output_tokens": 20, "input_tokens_details": [], "output_tokens_details": []},
        used(10, 0, 0, 20),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), RESPONSES.values(), ids=RESPONSES.keys())
def test_usage_in_responses_is_counted_as_what_it_is(fields: Event, expected: Usage) -> None:
    completed = responses("completed", response=RESPONSE | {"status": "completed", "usage": fields})
    events = [responses("output_text.delta", delta="x"), completed]
    assert read("openai_responses", stream("openai_responses", *events)).usage == expected


CLAUDE: Final[dict[str, tuple[Event, Event, Usage]]] = {
    "as Anthropic says it": (
        {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1},
        {"output_tokens": 20},
        used(10, 5, 2, 20),
    ),
    "all of it once more at the end": (
        {"input_tokens": 10, "output_tokens": 1},
        {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 20},
        used(10, 5, 0, 20),
    ),
    "an estimate first": ({"input_tokens": 99, "output_tokens": 0}, {"input_tokens": 10, "output_tokens": 20}, used(10, 0, 0, 20)),
    "zeros first": ({"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 10, "output_tokens": 20}, used(10, 0, 0, 20)),
    "zeros last": (
        {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1},
        {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 20},
        used(10, 5, 0, 20),
    ),
    "null where Anthropic says zero": (
        {"input_tokens": 10, "cache_read_input_tokens": None, "cache_creation": None},
        {"output_tokens": 20, "input_tokens": None},
        used(10, 0, 0, 20),
    ),
    "counts as text": ({"input_tokens": "10"}, {"output_tokens": "20"}, used(10, 0, 0, 20)),
    "cache writes only by their lifetime": (
        {"input_tokens": 10, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0}},
        {"output_tokens": 20},
        used(10, 0, 3, 20),
    ),
    "false for the usage": (False, {"input_tokens": 10, "output_tokens": 20}, used(10, 0, 0, 20)),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize(("first", "last", "expected"), CLAUDE.values(), ids=CLAUDE.keys())
def test_usage_in_claude_is_counted_as_what_it_is(first: Event, last: Event, expected: Usage) -> None:
    events = [
        STARTED | {"message": STARTED["message"] | {"usage": first}},
        claude("content_block_start", index=0, content_block={"type": "text", "text": "x"}),
        claude("message_delta", delta={"stop_reason": "end_turn"}, usage=last),
        claude("message_stop"),
    ]
    assert read("claude", stream("claude", *events)).usage == expected


GEMINI: Final[dict[str, tuple[list[Event], Usage]]] = {
    "as Google says it": (
        [{"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 15, "thoughtsTokenCount": 5, "totalTokenCount": 30}],
        used(6, 4, 0, 20, 5),
    ),
    "the thoughts within the answer": (
        [{"promptTokenCount": 341, "candidatesTokenCount": 3362, "thoughtsTokenCount": 3347, "totalTokenCount": 3703}],
        used(341, 0, 0, 3362, 3347),
    ),
    "the thoughts beside the answer, no total": (
        [{"promptTokenCount": 10, "candidatesTokenCount": 15, "thoughtsTokenCount": 5}],
        used(10, 0, 0, 20, 5),
    ),
    "the thoughts within the answer, beside tokens of tools": (
        [{"promptTokenCount": 10, "toolUsePromptTokenCount": 7, "candidatesTokenCount": 20, "thoughtsTokenCount": 15, "totalTokenCount": 37}],
        used(17, 0, 0, 20, 15),
    ),
    "on every chunk, growing": (
        [{"promptTokenCount": 10, "candidatesTokenCount": 1}, {"promptTokenCount": 10, "candidatesTokenCount": 20}],
        used(10, 0, 0, 20),
    ),
    "a total that holds more": ([{"promptTokenCount": 10, "totalTokenCount": 30}], used(10, 0, 0, 20)),
    "tokens of tools": (
        [{"promptTokenCount": 10, "toolUsePromptTokenCount": 7, "candidatesTokenCount": 20, "totalTokenCount": 37}],
        used(17, 0, 0, 20),
    ),
    "zeros last": (
        [{"promptTokenCount": 10, "candidatesTokenCount": 20}, {"promptTokenCount": 0, "candidatesTokenCount": 0}],
        used(10, 0, 0, 20),
    ),
    "counts as text": ([{"promptTokenCount": "10", "candidatesTokenCount": "20"}], used(10, 0, 0, 20)),
    "more from the cache than in the prompt": (
        [{"promptTokenCount": 10, "cachedContentTokenCount": 99, "candidatesTokenCount": 20}],
        used(0, 10, 0, 20),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), GEMINI.values(), ids=GEMINI.keys())
def test_usage_in_gemini_is_counted_as_what_it_is(fields: list[Event], expected: Usage) -> None:
    chunks = [gemini({"text": "x"}) | {"usageMetadata": usage} for usage in fields]
    assert read("gemini", stream("gemini", *chunks, gemini({"text": ""}, "STOP"))).usage == expected
