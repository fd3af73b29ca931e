"""The API, `/api/v1`: résumés, interview questions, learning paths, feedback, and events of all that is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from career_coach.language import Language
from career_coach.prompts import Task
from career_coach.resume import ResumeError
from career_coach.web.models import AnswerIn, ErrorOut, HealthOut, JobOut, ResumeOut, job_out, resume_out
from career_coach.web.records import Job, StoredResume, job_id
from career_coach.web.service import LONGEST_ANSWER, Service
from career_coach.web.store import StoreError

router = APIRouter(prefix="/api/v1")
HEARTBEAT: Final = 15.0
"""Seconds between comments on a stream of events in which nothing happens."""
STREAMS: Final = 64
"""Streams of events that may be open: each looks at the store every second."""

_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/json": {"schema": {"type": "object", "description": "A résumé, JSON Resume for one"}},
            "text/plain": {"schema": {"type": "string", "description": "A résumé as text or Markdown"}},
        },
    }
}
_WRONG: Final[dict[int | str, dict[str, Any]]] = {404: {"model": ErrorOut}, 422: {"model": ErrorOut}}
_WORK: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": JobOut, "description": "With `Prefer: respond-async`: it has begun"},
    404: {"model": ErrorOut},
    500: {
        "model": ErrorOut,
        "description": "No provider answered. What was written is kept; the same call goes on from there",
    },
}
Prefer = Annotated[str, Header(description="`respond-async` answers at once with 202")]
LanguageQuery = Annotated[Literal["ko", "en"] | None, Query(description="Of the answers; by default the résumé's")]


class Missing(Exception):
    """There is no such thing."""


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def resume_of(service: Service, resume_id: str) -> StoredResume:
    found = await service.store.resume(resume_id)
    if found is None:
        raise Missing
    return found


@router.get("/health", tags=["health"], response_model=HealthOut, responses={503: {"model": HealthOut}})
async def health(request: Request) -> Any:
    """Whether the store can be reached, and which targets would be asked. Asks no provider."""
    service = service_of(request)
    status = "ok"
    try:
        await service.store.resume("")  # a look-up that finds nothing
    except StoreError:
        status = "unavailable"
    targets = [name for name in service.segue.settings.chain if service.segue.targets.usable(name)]
    body = {"status": status, "targets": targets, "simulated": bool(service.simulated)}
    return JSONResponse(body, status_code=200 if status == "ok" else 503)


@router.post(
    "/resumes",
    tags=["resumes"],
    status_code=201,
    response_model=ResumeOut,
    responses={422: {"model": ErrorOut}},
    openapi_extra=_FILE,
)
async def add(request: Request, response: Response, language: LanguageQuery = None) -> Any:
    """Reads a résumé: PDF, Word, Hangul, JSON, Markdown or text, as a form's file or as the body. The file itself is not kept."""
    data, source = await _sent(request)
    stored = await service_of(request).add(data, source, language)
    response.headers["location"] = f"/api/v1/resumes/{stored.id}"
    return resume_out(stored)


