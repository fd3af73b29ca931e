"""The API's documents, for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from career_coach.web.records import Job, StoredResume


class NoticeOut(BaseModel):
    """Something done to the résumé. "withheld": `detail` names the contact data that was left out and is not stored."""

    kind: Literal["withheld", "shortened", "cut"]
    detail: str


class ResumeOut(BaseModel):
    """A résumé as it was read. `text` is what is sent to a model; PUT takes a corrected one."""

    id: str
    version: int
    source: str
    form: Literal["text", "json"]
    language: Literal["ko", "en"]
    created: float
    updated: float
    name: str
    total_experience_months: int | None
    companies: list[str]
    projects: list[str]
    skills: list[str]
    notices: list[NoticeOut]
    text: str


class QuestionOut(BaseModel):
    difficulty: str
    topic: str
    type: str
    question: str
    what_good_answers_cover: list[str]


class AttemptOut(BaseModel):
    """One attempt at one target. Money is US dollars as text."""

    task: str
    target: str
    model: str
    outcome: str
    reason: str
    detail: str
    seconds: float
    prompt_tokens: int | None
    output_tokens: int | None
    cost: str | None
    bound: str | None
    estimated: bool
    simulated: bool


class AuthorOut(BaseModel):
    target: str
    model: str


class ProblemOut(BaseModel):
    kind: str
    message: str
    details: list[str]
    retry_after: float | None


class JobOut(BaseModel):
    """What is being written or was. `questions`, `path` or `feedback` hold what there is so far, whatever the state."""

    id: str
    resume_id: str
    task: Literal["questions", "path", "feedback"]
    version: int
    language: Literal["ko", "en"]
    state: Literal["running", "done", "failed"]
    revision: int
    started: float
    updated: float
    questions: list[QuestionOut]
    path: dict[str, Any] | None
    number: int
    answer: str
    feedback: dict[str, Any] | None
    authors: list[AuthorOut]
    attempts: list[AttemptOut]
    asking: list[str]
    problem: ProblemOut | None


class AnswerIn(BaseModel):
    """An answer that is practised."""

    answer: str


class ErrorDetail(BaseModel):
    code: str
    message: str
    details: list[str] = []
    retry_after: float | None = None


class ErrorOut(BaseModel):
    """What went wrong. `job` holds what was written before it did, where something was."""

    error: ErrorDetail
    job: JobOut | None = None


class HealthOut(BaseModel):
    status: Literal["ok", "unavailable"]
    targets: list[str]
    simulated: bool


def resume_out(stored: StoredResume) -> dict[str, Any]:
    resume = stored.resume
    return {
        "id": stored.id,
        "version": stored.version,
        "source": stored.source,
        "form": stored.form,
        "language": stored.language,
        "created": stored.created,
        "updated": stored.updated,
        "name": resume.name,
        "total_experience_months": resume.total_experience_months,
        "companies": resume.companies,
        "projects": resume.projects,
        "skills": resume.skills,
        "notices": msgspec.to_builtins(resume.notices),
        "text": stored.text,
    }


def job_out(job: Job) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(job)
    return {name: value for name, value in fields.items() if name not in ("owner", "lease")}
