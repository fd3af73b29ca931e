"""What the application stores: résumés, and jobs that write something about them."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

import msgspec

from career_coach.language import Language
from career_coach.prompts import Task
from career_coach.results import Attempt, Feedback, LearningPath, Question
from career_coach.resume import Resume
from career_coach.schemas import QUESTIONS

State: TypeAlias = Literal["running", "done", "failed"]


class StoredResume(msgspec.Struct, frozen=True, kw_only=True):
    """A résumé as it was read, without its contact data: the file itself is not kept.

    `created` and `updated` are epoch seconds; `version` counts its corrections; `source` is the file's name; `language` that of the
    answers.
    """

    id: str
    created: float
    updated: float
    resume: Resume
    language: Language
    source: str = ""
    version: int = 1

    @property
    def form(self) -> str:
        return "text" if self.resume.text else "json"

    @property
    def text(self) -> str:
        """What is sent, and what its owner corrects: text, or JSON."""
        return self.resume.text or json.dumps(self.resume.document, ensure_ascii=False, indent=2)


class Author(msgspec.Struct, frozen=True):
    """Who wrote something."""

    target: str
    model: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job stopped. `kind` is the error's class; `message` its first line, `details` the rest, one line for each target.

    `retry_after` is the seconds after which a target may answer again, if known.
    """

    kind: str
    message: str
    details: tuple[str, ...] = ()
    retry_after: float | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is being written, or was. What was written stays, whatever comes after: a job that is started again goes on.

    `version` is the résumé's that it is about. `owner` is the process that works at it, until `lease` (epoch seconds) at the least.
    `authors` are those of the questions, or of the one thing that was written. `revision` grows with every change.
    """

    id: str
    resume_id: str
    task: Task
    version: int
    language: Language
    state: State = "running"
    started: float = 0.0
    updated: float = 0.0
    revision: int = 0
    owner: str = ""
    lease: float = 0.0
    questions: tuple[Question, ...] = ()
    path: LearningPath | None = None
    number: int = 0
    """Of the question that is practised, from 1."""
    answer: str = ""
    feedback: Feedback | None = None
    authors: tuple[Author, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    asking: tuple[str, ...] = ()
    """The targets that are being asked now."""
    problem: Problem | None = None

    @property
    def complete(self) -> bool:
        """Whether there is nothing left to write."""
        return len(self.questions) >= QUESTIONS or self.path is not None or self.feedback is not None


def job_id(resume_id: str, task: Task, number: int = 0) -> str:
    return f"{resume_id}.{task}.{number}" if number else f"{resume_id}.{task}"
