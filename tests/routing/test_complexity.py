"""The complexity score: what it rests on, what it tells apart, and that no text can make it slow."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import correlation, mean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.messages import Image, Message, Text, assistant, system, user
from segue.chat.request import ChatRequest, Tool
from segue.routing import features
from segue.routing.complexity import asked, calibrated, complexity, explain, of_request, weights
from segue.routing.features import NAMES, WINDOW, measure

PAIRS = [
    msgspec.json.decode(line)
    for line in (Path(__file__).parents[2] / "benchmarks" / "data" / "parallel.jsonl").read_text("utf-8").splitlines()
]
LIGHT = {"chat", "trivia", "writing", "roleplay", "rewrite"}
HARD = {"code", "maths", "word problem", "logic"}


def ask(*messages: Message, **fields: object) -> ChatRequest:
    return ChatRequest(messages=messages, **fields)  # type: ignore[arg-type]


def test_the_weights_say_how_they_were_made_and_from_what() -> None:
    assert weights().made["command"].startswith("python -m benchmarks.routing --train")
    assert all("(MIT)" in line or "(Apache-2.0)" in line or "our own" in line for line in weights().made["data"])


def test_the_quantiles_rise_and_give_each_hundredth_its_score() -> None:
    quantiles = weights().quantiles
    assert len(quantiles) == 101
    assert all(low < high for low, high in pairwise(quantiles))
    assert [round(calibrated(raw), 6) for raw in quantiles] == [round(step / 100, 6) for step in range(101)]
    assert calibrated(quantiles[0] - 1) == 0.0
    assert calibrated(quantiles[-1] + 1) == 1.0


@pytest.mark.parametrize("language", ["en", "ko"])
def test_light_work_scores_below_computing_and_reasoning(language: str) -> None:
    light = [complexity(pair[language]) for pair in PAIRS if pair["kind"] in LIGHT]
    hard = [complexity(pair[language]) for pair in PAIRS if pair["kind"] in HARD]
    told_apart = mean(low < high for low in light for high in hard)
    assert told_apart > 0.97


def test_a_korean_prompt_scores_like_its_english_translation() -> None:
    english = [complexity(pair["en"]) for pair in PAIRS]
    korean = [complexity(pair["ko"]) for pair in PAIRS]
    assert correlation(english, korean) > 0.85
    assert mean(abs(one - other) for one, other in zip(english, korean, strict=True)) < 0.12
    assert abs(mean(english) - mean(korean)) < 0.05


def test_length_alone_makes_nothing_hard() -> None:
    tale = "Write a story about a friendly dragon who likes tea, with a warm tone and vivid scenes. "
    assert complexity(tale * 40) < complexity("Prove that the sum of two odd integers is even.")


def test_a_short_follow_up_is_read_together_with_what_it_follows() -> None:
    task = "Implement a thread-safe LRU cache class in Python with constant time operations."
    follow_up = ask(user(task), assistant("class LRU: ..."), user("go on"))
    assert asked(follow_up) == f"{task}\ngo on"
    assert of_request(follow_up) > complexity("go on") + 0.25


def test_a_long_last_word_speaks_for_itself() -> None:
    said = "Tell me a long story about the sea. " * 10
    assert asked(ask(user("Prove it."), assistant("Done."), user(said))) == said


def test_the_system_prompt_is_not_what_is_asked() -> None:
    rules = "You must calculate, prove, implement and debug code step by step. " * 20
    assert of_request(ask(system(rules), user("Hi, how are you?"))) == of_request(ask(user("Hi, how are you?")))


def test_tools_pictures_and_a_long_conversation_raise_the_score() -> None:
    plain = of_request(ask(user("What should we do about the garden?")))
    picture = Message("user", (Text("What should we do about the garden?"), Image(url="https://example.org/a.png")))
    history = [user("Hello there, let us speak of the house."), assistant("Gladly.")] * 5
    assert of_request(ask(user("What should we do about the garden?"), tools=(Tool(name="look"),))) > plain
    assert of_request(ask(picture)) > plain
    assert of_request(ask(*history, user("What should we do about the garden?"))) > plain


def test_a_request_without_any_text_has_a_score() -> None:
    assert 0.0 <= of_request(ask(Message("user", (Image(url="https://example.org/a.png"),)))) <= 1.0


def test_the_explanation_names_what_weighs_most_first() -> None:
    shares = explain(ask(user("Who wrote the novel that was named after a painter?"), tools=(Tool(name="look"),)))
    assert [abs(share.adds) for share in shares] == sorted((abs(share.adds) for share in shares), reverse=True)
    adds = {share.feature: share.adds for share in shares}
    assert adds["fact"] < 0 < adds["tools"]


@given(st.text(max_size=3 * WINDOW))
def test_every_text_has_finite_features_and_a_score_from_0_to_1(text: str) -> None:
    assert len(measure(text)) == len(NAMES)
    assert 0.0 <= complexity(text) <= 1.0


@pytest.mark.parametrize(
    "piece", ["1,", "1.", "a", "A ", "가", "가 ", "字", "\n", " ", "_", "```", "$", "\\", "é", "\u0301", "😀", "\x00"]
)
def test_no_repetition_makes_reading_grow_with_the_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    pattern = features._TOKEN

    class Spy:
        def findall(self, text: str) -> list[str]:
            read.append(len(text))
            found: list[str] = pattern.findall(text)
            return found

    monkeypatch.setattr(features, "_TOKEN", Spy())
    measure(piece * 1_000_000)
    assert read == [WINDOW + 1]
