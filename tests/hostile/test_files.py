"""Files that are not what they should be, and disks without room: reported plainly, and nothing stops for them."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from segue.cli.doctor import offline
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.schema import explained
from segue.ledger.stores.sqlite import SqliteStore
from segue.server.keys.sqlite import FileKeyRing
from segue.settings_loading import load

GARBAGE = b"this is no database, but it may be missed" * 100


def attempt() -> AttemptRecord:
    return AttemptRecord(
        attempt_id="a",
        request_id="r",
        started=1.0,
        target="t",
        provider="p",
        model="m",
        outcome="ok",
        settlement=Settlement.FREE,
    )


def test_a_ledger_that_is_no_database_is_set_aside_with_a_word_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(GARBAGE)
    store = SqliteStore(path)
    store.settle(attempt())
    assert store.flush()
    assert [record.attempt_id for record in store.records()] == ["a"]
    store.close()
    [kept] = tmp_path.glob("ledger.sqlite3.unreadable-*")
    assert kept.read_bytes() == GARBAGE
    assert f"is kept as {kept.name}, and a new one is begun" in caplog.text


def test_a_file_that_is_called_otherwise_is_not_ours_to_move(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "authorized_keys"
    path.write_bytes(GARBAGE)
    with caplog.at_level(logging.CRITICAL):
        store = SqliteStore(path)
        store.settle(attempt())
        assert not store.flush(0.5)
        store.close(0.5)
    assert path.read_bytes() == GARBAGE
    assert [found.name for found in tmp_path.iterdir()] == ["authorized_keys"]


def test_a_file_of_keys_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.sqlite3"
    path.write_bytes(GARBAGE)
    FileKeyRing(path).create("new")
    assert [key.name for key in FileKeyRing(path).listed()] == ["new"]
    assert len(list(tmp_path.glob("keys.sqlite3.unreadable-*"))) == 1


def test_a_full_disk_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "full.sqlite3", isolation_level=None) as books:
        books.execute("CREATE TABLE t (x)")
        books.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as refused:
            books.execute("INSERT INTO t VALUES (randomblob(100000))")
    books.close()
    message = str(explained(refused.value, tmp_path / "full.sqlite3"))
    assert message.startswith("the disk is full, or the file may not grow: make room for ")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_doctor_tells_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 0))
    found = offline.check_ledger(load({"SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3")}, directory=tmp_path))
    assert (found.state, found.advice) == ("fault", "make room on the disk")
    assert "the disk is full" in found.finding
