"""The gateway's keys in MongoDB, for all replicas: the collection `keys` of the database that `MONGODB_URL` names.

Looking up a key never goes to the database. From `watch` on, a thread checks once a second (`EVERY`) by one small query whether a key was
created or revoked, and reads them all if so: a key is valid, or refused, within two seconds of the command that created or revoked it.
Unknown keys cost no look-up, however many are tried.

While MongoDB is unavailable, the last known keys stay valid. As long as nothing was ever read, and if the thread did not check for `TRUST`
seconds, because the process was stopped or forked, callers get 503 until it has checked: an old list admits no one.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from bson.binary import Binary
from pymongo.errors import PyMongoError

from segue.errors import ConfigurationError, InvalidRequestError
from segue.ledger.stores.mongodb_connection import UNREACHABLE, shared_connection
from segue.secret import Secret
from segue.server.keys.store import Hashed, Key, KeyRing

if TYPE_CHECKING:
    from segue.ledger.stores.mongodb_connection import Database, Work

T = TypeVar("T")

logger = logging.getLogger("segue.server")

COLLECTION: Final = "keys"
EVERY: Final = 1.0
TIMEOUT: Final = 4.0
TRUST: Final = 10.0
"""Seconds."""

_STATE: Final = [
    {"$group": {"_id": None, "keys": {"$sum": 1}, "made": {"$sum": "$created"}, "revoked": {"$sum": "$revoked"}}}
]
"""Changes whenever a key was created or revoked; keys are never changed otherwise, or removed."""


class MongoKeyRing(KeyRing):
    """`every` and `trust` are seconds, `clock` is monotonic."""

    def __init__(
        self,
        url: Secret,
        *,
        every: float = EVERY,
        trust: float = TRUST,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("MongoDB (MONGODB_URL)", wall)
        self._url = url
        self._every = every
        self._trust = trust
        self._clock = clock
        self._state: dict[str, Any] | None = None
        self._looked: float | None = None
        self._trouble = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        shared_connection(url)  # raises for a wrong URL

    def watch(self) -> tuple[Key, ...] | None:
        """Checks for keys from now on, until `close`. Raises `ConfigurationError` for lasting errors, such as a wrong password."""
        with self._explained():
            try:
                self._ask(self._look)
            except (*UNREACHABLE, TimeoutError) as error:
                self._complain(error)
        self._start()
        return None if self._state is None else tuple(self._by_id.values())

    def close(self) -> None:
        atexit.unregister(self.close)
        self._stop.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT)

    # In the caller's thread.

    def _add(self, key: Key, digest: bytes) -> None:
        document = {**msgspec.to_builtins(key), "_id": key.id, "hash": Binary(digest)}
        del document["id"]

        async def insert(db: Database) -> None:
            await db[COLLECTION].create_index("hash", unique=True)
            await db[COLLECTION].insert_one(document)

        self._ask(insert)

    def _end(self, id: str, moment: float) -> None:
        change = {"$set": {"revoked": moment}}
        self._ask(lambda db: db[COLLECTION].update_one({"_id": id, "revoked": None}, change))

    def _rows(self) -> list[Hashed]:
        return self._ask(_read)

    def _changed(self) -> None:
        self._ask(self._look)

    @property
    def readable(self) -> bool:
        looked = self._looked
        return self._state is not None and looked is not None and self._clock() - looked <= self._trust

    def _refresh(self) -> None:
        if not self.readable:
            self._start()
            raise InvalidRequestError(
                "the gateway's keys can't be read just now: try again in a moment",
                status=503,
                code="keys_unavailable",
                retry_after=self._every,
            )

    def _ask(self, work: Work[T]) -> T:
        async def bounded(db: Database) -> T:
            async with asyncio.timeout(TIMEOUT):
                return await work(db)

        return shared_connection(self._url).run(bounded)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (PyMongoError, TimeoutError, msgspec.ValidationError) as error:
            raise ConfigurationError(f"the keys in {self.place} can't be used: {_why(error)}") from error

    # In the thread.

    def _start(self) -> None:
        with self._lock:
            # A forked process has none of its parent's threads.
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="segue-keys", daemon=True)
                self._thread.start()
                atexit.register(self.close)  # before the connection's own end, which was registered earlier

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._ask(self._look)
            except CancelledError:
                pass  # the connection was closed: the process ends, or the next check connects again
            except Exception as error:  # the thread must survive any error
                self._complain(error)
                self._looked = self._clock()
            else:
                if self._trouble:
                    logger.info("the keys in %s can be read again", self.place)
                self._trouble = ""

    async def _look(self, db: Database) -> None:
        found = await (await db[COLLECTION].aggregate(_STATE)).to_list()
        state = found[0] if found else {}
        if state != self._state:
            self._take(await _read(db))  # a change after the first query is seen by the next one
            self._state = state
        self._looked = self._clock()

    def _complain(self, error: Exception) -> None:
        if (why := _why(error)) != self._trouble and not self._stop.is_set():
            known = "the last known keys stay valid" if self._state is not None else "no request is admitted"
            logger.error("the keys in %s can't be read, %s: %s", self.place, known, why)
            self._trouble = why


async def _read(db: Database) -> list[Hashed]:
    found = await db[COLLECTION].find().sort([("created", 1), ("_id", 1)]).to_list()
    return [(bytes(document["hash"]), msgspec.convert({**document, "id": document["_id"]}, Key)) for document in found]


def _why(error: Exception) -> str:
    """Without PyMongo's additions: whole replies, and descriptions of the topology that differ each time."""
    if isinstance(error, (*UNREACHABLE, TimeoutError)):
        return "it does not answer"
    return str(error).partition(", full error")[0] or type(error).__name__
