"""Keys that replicas share: an outage admits no new key, and refuses no known one."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure, ServerSelectionTimeoutError

from segue.errors import ConfigurationError, InvalidRequestError
from segue.ledger.stores.mongodb_connection import shared_connection
from segue.secret import Secret
from segue.server.auth import Gatekeeper
from segue.server.keys.factory import keyring_of
from segue.server.keys.mongodb import MongoKeyRing
from segue.server.keys.sqlite import FileKeyRing
from segue.server.keys.store import Key
from segue.server.serve import ServeOptions, build
from segue.settings import Settings
from segue.settings_loading import load

from .conftest import served

Make = Callable[..., MongoKeyRing]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make(mongodb_url: str) -> Iterator[Make]:
    made: list[MongoKeyRing] = []

    def ring(**options: Any) -> MongoKeyRing:
        made.append(MongoKeyRing(Secret(mongodb_url), **{"every": 0.02, **options}))
        return made[-1]

    yield ring
    for each in made:
        each.close()


@pytest.fixture
def ring(make: Make) -> MongoKeyRing:
    ring = make()
    ring.watch()
    return ring


@pytest.fixture
def outage(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Takes the database away, or gives it back."""
    connection = shared_connection(Secret(mongodb_url))
    run = connection.run
    away = False

    def guarded(work: Any) -> Any:
        if away:
            raise ServerSelectionTimeoutError("db:27017: refused, Timeout: 2.0s, Topology Description: <0x1>")
        return run(work)

    def turn(gone: bool) -> None:
        nonlocal away
        away = gone

    monkeypatch.setattr(connection, "run", guarded)
    return turn


