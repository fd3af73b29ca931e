"""The way to MongoDB, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.errors import NetworkTimeout

from segue.errors import ConfigurationError
from segue.ledger.stores.mongodb_connection import UNREACHABLE, MongoConnection, shared_connection
from segue.secret import Secret


def closed_url() -> str:
    """A closed port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"mongodb://127.0.0.1:{closed.getsockname()[1]}/"


@pytest.fixture
def connection(mongodb_url: str) -> Iterator[MongoConnection]:
    connection = MongoConnection(Secret(mongodb_url))
    yield connection
    connection.close()


def test_a_thread_and_any_event_loop_reach_the_database_that_the_url_names(
    connection: MongoConnection, mongodb_url: str
) -> None:
    async def leave(db: Any) -> str:
        await db["things"].insert_one({"_id": 1, "word": "안녕"})
        return str(db.name)

    assert connection.run(leave) == mongodb_url.rpartition("/")[2]

    async def find() -> Any:
        return await connection.call(lambda db: db["things"].find_one({"_id": 1}))

    for _ in range(2):
        assert asyncio.run(find()) == {"_id": 1, "word": "안녕"}


def test_a_url_without_a_database_means_segue(mongodb_server: str) -> None:
    connection = MongoConnection(Secret(mongodb_server))

    async def name(db: Any) -> str:
        return str(db.name)

    assert connection.run(name) == "segue"
    connection.close()


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://kim:hunter2/x@db/segue",
        "mongodb://kim:hunter2@db:port",
        "redis://hunter2@db",
        "hunter2",
        "mongodb://",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="MONGODB_URL is no URL of MongoDB") as caught:
        MongoConnection(Secret(url))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_reported_in_the_time_the_url_allows() -> None:
    connection = MongoConnection(Secret(f"{closed_url()}?serverSelectionTimeoutMS=100"))
    before = time.monotonic()
    with pytest.raises(UNREACHABLE):
        connection.run(lambda db: db["things"].find_one({}))
    assert time.monotonic() - before < 15.0, "the URL's own timeout was not taken"
    connection.close()


def test_a_server_that_is_not_there_is_not_looked_for_all_the_time_that_an_answer_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("segue.ledger.stores.mongodb_connection.SELECTION", 0.1)
    connection = MongoConnection(Secret(closed_url()))
    before = time.monotonic()
    with pytest.raises(UNREACHABLE):
        connection.run(lambda db: db["things"].find_one({}))
    assert time.monotonic() - before < 15.0
    connection.close()


@pytest.mark.parametrize(("option", "raised"), [("", NetworkTimeout), ("?timeoutMS=60000", None)])
def test_work_has_its_time_unless_the_url_says_another(
    mongodb_url: str, option: str, raised: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.ledger.stores.mongodb_connection.TIMEOUT", 0.05)
    connection = MongoConnection(Secret(mongodb_url + option))
    with pytest.raises(raised) if raised else contextlib.nullcontext():
        connection.run(lambda db: asyncio.sleep(0.1))
    with pytest.raises(TimeoutError, match="its own"):
        connection.run(its_own_timeout)
    connection.close()


async def its_own_timeout(db: Any) -> None:
    raise TimeoutError("its own")


def test_who_asks_for_the_same_url_shares_a_connection() -> None:
    url = Secret("mongodb://nowhere.invalid/shared")
    assert shared_connection(url) is shared_connection(Secret("mongodb://nowhere.invalid/shared"))
    assert shared_connection(Secret("mongodb://nowhere.invalid/other")) is not shared_connection(url)


FORKS = """
from segue.ledger.stores.mongodb_connection import shared_connection
from segue.secret import Secret
url = Secret(sys.argv[1])
shared_connection(url).run(lambda db: db["things"].insert_one({"_id": "parent"}))
child = os.fork()
shared_connection(url).run(lambda db: db["things"].insert_one({"_id": "after the fork", "child": child == 0})
                           if child == 0 else db["things"].find_one({}))
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(shared_connection(url).run(lambda db: db["things"].count_documents({})))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_makes_a_connection_of_its_own(mongodb_url: str, python: Any, finished: Any) -> None:
    assert finished(python(FORKS, mongodb_url)) == "2\n"


ENDS = """
from segue.ledger.stores.mongodb_connection import shared_connection
from segue.secret import Secret
print(shared_connection(Secret(sys.argv[1])).run(lambda db: db["things"].count_documents({})))
"""


def test_a_program_that_just_ends_says_nothing_more(mongodb_url: str, python: Any) -> None:
    assert python(ENDS, mongodb_url).communicate(timeout=30) == ("0\n", "")
