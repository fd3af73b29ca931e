"""One contract for both stores; MongoDB's through the real driver, to a server that speaks its wire protocol."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient
from tests.career_coach.harness import RESUME

from career_coach.reading import parse
from career_coach.results import Attempt
from career_coach.web.records import Author, Job, StoredResume
from career_coach.web.store import Store, StoreError, open_store
from career_coach.web.stores.sqlite import SqliteStore


@pytest.fixture(params=["sqlite", "mongodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = request.getfixturevalue("mongodb_url") if request.param == "mongodb" else ""
    made = open_store(url, tmp_path / "deep" / "coach.sqlite3")
    yield made
    await made.close()


def resume(number: int = 1, **changes: Any) -> StoredResume:
    read = parse(msgspec.json.encode({**RESUME, "a.b$c": {"$set": 1}}), "resume.json")
    stored = StoredResume(
        id=f"r{number}", created=float(number), updated=1.0, resume=read, language="en", source="a.json"
    )
    return msgspec.structs.replace(stored, **changes)


def job(owner: str = "me", lease: float = 10.0, **changes: Any) -> Job:
    made = Job(id="r1.questions", resume_id="r1", task="questions", version=1, language="en", owner=owner, lease=lease)
    return msgspec.structs.replace(made, **changes)


async def test_a_resume_comes_back_as_it_was_whatever_its_fields_are_called(store: Store) -> None:
    await store.save_resume(resume())
    assert await store.resume("r1") == resume()
    await store.save_resume(resume(version=2))
    found = await store.resume("r1")
    assert found is not None
    assert found.version == 2
    assert await store.resume("r2") is None


async def test_the_latest_resumes_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in (2, 1, 3):
        await store.save_resume(resume(number))
    assert [stored.id for stored in await store.resumes(2)] == ["r3", "r2"]


async def test_deleting_a_resume_takes_its_jobs_along_and_nothing_brings_them_back(store: Store) -> None:
    await store.save_resume(resume())
    assert await store.claim(job(), 0.0)
    assert await store.delete_resume("r1")
    assert not await store.delete_resume("r1")
    assert await store.jobs("r1") == []
    assert not await store.save_job(job(state="done"))
    assert not await store.claim(job(), 0.0)
    assert await store.job("r1.questions") is None


async def test_a_job_has_one_owner_until_its_lease_runs_out(store: Store) -> None:
    await store.save_resume(resume())
    assert await store.claim(job("me", lease=10.0), now=0.0)
    assert not await store.claim(job("you", lease=20.0), now=9.0)
    assert await store.claim(job("you", lease=20.0), now=11.0)
    assert not await store.save_job(job("me"))
    assert await store.save_job(job("you", revision=5))
    found = await store.job("r1.questions")
    assert found is not None
    assert (found.owner, found.revision) == ("you", 5)


async def test_a_finished_job_may_be_claimed_by_anyone(store: Store) -> None:
    await store.save_resume(resume())
    await store.claim(job("me"), now=0.0)
    await store.save_job(job("me", state="failed"))
    assert await store.claim(job("you"), now=1.0)


async def test_a_lease_is_extended_for_what_its_owner_still_works_at(store: Store) -> None:
    await store.save_resume(resume())
    await store.claim(job("me", lease=10.0), now=0.0)
    await store.extend("you", 50.0)
    assert [each.id for each in await store.unfinished(now=11.0)] == ["r1.questions"]
    await store.extend("me", 50.0)
    assert await store.unfinished(now=11.0) == []
    assert not await store.claim(job("you"), now=49.0)


async def test_what_was_written_and_what_it_cost_is_kept(store: Store) -> None:
    attempt = Attempt(task="questions", target="openai", model="m", outcome="ok", cost=None, seconds=1.5)
    whole = job(state="done", attempts=(attempt,), authors=(Author("openai", "m"),), revision=3)
    await store.save_resume(resume())
    await store.claim(job(), now=0.0)
    await store.save_job(whole)
    assert await store.jobs("r1") == [whole]


async def work_with(store: Store) -> None:
    """Calls every method of the store."""
    await store.save_resume(resume())
    await store.claim(job("me"), now=0.0)
    await store.save_job(job("me"))
    await store.extend("me", 50.0)
    await store.unfinished(now=11.0)
    await store.job("r1.questions")
    await store.jobs("r1")
    await store.resume("r1")
    await store.resumes(20)
    await store.delete_resume("r1")


async def test_no_statement_in_sqlite_reads_or_sorts_a_whole_table(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "coach.sqlite3")
    await store.resumes(1)
    executed: list[str] = []
    assert store._db is not None
    store._db.set_trace_callback(executed.append)
    await work_with(store)
    await store.close()
    statements = {each for each in executed if not each.startswith(("--", "BEGIN", "COMMIT"))}
    assert len(statements) >= 10
    with contextlib.closing(sqlite3.connect(tmp_path / "coach.sqlite3")) as db:
        plans = {each: [row[-1] for row in db.execute(f"EXPLAIN QUERY PLAN {each}")] for each in statements}
    assert {each: plan for each, plan in plans.items() if _costly(plan)} == {}


def _costly(plan: list[str]) -> bool:
    """One résumé's few jobs may be sorted."""
    searched = any(step.startswith("SEARCH") for step in plan)
    scans = [step for step in plan if step.startswith("SCAN") and "CONSTANT ROW" not in step]
    return any("INDEX" not in step for step in scans) or (not searched and any("TEMP B-TREE" in step for step in plan))


async def test_what_is_searched_for_in_mongodb_has_an_index(mongodb_url: str, tmp_path: Path) -> None:
    store = open_store(mongodb_url, tmp_path)
    await work_with(store)
    await store.close()
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        database = client.get_default_database()
        found = {
            name: {tuple(index["key"]) for index in database[name].list_indexes()}
            for name in ("coach_resumes", "coach_jobs")
        }
    assert found["coach_resumes"] == {("_id",), ("created",)}
    assert found["coach_jobs"] == {("_id",), ("resume_id",), ("state", "lease")}


async def test_a_store_that_can_not_be_reached_says_so_in_one_line_without_its_address(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = open_store("", tmp_path / "file" / "coach.sqlite3")
    with pytest.raises(StoreError, match="can't be used: File exists") as refused:
        await broken.resumes(1)
    assert str(tmp_path) not in str(refused.value)  # visitors of the page read it, too
    await broken.close()
