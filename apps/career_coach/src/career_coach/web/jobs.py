"""The work on résumés: it goes on without anyone watching, keeps each part as soon as it is written, and is taken up again after a crash.

A job belongs to the process that runs it for as long as that extends its lease. Jobs whose lease has run out are taken up by any process
on the same store. What fails keeps what was written; `start` goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

import msgspec

from career_coach.coach import Coach, attempt_of
from career_coach.prompts import Task
from career_coach.results import Attempt, Question
from career_coach.schemas import QUESTIONS
from career_coach.web.records import Author, Job, Problem, StoredResume, job_id
from career_coach.web.store import Store, StoreError
from career_coach.wording import explained, reason
from segue import Segue, SegueError

LEASE: Final = 10.0
"""Seconds for which a process that died keeps its jobs."""
POLL: Final = 1.0
"""Seconds after which a watcher looks at the store again, for jobs that another process runs."""
_BOOKING: Final = 60
"""Twentieths of a second to wait for what the last attempts cost: prices are read in the first second of a process."""
_log = logging.getLogger("career_coach")


class Jobs:
    """Runs jobs over one client. `start` and `close` belong around its use."""

    def __init__(self, segue: Segue, store: Store, *, lease: float = LEASE, chain: Any = None) -> None:
        self._segue = segue
        self._store = store
        self._chain = chain
        self._lease = lease
        self._owner = uuid.uuid4().hex
        self._live: dict[str, _Live] = {}
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._claiming = asyncio.Lock()
        segue.listen(self)

    async def open(self) -> None:
        """Takes up what was left unfinished, and goes on doing so."""
        self._loop = asyncio.get_running_loop()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Stops all work. What was written is kept, and another process may go on at once."""
        if self._keeper is not None:
            self._keeper.cancel()
        tasks = [live.task for live in self._live.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def begin(self, resume: StoredResume, task: Task, *, question: int = 0, answer: str = "") -> Job:
        """Begins a job or goes on with it, and returns it as it is then. One that runs, or is done for this version, is left alone.

        For "feedback", `question` is the question's number from 1; another `answer` starts a new job.
        """
        name = job_id(resume.id, task, question)
        if (live := self._live.get(name)) is not None:
            if _same(live.job, resume, answer):
                return live.job
            live.task.cancel()
            await asyncio.gather(live.task, return_exceptions=True)
        now = time.time()
        earlier = await self._store.job(name)
        if earlier is not None and not _same(earlier, resume, answer):
            earlier = None
        if earlier is not None and (earlier.state == "done" or (earlier.state == "running" and earlier.lease > now)):
            return earlier
        fresh = Job(
            id=name, resume_id=resume.id, task=task, version=resume.version, language=resume.language,
            started=now, number=question, answer=answer,
        )  # fmt: skip
        return await self._claimed(earlier or fresh, resume, now)

    async def wait(self, job: Job) -> Job:
        """The job once it no longer runs."""
        while True:
            if (live := self._live.get(job.id)) is not None:
                await asyncio.wait((live.task,))
                continue
            found = await self._store.job(job.id)
            if found is None or found.state != "running":
                return found or msgspec.structs.replace(job, state="failed")
            await asyncio.sleep(POLL)

    async def current(self, resume_id: str) -> list[Job]:
        """All jobs of a résumé as they are at this moment."""
        stored = {job.id: job for job in await self._store.jobs(resume_id)}
        live = {name: live.job for name, live in self._live.items() if live.job.resume_id == resume_id}
        return [*(stored | {name: job for name, job in live.items() if name in stored}).values()]

    async def watch(self, resume_id: str) -> AsyncGenerator[list[Job], None]:
        """All jobs of a résumé, now and after every change, without end."""
        changed = asyncio.Event()
        self._watchers[resume_id].add(changed)
        seen: list[tuple[str, int]] | None = None
        try:
            while True:
                changed.clear()
                jobs = await self.current(resume_id)
                if (state := [(job.id, job.revision) for job in jobs]) != seen:
                    seen = state
                    yield jobs
                try:
                    await asyncio.wait_for(changed.wait(), POLL)
                except TimeoutError:
                    continue
        finally:
            self._watchers[resume_id].discard(changed)
            if not self._watchers[resume_id]:
                del self._watchers[resume_id]

    async def forget(self, resume_id: str) -> None:
        """Stops the work on a résumé that is deleted or corrected."""
        tasks = [live.task for live in self._live.values() if live.job.resume_id == resume_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What the client reports, in the loop's thread or, for what an attempt cost, perhaps in another.

    def attempt_started(self, start: Any) -> None:
        if live := self._live.get(start.metadata.get("run", "")):
            live.asking[start.attempt_id] = start.target.name
            self._show(live, asking=tuple(live.asking.values()))

    def attempt_ended(self, end: Any) -> None:
        if live := self._live.get(end.start.metadata.get("run", "")):
            live.asking.pop(end.start.attempt_id, None)
            live.unbooked += 1
            self._show(live, asking=tuple(live.asking.values()))

    def attempt_booked(self, end: Any, record: Any) -> None:
        if self._loop is not None and "run" in end.start.metadata:
            self._loop.call_soon_threadsafe(self._booked, end.start.metadata["run"], record)

    def _booked(self, run: str, record: Any) -> None:
        if live := self._live.get(run):
            attempt = attempt_of(record, live.job.language)
            live.unbooked -= 1
            self._show(live, attempts=(*live.job.attempts, attempt))

    # The work.

    async def _claimed(self, job: Job, resume: StoredResume, now: float) -> Job:
        job = msgspec.structs.replace(
            job, state="running", problem=None, asking=(), owner=self._owner, lease=now + self._lease, updated=now,
            revision=job.revision + 1,
        )  # fmt: skip
        async with self._claiming:
            if job.id in self._live:
                return self._live[job.id].job
            if not await self._store.claim(job, now):
                return await self._store.job(job.id) or job
            live = self._live[job.id] = _Live(job)
            live.task = asyncio.create_task(self._run(live, resume))
        self._tell(job.resume_id)
        return job

    async def _run(self, live: _Live, resume: StoredResume) -> None:
        try:
            await _WORK[live.job.task](self, live, resume)
            self._show(live, state="done")
        except SegueError as error:
            self._show(
                live, state="failed", problem=problem_of(error, live.job), attempts=_with_skipped(live.job, error)
            )
        except StoreError:
            _log.warning("the work on a résumé stops: its store can't be reached")
        except Exception:
            _log.exception("the work on a résumé failed")
            self._show(live, state="failed", problem=Problem(kind="InternalError", message="internal error"))
        finally:
            await asyncio.shield(self._leave(live))

    async def _leave(self, live: _Live) -> None:
        """Keeps the job as it is; one that was interrupted is free for others at once."""
        for _ in range(_BOOKING):
            if live.unbooked > 0:
                await asyncio.sleep(0.05)
        live.job = msgspec.structs.replace(live.job, lease=0.0, asking=(), revision=live.job.revision + 1)
        try:
            await self._store.save_job(live.job)
        except StoreError:
            _log.warning("a job could not be saved: its store can't be reached")
        self._live.pop(live.job.id, None)
        self._tell(live.job.resume_id)

    async def _write_questions(self, live: _Live, resume: StoredResume) -> None:
        coach = self._coach(live.job)
        while len(live.job.questions) < QUESTIONS:
            written = await coach.next_question(resume.resume, live.job.questions, run=live.job.id)
            author = Author(written.target, written.model)
            await self._keep_part(
                live, questions=(*live.job.questions, written.value), authors=(*live.job.authors, author)
            )

    async def _write_path(self, live: _Live, resume: StoredResume) -> None:
        if live.job.path is None:
            written = await self._coach(live.job).learning_path(resume.resume, run=live.job.id)
            await self._keep_part(live, path=written.value, authors=(Author(written.target, written.model),))

    async def _write_feedback(self, live: _Live, resume: StoredResume) -> None:
        question = await self.question(resume, live.job.number)
        if question is not None and live.job.feedback is None:
            written = await self._coach(live.job).feedback(
                question, live.job.answer, live.job.language, run=live.job.id
            )
            await self._keep_part(live, feedback=written.value, authors=(Author(written.target, written.model),))

    async def question(self, resume: StoredResume, number: int) -> Question | None:
        """The question of that number, from 1, if it was written for the résumé as it is."""
        job = await self._store.job(job_id(resume.id, "questions"))
        if job is None or job.version != resume.version or not 1 <= number <= len(job.questions):
            return None
        return job.questions[number - 1]

    def _coach(self, job: Job) -> Coach:
        return Coach(self._segue, language=job.language, chain=self._chain)

    async def _keep_part(self, live: _Live, **changes: Any) -> None:
        self._show(live, **changes)
        if not await self._store.save_job(live.job):
            raise asyncio.CancelledError  # deleted, or taken over

    def _show(self, live: _Live, **changes: Any) -> None:
        live.job = msgspec.structs.replace(
            live.job, revision=live.job.revision + 1, updated=time.time(), lease=time.time() + self._lease, **changes
        )
        self._tell(live.job.resume_id)

    def _tell(self, resume_id: str) -> None:
        for changed in self._watchers.get(resume_id, ()):
            changed.set()

    async def _keep(self) -> None:
        while True:
            try:
                now = time.time()
                await self._store.extend(self._owner, now + self._lease)
                for job in await self._store.unfinished(now):
                    await self._take_up(job, now)
            except StoreError as error:
                _log.warning("%s", error)
            except Exception:  # the leases must be extended all the same
                _log.exception("unfinished work could not be taken up")
            await asyncio.sleep(self._lease / 4)

    async def _take_up(self, job: Job, now: float) -> None:
        resume = await self._store.resume(job.resume_id)
        if resume is None or resume.version != job.version:  # what it was about was corrected since
            await self._store.claim(msgspec.structs.replace(job, state="failed", owner=self._owner), now)
            return
        booked = await asyncio.to_thread(self._booked_for, job)
        if len(booked) > len(job.attempts):
            job = msgspec.structs.replace(job, attempts=booked)
        await self._claimed(job, resume, now)

    def _booked_for(self, job: Job) -> tuple[Attempt, ...]:
        """Its attempts, as the ledger has them: its process died, so which requests they belong to is known by their metadata only."""
        records = self._segue.ledger.records(job.started - 1.0, job.lease + 1.0, limit=None)
        return tuple(attempt_of(record, job.language) for record in records if record.metadata.get("run") == job.id)


class _Live:
    """A job that runs here."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.asking: dict[str, str] = {}
        self.unbooked = 0
        """Attempts that ended and whose cost is not known yet."""
        self.task: asyncio.Task[None]


_WORK: Final[dict[Task, Callable[[Jobs, _Live, StoredResume], Awaitable[None]]]] = {
    "questions": Jobs._write_questions,
    "path": Jobs._write_path,
    "feedback": Jobs._write_feedback,
}


def _same(job: Job, resume: StoredResume, answer: str) -> bool:
    return job.version == resume.version and job.language == resume.language and job.answer == answer


def problem_of(error: SegueError, job: Job) -> Problem:
    """An error as the job's owner reads it."""
    message, *details = explained(error, job.language).splitlines()
    return Problem(
        kind=type(error).__name__,
        message=message,
        details=tuple(line.strip() for line in details),
        retry_after=getattr(error, "retry_after", None),
    )


def _with_skipped(job: Job, error: SegueError) -> tuple[Attempt, ...]:
    """The job's attempts, and the targets that were passed over: the ledger has only what was sent."""
    simulated = {attempt.target for attempt in job.attempts if attempt.simulated}
    skipped = (
        Attempt(
            task=job.task,
            target=summary.target,
            model=summary.model,
            outcome="skipped",
            reason=reason("skipped", summary.reason, job.language),
            detail=summary.reason,
            simulated=summary.target in simulated,
        )
        for summary in getattr(error, "attempts", ())
        if summary.outcome == "skipped"
    )
    return (*job.attempts, *skipped)
