"""The books in MongoDB: one document an attempt, in the collection `attempts`.

A document has the fields of the row in SQLite: `_id` is the attempt's id, money is there as exact decimal text (`cost`) and as whole
pico-dollars in 64 bits (`cost_pico`, for sums), `started` is in epoch seconds and again as a date (`at`, which the TTL goes by), `metadata`
is a list of pairs `{k, v}`, whatever the caller's words are. Times are UTC.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bson import Int64
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.errors import BulkWriteError, WriteConcernError

from segue.ledger.daily import EVERYTHING, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.rows import FLAGS, PLAIN, READ, USAGE, from_row, to_row

if TYPE_CHECKING:
    from segue.ledger.stores.mongodb_connection import Database

ATTEMPTS: Final = "attempts"

BATCH: Final = 500
"""Documents read at once: about 10 ms of work, in which the connection's loop does nothing else."""

_DUPLICATE: Final = 11000
_INTEGERS: Final = frozenset({*USAGE, "status", "cost_pico", "bound_pico"})
_FIELDS: Final = (*READ, "cost_pico", "bound_pico")


async def prepare(db: Database, *, ttl_days: float | None) -> None:
    """Makes the indexes, and has attempts vanish `ttl_days` after their start; None keeps them for ever. May be done again."""
    attempts = db[ATTEMPTS]
    await attempts.create_index([("started", ASCENDING)])
    await attempts.create_index([("request_id", ASCENDING)])
    present = [index async for index in await attempts.list_indexes()]
    known = next((index for index in present if dict(index["key"]) == {"at": ASCENDING}), None)
    seconds = None if ttl_days is None else int(ttl_days * 86_400)
    if known is not None and known.get("expireAfterSeconds") != seconds:
        await attempts.drop_index(known["name"])
        known = None
    if known is None and seconds is not None:
        await attempts.create_index([("at", ASCENDING)], expireAfterSeconds=seconds)


async def book(db: Database, records: Sequence[AttemptRecord]) -> dict[str, str]:
    """`record.book` for many, any number of times and by several at once; gives what was refused: attempt ids, and why."""
    documents, refused = [], {}
    for record in records:
        try:
            documents.append(to_document(record))
        except (ValueError, OverflowError, OSError) as error:  # a start that no calendar has
            refused[record.attempt_id] = str(error)
    if not documents:
        return refused
    inserts = [
        UpdateOne({"_id": document["_id"]}, {"$setOnInsert": _without_id(document)}, upsert=True)
        for document in documents
    ]
    rejected, inserted = await _write(db, documents, inserts)
    refused |= rejected
    known = [
        document
        for number, document in enumerate(documents)
        if document["settlement"] != Settlement.RESERVED.value
        and number not in inserted
        and document["_id"] not in refused
    ]
    if known:
        condition = {"settlement": Settlement.RESERVED.value}
        settle = [
            UpdateOne({"_id": document["_id"], **condition}, {"$set": _without_id(document)}) for document in known
        ]
        refused |= (await _write(db, known, settle))[0]
    return refused


async def _write(
    db: Database, documents: list[dict[str, Any]], updates: list[UpdateOne]
) -> tuple[dict[str, str], frozenset[int]]:
    """What was refused, and the numbers of those that were new."""
    try:
        result: Mapping[str, Any] = (await db[ATTEMPTS].bulk_write(updates, ordered=False)).bulk_api_result
        errors: list[dict[str, Any]] = []
    except BulkWriteError as error:
        result = error.details or {}
        errors = result.get("writeErrors", [])
        if unsafe := result.get("writeConcernErrors"):
            # Not the error itself: its text has the documents in it, which are no business of a log's.
            raise WriteConcernError(str(unsafe[0].get("errmsg", ""))) from None
    refused = {
        str(documents[error["index"]]["_id"]): str(error.get("errmsg", ""))
        for error in errors
        if error.get("code") != _DUPLICATE  # another process inserted it at the same moment
    }
    return refused, frozenset(entry["index"] for entry in result.get("upserted", []))


async def find(
    db: Database,
    since: float | None,
    until: float | None,
    see: Callable[[AttemptRecord], None],
    *,
    where: Where = EVERYTHING,
    limit: int | None = None,
    newest_first: bool = False,
) -> None:
    """Shows to `see` what `LedgerStore.records` promises of what is in MongoDB, one by one and in no order."""
    condition: dict[str, Any] = {
        name: value.value if isinstance(value, Settlement) else value for name, value in where.conditions().items()
    }
    bounds = {word: moment for word, moment in (("$gte", since), ("$lt", until)) if moment is not None}
    if bounds:
        condition["started"] = bounds
    cursor = db[ATTEMPTS].find(condition, batch_size=BATCH)
    if limit is not None:
        direction = DESCENDING if newest_first else ASCENDING
        cursor = cursor.sort([("started", direction), ("_id", direction)]).limit(limit)
    async for document in cursor:
        see(from_document(document))


def to_document(record: AttemptRecord) -> dict[str, Any]:
    document = dict(zip(_FIELDS, to_row(record), strict=False))
    for name in _INTEGERS:
        if document[name] is not None:
            document[name] = Int64(document[name])
    for name in FLAGS:
        document[name] = bool(document[name])
    document["_id"] = document.pop("attempt_id")
    document["metadata"] = [{"k": key, "v": value} for key, value in record.metadata.items()]
    document["at"] = datetime.datetime.fromtimestamp(record.started, datetime.UTC)
    return document


def from_document(document: dict[str, Any]) -> AttemptRecord:
    """A field that is missing, as another version may have written it, has its default."""
    values = {name: document.get(name, _DEFAULTS.get(name)) for name in READ}
    values["attempt_id"] = document["_id"]
    values.update({name: int(value) for name in _INTEGERS if (value := values.get(name)) is not None})
    values["metadata"] = None
    record = from_row(tuple(values[name] for name in READ))
    if pairs := document.get("metadata"):
        record.metadata.update({pair["k"]: pair["v"] for pair in pairs})
    return record


_DEFAULTS: Final[dict[str, Any]] = {
    **dict.fromkeys(USAGE, 0),
    **dict.fromkeys(FLAGS, False),
    **dict.fromkeys(PLAIN, ""),
    "seconds": 0.0,
    "started": 0.0,
}


def _without_id(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "_id"}
