"""Processes that die, that share a file, that fork, and that just end: what was acknowledged is there, once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue.ledger.record import Settlement
from segue.ledger.store import Where
from segue.ledger.stores import sqlite
from segue.ledger.stores.process_lock import Lock
from segue.ledger.stores.sqlite import SqliteStore

Run = Callable[..., subprocess.Popen[str]]
Finished = Callable[[subprocess.Popen[str]], str]

WRITER = """
life = sys.argv[2]
store = SqliteStore(sys.argv[1], gather=0.0005)
number = 0
print("ready")
while True:
    for _ in range(20):
        name = f"{life}-{number:06d}"
        store.reserve(attempt(name, Settlement.RESERVED))
        store.settle(attempt(name, cost=Decimal(number)))
        store.settle(attempt(name, cost=Decimal(-1)))      # a second settlement: must never be seen
        number += 1
    if store.flush():
        print(number)
"""


def test_kill_9_loses_no_acknowledged_attempt_and_doubles_none(tmp_path: Path, python: Run) -> None:
    path = tmp_path / "ledger.sqlite3"
    acknowledged: dict[str, int] = {}
    for life in range(5):
        process = python(WRITER, path, life)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.05, 0.25))
        process.kill()
        output, _ = process.communicate()
        acknowledged[str(life)] = max((int(line) for line in output.splitlines() if line.endswith("0")), default=0)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert sum(acknowledged.values()) > 100, "the writers hardly wrote: the test shows nothing"
    records = SqliteStore(path).records(limit=None)
    assert len({record.attempt_id for record in records}) == len(records)
    for life, count in acknowledged.items():
        mine = [record for record in records if record.attempt_id.startswith(f"{life}-")]
        settled = [record for record in mine if record.settlement is Settlement.SETTLED]
        assert [record.cost for record in settled[:count]] == list(range(count))
        assert [record.attempt_id for record in mine] == [f"{life}-{n:06d}" for n in range(len(mine))], "there is a gap"


MID_TRANSACTION = """
import sqlite3
from segue.ledger.stores import queries
from segue.ledger.stores.rows import to_row
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")     # so that pages go to the log before the commit
connection.execute("BEGIN IMMEDIATE")
for number in range(2000):
    connection.execute(queries.book(1), to_row(attempt(f"torn-{number}")))
print("ready")
time.sleep(60)
"""


def test_a_crash_in_mid_transaction_leaves_nothing_of_it_and_frees_the_file(
    tmp_path: Path, python: Run, attempt: Any
) -> None:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001, busy=0.1, retry=(0.01, 0.05))
    store.settle(attempt("before"))
    assert store.flush()
    process = python(MID_TRANSACTION, store.path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert (store.path.with_name(store.path.name + "-wal")).stat().st_size > 100_000, "nothing of it was in the file"
    store.settle(attempt("meanwhile"))
    assert not store.flush()
    process.kill()
    process.wait()
    assert store.flush()
    assert [record.attempt_id for record in store.records()] == ["before", "meanwhile"]
    store.close()


SHARER = """
me = sys.argv[2]
store = SqliteStore(sys.argv[1], gather=0.0005)
for number in range(300):
    store.reserve(attempt(f"{me}-{number}", Settlement.RESERVED))
    store.settle(attempt(f"{me}-{number}"))
    store.settle(attempt(f"shared-{number}", target=me, cost=Decimal(1)))
    store.save(f"state of {me}", {"number": number})
    if number % 10 == 0:
        assert store.flush(), store.status()
assert store.close()
assert store.status().dropped == 0, store.status()
"""


def test_processes_share_one_new_file_and_each_attempt_is_settled_once(
    tmp_path: Path, python: Run, finished: Finished
) -> None:
    path = tmp_path / "ledger.sqlite3"
    for process in [python(SHARER, path, name) for name in "ab"]:
        finished(process)
    store = SqliteStore(path)
    records = store.records(limit=None)
    assert len(records) == len({record.attempt_id for record in records}) == 900
    assert all(record.settlement is Settlement.SETTLED for record in records)
    assert store.load("state of a") == store.load("state of b") == {"number": 299}


ENDS = """
store = SqliteStore(sys.argv[1], gather=30.0)
store.settle(attempt("last word"))
"""


def test_a_program_that_just_ends_has_its_last_words_written(tmp_path: Path, python: Run, finished: Finished) -> None:
    before = time.perf_counter()
    finished(python(ENDS, tmp_path / "ledger.sqlite3"))
    assert time.perf_counter() - before < 20, "it waited for the gathering to end"
    assert [record.attempt_id for record in SqliteStore(tmp_path / "ledger.sqlite3").records()] == ["last word"]


FORKS = """
store = SqliteStore(sys.argv[1], gather=0.001)
store.settle(attempt("before"))
assert store.flush()
store.settle(attempt("pending at the fork"))
child = os.fork()
store.settle(attempt("child" if child == 0 else "parent"))
assert store.flush(), store.status()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_writes_with_a_thread_and_a_connection_of_its_own(
    tmp_path: Path, python: Run, finished: Finished
) -> None:
    finished(python(FORKS, tmp_path / "ledger.sqlite3"))
    names = {record.attempt_id for record in SqliteStore(tmp_path / "ledger.sqlite3").records()}
    assert names == {"before", "pending at the fork", "child", "parent"}


