"""The result in a terminal."""

from __future__ import annotations

import re
from decimal import Decimal
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console

from career_coach.labels import LABELS
from career_coach.render import show
from career_coach.results import Attempt, Coaching, LearningPath, Question
from career_coach.resume import Notice, from_document
from career_coach.schemas import DIFFICULTIES, TYPES
from segue.chat.failure import FailureKind

from .harness import RESUME, changed, good_path, good_questions


def coaching(**changes: Any) -> Coaching:
    values: dict[str, Any] = {
        "language": "en",
        "questions": msgspec.convert(good_questions()["questions"], tuple[Question, ...]),
        "path": msgspec.convert(good_path(), LearningPath),
        "attempts": (
            Attempt(task="questions", target="gemini", model="flash", outcome="broken", reason="cut off", seconds=1.25,
                    prompt_tokens=1200, output_tokens=3, cost=Decimal("0.001"), estimated=True),
            Attempt(task="questions", target="openai", model="luna", outcome="ok", seconds=2, prompt_tokens=1200,
                    output_tokens=600, cost=Decimal("0.0025")),
            Attempt(task="path", target="claude", model="sonnet", outcome="skipped", reason="no credit left"),
        ),
    }  # fmt: skip
    return Coaching(**{**values, **changes})


def printed(result: Coaching, *, width: int = 120, color: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=color, color_system="truecolor" if color else None)
    show(console, from_document(RESUME), result)
    return out.getvalue()


def test_both_languages_have_a_word_for_everything() -> None:
    assert LABELS["en"].keys() == LABELS["ko"].keys()
    for words in LABELS.values():
        assert words.keys() >= {
            *DIFFICULTIES,
            *TYPES,
            "strength",
            "weakness",
            "questions",
            "path",
            "ok",
            "cancelled",
            "skipped",
        }
        assert words.keys() >= {"broken_answer" if kind == "broken" else kind.value for kind in FailureKind}
        assert words.keys() >= {"withheld", "shortened", "cut"}


def test_everything_that_was_answered_is_shown() -> None:
    text = printed(coaching())
    for question in good_questions()["questions"]:
        assert question["question"] in text
    for step in good_path()["learning_paths"]:
        assert step["title"] in text
    for expected in (
        "what was measured",
        "On the way.",
        "Tests are not shown",
        "A course",
        "https://kafka.apache.org/documentation/",
    ):
        assert expected in text


def test_the_attempts_are_shown_with_outcome_time_tokens_and_cost() -> None:
    text = printed(coaching())
    for expected in (
        "broke off",
        "cut off",
        "1.25 s",
        "~1,200 / ~3",
        "~$0.00100",
        "answered",
        "1,200 / 600",
        "$0.00250",
    ):
        assert expected in text
    assert "skipped" in text
    assert "~$0.00350" in text


def test_an_unknown_price_is_not_shown_as_nothing() -> None:
    unpriced = Attempt(task="path", target="x", model="x", outcome="ok", cost=None)
    assert "?" in printed(coaching(attempts=(unpriced,)))
    assert coaching(attempts=(unpriced,)).cost is None


def test_the_words_are_korean_where_the_answers_are() -> None:
    text = printed(coaching(language="ko"))
    for expected in (
        "커리어 코치",
        "면접 질문",
        "학습 경로",
        "시도 내역",
        "좋은 답변에 담길 내용",
        "답변 끊김",
        "경력 30개월",
    ):
        assert expected in text
    for expected in ("Interview", "Learning path", "Attempts", "broke off"):
        assert expected not in text


@pytest.mark.parametrize(("language", "mark", "titles"), [("en", "(simulated)", 12), ("ko", "(시뮬레이션)", 12)])
def test_every_title_says_so_when_the_answers_are_simulated(language: Any, mark: str, titles: int) -> None:
    result = coaching(language=language, simulated=True, attempts=())
    text = printed(result)
    panels = text.count("╭")
    assert panels == titles
    assert sum(mark in line for line in text.splitlines() if "╭" in line) == panels
    assert f"{LABELS[language]['attempts']} {mark}" in text
    assert LABELS[language]["no_key"] in text
    assert mark not in printed(coaching(language=language))


def test_markup_and_control_sequences_from_a_model_are_only_text() -> None:
    hostile = changed(
        good_questions(),
        ["questions", 0, "question"],
        "[bold red]Redis[/] [link=https://x.io]y[/link] \x1b[2J\x07 \u202eend",
    )
    text = printed(coaching(questions=msgspec.convert(hostile["questions"], tuple[Question, ...])), color=True)
    assert "[bold red]Redis[/] [link=https://x.io]y[/link] [2J end" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(len(line) <= width for line in printed(coaching(), width=width).splitlines())


def test_notices_are_shown() -> None:
    text = printed(coaching(notices=(Notice("withheld", "email"), Notice("cut", "30,000 → 24,000"))))
    assert "Contact data was left out of the prompt: e-mail address" in text
    assert "30,000 → 24,000 characters" in text


def test_a_result_without_answers_has_only_its_header_and_its_attempts() -> None:
    text = printed(coaching(questions=None, path=None))
    assert text.count("╭") == 1
    assert "no credit left" in text


def test_at_80_columns_no_cell_of_the_attempts_is_broken_and_bounds_stand_apart() -> None:
    result = coaching()
    broken, *others = result.attempts
    broken = msgspec.structs.replace(broken, bound=Decimal("0.02"))
    text = printed(msgspec.structs.replace(result, attempts=(broken, *others)), width=80)
    assert re.search(r"gemini +broke off +1\.25 s .*~\$\d\.\d{5} +≤\$\d\.\d{5} *$", text, re.MULTILINE), text
    assert "gemini: cut off" in text
