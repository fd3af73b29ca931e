"""Which ledger is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segue.errors import ConfigurationError
from segue.ledger.stores.factory import default_path, open_store, shared_store
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore


def test_the_default_place_is_segue_home_then_the_data_home_then_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = {"XDG_DATA_HOME": "/data"}
    assert default_path({"SEGUE_HOME": "/srv/segue", **data}) == Path("/srv/segue/ledger.sqlite3")
    assert default_path({"SEGUE_HOME": "~/segue"}) == tmp_path / "segue" / "ledger.sqlite3"
    assert default_path(data) == Path("/data/segue/ledger.sqlite3")
    fallback = tmp_path / ".local" / "share" / "segue" / "ledger.sqlite3"
    assert default_path({}) == fallback
    assert default_path({"SEGUE_HOME": "", "XDG_DATA_HOME": "relative"}) == fallback


def test_without_a_home_the_message_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigurationError, match="set SEGUE_HOME"):
        default_path({})


def test_a_place_is_a_path_a_url_or_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    for where in (None, tmp_path / "ledger.sqlite3", f"sqlite://{tmp_path}/ledger.sqlite3"):
        store = open_store(where)
        assert isinstance(store, SqliteStore)
        assert store.path == tmp_path / "ledger.sqlite3"
    assert isinstance(open_store("none"), MemoryStore)
    assert isinstance(open_store(":memory:"), MemoryStore)


@pytest.mark.parametrize("where", ["mongodb://kim:hunter2@db/segue", "redis://db", "", "sqlite://"])
def test_any_other_place_is_refused_without_repeating_a_password(where: str) -> None:
    with pytest.raises(ConfigurationError, match="use a file's path, sqlite:///path or none") as caught:
        open_store(where)
    assert "hunter2" not in str(caught.value)


def test_who_asks_for_the_same_place_gets_the_same_store_until_it_is_closed(tmp_path: Path) -> None:
    first = shared_store(tmp_path / "a.sqlite3")
    assert shared_store(f"sqlite://{tmp_path}/a.sqlite3") is first
    assert shared_store(tmp_path / "b.sqlite3") is not first
    assert open_store(tmp_path / "a.sqlite3") is not first
    first.close()
    assert shared_store(tmp_path / "a.sqlite3") is not first
    memory = shared_store("none")
    assert memory is shared_store(":memory:")
    memory.close()
    assert shared_store("none") is not memory, "what a later caller books would be dropped"


def test_nothing_is_made_before_something_is_written(tmp_path: Path) -> None:
    store = open_store(tmp_path / "new" / "ledger.sqlite3")
    assert store.records() == []
    assert store.close()
    assert list(tmp_path.iterdir()) == []


def test_the_tests_leave_the_ledger_of_the_person_who_runs_them_alone() -> None:
    assert not default_path(os.environ).is_relative_to(Path.home())
