"""The way of records from the local file to MongoDB, over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, ServerSelectionTimeoutError

from segue.errors import ConfigurationError
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores import mongodb, outbox
from segue.ledger.stores.factory import ledger_of, shared_store
from segue.ledger.stores.mongodb_connection import MongoConnection, shared_connection
from segue.ledger.stores.outbox import OutboxStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.settings import Settings


class Gate:
    """A door between the store and the server: shut, no connection gets through, and open ones are cut off."""

    def __init__(self, connection: MongoConnection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shut = False
        run = connection.run

        def guarded(work: Any) -> Any:
            if self.shut:
                raise mongodb_down()
            return run(work)

        monkeypatch.setattr(connection, "run", guarded)


def mongodb_down() -> Exception:
    return ServerSelectionTimeoutError("db:27017: connection refused, Timeout: 2.0s, Topology Description: <secret>")


@pytest.fixture
def connection(mongodb_url: str) -> MongoConnection:
    return shared_connection(Secret(mongodb_url))


@pytest.fixture
def gate(connection: MongoConnection, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(connection, monkeypatch)


Make = Callable[..., OutboxStore]


@pytest.fixture
def make(tmp_path: Path, mongodb_url: str) -> Iterator[Make]:
    made: list[OutboxStore] = []

    def store(name: str = "ledger", **options: Any) -> OutboxStore:
        local = SqliteStore(tmp_path / f"{name}.sqlite3", gather=0.001, busy=0.5, retry=(0.01, 0.05))
        made.append(OutboxStore(local, Secret(mongodb_url), **{"interval": 0.005, "retry": (0.01, 0.02), **options}))
        return made[-1]

    yield store
    for one in made:
        one.close()


def shipped(connection: MongoConnection) -> dict[str, AttemptRecord]:
    """What is in MongoDB, and nowhere else."""
    found: list[AttemptRecord] = []
    connection.run(lambda db: mongodb.find(db, None, None, found.append))
    return {record.attempt_id: record for record in found}


def soon(what: Callable[[], bool], patience: float = 10.0) -> None:
    give_up = time.monotonic() + patience
    while not what():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.005)


def in_file(store: OutboxStore) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(store.local.path)) as connection:
        return dict(connection.execute("SELECT attempt_id, settlement FROM attempts").fetchall())


def test_a_settlement_leaves_the_file_for_mongodb_and_a_reservation_stays_until_it_is_one(
    make: Make, connection: MongoConnection, attempt: Any
) -> None:
    store = make()
    store.settle(attempt("done", cost=Decimal("0.1")))
    store.reserve(attempt("open", Settlement.RESERVED, bound=Decimal(1)))
    soon(lambda: set(shipped(connection)) == {"done", "open"} and in_file(store) == {"open": "reserved"})
    soon(lambda: store.status().unshipped == 0)
    store.settle(attempt("open", cost=Decimal("0.2")))
    soon(lambda: in_file(store) == {})
    assert shipped(connection)["open"].cost == Decimal("0.2")
    assert {record.attempt_id for record in store.records()} == {"done", "open"}


def test_an_outage_is_waited_out_while_no_writer_waits(
    make: Make, gate: Gate, connection: MongoConnection, attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = make()
    store.settle(attempt("before"))
    soon(lambda: "before" in shipped(connection))
    gate.shut = True
    began = time.monotonic()
    for number in range(1200):
        store.settle(attempt(f"a{number}"))
    assert time.monotonic() - began < 20.0
    assert store.flush()
    soon(lambda: store.status().unshipped == 1200)
    assert store.status().unreachable == "db:27017: connection refused"
    with pytest.raises(ConfigurationError, match=r"can't be read: db:27017: connection refused\. Nothing is lost"):
        store.records()
    assert sum("can't be shipped to MongoDB" in message for message in caplog.messages) == 1
    assert "<secret>" not in caplog.text
    caplog.set_level(logging.INFO)
    gate.shut = False
    soon(lambda: store.status().unshipped == 0 and not store.status().unreachable)
    assert len(shipped(connection)) == 1201
    assert "MongoDB takes records again" in caplog.text


def test_what_an_ended_process_left_in_the_file_is_shipped_by_the_next(
    make: Make, gate: Gate, connection: MongoConnection, attempt: Any
) -> None:
    gate.shut = True
    first = make()
    first.settle(attempt("left behind"))
    assert first.close()
    gate.shut = False
    assert shipped(connection) == {}
    second = make()
    soon(lambda: "left behind" in shipped(connection))
    assert [record.attempt_id for record in second.records()] == ["left behind"]


def test_a_batch_that_arrives_twice_or_late_changes_nothing(connection: MongoConnection, attempt: Any) -> None:
    reserved = attempt("a", Settlement.RESERVED, bound=Decimal(1))
    settled = attempt("a", cost=Decimal("0.5"))
    later = attempt("a", Settlement.FREE, cost=Decimal(0))
    for batch in ([reserved], [settled], [settled], [reserved], [later], [later, attempt("b")], [attempt("b")]):
        assert connection.run(lambda db, batch=batch: mongodb.book(db, batch)) == {}
    found = shipped(connection)
    assert found == {"a": settled, "b": attempt("b")}


def test_machines_share_one_database_and_each_sees_all(make: Make, connection: MongoConnection, attempt: Any) -> None:
    here, there = make("here"), make("there")
    here.settle(attempt("from here", cost=Decimal("0.1")))
    there.settle(attempt("from there", cost=Decimal("0.2")))
    soon(lambda: len(shipped(connection)) == 2)
    assert [record.attempt_id for record in here.records()] == ["from here", "from there"]
    day = datetime.date(2026, 5, 29)
    assert here.daily(day, day)[0].cost == there.daily(day, day)[0].cost == Decimal("0.3")


SHARES = """
from segue.ledger.stores.outbox import OutboxStore
from segue.secret import Secret
me = sys.argv[3]
store = OutboxStore(SqliteStore(sys.argv[1], gather=0.001), Secret(sys.argv[2]), interval=0.005)
for number in range(100):
    store.reserve(attempt(f"{me}-{number}", Settlement.RESERVED))
    store.settle(attempt(f"{me}-{number}", cost=Decimal(1)))
    store.settle(attempt(f"shared-{number}", target=me, cost=Decimal(1)))
    time.sleep(0.002)
