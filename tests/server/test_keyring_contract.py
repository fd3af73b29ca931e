"""What every ring of keys does, whatever the keys are kept in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue.errors import ConfigurationError
from segue.secret import Secret
from segue.server.keys.mongodb import MongoKeyRing
from segue.server.keys.sqlite import FileKeyRing
from segue.server.keys.store import Key, KeyRing

WALL = 1_780_056_000.0
"""2026-05-29 12:00 UTC."""

Make = Callable[[], KeyRing]


@pytest.fixture(params=["file", "mongodb"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Rings of processes that share their keys, and look for changes twenty times as often as they would."""
    monkeypatch.setattr("segue.server.keys.sqlite.FRESH", 0.05)
    made: list[KeyRing] = []

    def ring() -> KeyRing:
        if request.param == "file":
            made.append(FileKeyRing(tmp_path / "keys.sqlite3", wall=lambda: WALL))
        else:
            url = Secret(request.getfixturevalue("mongodb_url"))
            made.append(MongoKeyRing(url, every=0.05, wall=lambda: WALL))
        made[-1].watch()
        return made[-1]

    yield ring
    for each in made:
        each.close()


@pytest.fixture
def ring(make: Make) -> KeyRing:
    return make()


def soon(what: Callable[[], bool]) -> bool:
    """Whether it comes true, in time for a slow machine."""
    until = time.monotonic() + 4.0
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    return what()


def test_a_key_is_found_by_its_secret_and_by_nothing_else(ring: KeyRing) -> None:
    key, secret = ring.create("ci", rate=60, daily_budget=Decimal("2.50"), models=["auto"])
    assert ring.find(secret.reveal()) == key
    for wrong in ("", key.id, secret.reveal()[:-1], secret.reveal() + "x", secret.reveal().upper(), "ключ", "\ud800"):
        assert ring.find(wrong) is None


def test_a_key_keeps_what_it_was_made_with(ring: KeyRing) -> None:
    made = [
        ring.create("ci", rate=60, daily_budget=Decimal("0.10"), models=["auto", "openai/gpt-6-luna"])[0],
        ring.create("all")[0],
    ]
    assert sorted(ring.listed(), key=lambda key: key.name, reverse=True) == made
    assert made[0].daily_budget == Decimal("0.10")
    assert made[1] == Key(id=made[1].id, name="all", created=WALL)


def test_a_revoked_key_is_found_no_more_but_stays_listed(ring: KeyRing) -> None:
    key, secret = ring.create("n")
    other, others_secret = ring.create("other")
    assert ring.find(secret.reveal()) == key
    revoked = ring.revoke(key.id)
    assert revoked.revoked == WALL
    assert ring.revoke(key.id) == revoked
    assert ring.find(secret.reveal()) is None
    assert ring.key(key.id) == revoked
    assert ring.find(others_secret.reveal()) == other
    assert len(ring.listed()) == 2


def test_revoking_what_there_is_not_says_what_there_is(ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="no key is in use"):
        ring.revoke("key_0")
    kept, gone = ring.create("kept")[0], ring.create("gone")[0]
    ring.revoke(gone.id)
    with pytest.raises(ConfigurationError, match=rf"'key_0': use one of {kept.id} \(kept\)$"):
        ring.revoke("key_0")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\x1b[31m"},
        {"name": "n" * 101},
        {"rate": 0},
        {"daily_budget": Decimal(0)},
        {"daily_budget": Decimal("NaN")},
        {"daily_budget": Decimal("Infinity")},
        {"models": [""]},
        {"models": ["auto", " x"]},
    ],
)
def test_a_limit_that_is_none_makes_no_key(ring: KeyRing, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="a key's"):
        ring.create(**{"name": "n", **wrong})
    assert ring.listed() == ()


def test_what_another_process_makes_and_revokes_counts_soon(make: Make, ring: KeyRing) -> None:
    other = make()
    assert ring.find("sk-segue-x") is None
    key, secret = other.create("n")
    assert soon(lambda: ring.find(secret.reveal()) == key)
    assert ring.key(key.id) == key
    revoked = other.revoke(key.id)
    assert soon(lambda: ring.find(secret.reveal()) is None)
    assert ring.key(key.id) == revoked


def test_a_new_watcher_receives_what_there_is(make: Make, ring: KeyRing) -> None:
    kept, gone = ring.create("kept")[0], ring.create("gone")[0]
    revoked = ring.revoke(gone.id)
    assert sorted(make().watch() or (), key=lambda key: key.name) == [revoked, kept]


def test_keys_are_taken_over_with_their_secrets_and_revocations_and_only_once(ring: KeyRing, tmp_path: Path) -> None:
    file = FileKeyRing(tmp_path / "elsewhere.sqlite3")
    key, secret = file.create("n", rate=5, daily_budget=Decimal("0.10"), models=["auto"])
    gone, gones_secret = file.create("gone")
    revoked = file.revoke(gone.id)
    own, _ = ring.create("own")
    assert [ring.adopt(file), ring.adopt(file)] == [2, 0]
    assert ring.find(secret.reveal()) == key
    assert ring.find(gones_secret.reveal()) is None
    assert {each.id: each for each in ring.listed()} == {key.id: key, gone.id: revoked, own.id: own}
    file.revoke(key.id)
    assert ring.adopt(file) == 0
    assert ring.find(secret.reveal()) is None