DROPPED = """
import gc, threading
for number in range(20):
    SqliteStore(sys.argv[1], gather=0.001).settle(attempt(f"a{number:02d}"))
gc.collect()
deadline = time.monotonic() + 10
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
print(threading.active_count(), len(SqliteStore(sys.argv[1]).records()))
"""


def test_a_store_without_a_holder_writes_what_it_has_and_ends_its_thread(
    tmp_path: Path, python: Run, finished: Finished
) -> None:
    assert finished(python(DROPPED, tmp_path / "ledger.sqlite3")) == "1 20\n"


DIES = """
store = SqliteStore(sys.argv[1], gather=0.001)
store.reserve(attempt("open", Settlement.RESERVED, bound=Decimal("0.7"), outcome="pending"))
store.reserve(attempt("done", Settlement.RESERVED, bound=Decimal("0.7"), outcome="pending"))
store.settle(attempt("done", cost=Decimal("0.1")))
store.reserve(attempt("unpriced", Settlement.RESERVED, outcome="pending"))
assert store.flush()
print("ready")
time.sleep(60)
"""


def fates(store: SqliteStore) -> dict[str, tuple[Settlement, str, Decimal | None]]:
    return {
        record.attempt_id: (record.settlement, record.outcome, record.cost if record.outcome != "lost" else record.most)
        for record in store.records()
    }


def test_what_a_process_had_reserved_when_it_was_killed_is_settled_once_and_not_before(
    tmp_path: Path, python: Run, attempt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite3"
    process = python(DIES, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    store = SqliteStore(path, gather=0.001)
    store.reserve(attempt("mine", Settlement.RESERVED, bound=Decimal(1)))
    assert store.flush()
    assert fates(store)["open"] == (Settlement.RESERVED, "pending", None), "its process lives"
    process.kill()
    process.wait()
    assert fates(store)["open"][0] is Settlement.RESERVED, "no one has looked yet"
    monkeypatch.setattr(sqlite, "LOOK_FOR_DEAD", 0.0)
    store.settle(attempt("later"))
    assert store.flush()
    lost = fates(store)
    assert lost["open"] == (Settlement.ESTIMATED, "lost", Decimal("0.7"))
    assert lost["unpriced"] == (Settlement.ESTIMATED, "lost", None)
    assert lost["done"] == (Settlement.SETTLED, "ok", Decimal("0.1"))
    assert lost["mine"][0] is Settlement.RESERVED
    assert all(record.cost is None for record in store.records(where=Where(outcome="lost"))), "a bound is no cost"
    store.settle(attempt("open", cost=Decimal(9)))
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite3"], "a lock was left behind"
    another = SqliteStore(path, gather=0.001)
    another.settle(attempt("last"))
    assert another.flush()
    assert fates(another)["open"] == (Settlement.ESTIMATED, "lost", Decimal("0.7"))
    assert fates(another)["mine"][:2] == (Settlement.ESTIMATED, "lost"), "its store was closed without settling it"
    another.close()


def test_the_next_process_settles_what_was_lost_with_its_first_write(tmp_path: Path, python: Run, attempt: Any) -> None:
    path = tmp_path / "ledger.sqlite3"
    process = python(DIES, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    store = SqliteStore(path, gather=0.001)
    store.settle(attempt("first"))
    assert store.flush()
    assert fates(store)["open"] == (Settlement.ESTIMATED, "lost", Decimal("0.7"))
    store.close()


def test_a_child_that_outlives_its_parent_does_not_keep_it_alive(
    tmp_path: Path, python: Run, finished: Finished, attempt: Any
) -> None:
    path = tmp_path / "ledger.sqlite3"
    process = python(
        DIES.replace('print("ready")', 'child = os.fork()\nif child == 0: print("ready"); time.sleep(1); os._exit(0)'),
        path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    store = SqliteStore(path, gather=0.001)
    store.settle(attempt("first"))
    assert store.flush()
    assert fates(store)["open"][1] == "lost"
    store.close()


def test_what_was_lost_is_settled_later_where_the_file_was_locked_at_first(
    tmp_path: Path, python: Run, attempt: Any
) -> None:
    path = tmp_path / "ledger.sqlite3"
    process = python(DIES, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    store = SqliteStore(path, gather=0.001, busy=0.05, retry=(30.0, 30.0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        store.settle(attempt("first"))
        assert not store.flush()
    assert store.flush()
    assert fates(store)["open"] == (Settlement.ESTIMATED, "lost", Decimal("0.7"))
    store.close()


def test_where_there_are_no_locks_each_try_closes_what_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    lowest = os.dup(0)
    os.close(lowest)
    with pytest.raises(OSError, match="no locks available"):
        Lock.take(tmp_path / "lock")
    assert os.dup(0) == lowest
    os.close(lowest)
