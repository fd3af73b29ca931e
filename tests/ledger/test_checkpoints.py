"""The log of the SQLite file is copied into it beside the writer, and stays short."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.failover.job import new_id
from segue.ledger.stores import checkpoints
from segue.ledger.stores.checkpoints import EVERY_PAGES, MOST_PAGES, PAGE, PAGES_A_COMMIT
from segue.ledger.stores.sqlite import SqliteStore, _File
from segue.ledger.stores.writer import Batch

ENOUGH = EVERY_PAGES // PAGES_A_COMMIT + 1
"""Commits after which there is a checkpoint."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def file(path: Path) -> Iterator[_File]:
    file = _File(path, busy=1.0)
    yield file
    file.close()


@pytest.fixture
def commit(file: _File, attempt: Any) -> Callable[[int], None]:
    """Commits so many records, one by one."""

    def commit(count: int) -> None:
        for _ in range(count):
            batch = Batch()
            batch.add(attempt(new_id()))
            assert file.commit(batch) == 0

    return commit


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def test_what_was_written_reaches_the_file_itself(path: Path, file: _File, commit: Callable[[int], None]) -> None:
    commit(10)
    empty = path.stat().st_size
    commit(ENOUGH)
    file._checkpoints.wait()
    assert path.stat().st_size > empty + 20 * PAGE


def test_nothing_waits_for_a_checkpoint(
    path: Path, commit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(path: Path) -> None:
        begun.set()
        may_end.wait(30)

    monkeypatch.setattr(checkpoints, "_checkpoint", slow)
    commit(ENOUGH)
    assert begun.wait(5)
    commit(ENOUGH)
    may_end.set()


def test_the_log_is_bounded_where_no_checkpoint_beside_it_ever_ends(
    path: Path, commit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_checkpoint", lambda path: None)
    commit(1200)
    half = log_of(path).stat().st_size
    commit(1200)
    assert half > MOST_PAGES * PAGE / 2
    assert log_of(path).stat().st_size < 1.1 * MOST_PAGES * PAGE


def test_a_closed_file_has_no_log(path: Path, attempt: Any) -> None:
    store = SqliteStore(path)
    for _ in range(ENOUGH):
        store.settle(attempt(new_id()))
        store._writer.settle_down(5.0)
    assert log_of(path).exists()
    store.close()
    assert not log_of(path).exists()


def test_a_log_that_a_long_read_made_long_is_cut_once_the_read_is_over(
    path: Path, commit: Callable[[int], None]
) -> None:
    commit(1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM attempts").fetchall()
        commit(4000)
        assert log_of(path).stat().st_size > 1.5 * MOST_PAGES * PAGE
        reader.execute("COMMIT")
    commit(ENOUGH)
    assert log_of(path).stat().st_size < 1.1 * MOST_PAGES * PAGE
