"""The store in MongoDB. Documents hold what is searched for, and the rest as JSON: a résumé's own field names may be any."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import DuplicateKeyError, PyMongoError

from career_coach.web.records import Job, StoredResume
from career_coach.web.store import StoreError

_DATABASE: Final = "career_coach"
_PATIENCE: Final = 5_000
"""Milliseconds to wait for a server."""


class MongoStore:
    """See `career_coach.web.store.Store`. The database is the address's, else `career_coach`."""

    def __init__(self, url: str) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, serverSelectionTimeoutMS=_PATIENCE)
        database = self._client.get_default_database(_DATABASE)
        self._resumes = _Collection(database["coach_resumes"], [[("created", -1)]])
        self._jobs = _Collection(database["coach_jobs"], [[("resume_id", 1)], [("state", 1), ("lease", 1)]])

    async def save_resume(self, resume: StoredResume) -> None:
        document = {"_id": resume.id, "created": resume.created, "data": _text(resume)}
        await self._resumes.replace({"_id": resume.id}, document, upsert=True)

    async def resume(self, resume_id: str) -> StoredResume | None:
        found = await self._resumes.find({"_id": resume_id}, limit=1)
        return msgspec.json.decode(found[0]["data"], type=StoredResume) if found else None

    async def resumes(self, limit: int) -> list[StoredResume]:
        found = await self._resumes.find({}, sort=[("created", -1)], limit=limit)
        return [msgspec.json.decode(document["data"], type=StoredResume) for document in found]

    async def delete_resume(self, resume_id: str) -> bool:
        deleted = await self._resumes.delete({"_id": resume_id})
        await self._jobs.delete({"resume_id": resume_id})
        return deleted > 0

    async def job(self, job_id: str) -> Job | None:
        found = await self._jobs.find({"_id": job_id}, limit=1)
        return _job(found[0]) if found else None

    async def jobs(self, resume_id: str) -> list[Job]:
        return [_job(document) for document in await self._jobs.find({"resume_id": resume_id}, sort=[("_id", 1)])]

    async def claim(self, job: Job, now: float) -> bool:
        if await self.resume(job.resume_id) is None:
            return False
        free = {
            "_id": job.id,
            "$or": [{"state": {"$ne": "running"}}, {"owner": job.owner}, {"lease": {"$lt": now}}],
        }
        try:
            return await self._jobs.replace(free, _document(job), upsert=True)
        except DuplicateKeyError:  # there is one, and it is not free
            return False

    async def save_job(self, job: Job) -> bool:
        return await self._jobs.replace({"_id": job.id, "owner": job.owner}, _document(job))

    async def extend(self, owner: str, until: float) -> None:
        await self._jobs.set({"owner": owner, "state": "running"}, {"lease": until})

    async def unfinished(self, now: float) -> list[Job]:
        found = await self._jobs.find({"state": "running", "lease": {"$lt": now}}, sort=[("_id", 1)])
        return [_job(document) for document in found]

    async def close(self) -> None:
        await self._client.close()


class _Collection:
    """The few commands that are used, with their errors as the store's. Its indexes are made with the first."""

    def __init__(self, collection: Any, indexes: Sequence[Sequence[tuple[str, int]]]) -> None:
        self._collection = collection
        self._indexes = [IndexModel(keys) for keys in indexes]

    async def find(self, query: dict[str, Any], *, sort: Any = None, limit: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._do(
            lambda: self._collection.find(query, sort=sort, limit=limit).to_list()
        )
        return found

    async def replace(self, query: dict[str, Any], document: dict[str, Any], *, upsert: bool = False) -> bool:
        done = await self._do(lambda: self._collection.replace_one(query, document, upsert=upsert))
        return bool(done.matched_count or done.upserted_id is not None)

    async def set(self, query: dict[str, Any], values: dict[str, Any]) -> None:
        await self._do(lambda: self._collection.update_many(query, {"$set": values}))

    async def delete(self, query: dict[str, Any]) -> int:
        return int((await self._do(lambda: self._collection.delete_many(query))).deleted_count)

    async def _do(self, command: Callable[[], Awaitable[Any]]) -> Any:
        try:
            if self._indexes:
                await self._collection.create_indexes(self._indexes)  # which does no harm where others did it
                self._indexes = []
            return await command()
        except DuplicateKeyError:
            raise
        except PyMongoError as error:
            raise StoreError(f"the coach's database can't be used: {type(error).__name__}") from error


def _document(job: Job) -> dict[str, Any]:
    return {
        "_id": job.id,
        "resume_id": job.resume_id,
        "state": job.state,
        "owner": job.owner,
        "lease": job.lease,
        "data": _text(job),
    }


def _text(record: Job | StoredResume) -> str:
    return msgspec.json.encode(record).decode()


def _job(document: dict[str, Any]) -> Job:
    return msgspec.structs.replace(msgspec.json.decode(document["data"], type=Job), lease=document["lease"])
