"""The pages, rendered here: forms work without a script, and a small one shows changes as they happen.

What a résumé or a model says reaches a page through templates that escape it, and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import UploadFile

from career_coach.language import LANGUAGES, Language
from career_coach.results import Attempt
from career_coach.schemas import QUESTIONS, is_link
from career_coach.web import export
from career_coach.web.api import Missing, accepted_language, event_stream, resume_of, service_of
from career_coach.web.records import Job, StoredResume
from career_coach.web.service import LONGEST_ANSWER, Service
from career_coach.web.words import Words

router = APIRouter(include_in_schema=False)
_COOKIE: Final = "language"
_SHOWN: Final = 20
"""Résumés on the first page."""
_ID: Final = re.compile(r"[0-9a-f]{32}")


def money(amount: Decimal | None, *, estimated: bool = False) -> str:
    if amount is None:
        return "–"
    return f"{'~' if estimated else ''}${amount:.5f}" if amount else "$0"


def target_name(name: str) -> str:
    """A target as people write it, where its name is a provider's."""
    return {"gemini": "Gemini", "openai": "OpenAI", "claude": "Claude"}.get(name, name)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"money": money, "digest": _digest, "target_name": target_name}
_templates.tests["link"] = is_link
_templates.globals |= {"LONGEST_ANSWER": LONGEST_ANSWER, "QUESTIONS": QUESTIONS}


class ResumeView:
    """All that was written about a résumé, as its page shows it."""

    def __init__(self, resume: StoredResume, jobs: list[Job]) -> None:
        self.resume = resume
        found = {job.task: job for job in jobs}
        self.questions = found.get("questions")
        self.path = found.get("path")
        self.feedback = {job.number: job for job in jobs if job.task == "feedback" and job.version == resume.version}
        self.jobs = [job for job in (self.questions, self.path) if job is not None]
        self.attempts = sorted_attempts(jobs)

    @property
    def begun(self) -> bool:
        return bool(self.jobs)

    @property
    def running(self) -> bool:
        return any(job.state == "running" for job in (*self.jobs, *self.feedback.values()))

    @property
    def old(self) -> bool:
        """Whether what is there is about an earlier version of the résumé, or in another language."""
        return any(job.version != self.resume.version or job.language != self.resume.language for job in self.jobs)

    @property
    def failed(self) -> Job | None:
        """A job that stopped and would go on, if one did."""
        return None if self.running or self.old else next((job for job in self.jobs if job.state == "failed"), None)

    @property
    def simulated(self) -> bool:
        return any(attempt.simulated for attempt in self.attempts)

    @property
    def asking(self) -> list[str]:
        return list(dict.fromkeys(name for job in self.jobs for name in job.asking))

    @property
    def takeover(self) -> tuple[str, str] | None:
        """Who failed and who answered then, the latest."""
        for job in self.jobs:
            for before, after in zip(reversed(job.attempts[:-1]), reversed(job.attempts[1:]), strict=True):
                if after.outcome == "ok" and before.outcome not in ("ok", "cancelled"):
                    return before.target, after.target
        return None

    @property
    def cost(self) -> Decimal | None:
        known = [attempt.cost for attempt in self.attempts if attempt.outcome != "skipped"]
        return None if None in known else sum((cost for cost in known if cost is not None), Decimal(0))


def sorted_attempts(jobs: list[Job]) -> list[Attempt]:
    order = ("questions", "path", "feedback")
    return [attempt for job in sorted(jobs, key=lambda job: order.index(job.task)) for attempt in job.attempts]


def language_of(request: Request) -> Language:
    """The page's language: the visitor's choice, else the browser's."""
    chosen = request.cookies.get(_COOKIE, "")
    return "ko" if chosen == "ko" else "en" if chosen == "en" else accepted_language(request)


@router.get("/")
async def start(request: Request) -> Response:
    service = service_of(request)
    return _page(request, "start.html", resumes=await service.store.resumes(_SHOWN), sample=bool(service.sample))


@router.post("/resumes")
async def add(request: Request) -> Response:
    """Reads what the form of the first page holds: a file, or a text."""
    service = service_of(request)
    async with request.form(max_files=1, max_fields=4) as form:
        file, text = form.get("file"), form.get("text")
        if isinstance(file, UploadFile) and file.filename:
            data, source = await file.read(), file.filename
        elif form.get("sample"):
            data, source = service.sample, "sample.json"
        else:
            data, source = str(text or "").encode(), ""
    stored = await service.add(data, source, None)
    return RedirectResponse(f"/resumes/{stored.id}", status_code=303)


