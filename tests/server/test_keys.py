from __future__ import annotations

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segue.errors import ConfigurationError
from segue.server.keys.sqlite import FileKeyRing, keys_path
from segue.settings import Settings
from segue.settings_loading import load

WALL = 1_780_056_000.0
"""2026-05-29 12:00 UTC."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "of the gateway" / "keys.sqlite3"


@pytest.fixture
def ring(path: Path, clock: Clock) -> FileKeyRing:
    return FileKeyRing(path, clock=clock, wall=lambda: WALL)


def test_secrets_are_long_random_and_not_in_the_file(ring: FileKeyRing, path: Path) -> None:
    secrets = [ring.create("n")[1] for _ in range(3)]
    revealed = {secret.reveal() for secret in secrets}
    assert len(revealed) == 3
    assert all(text.startswith("sk-segue-") and len(text) == 9 + 43 for text in revealed)
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert not any(text.encode() in written or text[9:].encode() in written for text in revealed)
    assert not any(text in repr((secrets, ring.listed())) for text in revealed)


def test_only_the_owner_can_read_the_file(ring: FileKeyRing, path: Path) -> None:
    ring.create("n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_before_the_first_key_nothing_is_found_and_no_file_is_made(ring: FileKeyRing, path: Path) -> None:
    assert ring.find("sk-segue-x") is None
    assert ring.listed() == ()
    assert not path.parent.exists()


def _elsewhere(path: Path, code: str) -> str:
    """What another process with its own `ring` prints."""
    script = f"import sys, pathlib; from segue.server.keys.sqlite import FileKeyRing; ring = FileKeyRing(pathlib.Path(sys.argv[1])); {code}"
    return subprocess.run(
        [sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True, timeout=20
    ).stdout.strip()


def test_what_another_process_makes_and_revokes_counts_a_second_later(
    ring: FileKeyRing, path: Path, clock: Clock
) -> None:
    assert ring.find("sk-segue-x") is None
    id, secret = _elsewhere(path, "key, secret = ring.create('n'); print(key.id, secret.reveal())").split()
    assert ring.find(secret) is None
    clock.now += 1.0
    found = ring.find(secret)
    assert found is not None
    assert found.id == id
    _elsewhere(path, f"ring.revoke({id!r})")
    clock.now += 0.99
    assert ring.find(secret) == found
    clock.now += 0.01
    assert ring.find(secret) is None


def test_the_file_is_looked_at_once_a_second_however_many_ask(
    ring: FileKeyRing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = ring.create("n")
    looks: list[str] = []
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: looks.append(args[0]) or connect(*args, **options))
    for _ in range(50):
        assert ring.find(secret.reveal()) is not None
        clock.now += 0.1
    assert len(looks) == 5


def test_threads_that_ask_while_the_file_is_read_wait_for_it(ring: FileKeyRing) -> None:
    secrets = [ring.create(str(number))[1].reveal() for number in range(8)]
    for _ in range(10):
        asked = FileKeyRing(ring.path)
        with ThreadPoolExecutor(4) as pool:
            assert None not in pool.map(asked.find, secrets)


def test_a_file_that_was_replaced_is_read_again(ring: FileKeyRing, path: Path, clock: Clock) -> None:
    _, old = ring.create("n")
    assert ring.find(old.reveal()) is not None
    other = FileKeyRing(path.with_name("new.sqlite3"))
    _, new = other.create("n")
    for file in path.parent.glob("keys.sqlite3*"):
        file.unlink()
    os.rename(other.path, path)
    clock.now += 1
    assert ring.find(new.reveal()) is not None
    assert ring.find(old.reveal()) is None


def test_an_unreadable_file_takes_no_key_away_and_is_complained_of_once(
    ring: FileKeyRing, path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = ring.create("n")
    assert ring.find(secret.reveal()) is not None
    path.write_bytes(b"this is no database" * 100)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.now += 1
            assert ring.find(secret.reveal()) is not None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with pytest.raises(ConfigurationError, match="SEGUE_KEYS"):
        ring.listed()


def test_a_file_of_a_later_version_is_left_alone(ring: FileKeyRing, path: Path) -> None:
    ring.create("n")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO schema_version VALUES (99, datetime('now'))")
    connection.close()
    for use in (ring.listed, lambda: ring.create("m")):
        with pytest.raises(ConfigurationError, match="upgrade segue"):
            use()


def test_the_keys_are_where_the_settings_say_or_beside_the_ledgers_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    assert keys_path(Settings()).name == "keys.sqlite3"
    assert keys_path(load({"SEGUE_KEYS": "/k/keys"}, directory=tmp_path)) == Path("/k/keys")
    (tmp_path / "segue.toml").write_text('keys = "/toml/keys"')
    assert keys_path(load({}, directory=tmp_path)) == Path("/toml/keys")
