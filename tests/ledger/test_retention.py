"""Attempts that have had their time leave the file, and what is added up stays the same."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from segue.chat.usage import Usage
from segue.ledger.daily import DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores import factory, retention
from segue.ledger.stores.factory import ledger_of
from segue.ledger.stores.retention import Retention, step
from segue.ledger.stores.sqlite import SqliteStore
from segue.ledger.stores.writer import Batch, GroupWriter
from segue.settings import Settings
from segue.settings_loading import load

FIRST = datetime.date(2026, 5, 27)
LAST = datetime.date(2026, 5, 31)
NOON = datetime.datetime(2026, 5, 29, 12, tzinfo=datetime.UTC).timestamp()
AFTER = NOON + 10 * 86_400
ZONES = ("Asia/Seoul", "Asia/Kathmandu")
"""Nine hours before UTC, and five and three quarters."""
WHERES = (Where(), Where(provider="gemini"), Where(outcome="ok"), Where(simulated=False, tracked=False))


def history(attempt: Any, requests: int, seed: int = 1) -> list[AttemptRecord]:
    """Attempts of so many requests over two days: some fail over, some ask a target twice, each within a few seconds."""
    chance = random.Random(seed)
    records = []
    for number in range(requests):
        start = NOON + chance.randrange(-86_400, 86_400)
        chain, key = chance.choice(["", "fast"]), chance.choice(["", "key_1", "key_2"])
        for turn in range(chance.choice([1, 1, 1, 2, 3])):
            target = chance.choice(["gemini", "openai", "claude"])
            settlement = chance.choice([Settlement.SETTLED, Settlement.FREE, Settlement.ESTIMATED])
            priced = chance.random() < 0.9
            records.append(
                attempt(
                    f"a{seed}-{number}-{turn}",
                    settlement,
                    request_id=f"r{seed}-{number}",
                    started=start + turn,
                    target=target,
                    provider=target,
                    model=f"{target}-1",
                    outcome="ok" if settlement is Settlement.SETTLED else chance.choice(["rate", "stall"]),
                    usage=Usage(input_tokens=chance.randrange(10**6), output_tokens=chance.randrange(10**4)),
                    cost=Decimal(chance.randrange(10**15)).scaleb(-12) if priced else None,
                    bound=Decimal(chance.randrange(10**16)).scaleb(-12) if settlement is Settlement.ESTIMATED else None,
                    seconds=chance.random() * 8,
                    chain=chain,
                    key=key,
                )
            )
    return records


def filled(path: Path, records: Sequence[AttemptRecord]) -> SqliteStore:
    store = SqliteStore(path, gather=0.001, busy=5.0)
    for record in records:
        store.settle(record)
    assert store.flush(30)
    return store


def sums(store: SqliteStore, by: Sequence[Dimension], zone: str, where: Where) -> list[DailyRow]:
    rows = store.daily(FIRST, LAST, by=by, tz=ZoneInfo(zone), where=where)
    return [msgspec.structs.replace(row, seconds=round(row.seconds, 6)) for row in rows]


def assert_same(rows: list[DailyRow], was: list[DailyRow], by: Sequence[Dimension], zone: str, where: Where) -> None:
    """By how attempts ended, a request that ended so at several targets counts for each; else all is equal."""
    if {"outcome", "settlement"} & {*by, *where.conditions()}:
        assert all(old.requests <= new.requests <= new.attempts for old, new in zip(was, rows, strict=True))
        was = [msgspec.structs.replace(old, requests=new.requests) for old, new in zip(was, rows, strict=True)]
    assert rows == was, (by, zone, where)


def prune(path: Path, before: float, limit: int) -> int:
    """Takes steps until nothing is left to do; says how many attempts left."""
    connection = sqlite3.connect(path, isolation_level=None)
    dropped = 0
    while count := step(connection, before, limit):
        assert count <= limit
        dropped += count
    connection.close()
    return dropped


@pytest.mark.parametrize("limit", [1, 500])
def test_sums_are_the_same_before_and_after_in_any_time_zone(tmp_path: Path, attempt: Any, limit: int) -> None:
    records = history(attempt, 40)
    store = filled(tmp_path / "ledger.sqlite3", records)
    dimensions = get_args(Dimension)
    ways = [(), *((name,) for name in dimensions), ("provider", "model"), ("chain", "key"), dimensions]
    asked = [(by, zone, where) for by, zone, where in itertools.product(ways, ZONES, WHERES)]
    before = [sums(store, *each) for each in asked]
    cut = NOON + 3_600.5
    left = [record for record in records if record.started < cut]
    assert 0 < prune(store.path, cut, limit) == len(left) < len(records)
    assert {record.attempt_id for record in store.records(limit=None)} == {
        record.attempt_id for record in records if record.started >= cut
    }
    for each, was in zip(asked, before, strict=True):
        assert_same(sums(store, *each), was, *each)
    prune(store.path, AFTER, limit)
    assert store.records() == []
    for each, was in zip(asked, before, strict=True):
        assert_same(sums(store, *each), was, *each)
    store.close()


def test_a_reservation_stays_until_it_is_settled_and_then_leaves(tmp_path: Path, attempt: Any) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001)
    store.reserve(attempt("open", Settlement.RESERVED, bound=Decimal(2)))
    store.settle(attempt("over", cost=Decimal(1)))
    assert store.flush()
    assert prune(store.path, AFTER, 500) == 1
    (row,) = store.daily(FIRST, LAST)
    assert (row.attempts, row.reserved, row.cost, row.bound) == (2, 1, Decimal(1), Decimal(3))
    store.settle(attempt("open", cost=Decimal("0.5")))
    assert store.flush()
    assert prune(store.path, AFTER, 500) == 1
    (row,) = store.daily(FIRST, LAST)
    assert (row.attempts, row.reserved, row.cost, row.bound) == (2, 0, Decimal("1.5"), Decimal("1.5"))
    store.close()


def test_counts_that_an_earlier_version_believed_break_no_sums_and_stop_no_retention(
    tmp_path: Path, attempt: Any
) -> None:
    absurd, plain = Usage(input_tokens=1 << 62, output_tokens=-5), Usage(input_tokens=7, output_tokens=9)
    records = [attempt(f"a{number}", cost=None, usage=absurd) for number in range(4)]
    store = filled(tmp_path / "ledger.sqlite3", [*records, attempt("b", outcome="stall", usage=plain)])

    def counted() -> dict[str, int]:
        return {row.group["outcome"]: row.usage.input_tokens for row in store.daily(FIRST, LAST, by=("outcome",))}

    before = counted()
    assert before["stall"] == 7
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as connection:
        assert [step(connection, AFTER, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert counted() == before
    store.close()


def test_one_requests_attempts_are_not_looked_for_in_the_sums(tmp_path: Path, attempt: Any) -> None:
    store = filled(tmp_path / "ledger.sqlite3", [attempt("a", request_id="r1")])
    prune(store.path, AFTER, 500)
    assert store.daily(FIRST, LAST, where=Where(request_id="r1")) == []
    store.close()


def test_a_disk_that_takes_nothing_hides_no_sums(tmp_path: Path, attempt: Any) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001, busy=0.1, retry=(0.01, 0.05))
    store.settle(attempt("old", cost=Decimal(1)))
    assert store.flush()
    prune(store.path, AFTER, 500)
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store.settle(attempt("new", cost=Decimal(2)))
    assert [(row.attempts, row.cost) for row in store.daily(FIRST, LAST)] == [(2, Decimal(3))]
    blocker.execute("ROLLBACK")
    blocker.close()
    store.close()


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        ({"SEGUE_LEDGER_DAYS": "7", "MONGODB_URL": "mongodb://127.0.0.1:9/x"}, "set MONGODB_TTL_DAYS"),
        ({"SEGUE_LEDGER_DAYS": "7", "MONGODB_URL": "mongodb://127.0.0.1:9/x", "MONGODB_TTL_DAYS": "9"}, ""),
        ({"SEGUE_LEDGER_DAYS": "7", "SEGUE_LEDGER": "none"}, "only to a SQLite file"),
        ({"SEGUE_LEDGER_DAYS": "7"}, ""),
        ({"MONGODB_TTL_DAYS": "9"}, "set MONGODB_URL, or SEGUE_LEDGER_DAYS"),
        ({}, ""),
    ],
)
def test_a_setting_of_days_that_has_no_effect_is_logged_once_with_what_to_set(
    environ: dict[str, str],
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(factory, "_warned", set())
    settings = load({"SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3")} | environ, directory=tmp_path)
    for _ in range(2):
        ledger_of(settings)
    logged = [record.message for record in caplog.records if "DAYS" in record.message]
    assert len(logged) == bool(remedy)
    assert all(remedy in message for message in logged)


def test_the_setting_takes_old_attempts_out_with_the_next_that_are_written(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "ledger.sqlite3"
    now = time.time()
    store = filled(path, [attempt("old", started=now - 8 * 86_400), attempt("young", started=now - 6 * 86_400)])
    store.close()
    settings = load({"SEGUE_LEDGER": str(path), "SEGUE_LEDGER_DAYS": "7"}, directory=tmp_path)
    assert settings.ledger_days == 7.0
    ledger = ledger_of(settings)
    ledger.settle(attempt("new", started=now))
    give_up = time.monotonic() + 20
    while len(ledger.records()) > 2:
        assert time.monotonic() < give_up, "the old attempt has not left"
        time.sleep(0.01)
    assert [record.attempt_id for record in ledger.records()] == ["young", "new"]
    today = datetime.datetime.now(datetime.UTC).date()
    rows = ledger.daily(today - datetime.timedelta(days=9), today)
    assert sum(row.attempts for row in rows) == 3
    ledger.close()


def test_without_the_setting_nothing_leaves(tmp_path: Path, attempt: Any) -> None:
    ledger = ledger_of(Settings(ledger=str(tmp_path / "ledger.sqlite3")))
    for number in range(3):
        ledger.settle(attempt(f"a{number}", started=1.0))
        assert ledger.flush()
    assert len(ledger.records()) == 3
    ledger.close()


def test_steps_keep_a_distance_and_a_look_is_taken_once_a_minute(tmp_path: Path, attempt: Any) -> None:
    moments = iter((0.0, 0.0, 0.1, 0.3, 0.6, 1.0, 59.0, 61.0))
    store = filled(
        tmp_path / "ledger.sqlite3", [attempt(f"a{number}", started=number) for number in range(2 * retention.STEP + 1)]
    )
    keeping = Retention(1.0, wall=lambda: NOON, clock=lambda: next(moments))
    connection = sqlite3.connect(store.path, isolation_level=None)
    left = []
    for number in range(7):
        if number == 4:
            store.settle(attempt("late", started=5.0))
            assert store.flush()
        keeping.tidy(connection)
        left.append(connection.execute("SELECT COUNT(*) FROM attempts").fetchone()[0])
    connection.close()
    store.close()
    full = retention.STEP
    assert left == [full + 1, full + 1, 1, 0, 1, 1, 0]


def test_several_processes_at_it_count_each_attempt_once(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "ledger.sqlite3"
    records = history(attempt, 200)
    store = filled(path, records)
    before = sums(store, ("provider",), "UTC", Where())
    threads = [threading.Thread(target=prune, args=(path, AFTER, 20)) for _ in range(3)]
    for thread in threads:
        thread.start()
    fresh = history(attempt, 50, seed=2)
    for record in fresh:
        store.settle(msgspec.structs.replace(record, started=AFTER + 1))
    assert store.flush(60), "a writer was kept waiting"
    for thread in threads:
        thread.join(60)
    assert sums(store, ("provider",), "UTC", Where()) == before
    assert len(store.records(limit=None)) == len(fresh)
    store.close()


def test_a_step_that_fails_is_reported_and_loses_nothing(
    tmp_path: Path, attempt: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_DROP", "DELETE FROM gone WHERE ? = ?")
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001)
    store.keep(1.0)
    with caplog.at_level(logging.WARNING, logger="segue.ledger"):
        store.settle(attempt("a", cost=Decimal(1)))
        assert store.flush()
        store.settle(attempt("b", cost=Decimal(1)))
        assert store.flush()
    assert "old attempts can't be taken out: no such table: gone" in caplog.text
    assert [(row.attempts, row.cost) for row in store.daily(FIRST, LAST)] == [(2, Decimal(2))]
    store.close()


def test_what_leaves_while_days_are_added_up_is_counted_once(
    tmp_path: Path, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001)
    for number in range(20):
        store.settle(attempt(f"a{number}", cost=Decimal(1)))
    assert store.flush()
    added_up = retention.daily

    def meanwhile(*arguments: Any) -> Any:
        with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as another:
            assert retention.step(another, time.time() + 1_000_000_000) == 20
        return added_up(*arguments)

    monkeypatch.setattr(retention, "daily", meanwhile)
    assert [(row.attempts, row.cost) for row in store.daily(FIRST, LAST)] == [(20, Decimal(20))]
    monkeypatch.undo()
    assert [(row.attempts, row.cost) for row in store.daily(FIRST, LAST)] == [(20, Decimal(20))]
    store.close()


class TidySink:
    """Its tidying goes on until it is let go."""

    location = "nowhere"

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def commit(self, batch: Batch) -> int:
        return 0

    def tidy(self) -> None:
        self.begun.set()
        assert self.go.wait(20)

    def close(self) -> None: ...

    def abandon(self) -> None: ...


async def test_an_answer_does_not_wait_for_the_tidying_after_its_own_record(attempt: Any) -> None:
    sink = TidySink()
    writer = GroupWriter(sink, gather=60.0, patience=60.0)
    writer.put(attempt("a"))
    assert await writer.written()
    assert await asyncio.to_thread(sink.begun.wait, 20)
    sink.go.set()
    assert await asyncio.to_thread(writer.close)