@router.get("/resumes", tags=["resumes"], response_model=list[ResumeOut])
async def resumes(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Any:
    """The latest résumés first."""
    return [resume_out(stored) for stored in await service_of(request).store.resumes(limit)]


@router.get("/resumes/{resume_id}", tags=["resumes"], response_model=ResumeOut, responses={404: {"model": ErrorOut}})
async def resume(request: Request, resume_id: str) -> Any:
    """A résumé as it was read."""
    return resume_out(await resume_of(service_of(request), resume_id))


@router.put("/resumes/{resume_id}", tags=["resumes"], response_model=ResumeOut, responses=_WRONG, openapi_extra=_FILE)
async def correct(request: Request, resume_id: str, language: LanguageQuery = None) -> Any:
    """Replaces what a résumé says. What was written about it is of the earlier version then, and is written again when asked for."""
    service = service_of(request)
    stored = await resume_of(service, resume_id)
    return resume_out(await service.correct(stored, *await _sent(request), language))


@router.delete("/resumes/{resume_id}", tags=["resumes"], status_code=204, responses={404: {"model": ErrorOut}})
async def delete(request: Request, resume_id: str) -> None:
    """Deletes a résumé and all that was written about it."""
    if not await service_of(request).delete(resume_id):
        raise Missing


@router.post("/interview/{resume_id}/questions", tags=["interview"], response_model=JobOut, responses=_WORK)
async def write_questions(request: Request, resume_id: str, prefer: Prefer = "") -> Any:
    """Five interview questions, each kept as soon as it is written. Waits for the last, unless `Prefer: respond-async`."""
    return await _begun(request, resume_id, "questions", prefer)


@router.get("/interview/{resume_id}/questions", tags=["interview"], response_model=JobOut, responses=_WRONG)
async def questions(request: Request, resume_id: str) -> Any:
    """The questions so far, and what became of the work on them."""
    return await _found(request, job_id(resume_id, "questions"))


@router.post(
    "/interview/{resume_id}/questions/{number}/feedback", tags=["interview"], response_model=JobOut, responses=_WORK
)
async def write_feedback(request: Request, resume_id: str, number: int, body: AnswerIn, prefer: Prefer = "") -> Any:
    """Feedback to a practised answer, against what a good one covers. `number` is the question's, from 1."""
    if not body.answer.strip() or len(body.answer) > LONGEST_ANSWER:
        return _error(422, "answer", f"an answer has 1 to {LONGEST_ANSWER} characters")
    service = service_of(request)
    if await service.jobs.question(await resume_of(service, resume_id), number) is None:
        raise Missing
    return await _begun(request, resume_id, "feedback", prefer, question=number, answer=body.answer)


@router.get(
    "/interview/{resume_id}/questions/{number}/feedback", tags=["interview"], response_model=JobOut, responses=_WRONG
)
async def feedback(request: Request, resume_id: str, number: int) -> Any:
    """The feedback to the latest answer to a question."""
    return await _found(request, job_id(resume_id, "feedback", number))


@router.post("/learning/{resume_id}/learning-path", tags=["learning"], response_model=JobOut, responses=_WORK)
async def write_path(request: Request, resume_id: str, prefer: Prefer = "") -> Any:
    """A learning path of five steps. Waits for it, unless `Prefer: respond-async`."""
    return await _begun(request, resume_id, "path", prefer)


@router.get("/learning/{resume_id}/learning-path", tags=["learning"], response_model=JobOut, responses=_WRONG)
async def path(request: Request, resume_id: str) -> Any:
    """The learning path, and what became of the work on it."""
    return await _found(request, job_id(resume_id, "path"))


@router.get("/resumes/{resume_id}/events", tags=["resumes"], response_class=StreamingResponse)
async def events(request: Request, resume_id: str) -> Response:
    """Server-sent events: an event `jobs` with all jobs of the résumé, now and after every change. Nothing is missed by connecting again."""
    service = service_of(request)
    await resume_of(service, resume_id)

    async def states() -> AsyncGenerator[tuple[str, str], None]:
        async for jobs in service.jobs.watch(resume_id):
            yield "jobs", json.dumps([job_out(job) for job in jobs], ensure_ascii=False)

    return event_stream(service, states())


def event_stream(service: Service, events: AsyncGenerator[tuple[str, str], None]) -> StreamingResponse:
    """The events, (name, data), as a stream that ends when the server stops. The browser connects again after a second."""

    if service.streams >= STREAMS:
        raise HTTPException(503, "too many pages follow the work here: close one, or ask for its state instead")

    async def following() -> tuple[str, str]:
        return await anext(events)

    async def lines() -> AsyncIterator[str]:
        service.streams += 1
        stopping = asyncio.create_task(service.stopping.wait())
        coming = asyncio.create_task(following())
        try:
            yield "retry: 1000\n\n"
            while not stopping.done():
                await asyncio.wait((coming, stopping), timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    yield ": waiting\n\n"
                    continue
                name, data = coming.result()
                coming = asyncio.create_task(following())
                yield "\n".join((f"event: {name}", *(f"data: {line}" for line in data.split("\n")), "", ""))
        finally:
            service.streams -= 1
            stopping.cancel()
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await events.aclose()

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


def accepted_language(request: Request) -> Language:
    """The language that errors are in: the first of the two that the caller's `Accept-Language` names."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        if part.strip().startswith(("ko", "en")):
            return "ko" if part.strip().startswith("ko") else "en"
    return "en"


async def _sent(request: Request) -> tuple[bytes, str]:
    """What was sent, and its name: a form's first file, or the body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return await request.body(), "resume.json" if kind == "application/json" else "resume"
    async with request.form(max_files=1, max_fields=8) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read(), value.filename or "resume"
    raise ResumeError("empty")


async def _begun(request: Request, resume_id: str, task: Task, prefer: str, **options: Any) -> Any:
    service = service_of(request)
    job = await service.jobs.begin(await resume_of(service, resume_id), task, **options)
    if "respond-async" in prefer:
        return JSONResponse(job_out(job), status_code=202, headers={"preference-applied": "respond-async"})
    waiting = asyncio.create_task(service.jobs.wait(job))
    stopping = asyncio.create_task(service.stopping.wait())
    try:
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():  # the server stops; the work goes on when it is started again
            return JSONResponse(job_out(job), status_code=202)
    finally:
        waiting.cancel()
        stopping.cancel()
    job = waiting.result()
    return _failure(job) if job.state == "failed" else job_out(job)


def _failure(job: Job) -> JSONResponse:
    problem = job.problem
    error = {"code": "stopped", "message": "the work was stopped", "details": []}
    if problem is not None:
        error = {"code": problem.kind, "message": problem.message, "details": list(problem.details)}
    headers = {}
    if problem is not None and problem.retry_after:
        error["retry_after"] = problem.retry_after  # type: ignore[assignment]
        headers["retry-after"] = str(max(1, round(problem.retry_after)))
    return JSONResponse({"error": error, "job": job_out(job)}, status_code=500, headers=headers)


async def _found(request: Request, name: str) -> Any:
    for job in await service_of(request).jobs.current(name.partition(".")[0]):
        if job.id == name:
            return job_out(job)
    raise Missing


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