"""


def test_processes_with_one_file_ship_it_together(
    tmp_path: Path, connection: MongoConnection, mongodb_url: str, make: Make, python: Any, finished: Any
) -> None:
    for process in [python(SHARES, tmp_path / "ledger.sqlite3", mongodb_url, name) for name in "ab"]:
        finished(process)
    make()  # the two may have left their last words to each other
    soon(lambda: len(shipped(connection)) == 300)
    assert {(record.settlement, record.cost) for record in shipped(connection).values()} == {
        (Settlement.SETTLED, Decimal(1))
    }


def test_a_flush_ships_at_once_and_does_not_wait_for_a_database_that_is_away(
    make: Make, gate: Gate, connection: MongoConnection, attempt: Any
) -> None:
    store = make(interval=30.0)
    store.settle(attempt("last word"))
    assert store.flush(30.0)
    assert set(shipped(connection)) == {"last word"}
    gate.shut = True
    store.settle(attempt("after it"))
    began = time.monotonic()
    assert store.flush(30.0), "it is in the file, and that counts"
    assert store.flush(30.0)
    assert time.monotonic() - began < 20.0
    assert store.status().unshipped == 1


def test_closing_ships_all_that_is_there_also_what_came_while_a_batch_was_under_way(
    make: Make, connection: MongoConnection, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 10)
    store = make(interval=30.0)
    book, batches, under_way = mongodb.book, 0, threading.Event()

    async def slowly(*args: Any) -> dict[str, str]:
        nonlocal batches
        batches += 1
        under_way.set()
        await asyncio.sleep(0.05 if batches <= 10 else 0.0)
        return await book(*args)

    monkeypatch.setattr(mongodb, "book", slowly)
    for number in range(100):
        store.settle(attempt(f"a{number}"))
    assert store.local.flush()
    threading.Thread(target=store.flush).start()
    assert under_way.wait(10.0)
    store.settle(attempt("last word"))
    assert store.close(30.0)
    assert len(shipped(connection)) == 101
    assert not in_file(store)


def test_what_mongodb_refuses_stops_no_other_and_is_kept(make: Make, connection: MongoConnection, attempt: Any) -> None:
    store = make()
    store.settle(attempt("before"))
    store.settle(attempt("in a year that no calendar has", started=1e17))
    store.settle(attempt("after"))
    soon(lambda: set(shipped(connection)) == {"before", "after"})
    soon(lambda: store.status().unshipped == 1)
    soon(lambda: "MongoDB refuses 1 attempts" in store.status().unreachable)
    assert "in a year that no calendar has" in in_file(store)


def test_indexes_and_the_ttl_are_as_set_however_often_that_changes(connection: MongoConnection) -> None:
    async def indexes(db: Any) -> dict[str, float | None]:
        found = [index async for index in await db["attempts"].list_indexes()]
        return {next(iter(index["key"])): index.get("expireAfterSeconds") for index in found}

    for days, seconds in ((None, None), (90, 7_776_000), (90, 7_776_000), (1.5, 129_600), (None, None)):
        connection.run(lambda db, days=days: mongodb.prepare(db, ttl_days=days))
        there = connection.run(indexes)
        assert {"_id", "started", "request_id"} <= set(there)
        assert there.get("at") == seconds


def test_a_document_can_be_read_by_people_and_summed_by_mongodb(connection: MongoConnection, attempt: Any) -> None:
    record = attempt("a", cost=Decimal("0.0000000036250001"), metadata={"a.b": "$x"}, status=200)
    connection.run(lambda db: mongodb.book(db, [record]))
    document = connection.run(lambda db: db["attempts"].find_one({"_id": "a"}))
    assert (document["cost"], document["cost_pico"]) == ("3.6250001E-9", 3625)
    assert document["at"].isoformat() == "2026-05-29T12:00:00"
    assert document["metadata"] == [{"k": "a.b", "v": "$x"}]
    assert document["simulated"] is False
    assert shipped(connection) == {"a": record}


def test_the_settings_decide_where_the_ledger_is(tmp_path: Path, mongodb_url: str) -> None:
    path = str(tmp_path / "ledger.sqlite3")
    url = Secret(mongodb_url)
    store = ledger_of(Settings(ledger=path, mongodb_url=url))
    assert isinstance(store, OutboxStore)
    assert ledger_of(Settings(ledger=path, mongodb_url=url)) is store
    assert store.local is shared_store(path)
    assert ledger_of(Settings(ledger=path)) is store.local
    assert not isinstance(ledger_of(Settings(ledger="none", mongodb_url=url)), OutboxStore)
    with pytest.raises(ConfigurationError, match="MONGODB_URL is no URL"):
        ledger_of(Settings(ledger=path, mongodb_url=Secret("db.example.com")))
    store.close()
    assert ledger_of(Settings(ledger=path, mongodb_url=url)) is not store
    ledger_of(Settings(ledger=path, mongodb_url=url)).close()


def test_an_outage_of_the_real_kind_is_found_by_a_read_and_no_write(tmp_path: Path, attempt: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"mongodb://kim:hunter2@127.0.0.1:{closed.getsockname()[1]}/?serverSelectionTimeoutMS=100"
        store = OutboxStore(SqliteStore(tmp_path / "ledger.sqlite3"), Secret(url))
        store.settle(attempt("a"))
        with pytest.raises(ConfigurationError, match="the ledger in MongoDB can't be read") as caught:
            store.records()
        assert "hunter2" not in str(caught.value)
        store.close()
    shared_connection(Secret(url)).close()


def test_no_log_line_and_no_status_tells_what_was_shipped(
    make: Make, attempt: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def unsafe(*_: Any, **__: Any) -> Any:
        document = {"metadata": "the caller's words"}
        details = {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "timed out", "op": document}]}
        raise BulkWriteError(details)

    monkeypatch.setattr(AsyncCollection, "bulk_write", unsafe)
    store = make()
    store.settle(attempt("a", metadata={"user": "the caller's words"}))
    soon(lambda: bool(store.status().unreachable))
    assert store.status().unreachable.startswith("timed out")
    assert "the caller's words" not in caplog.text + store.status().unreachable
    assert "a" in in_file(store)


WITHOUT_PYMONGO = """
from segue.errors import ConfigurationError
from segue.ledger.stores.factory import ledger_of
from segue.secret import Secret
from segue.settings import Settings
assert not any(name.startswith("pymongo") for name in sys.modules), "it is imported where it is not asked for"
sys.modules["pymongo"] = None
try:
    ledger_of(Settings(ledger=sys.argv[1], mongodb_url=Secret("mongodb://db")))
except ConfigurationError as error:
    print(error)
"""


def test_without_pymongo_the_error_says_what_to_install(tmp_path: Path, python: Any, finished: Any) -> None:
    output = finished(python(WITHOUT_PYMONGO, tmp_path / "ledger.sqlite3"))
    assert output == "MONGODB_URL is set and PyMongo is missing: pip install 'segue-llm[mongodb]'\n"
