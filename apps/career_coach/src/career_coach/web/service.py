"""What the API and the pages share: reading what was sent, storing it, and beginning work on it."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Final

import msgspec

from career_coach.language import Language
from career_coach.reading import parse
from career_coach.resume import Resume
from career_coach.web.jobs import Jobs
from career_coach.web.records import StoredResume
from career_coach.web.store import Store
from segue import Segue

LONGEST_ANSWER: Final = 8_000
"""Characters of a practised answer."""
READING: Final = 4
"""Files that are read at the same time."""


class Service:
    """One application's store, jobs and client. `simulated` is the label that says why stand-ins answer, if they do."""

    def __init__(self, segue: Segue, store: Store, jobs: Jobs, *, simulated: str = "", sample: bytes = b"") -> None:
        self.segue = segue
        self.store = store
        self.jobs = jobs
        self.simulated = simulated
        self.sample = sample
        self.stopping = asyncio.Event()
        self.streams = 0
        """Streams of events that are open."""
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.Semaphore(READING)

    def stop_streams(self) -> None:
        """Ends all streams of events, which would hold up the server's end. May be called from any thread."""
        self._loop.call_soon_threadsafe(self.stopping.set)

    async def add(self, data: bytes, source: str, language: Language | None) -> StoredResume:
        """Reads and stores a new résumé. Raises `ResumeError` if it is none."""
        resume = await self._read(data, source)
        now = time.time()
        stored = StoredResume(
            id=uuid.uuid4().hex, created=now, updated=now, resume=resume, source=source[:200], language=language or resume.language,
        )  # fmt: skip
        await self.store.save_resume(stored)
        return stored

    async def correct(self, stored: StoredResume, data: bytes, source: str, language: Language | None) -> StoredResume:
        """Replaces what a résumé says. What was written about the earlier version stays until it is written again."""
        resume = await self._read(data, source)
        await self.jobs.forget(stored.id)
        corrected = msgspec.structs.replace(
            stored, resume=resume, source=source[:200], language=language or stored.language,
            updated=time.time(), version=stored.version + 1,
        )  # fmt: skip
        await self.store.save_resume(corrected)
        return corrected

    async def delete(self, resume_id: str) -> bool:
        """Deletes a résumé and all that was written about it."""
        deleted = await self.store.delete_resume(resume_id)
        await self.jobs.forget(resume_id)
        return deleted

    async def _read(self, data: bytes, source: str) -> Resume:
        async with self._reading:
            return await asyncio.to_thread(parse, data, source)
