"""What the coach gives: questions, a learning path, and what they took."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from career_coach.language import Language
from career_coach.prompts import Task
from career_coach.resume import Notice
from career_coach.wording import explained
from segue import SegueError


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`difficulty` and `type` are words of `schemas.DIFFICULTIES` and `schemas.TYPES`."""

    difficulty: str
    topic: str
    type: str
    question: str
    what_good_answers_cover: tuple[str, ...]


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is "strength" or "weakness"; `link` an https address."""

    type: str
    title: str
    description: str
    reason: str
    resources: tuple[str, ...]
    link: str


class LearningPath(msgspec.Struct, frozen=True, kw_only=True):
    analysis: Analysis
    summary: str
    learning_paths: tuple[Step, ...]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` is a word of `schemas.VERDICTS`."""

    verdict: str
    comment: str


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """On an answer to a question: `points` stand for its `what_good_answers_cover`, in their order."""

    points: tuple[Point, ...]
    summary: str
    next_step: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of one task. `cost` is in US dollars; tokens and cost are None where they aren't known, `estimated` where counted here.
    `bound` is the most that can have been billed.

    `outcome` is "ok", "cancelled", "skipped" or a failure's kind; `reason` says why in the reader's language, `detail` in Segue's or the
    provider's own words. `simulated`: a local stand-in answered, not a model.
    """

    task: Task
    target: str
    model: str
    outcome: str
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    bound: Decimal | None = None
    estimated: bool = False
    simulated: bool = False


class Coaching(msgspec.Struct, frozen=True, kw_only=True):
    """All of one run. A task that was not asked for has neither a result nor a failure."""

    language: Language
    questions: tuple[Question, ...] | None = None
    path: LearningPath | None = None
    failures: dict[Task, SegueError] = {}
    attempts: tuple[Attempt, ...] = ()
    notices: tuple[Notice, ...] = ()
    simulated: bool = False

    @property
    def cost(self) -> Decimal | None:
        """What all attempts cost together; None where one of them has no known price."""
        return _sum(attempt.cost for attempt in self.attempts if attempt.outcome != "skipped")

    @property
    def bound(self) -> Decimal | None:
        """The most that can have been billed for all attempts together; None where one of them has no known price."""
        return _sum(attempt.bound for attempt in self.attempts if attempt.outcome != "skipped")

    def document(self) -> dict[str, Any]:
        """The run as JSON: `simulated` first, money as text."""
        return {
            "simulated": self.simulated,
            "language": self.language,
            "questions": msgspec.to_builtins(self.questions),
            "learning_path": msgspec.to_builtins(self.path),
            "failures": {task: explained(error, self.language) for task, error in self.failures.items()},
            "attempts": [_row(attempt) for attempt in self.attempts],
            "cost": _money(self.cost),
            "bound": _money(self.bound),
            "notices": msgspec.to_builtins(self.notices),
        }


def _row(attempt: Attempt) -> dict[str, Any]:
    return {**msgspec.structs.asdict(attempt), "cost": _money(attempt.cost), "bound": _money(attempt.bound)}


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = list(amounts)
    return None if None in known else sum((amount for amount in known if amount is not None), Decimal(0))


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"
