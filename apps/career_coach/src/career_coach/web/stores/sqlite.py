"""The store in a SQLite file: one connection, in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from career_coach.web.records import Job, StoredResume
from career_coach.web.store import StoreError

T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS resumes (id TEXT PRIMARY KEY, created REAL NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, resume_id TEXT NOT NULL REFERENCES resumes (id) ON DELETE CASCADE,
    state TEXT NOT NULL, owner TEXT NOT NULL, lease REAL NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_of_resume ON jobs (resume_id);
CREATE INDEX IF NOT EXISTS resumes_latest ON resumes (created DESC, id);
CREATE INDEX IF NOT EXISTS jobs_running ON jobs (lease, owner) WHERE state = 'running';
"""
_JOB = "SELECT data, lease FROM jobs"


class SqliteStore:
    """See `career_coach.web.store.Store`. The file is made if there is none, readable to its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="coach-store")
        self._db: sqlite3.Connection | None = None

    async def save_resume(self, resume: StoredResume) -> None:
        await self._do(
            lambda db: db.execute(
                "INSERT INTO resumes VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
                (resume.id, resume.created, msgspec.json.encode(resume)),
            )
        )

    async def resume(self, resume_id: str) -> StoredResume | None:
        rows = await self._rows("SELECT data FROM resumes WHERE id = ?", resume_id)
        return msgspec.json.decode(rows[0][0], type=StoredResume) if rows else None

    async def resumes(self, limit: int) -> list[StoredResume]:
        rows = await self._rows("SELECT data FROM resumes ORDER BY created DESC, id LIMIT ?", limit)
        return [msgspec.json.decode(data, type=StoredResume) for (data,) in rows]

    async def delete_resume(self, resume_id: str) -> bool:
        return await self._count("DELETE FROM resumes WHERE id = ?", resume_id) > 0

    async def job(self, job_id: str) -> Job | None:
        return next(map(_job, await self._rows(f"{_JOB} WHERE id = ?", job_id)), None)

    async def jobs(self, resume_id: str) -> list[Job]:
        return list(map(_job, await self._rows(f"{_JOB} WHERE resume_id = ? ORDER BY id", resume_id)))

    async def claim(self, job: Job, now: float) -> bool:
        changed = await self._count(
            "INSERT INTO jobs SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM resumes WHERE id = ?) "
            "ON CONFLICT (id) DO UPDATE SET state = excluded.state, owner = excluded.owner, lease = excluded.lease, "
            "data = excluded.data WHERE state != 'running' OR owner = excluded.owner OR lease < ?",
            job.id,
            job.resume_id,
            job.state,
            job.owner,
            job.lease,
            msgspec.json.encode(job),
            job.resume_id,
            now,
        )
        return changed > 0

    async def save_job(self, job: Job) -> bool:
        changed = await self._count(
            "UPDATE jobs SET state = ?, lease = ?, data = ? WHERE id = ? AND owner = ?",
            job.state,
            job.lease,
            msgspec.json.encode(job),
            job.id,
            job.owner,
        )
        return changed > 0

    async def extend(self, owner: str, until: float) -> None:
        await self._count("UPDATE jobs SET lease = ? WHERE owner = ? AND state = 'running'", until, owner)

    async def unfinished(self, now: float) -> list[Job]:
        return list(map(_job, await self._rows(f"{_JOB} WHERE state = 'running' AND lease < ? ORDER BY id", now)))

    async def close(self) -> None:
        if self._db is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
            self._db = None
        self._thread.shutdown()

    async def _rows(self, query: str, *values: object) -> list[tuple[bytes, ...]]:
        return await self._do(lambda db: db.execute(query, values).fetchall())

    async def _count(self, query: str, *values: object) -> int:
        return await self._do(lambda db: db.execute(query, values).rowcount)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            if self._db is None:
                self._db = self._opened()
            with self._db:
                return work(self._db)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (sqlite3.Error, OSError) as error:
            why = getattr(error, "strerror", None) or error  # without the path: visitors read it, too
            raise StoreError(f"the coach's file (--data) can't be used: {why}") from error

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # closing a handle on it would give up the locks of others here
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        db = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(_TABLES)
        return db


def _job(row: tuple[bytes, ...]) -> Job:
    data, lease = row
    return msgspec.structs.replace(msgspec.json.decode(data, type=Job), lease=lease)
