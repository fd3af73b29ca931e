"""The application: built from settings, served by uvicorn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from career_coach.resume import ResumeError
from career_coach.web import api, pages
from career_coach.web.jobs import LEASE, Jobs
from career_coach.web.security import HEADERS, Guard, TooLarge
from career_coach.web.service import Service
from career_coach.web.store import Store, StoreError
from career_coach.wording import explained
from segue import Segue

STATIC: Final = Path(__file__).with_name("static")


def create_app(
    segue: Segue,
    store: Store,
    *,
    chain: str | Sequence[str] | None = None,
    simulated: str = "",
    sample: bytes = b"",
    password: str = "",
    hosts: tuple[str, ...] | None = ("localhost", "127.0.0.1", "::1"),
    lease: float = LEASE,
) -> FastAPI:
    """The coach over a client and a store, both of which it closes at its end.

    `simulated` is the label that says why stand-ins answer ("no_key", "broken"), if they do; `sample` a résumé to try it with. For
    `password` and `hosts` see `Guard`; for `lease` (seconds) `jobs`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs = Jobs(segue, store, lease=lease, chain=chain)
        app.state.service = Service(segue, store, jobs, simulated=simulated, sample=sample)
        await jobs.open()
        yield
        await jobs.close()
        await store.close()
        await segue.aclose()

    app = FastAPI(
        title="Career coach",
        description="Interview questions and a learning path for a résumé, from the first provider that answers.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from a third party
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    for kind in (ResumeError, api.Missing, StoreError, TooLarge, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answered)
    app.add_exception_handler(Exception, _answered)
    app.add_middleware(Guard, password=password, hosts=hosts)
    return app


async def _answered(request: Request, error: Exception) -> Response:
    """What went wrong, as the API's document or as a page."""
    language = pages.language_of(request)
    status, code, message = 500, "internal_error", "internal error"
    if isinstance(error, ResumeError):
        status, code = 413 if error.code == "too_large" else 422, error.code
        message = explained(error, language)
    elif isinstance(error, api.Missing):
        status, code, message = 404, "not_found", "there is no such résumé, or nothing was written about it yet"
    elif isinstance(error, StoreError):
        status, code, message = 503, "store_unavailable", str(error)
    elif isinstance(error, TooLarge):
        status, code, message = 413, "too_large", "the file is too large for a résumé"
    elif isinstance(error, HTTPException):
        status, code, message = error.status_code, str(error.status_code), str(error.detail)
    elif isinstance(error, RequestValidationError):
        status, code = 422, "invalid_request"
        message = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    if request.url.path.startswith("/api/"):
        document = {"error": {"code": code, "message": message, "details": []}}
        response: Response = JSONResponse(document, status_code=status)
    else:
        response = pages.error_page(request, status, code, message)
    if status == 500:  # this answer does not pass through `Guard`
        response.headers.update({**HEADERS, "cache-control": "no-store"})
    if status == 413:  # the rest of the body is not waited for
        response.headers["connection"] = "close"
    return response
