"""Budgets shared by replicas: a document a budget and day in the collection `budgets` of MongoDB.

A slice is taken by comparing and setting what was taken, so two who ask at once never get the same money.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from segue.ledger.budgets.purse import Budget, Shared, slice_of
from segue.ledger.budgets.sqlite import KEPT
from segue.ledger.stores.mongodb_connection import Connection, shared_connection

if TYPE_CHECKING:
    from segue.ledger.stores.mongodb_connection import Database

COLLECTION: Final = "budgets"
__all__ = ["MongoBudgets", "shared_connection"]

TRIES: Final = 50
"""How often somebody else may have been quicker before it is an error."""


class MongoBudgets:
    """Raises what PyMongo raises, see `mongodb_connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._indexed = False

    def take(self, budget: Budget, day: str, *, least: int, spent: int) -> Shared:
        return self._connection.run(lambda db: self._take(db, budget, day, least, spent))

    def report(self, name: str, day: str, *, spent: int, taken: int) -> None:
        async def add(db: Database) -> None:
            change = {"$inc": {"taken": taken, "spent": spent}, "$setOnInsert": _fresh(name, day)}
            await db[COLLECTION].update_one({"_id": f"{name}|{day}"}, change, upsert=True)

        self._connection.run(add)

    def spent(self, day: str) -> dict[str, int]:
        async def find(db: Database) -> dict[str, int]:
            return {found["name"]: found["spent"] async for found in db[COLLECTION].find({"day": day})}

        return self._connection.run(find)

    def close(self) -> None:
        pass

    async def _take(self, db: Database, budget: Budget, day: str, least: int, spent: int) -> Shared:
        budgets = db[COLLECTION]
        await self._index(db)
        id = f"{budget.name}|{day}"
        for _ in range(TRIES):
            found = await budgets.find_one({"_id": id})
            if found is None:
                try:
                    await budgets.insert_one({"_id": id, **_fresh(budget.name, day), "taken": 0, "spent": 0})
                except DuplicateKeyError:
                    pass  # somebody else was first
                continue
            got = slice_of(budget.pico, found["taken"], least)
            change = {"$inc": {"taken": got, "spent": spent}}
            now: dict[str, Any] | None = await budgets.find_one_and_update(
                {"_id": id, "taken": found["taken"]}, change, return_document=ReturnDocument.AFTER
            )
            if now is not None:
                return Shared(got, now["taken"], now["spent"])
        raise TimeoutError("too many take of the budget at once")

    async def _index(self, db: Database) -> None:
        if not self._indexed:
            await db[COLLECTION].create_index("expires", expireAfterSeconds=0)
            self._indexed = True


def _fresh(name: str, day: str) -> dict[str, Any]:
    last = datetime.datetime.combine(datetime.date.fromisoformat(day), datetime.time(), datetime.UTC)
    return {"name": name, "day": day, "expires": last + datetime.timedelta(days=KEPT)}
