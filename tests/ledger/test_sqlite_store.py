"""The file: how it is made, what happens when it can't be written or read, and how it grows older."""

from __future__ import annotations

import contextlib
import datetime
import logging
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue.errors import ConfigurationError
from segue.ledger.daily import Where
from segue.ledger.record import Settlement
from segue.ledger.stores import queries, schema
from segue.ledger.stores.reference_queries import day_bounds
from segue.ledger.stores.sqlite import SqliteStore

DAY = datetime.date(2026, 5, 29)
Run = Callable[..., subprocess.Popen[str]]
Finished = Callable[[subprocess.Popen[str]], str]


def quick(path: Path, **options: Any) -> SqliteStore:
    return SqliteStore(path, **{"gather": 0.001, "busy": 0.1, "retry": (0.01, 0.05), **options})


def test_the_file_is_made_with_the_first_write_and_for_its_owner_only(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "new" / "deep" / "ledger.sqlite3"
    store = quick(path)
    assert store.records() == []
    assert store.load("quota") is None
    assert not path.parent.exists()
    store.settle(attempt("a"))
    assert store.flush()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["ledger.sqlite3"]


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.touch(mode=0o640)
    path.chmod(0o640)
    store = quick(path)
    store.settle(attempt("a"))
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_file_is_in_wal_mode_and_any_tool_can_read_it(sqlite_store: SqliteStore, attempt: Any) -> None:
    sqlite_store.settle(attempt("a", cost=Decimal("0.0015"), metadata={"user": "u"}))
    sqlite_store.flush()
    with sqlite3.connect(sqlite_store.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        row = connection.execute("SELECT provider, settlement, cost, cost_pico, metadata FROM attempts").fetchone()
    connection.close()
    assert row == ("gemini", "settled", "0.0015", 1_500_000_000, '{"user":"u"}')


def test_a_new_store_reads_what_an_old_one_left(tmp_path: Path, attempt: Any) -> None:
    for number in range(3):
        store = quick(tmp_path / "ledger.sqlite3")
        store.settle(attempt(f"a{number}"))
        store.save("quota", {"count": number})
        store.close()
    store = quick(tmp_path / "ledger.sqlite3")
    assert [record.attempt_id for record in store.records()] == ["a0", "a1", "a2"]
    assert store.load("quota") == {"count": 2}


def test_writing_never_waits_for_a_locked_file_and_reads_see_what_is_held(tmp_path: Path, attempt: Any) -> None:
    store = quick(tmp_path / "ledger.sqlite3", busy=2.0)
    store.reserve(attempt("old", Settlement.RESERVED, bound=Decimal(5)))
    assert store.flush()
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    before = time.perf_counter()
    store.settle(attempt("old", cost=Decimal(2)))
    store.settle(attempt("new", cost=Decimal(3)))
    store.save("quota", {"count": 1})
    assert time.perf_counter() - before < 1.5, "they waited for the lock"
    assert not store.flush(0.2)
    assert [(record.attempt_id, record.cost) for record in store.records()] == [("new", 3), ("old", 2)]
    assert [(row.attempts, row.cost) for row in store.daily(DAY, DAY)] == [(2, Decimal(5))]
    assert store.load("quota") == {"count": 1}
    status = store.status()
    assert (status.pending, status.dropped) == (3, 0)
    assert status.errors > 0
    assert "locked" in status.problem
    blocker.execute("ROLLBACK")
    blocker.close()
    assert store.flush()
    assert (store.status().pending, store.status().problem) == (0, "")
    assert [(record.attempt_id, record.cost) for record in store.records()] == [("new", 3), ("old", 2)]
    store.close()


def test_what_is_held_never_overrules_what_another_process_settled(tmp_path: Path, attempt: Any) -> None:
    first, second = quick(tmp_path / "ledger.sqlite3"), quick(tmp_path / "ledger.sqlite3")
    first.settle(attempt("shared", cost=Decimal(1)))
    assert first.flush()
    blocker = sqlite3.connect(first.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    second.settle(attempt("shared", cost=Decimal(2)))
    assert not second.flush()
    assert [record.cost for record in second.records()] == [Decimal(1)]
    blocker.execute("ROLLBACK")
    blocker.close()
    assert second.flush()
    assert [record.cost for record in first.records()] == [Decimal(1)]
    first.close()
    second.close()


def test_a_place_where_no_file_can_be_made_is_survived_and_used_once_it_is_free(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.mkdir()
    store = quick(path)
    store.settle(attempt("a"))
    assert not store.flush()
    assert store.status().pending == 1
    path.rmdir()
    assert [record.attempt_id for record in store.records()] == ["a"]
    assert store.flush()
    store.close()
    assert [record.attempt_id for record in quick(path).records()] == ["a"]


def test_a_file_that_was_taken_away_is_made_again(tmp_path: Path, attempt: Any) -> None:
    store = quick(tmp_path / "ledger.sqlite3")
    store.settle(attempt("old"))
    assert store.flush()
    store.path.unlink()
    store.settle(attempt("new"))
    assert store.flush()
    assert [record.attempt_id for record in store.records()] == ["new"]
    store.close()
    assert [record.attempt_id for record in quick(store.path).records()] == ["new"]


def test_a_file_that_is_no_database_is_left_alone_and_named_to_the_reader(tmp_path: Path, attempt: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, not a ledger\n" * 100)
    store = quick(path)
    store.settle(attempt("a"))
    assert not store.flush()
    with pytest.raises(ConfigurationError, match=r"notes\.txt can't be read: file is not a database"):
        store.records()
    with pytest.raises(ConfigurationError, match="file is not a database"):
        store.daily(DAY, DAY)
    assert store.load("quota") is None
    assert not store.close()
    assert path.read_text().startswith("these are my notes")
    assert store.status().dropped == 1


def test_what_can_not_be_stored_is_dropped_alone(sqlite_store: SqliteStore, attempt: Any) -> None:
    sqlite_store.settle(attempt("good"))
    sqlite_store.settle(attempt("endless", cost=Decimal("Infinity")))
    sqlite_store.settle(attempt("huge", status=2**70))
    sqlite_store.settle(attempt("surrogate", reason="\ud800"))
    sqlite_store.settle(attempt("timeless", started=float("nan")))
    sqlite_store.settle(attempt("good too"))
    sqlite_store.save("quota", {"count": 1})
    assert sqlite_store.flush()
    assert [record.attempt_id for record in sqlite_store.records()] == ["good", "good too"]
    assert sqlite_store.load("quota") == {"count": 1}
    assert (sqlite_store.status().dropped, sqlite_store.status().written) == (4, 3)


def test_a_state_that_is_no_longer_json_counts_as_none(sqlite_store: SqliteStore) -> None:
    sqlite_store.save("quota", {"count": 1})
    sqlite_store.flush()
    connection = sqlite3.connect(sqlite_store.path)
    with connection:
        connection.execute("UPDATE states SET value = 'nonsense'")
    connection.close()
    assert sqlite_store.load("quota") is None


def test_an_older_file_is_brought_up_to_date_and_keeps_its_records(
    tmp_path: Path, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    old = quick(path)
    old.settle(attempt("old"))
    old.close()
    longer = (*schema.MIGRATIONS, ("ALTER TABLE attempts ADD COLUMN region TEXT", "CREATE TABLE budgets (name TEXT)"))
    monkeypatch.setattr(schema.migrate, "__defaults__", (longer,))
    new = quick(path)
    assert [record.attempt_id for record in new.records()] == ["old"]
    new.settle(attempt("new"))
    assert new.flush()
    new.close()
    connection = sqlite3.connect(path)
    assert schema.version(connection) == len(longer)
    assert connection.execute("SELECT attempt_id, region FROM attempts").fetchall() == [("old", None), ("new", None)]
    connection.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, attempt: Any) -> None:
    store = quick(tmp_path / "ledger.sqlite3")
    store.settle(attempt("a"))
    store.close()
    connection = sqlite3.connect(store.path, isolation_level=None)
    longer = (*schema.MIGRATIONS, ("CREATE TABLE budgets (name TEXT)", "THIS IS NOT SQL"))
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        schema.migrate(connection, longer)
    assert schema.version(connection) == len(schema.MIGRATIONS)
    assert not connection.in_transaction
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert tables == {"attempts", "states", "sums", "schema_version"}
    assert [record.attempt_id for record in store.records()] == ["a"]


def test_a_file_of_a_later_version_is_neither_read_nor_written(tmp_path: Path, attempt: Any) -> None:
    store = quick(tmp_path / "ledger.sqlite3")
    store.settle(attempt("a"))
    store.close()
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("INSERT INTO schema_version VALUES (9, 'tomorrow')")
    later = quick(store.path)
    later.settle(attempt("b"))
    assert not later.flush()
    with pytest.raises(ConfigurationError, match=r"later version \(schema 9, this one knows 3\): upgrade"):
        later.records()
    assert not later.close()
    assert connection.execute("SELECT attempt_id FROM attempts").fetchall() == [("a",)]
    connection.close()


def test_trouble_is_logged_once_a_minute_and_its_end_too(
    tmp_path: Path, attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    path = tmp_path / "ledger.sqlite3"
    path.mkdir()
    store = quick(path, clock=lambda: now[0])
    caplog.set_level(logging.INFO, "segue.ledger")
    for number in range(20):
        store.settle(attempt(f"a{number}"))
        assert not store.flush()
    assert store.status().errors >= 20
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    now[0] += 59
    assert not store.flush()
    assert len(caplog.records) == 1
    now[0] += 1
    assert not store.flush()
    assert len(caplog.records) == 2
    assert "20 entries wait in memory" in caplog.messages[1]
    path.rmdir()
    assert store.flush()
    assert "is written again, 20 entries had waited" in caplog.messages[2]
    store.close()


def test_what_a_refusing_disk_holds_back_of_the_states_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    store = quick(path)
    for name in ("a/1", "a/2", "b"):
        store.save(name, {"of": "the file"})
    assert store.flush()
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    store.forget("a/", "a0")
    store.save("a/2", {"of": "memory"})
    store.save("a/3", {"of": "memory"})
    assert not store.flush()
    assert store.states("a/", "c") == {"a/2": {"of": "memory"}, "a/3": {"of": "memory"}, "b": {"of": "the file"}}
    assert store.load("a/1") is None
    locker.execute("ROLLBACK")
    assert store.flush()
    assert list(quick(path).states("", "~")) == ["a/2", "a/3", "b"]
    assert store.close()


def test_the_wall_clock_is_never_asked(tmp_path: Path, attempt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing can go wrong when it is set back."""

    def ask() -> float:
        raise AssertionError("the wall clock was asked")

    monkeypatch.setattr(time, "time", ask)
    store = quick(tmp_path / "ledger.sqlite3")
    store.settle(attempt("a"))
    assert store.flush()
    assert len(store.records()) == 1
    assert len(store.daily(DAY, DAY)) == 1
    assert store.close()
    assert store.status().errors == 0


FULL_DISK = """
import logging, resource
logging.disable()
store = SqliteStore(sys.argv[1], gather=0.001, retry=(0.01, 0.05))
store.settle(attempt("first"))
assert store.flush()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))   # no file may grow beyond: to SQLite that is a full disk
for number in range(4000):   # 640 kB: neither the file nor its log takes more than 150, however large the batches are
    store.settle(attempt(f"a{number:04d}", cost=Decimal(1)))
    if number % 400 == 0:
        store.flush()
assert not store.flush(), "the disk was never full"
status = store.status()
assert status.errors and status.pending and not status.dropped, status
assert len(store.records(limit=None)) == 4001
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert store.flush(), store.status()
assert store.close()
print(len(SqliteStore(sys.argv[1]).records(limit=None)))
"""


def test_a_full_disk_stops_no_caller_and_loses_nothing_once_there_is_room(
    tmp_path: Path, python: Run, finished: Finished
) -> None:
    assert finished(python(FULL_DISK, tmp_path / "ledger.sqlite3")) == "4001\n"


READ_ONLY = """
import logging, pathlib
logging.disable()
path = pathlib.Path(sys.argv[1])
store = SqliteStore(path, gather=0.001, busy=0.1, retry=(0.01, 0.05))
store.settle(attempt("old"))
assert store.close()
path.chmod(0o444)
path.parent.chmod(0o555)
if os.geteuid() == 0:
    os.chown(path, 65534, 65534)
    os.chown(path.parent, 65534, 65534)
    os.seteuid(65534)   # to the superuser nothing is read-only
store = SqliteStore(path, gather=0.001, busy=0.1, retry=(0.01, 0.05))
print([record.attempt_id for record in store.records()])
store.settle(attempt("new"))
assert not store.flush()
assert store.status().errors
print([record.attempt_id for record in store.records()])
path.parent.chmod(0o700)
path.chmod(0o600)
assert store.flush(), store.status()
assert store.close()
print([record.attempt_id for record in store.records()])
"""


def test_a_read_only_file_is_read_and_what_is_written_waits_in_memory(python: Run, finished: Finished) -> None:
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)  # every user may pass, unlike through tmp_path
    try:
        out = finished(python(READ_ONLY, directory / "ledger.sqlite3"))
    finally:
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
    assert out.splitlines() == ["['old']", "['new', 'old']", "['new', 'old']"]


async def test_what_was_waited_for_is_in_the_file(tmp_path: Path, attempt: Any) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=30.0)
    for number in range(20):
        store.reserve(attempt(f"a{number}", Settlement.RESERVED))
        store.settle(attempt(f"a{number}"))
        assert await store.written()
        with contextlib.closing(sqlite3.connect(store.path)) as other:
            assert other.execute("SELECT settlement FROM attempts").fetchall() == [("settled",)] * (number + 1)
    store.close()
    assert not await store.written()


def test_sums_over_many_days_read_each_attempt_once(sqlite_store: SqliteStore, attempt: Any) -> None:
    sqlite_store.settle(attempt("a"))
    assert sqlite_store.flush()
    today = datetime.date(2026, 5, 29)
    days = list(day_bounds(today - datetime.timedelta(days=299), today, datetime.UTC))
    statement, values = queries.daily(days, ("model",), Where(tracked=False, simulated=False))
    with contextlib.closing(sqlite3.connect(sqlite_store.path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert "SEARCH attempts USING INDEX attempts_by_start (started>? AND started<?)" in plan


def test_a_second_store_in_the_process_does_not_give_up_the_locks_of_the_first(tmp_path: Path, attempt: Any) -> None:
    """A process loses all its locks on a file when any handle on it is closed; another process then takes itself for the last user of
    the log, and removes it."""
    path = tmp_path / "ledger.sqlite3"
    first, second = quick(path), quick(path)
    first.settle(attempt("before"))
    assert first.flush()
    second.settle(attempt("beside"))
    assert second.flush()
    look = f"import sqlite3; print(*sqlite3.connect({str(path)!r}).execute('SELECT count(*) FROM attempts').fetchone())"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "2\n"
    first.settle(attempt("after"))
    assert first.flush()
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "3\n"
    first.close()
    second.close()