def soon(what: Callable[[], bool], patience: float = 4.0) -> None:
    until = time.monotonic() + patience
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def documents(url: str) -> list[dict[str, Any]]:
    async def read(db: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await db["keys"].find().to_list()
        return found

    return shared_connection(Secret(url)).run(read)


def closed_url() -> str:
    """A closed port, which is detected immediately."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"mongodb://127.0.0.1:{closed.getsockname()[1]}/segue?timeoutMS=50"


def is_refused_for_now(ring: MongoKeyRing, presented: str) -> bool:
    try:
        ring.find(presented)
    except InvalidRequestError as error:
        return (error.status, error.code, error.retry_after) == (503, "keys_unavailable", 0.02)
    return False


def test_a_document_has_the_hash_and_never_the_secret(ring: MongoKeyRing, mongodb_url: str) -> None:
    key, secret = ring.create("ci", rate=60, daily_budget=Decimal("0.10"), models=["auto"])
    (document,) = documents(mongodb_url)
    assert len(document.pop("hash")) == 32
    assert document == {
        "_id": key.id,
        "name": "ci",
        "rate": 60,
        "daily_budget": "0.10",
        "models": ["auto"],
        "scope": "calls",
        "created": key.created,
        "revoked": None,
    }
    assert secret.reveal()[9:] not in repr(documents(mongodb_url))


def test_no_two_keys_have_one_hash(ring: MongoKeyRing) -> None:
    ring._add(Key(id="key_1", name="a", created=1.0), b"h" * 32)
    with pytest.raises(DuplicateKeyError):
        ring._add(Key(id="key_2", name="b", created=1.0), b"h" * 32)


def test_asking_makes_no_round_trip_however_many_unknown_keys_are_tried(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = make(every=3600.0)
    ring.watch()
    _, secret = ring.create("n")
    monkeypatch.setattr(ring, "_ask", pytest.fail)
    assert not any(ring.find(f"sk-segue-{number}") for number in range(1000))
    assert ring.find(secret.reveal()) is not None
    assert ring.key("key_unknown") is None


def test_a_quiet_database_is_asked_for_one_number_and_not_for_its_keys(
    ring: MongoKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.create("n")
    ring.revoke(ring.create("gone")[0].id)
    monkeypatch.setattr("segue.server.keys.mongodb._read", pytest.fail)
    looked = ring._looked
    soon(lambda: ring._looked != looked)
    assert ring._trouble == ""


def test_an_outage_takes_no_key_away_and_its_beginning_and_end_are_logged_once(
    make: Make, ring: MongoKeyRing, outage: Callable[[bool], None], caplog: pytest.LogCaptureFixture
) -> None:
    other = make()
    key, secret = ring.create("n")
    with caplog.at_level(logging.INFO, logger="segue.server"):
        outage(True)
        soon(lambda: ring._trouble != "")
        looked = ring._looked
        soon(lambda: ring._looked != looked)
        assert ring.find(secret.reveal()) == key
        with pytest.raises(ConfigurationError, match=r"the keys in MongoDB .* can't be used: it does not answer"):
            other.revoke(key.id)
        outage(False)
        other.revoke(key.id)
        soon(lambda: ring.find(secret.reveal()) is None)
        soon(lambda: len(caplog.records) == 2)
    lost, back = caplog.messages
    assert lost == "the keys in MongoDB (MONGODB_URL) can't be read, the last known keys stay valid: it does not answer"
    assert "can be read again" in back


def test_as_long_as_nothing_was_read_no_key_is_let_in_and_none_is_reported_as_unknown(
    make: Make, ring: MongoKeyRing, outage: Callable[[bool], None], caplog: pytest.LogCaptureFixture
) -> None:
    key, secret = ring.create("n")
    outage(True)
    late = make()
    assert late.watch() is None
    assert is_refused_for_now(late, secret.reveal())
    assert Gatekeeper(late).obstacle == "the keys in MongoDB (MONGODB_URL) can't be read"
    assert "no request is admitted: it does not answer" in caplog.text
    outage(False)
    soon(lambda: not is_refused_for_now(late, secret.reveal()))
    assert late.find(secret.reveal()) == key
    assert Gatekeeper(late).obstacle == ""


def test_a_ring_that_slept_looks_before_it_lets_a_key_in(make: Make, ring: MongoKeyRing) -> None:
    """A process that was stopped, or forked, has a list and no thread that keeps it fresh."""
    clock = Clock()
    sleeper = make(clock=clock)
    key, secret = ring.create("n")
    sleeper.watch()
    sleeper.close()
    ring.revoke(key.id)
    clock.now += 10.0
    assert sleeper.find(secret.reveal()) == key  # this old it may be
    clock.now += 0.1
    assert is_refused_for_now(sleeper, secret.reveal())
    soon(lambda: not is_refused_for_now(sleeper, secret.reveal()))
    assert sleeper.find(secret.reveal()) is None


def test_what_will_not_pass_is_reported_in_short(ring: MongoKeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(work: Any) -> Any:
        raise OperationFailure("Authentication failed., full error: {'ok': 0.0}", 18)

    monkeypatch.setattr(ring, "_ask", refuse)
    for use in (ring.watch, ring.listed, lambda: ring.create("n")):
        with pytest.raises(ConfigurationError, match=r"can't be used: Authentication failed\.$"):
            use()


async def test_a_gateway_refuses_what_another_machine_revoked_within_two_seconds(
    make: Make, settings: Settings
) -> None:
    elsewhere, here = make(), make(every=1.0)
    key, secret = elsewhere.create("n")
    here.watch()
    with served(settings, gatekeeper=Gatekeeper(here)) as address:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret.reveal()}"}) as session:

            async def status() -> int:
                async with session.get(f"{address}/v1/models") as reply:
                    return reply.status

            assert await status() == 200
            await asyncio.to_thread(elsewhere.revoke, key.id)
            began = time.monotonic()
            while await status() == 200:
                assert time.monotonic() - began < 20.0
                await asyncio.sleep(0.02)
            assert await status() == 401


async def test_a_gateway_that_can_not_tell_who_asks_says_so_until_it_can(
    make: Make, settings: Settings, outage: Callable[[bool], None]
) -> None:
    outage(True)
    with served(settings, gatekeeper=Gatekeeper(make())) as address:
        async with aiohttp.ClientSession() as session:

            async def ask(path: str) -> tuple[int, str]:
                async with session.get(address + path, headers={"Authorization": "Bearer sk-segue-x"}) as reply:
                    return reply.status, await reply.text()

            status, answer = await ask("/health/ready")
            assert status == 503
            assert "the keys in MongoDB (MONGODB_URL) can't be read" in answer
            status, answer = await ask("/v1/models")
            assert status == 503
            assert "keys_unavailable" in answer
            outage(False)
            until = time.monotonic() + 4.0
            while (await ask("/health/ready"))[0] != 200:
                assert time.monotonic() < until
                await asyncio.sleep(0.01)
            assert (await ask("/v1/models"))[0] == 401


def environment(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SEGUE_HOME", str(home))
    answer = {"MONGODB_URL": url, "SEGUE_LEDGER": "none", "OPENAI_API_KEY": "k"}
    return load(answer, directory=home)


def test_the_settings_decide_where_the_keys_are(
    mongodb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(keyring_of(environment(mongodb_url, tmp_path, monkeypatch)), MongoKeyRing)
    assert isinstance(keyring_of(Settings(keys=str(tmp_path / "k"))), FileKeyRing)


def test_a_gateway_without_a_key_does_not_start_and_says_where_there_are_some(
    mongodb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: MongoKeyRing
) -> None:
    settings = environment(mongodb_url, tmp_path, monkeypatch)
    with pytest.raises(
        ConfigurationError, match=r"no key in MongoDB .* make one with `segue keys create NAME`, or listen"
    ):
        build(settings, ServeOptions(keys=True))
    FileKeyRing(tmp_path / "keys.sqlite3").create("left behind")
    with pytest.raises(ConfigurationError, match=r"copy the 1 in .*keys\.sqlite3.*`segue keys copy`"):
        build(settings, ServeOptions(keys=True))
    ring.create("n")
    gateway = build(settings, ServeOptions(keys=True))
    assert gateway._gatekeeper is not None
    gateway._gatekeeper.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_gateway_starts_before_its_database_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = closed_url()
    gateway = build(environment(url, tmp_path, monkeypatch), ServeOptions(keys=True))
    assert gateway._gatekeeper is not None
    with pytest.raises(InvalidRequestError, match="keys can't be read just now"):
        gateway._gatekeeper.identify("sk-segue-x")
    gateway._gatekeeper.close()
    shared_connection(Secret(url)).close()
