"""Estimated token counts, held against counts that were published."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalog.tokens import IMAGE_TOKENS, LOW_DETAIL_IMAGE_TOKENS, estimate_request_tokens, estimate_tokens
from segue.chat.messages import Image, Message, Text, ToolCall, ToolResult, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool

# The published sentences by what they are made of (the estimate sees no more): a character standing for its class, how many of
# them; `a` is an ASCII letter or a space. And the tokens that GPT-4o's tokenizer makes of the sentence.
PUBLISHED = {
    "english": (24, {"a": 74, ".": 7, "1": 1}),
    "french": (28, {"a": 103, ".": 7, "1": 1, "é": 1}),
    "portuguese": (27, {"a": 77, "é": 4, ".": 6, "1": 1}),
    "spanish": (26, {"a": 81, ".": 5, "1": 1, "é": 1}),
    "german": (29, {"a": 88, ".": 7, "1": 1, "é": 1}),
    "italian": (28, {"a": 83, ".": 5, "1": 1}),
    "turkish": (30, {"a": 72, ".": 5, "é": 10, "1": 1}),
    "vietnamese": (30, {"a": 63, "é": 11, ".": 5, "1": 1, "ạ": 8}),
    "russian": (23, {"я": 55, ".": 5, "a": 14, "1": 1, "—": 1}),
    "arabic": (26, {"ا": 50, "a": 13, ".": 3, "1": 1}),
    "hindi": (31, {"न": 66, ".": 3, "a": 17, "1": 1}),
    "korean": (27, {"가": 35, ".": 5, "a": 14, "1": 1}),
    "chinese": (24, {"中": 24, "！": 2, "a": 4, ".": 2, "1": 1, "あ": 1}),
    "japanese": (26, {"あ": 28, "中": 8, "a": 4, ".": 2, "1": 1}),
}


@pytest.mark.parametrize("language", PUBLISHED)
def test_an_estimate_lies_in_the_documented_band_of_the_published_count(language: str) -> None:
    tokens, makeup = PUBLISHED[language]
    estimate = estimate_tokens("".join(character * times for character, times in makeup.items()))
    assert -0.22 <= estimate / tokens - 1 <= 0.10


def test_the_errors_of_the_published_counts_nearly_cancel_out() -> None:
    published = sum(tokens for tokens, _ in PUBLISHED.values())
    estimated = sum(
        estimate_tokens("".join(character * times for character, times in makeup.items()))
        for _, makeup in PUBLISHED.values()
    )
    assert abs(estimated / published - 1) < 0.08


def test_only_the_empty_text_has_no_tokens() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("a") == 1
    assert estimate_tokens("😀") >= 1


def test_indentation_costs_little() -> None:
    assert estimate_tokens("x\n" + " " * 32 + "y") <= estimate_tokens("x\n  y") + 2


@given(st.text(), st.text())
def test_joining_texts_never_adds_tokens_and_saves_at_most_a_few(one: str, other: str) -> None:
    together = estimate_tokens(one + other)
    apart = estimate_tokens(one) + estimate_tokens(other)
    assert apart - 2 <= together <= apart


def test_a_lone_surrogate_is_counted_rather_than_raised() -> None:
    assert estimate_tokens("\ud800") >= 1


def test_each_part_of_a_request_adds_to_its_estimate() -> None:
    bare = ChatRequest(messages=(user("What is the weather in Seoul?"),))
    base = estimate_request_tokens(bare)
    tool = Tool(
        name="weather",
        description="Says the weather of a city",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    )
    called = Message("assistant", (ToolCall(id="1", name="weather", arguments='{"city": "Seoul"}'),))
    answered = Message("tool", (ToolResult(call_id="1", content=(Text("Rain, 12 degrees"),)),))
    for larger in (
        ChatRequest(messages=(system("Be brief."), *bare.messages)),
        ChatRequest(messages=bare.messages, tools=(tool,)),
        ChatRequest(messages=bare.messages, output=OutputSchema(schema=tool.parameters)),
        ChatRequest(messages=(*bare.messages, called)),
        ChatRequest(messages=(*bare.messages, answered)),
    ):
        assert base < estimate_request_tokens(larger) < base + 60


def test_a_picture_counts_by_its_detail_and_not_by_its_bytes() -> None:
    def with_image(image: Image) -> int:
        return estimate_request_tokens(ChatRequest(messages=(Message("user", (image,)),)))

    small, large = Image(data="A" * 10, media_type="image/png"), Image(data="A" * 100_000, media_type="image/png")
    assert with_image(small) == with_image(large)
    low = with_image(Image(url="https://example.org/a.png", detail="low"))
    assert with_image(large) - low == IMAGE_TOKENS - LOW_DETAIL_IMAGE_TOKENS
