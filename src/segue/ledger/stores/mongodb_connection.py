"""A way to MongoDB: one client a process and URL, on an event loop in its own thread.

    connection = shared_connection(settings.mongodb_url)
    count = connection.run(lambda db: db["keys"].count_documents({}))           # from any thread; blocks
    key = await connection.call(lambda db: db["keys"].find_one({"_id": id}))    # from any event loop; does not block it

`db` is PyMongo's `AsyncDatabase`: the database that the URL names, or `segue`. What is given is called in the connection's own loop; it
may be an `async def` of several steps. Nothing is connected before the first call, and PyMongo reconnects by itself after an outage.

A call gives up after `SELECTION` seconds without a server and after `TIMEOUT` seconds in all, unless the URL sets
`serverSelectionTimeoutMS` or `timeoutMS`. It raises what PyMongo raises; `UNREACHABLE` are those errors that say that the server is not
there or not able now, after which the same call may well succeed.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from segue.errors import ConfigurationError
from segue.portal import Portal
from segue.secret import Secret

try:
    from pymongo import AsyncMongoClient
    from pymongo.errors import (
        AutoReconnect,
        ExecutionTimeout,
        InvalidURI,
        NetworkTimeout,
        NotPrimaryError,
        PyMongoError,
        WaitQueueTimeoutError,
    )
    from pymongo.errors import ConfigurationError as WrongUrlError
except ImportError as error:
    raise ConfigurationError("MONGODB_URL is set and PyMongo is missing: pip install 'segue-llm[mongodb]'") from error

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    Database: TypeAlias = AsyncDatabase[dict[str, Any]]

T = TypeVar("T")

DATABASE: Final = "segue"
"""Where the URL names none."""
SELECTION: Final = 2.0
TIMEOUT: Final = 10.0
"""Seconds."""

UNREACHABLE: Final = (AutoReconnect, ExecutionTimeout, NetworkTimeout, NotPrimaryError, WaitQueueTimeoutError)
"""`ServerSelectionTimeoutError` is an `AutoReconnect`."""

Work: TypeAlias = "Callable[[Database], Awaitable[T]]"


class MongoConnection:
    """Use `shared_connection`; one of one's own is for tests. Raises `ConfigurationError` for a URL that is none."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        # Not PyMongo's own timeoutMS: with that it looks for a server until all of the time is over.
        self._timeout = None if _says(url, "timeoutMS") else TIMEOUT
        self._portal = Portal()
        self._client: AsyncMongoClient[dict[str, Any]] | None = None
        self._process = os.getpid()
        check_url(url)
        self._portal.loop()  # begun here, it ends after `close`, which is registered later

    def run(self, work: Work[T]) -> T:
        """The result of `work(db)`. Blocks, so it must not be called in an event loop."""
        return self._portal.run(self._do(work))

    async def call(self, work: Work[T]) -> T:
        """The result of `work(db)`, in any event loop. Cancelled, it cancels the work."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(work), self._portal.loop()))

    async def _do(self, work: Work[T]) -> T:
        if self._client is None:
            self._client = _client(self._url)
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await work(self._client.get_default_database(DATABASE))
        except TimeoutError as error:
            if limit.expired():
                raise NetworkTimeout(f"it did not answer within {TIMEOUT:g} s") from error
            raise

    def close(self) -> None:
        """A later call connects again."""
        if self._process != os.getpid():
            return  # inherited by a fork: it is the parent's
        if self._client is not None:
            client, self._client = self._client, None
            self._portal.run(client.close())
        self._portal.close()


def check_url(url: Secret) -> None:
    """Raises `ConfigurationError`, which does not repeat the URL: it may hold a password, and PyMongo's own words may quote it."""
    try:
        if not url.reveal().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError
        _client(url)
    except (InvalidURI, WrongUrlError, ValueError, PyMongoError):
        raise ConfigurationError(
            "MONGODB_URL is no URL of MongoDB: write mongodb://user:password@host:27017/database?replicaSet=name, "
            "with / : @ % in user and password written as %2F %3A %40 %25"
        ) from None


def _client(url: Secret) -> AsyncMongoClient[dict[str, Any]]:
    options: dict[str, Any] = {"appname": "segue"}
    if not _says(url, "serverSelectionTimeoutMS"):
        options["serverSelectionTimeoutMS"] = int(SELECTION * 1000)
    return AsyncMongoClient(url.reveal(), **options)


def _says(url: Secret, option: str) -> bool:
    return re.search(rf"[?&;]{option}=", url.reveal(), re.IGNORECASE) is not None


def shared_connection(url: Secret) -> MongoConnection:
    """One for all in this process who ask for the same URL; a process that was forked makes its own."""
    with _lock:
        key = os.getpid(), url
        if key not in _shared:
            _shared[key] = MongoConnection(url)
            atexit.register(_shared[key].close)
        return _shared[key]


_shared: dict[tuple[int, Secret], MongoConnection] = {}
_lock = threading.Lock()