@router.get("/resumes/{resume_id}")
async def shown(request: Request, resume_id: str) -> Response:
    return _page(request, "resume.html", written=await _written(request, resume_id))


@router.post("/resumes/{resume_id}")
async def correct(
    request: Request, resume_id: str, text: Annotated[str, Form()], language: Annotated[str, Form()] = ""
) -> Response:
    service = service_of(request)
    resume = await _resume(service, resume_id)
    wanted = next((known for known in LANGUAGES if known == language), None)
    if text.replace("\r\n", "\n").strip() != resume.text.strip() or wanted not in (None, resume.language):
        await service.correct(resume, text.encode(), resume.source if resume.form == "text" else "resume.json", wanted)
    return RedirectResponse(f"/resumes/{resume.id}", status_code=303)


@router.post("/resumes/{resume_id}/delete")
async def delete(request: Request, resume_id: str) -> Response:
    service = service_of(request)
    await service.delete((await _resume(service, resume_id)).id)
    return RedirectResponse("/", status_code=303)


@router.post("/resumes/{resume_id}/write")
async def write(request: Request, resume_id: str) -> Response:
    """Begins the questions and the path, or goes on with what is left of them."""
    service = service_of(request)
    resume = await _resume(service, resume_id)
    for task in ("questions", "path"):
        await service.jobs.begin(resume, task)
    return RedirectResponse(f"/resumes/{resume.id}#results", status_code=303)


@router.post("/resumes/{resume_id}/practice/{number}")
async def practise(request: Request, resume_id: str, number: int, answer: Annotated[str, Form()]) -> Response:
    service = service_of(request)
    resume = await _resume(service, resume_id)
    if await service.jobs.question(resume, number) is None:
        raise Missing
    if answer.strip():
        await service.jobs.begin(resume, "feedback", question=number, answer=answer.strip()[:LONGEST_ANSWER])
    return RedirectResponse(f"/resumes/{resume.id}#question-{number}", status_code=303)


@router.get("/resumes/{resume_id}/events")
async def events(request: Request, resume_id: str) -> Response:
    """The part of the page that changes, rendered again after every change; the page replaces those ids that differ."""
    service = service_of(request)
    resume = await _resume(service, resume_id)
    words = Words(language_of(request))

    async def parts() -> AsyncGenerator[tuple[str, str], None]:
        async for jobs in service.jobs.watch(resume.id):
            written = ResumeView(resume, jobs)
            yield "part", _templates.get_template("live.html").render(written=written, words=words)
            if not written.running:
                yield "rest", ""

    return event_stream(service, parts())


@router.get("/resumes/{resume_id}/export.md")
async def markdown(request: Request, resume_id: str) -> Response:
    written = await _written(request, resume_id)
    text = export.markdown(written.resume, written.questions, written.path, written.feedback, written.attempts)
    headers = {"content-disposition": 'attachment; filename="career-coach.md"'}
    return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=headers)


@router.get("/resumes/{resume_id}/print")
async def printed(request: Request, resume_id: str) -> Response:
    return _page(request, "print.html", written=await _written(request, resume_id))


@router.post("/language")
async def choose_language(request: Request, language: Annotated[str, Form()]) -> Response:
    referrer = request.headers.get("referer", "/")
    place = re.sub(r"^[a-z]{4,5}://[^/]{0,300}", "", referrer)
    response = RedirectResponse(place if place.startswith("/") and not place.startswith("//") else "/", status_code=303)
    if language in LANGUAGES:
        response.set_cookie(_COOKIE, language, max_age=365 * 86_400, samesite="strict", httponly=True)
    return response


def error_page(request: Request, status: int, code: str, message: str) -> Response:
    """What went wrong, as a person would say it."""
    words = Words(language_of(request))
    known = {404: "error_404", 503: "error_503", 500: "error_500"}.get(status)
    return _page(request, "error.html", status=status, code=code, message=words(known) if known else message)


async def _resume(service: Service, resume_id: str) -> StoredResume:
    if not _ID.fullmatch(resume_id):
        raise Missing
    return await resume_of(service, resume_id)


async def _written(request: Request, resume_id: str) -> ResumeView:
    service = service_of(request)
    resume = await _resume(service, resume_id)
    return ResumeView(resume, await service.jobs.current(resume.id))


def _page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    service: Service = request.app.state.service
    text = _templates.get_template(template).render(
        words=Words(language_of(request)), simulated_by=service.simulated, **values
    )
    return HTMLResponse(text, status_code=status)
