"""Where résumés and jobs are kept: one protocol, over SQLite by default and over MongoDB where `MONGODB_URL` is set."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from career_coach.web.records import Job, StoredResume
from segue import ConfigurationError


class StoreError(Exception):
    """The store can't be reached; the message is one line and holds no address."""


class Store(Protocol):
    """Every method raises `StoreError` if the store can't be reached. Times are epoch seconds."""

    async def save_resume(self, resume: StoredResume) -> None:
        """Inserts it or replaces that of the same id."""
        ...

    async def resume(self, resume_id: str) -> StoredResume | None: ...

    async def resumes(self, limit: int) -> list[StoredResume]:
        """The latest first."""
        ...

    async def delete_resume(self, resume_id: str) -> bool:
        """Deletes it and its jobs. False if there was none."""
        ...

    async def job(self, job_id: str) -> Job | None: ...

    async def jobs(self, resume_id: str) -> list[Job]:
        """In the order of their ids."""
        ...

    async def claim(self, job: Job, now: float) -> bool:
        """Stores the job for its owner. False, and nothing is stored, if another owner works at it or its résumé is gone."""
        ...

    async def save_job(self, job: Job) -> bool:
        """Stores what its owner did. False, and nothing is stored, if the job is not that owner's (any more)."""
        ...

    async def extend(self, owner: str, until: float) -> None:
        """The leases of all jobs that the owner works at last until then."""
        ...

    async def unfinished(self, now: float) -> list[Job]:
        """Jobs that were begun and whose owner is gone."""
        ...

    async def close(self) -> None: ...


def open_store(mongodb_url: str, path: Path) -> Store:
    """MongoDB's where there is an address, else SQLite's in that file. Raises `ConfigurationError` if the first lacks its package."""
    if not mongodb_url:
        return cast(Store, import_module("career_coach.web.stores.sqlite").SqliteStore(path))
    try:
        module = import_module("career_coach.web.stores.mongodb")
    except ImportError as error:
        raise ConfigurationError("MONGODB_URL needs PyMongo: pip install 'segue-llm[mongodb]'") from error
    return cast(Store, module.MongoStore(mongodb_url))
