"""Budgets shared by replicas: a document a budget and day in the collection `budgets` of MongoDB.

A slice is taken by comparing and setting what was taken, so two who ask at once never get the same money.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from segue.budgets.lease import Budget, LeaseReport, Shared, slice_of
from segue.budgets.sqlite import KEPT
from segue.ledger.stores.mongodb_connection import MongoConnection, shared_connection

if TYPE_CHECKING:
    from segue.ledger.stores.mongodb_connection import Database

COLLECTION: Final = "budgets"
__all__ = ["MongoBudgets", "shared_connection"]

TRIES: Final = 50
"""How often another process may have been faster before it is an error."""


class MongoBudgets:
    """Raises what PyMongo raises, see `mongodb_connection`. `connection` gives this process's, which a fork changes."""

    def __init__(self, connection: Callable[[], MongoConnection]) -> None:
        self._connection = connection
        self._indexed = False

    def take(self, budget: Budget, day: str, *, least: int) -> Shared:
        return self._connection().run(lambda db: self._take(db, budget, day, least))

    def report(self, name: str, day: str, report: LeaseReport, *, source: str) -> None:
        self._connection().run(lambda db: self._add(db, name, day, report, source))

    def spent(self, day: str) -> dict[str, int]:
        async def find(db: Database) -> dict[str, int]:
            return {found["name"]: found["spent"] async for found in db[COLLECTION].find({"day": day})}

        return self._connection().run(find)

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    async def _take(self, db: Database, budget: Budget, day: str, least: int) -> Shared:
        budgets = db[COLLECTION]
        await self._index(db)
        id = _id(budget.name, day)
        for _ in range(TRIES):
            found = await budgets.find_one({"_id": id})
            if found is None:
                await _begin(db, budget.name, day)
                continue
            got = slice_of(budget.pico, found["taken"], least)
            now: dict[str, Any] | None = await budgets.find_one_and_update(
                {"_id": id, "taken": found["taken"]}, {"$inc": {"taken": got}}, return_document=ReturnDocument.AFTER
            )
            if now is not None:
                return Shared(got, now["taken"], now["spent"])
        raise TimeoutError("too many take of the budget at once")

    async def _add(self, db: Database, name: str, day: str, report: LeaseReport, source: str) -> None:
        """The document knows each source's latest report: an answer may be lost on its way though the update was made."""
        latest = f"latest.{source}"
        new = {"_id": _id(name, day), "$or": [{latest: {"$exists": False}}, {latest: {"$lt": report.number}}]}
        change = {"$inc": {"taken": report.taken, "spent": report.spent}, "$set": {latest: report.number}}
        if not (await db[COLLECTION].update_one(new, change)).matched_count:
            await _begin(db, name, day)
            await db[COLLECTION].update_one(new, change)

    async def _index(self, db: Database) -> None:
        if not self._indexed:
            await db[COLLECTION].create_index("expires", expireAfterSeconds=0)
            self._indexed = True


def _id(name: str, day: str) -> str:
    return f"{name}|{day}"


async def _begin(db: Database, name: str, day: str) -> None:
    last = datetime.datetime.combine(datetime.date.fromisoformat(day), datetime.time(), datetime.UTC)
    expires = last + datetime.timedelta(days=KEPT)
    with contextlib.suppress(DuplicateKeyError):  # another process was first
        await db[COLLECTION].insert_one(
            {"_id": _id(name, day), "name": name, "day": day, "expires": expires, "taken": 0, "spent": 0}
        )
