"""What the store remembers of the providers, by the real engine before simulated ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from segue import LLMServiceUnavailableError, Sandbox
from segue.chat.failure import Failure, FailureKind, Scope
from segue.client import Segue
from segue.failover.engine import Engine
from segue.health.book import HealthBook
from segue.health.target import HealthKeys
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.monitoring.history import BELIEVED, KEPT, QUIET, Change, History, changes, hours, thing_of
from segue.monitoring.hours import HOUR
from segue.monitoring.redaction import Redactor
from segue.policy import BreakerPolicy
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load

EVER = 1e11
NOW = 1_780_056_000.0


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture
def settings(box: Sandbox, tmp_path: Path) -> Settings:
    """Not marked as simulated: what is learned of stand-ins is not loaded."""
    for name in box.providers:
        box.heal(name)
    environ = {f"{name.upper()}_BASE_URL": box.base_url(name) for name in ("gemini", "openai")}
    keys = {"GEMINI_API_KEY": "key-one", "OPENAI_API_KEY": "key-two", "SEGUE_CHAIN": "gemini,openai"}
    return load({**environ, **keys, "SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3")}, directory="/nonexistent")


def seen(path: str | None) -> list[Change]:
    assert path is not None
    return changes(SqliteStore(path), 0.0, EVER)


def client(settings: Settings) -> Segue:
    """As a separate process would have it: with its own store."""
    assert settings.ledger is not None
    return Segue(settings, ledger=SqliteStore(settings.ledger))


def test_a_key_out_of_money_is_remembered_over_a_restart_and_costs_the_next_process_no_attempt(
    settings: Settings, box: Sandbox
) -> None:
    box.break_provider("gemini", "quota")
    first = client(settings)
    assert [attempt.outcome for attempt in first.complete("Hello").attempts] == ["money", "ok"]
    first.close()
    (change,) = seen(settings.ledger)
    assert (change.target, change.before, change.after) == ("gemini", "ready", "money")
    assert change.until is not None
    assert change.until > change.at + 60
    second = client(settings)
    assert [attempt.target for attempt in second.complete("Hello").attempts] == ["openai"]
    second.close()
    assert len(seen(settings.ledger)) == 1


def test_a_breaker_that_trips_is_written_down_and_a_restart_looks_again(settings: Settings, box: Sandbox) -> None:
    box.break_provider("gemini", "overloaded")
    first = client(settings)
    for _ in range(3):
        first.complete("Hello")
    first.close()
    found = seen(settings.ledger)
    assert [(each.scope, each.before, each.after) for each in found] == [(Scope.MODEL, "closed", "open")]
    assert found[0].reason.startswith("overload: ")
    assert found[0].of_breaker
    second = client(settings)
    assert second.complete("Hello").attempts[0].target == "gemini"
    second.close()


def test_each_hour_has_the_attempts_the_failovers_and_the_waits_of_every_process(
    settings: Settings, box: Sandbox
) -> None:
    box.break_provider("gemini", "rate")
    spent = []
    for _ in range(2):
        segue = client(settings)
        spent += [segue.complete("Hello").cost, segue.complete("Hello").cost]
        segue.close()
    assert settings.ledger is not None
    found = {hour.target: hour for hour in hours(SqliteStore(settings.ledger), 0.0, EVER)}
    assert set(found["gemini"].outcomes) == {"rate"}
    assert found["gemini"].left_for == {"openai": found["gemini"].attempts}
    assert found["openai"].outcomes == {"ok": 4}
    assert sum(found["openai"].first.values()) == sum(found["openai"].seconds.values()) == 4
    assert found["openai"].cost == sum(each for each in spent if each is not None)


def test_no_key_and_no_address_is_in_the_store(settings: Settings, box: Sandbox) -> None:
    box.break_provider("gemini", "auth")
    box.break_provider("openai", "quota")
    segue = client(settings)
    with pytest.raises(LLMServiceUnavailableError):
        segue.complete("Hello")
    segue.close()
    assert settings.ledger is not None
    documents = str(SqliteStore(settings.ledger).states("", "~"))
    assert "auth" in documents
    for secret in ("key-one", "key-two", box.base_url("gemini")):
        assert secret not in documents


PROCESS = """
import sys
from segue import Segue, load
segue = Segue(load())
for _ in range(int(sys.argv[1])):
    segue.complete("Hello")
"""


def test_processes_write_side_by_side_and_one_that_just_ends_loses_nothing(settings: Settings, box: Sandbox) -> None:
    assert settings.ledger is not None
    environ = {
        **os.environ,
        **{f"{name.upper()}_BASE_URL": box.base_url(name) for name in ("gemini", "openai")},
        "GEMINI_API_KEY": "k",
        "SEGUE_LEDGER": settings.ledger,
        "SEGUE_CHAIN": "gemini",
    }
    started = [subprocess.Popen([sys.executable, "-c", PROCESS, str(count)], env=environ) for count in (2, 3)]
    assert [process.wait(30) for process in started] == [0, 0]
    assert sum(hour.attempts for hour in hours(SqliteStore(settings.ledger), 0.0, EVER)) == 5


FORKING = """
import os
from segue import Segue, load
segue = Segue(load())
segue.complete("Hello")
child = os.fork()
segue.complete("Hello")
if child:
    os.waitpid(child, 0)
segue.close()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_counts_for_itself(settings: Settings, box: Sandbox) -> None:
    assert settings.ledger is not None
    environ = {
        **os.environ,
        "GEMINI_BASE_URL": box.base_url("gemini"),
        "GEMINI_API_KEY": "k",
        "SEGUE_LEDGER": settings.ledger,
        "SEGUE_CHAIN": "gemini",
    }
    assert subprocess.run([sys.executable, "-c", FORKING], env=environ, timeout=30).returncode == 0
    assert sum(hour.attempts for hour in hours(SqliteStore(settings.ledger), 0.0, EVER)) == 3


# With a clock in hand.

KEYS = HealthKeys("https://host", "https://host#print", "model")


class World:
    def __init__(self, store: MemoryStore | SqliteStore) -> None:
        self.now = 1000.0
        self.wall = NOW
        self.store = store
        self.history = History(store, Redactor())
        self.health = HealthBook(BreakerPolicy(), on_change=self.history.changed)
        engine = Engine(_nothing, health=self.health, wall=lambda: self.wall)
        self.history.attach(engine)

    def fail(self, kind: FailureKind, retry_after: float | None = None) -> None:
        self.health.failed(KEYS, Failure(kind=kind, message="sk-abcdefghijkl", retry_after=retry_after), self.now)

    def attempt(self) -> None:
        record = AttemptRecord(
            attempt_id="a",
            request_id="r",
            started=self.wall,
            target="gemini",
            provider="gemini",
            model="m",
            outcome="ok",
            settlement=Settlement.SETTLED,
        )
        self.history.attempt_booked(MagicMock(), record)

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    @property
    def found(self) -> list[Change]:
        return changes(self.store, 0.0, EVER)


def _nothing(target: Target) -> None:
    raise AssertionError("no provider is asked")


def test_a_rate_limit_that_comes_again_and_again_is_written_once_a_minute() -> None:
    world = World(MemoryStore())
    for _ in range(100):
        world.fail(FailureKind.RATE)
        world.pass_(5.5)
    assert len(world.found) == 1 + int(99 * 5.5 / QUIET)
    first = world.found[0]
    assert (first.reason, first.until) == ("[redacted]", NOW + 5.0)


def test_a_breaker_is_followed_from_its_trip_to_its_recovery() -> None:
    world = World(MemoryStore())
    for _ in range(3):
        world.fail(FailureKind.OVERLOAD)
    world.pass_(3.0)
    for _ in range(2):
        world.health.admit(KEYS, world.now)
        world.pass_(1.0)
        world.health.succeeded(KEYS, world.now)
    found = [(change.before, change.after, change.until is not None) for change in world.found]
    assert found == [("closed", "open", True), ("open", "half_open", False), ("half_open", "closed", False)]


def test_what_is_older_than_thirty_days_is_forgotten() -> None:
    world = World(MemoryStore())
    world.fail(FailureKind.MONEY)
    world.history.save()
    world.pass_(KEPT - HOUR)
    world.history.save()
    assert len(world.found) == 1
    world.pass_(2 * HOUR)
    world.fail(FailureKind.MODEL_GONE)
    world.history.save()
    assert [change.after for change in world.found] == ["model_gone"]


def test_a_clock_that_is_put_back_a_day_loses_no_hour() -> None:
    world = World(MemoryStore())
    for jump in (0.0, 86400.0, -86400.0, 1.0, 1.0, 86400.0, 1.0):
        world.wall += jump
        world.attempt()
        world.history.save()
    assert sum(hour.attempts for hour in hours(world.store, 0.0, EVER)) == 7


@pytest.mark.parametrize(
    ("kind", "stated", "later", "barred_for"),
    [
        (FailureKind.MONEY, 10 * 86400.0, 600.0, BELIEVED - 600.0),
        (FailureKind.MONEY, 10 * 86400.0, BELIEVED + 1, None),
        (FailureKind.MONEY, 900.0, 600.0, 300.0),
        (FailureKind.MONEY, 900.0, 899.0, None),
        (FailureKind.RATE, 120.0, 20.0, 100.0),
        (FailureKind.AUTH, None, 1.0, None),
        (FailureKind.MODEL_GONE, None, 1.0, None),
    ],
)
def test_a_wait_that_an_earlier_process_received_holds_as_long_as_it_named_but_no_longer_than_an_hour(
    kind: FailureKind,
    stated: float | None,
    later: float,
    barred_for: float | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earlier = World(SqliteStore(tmp_path / "ledger.sqlite3"))
    earlier.fail(kind, stated)
    earlier.store.flush()
    world = World(SqliteStore(tmp_path / "ledger.sqlite3"))
    world.pass_(later)
    world.history = History(world.store, Redactor())
    world.health = HealthBook(BreakerPolicy(), on_change=world.history.changed)
    world.history.attach(Engine(_nothing, health=world.health, wall=lambda: world.wall))
    monkeypatch.setattr("segue.monitoring.history.time.monotonic", lambda: world.now)
    world.history.take_up(KEYS)
    look = world.health.look(KEYS, world.now)
    assert look.barred is (barred_for is not None)
    if barred_for is not None:
        assert look.recovers_at == pytest.approx(world.now + barred_for)
    assert len(world.found) == 1
    earlier.store.close()


def test_things_are_told_apart_by_what_they_are() -> None:
    other = KEYS._replace(model="another")
    assert thing_of(KEYS, Scope.MODEL) != thing_of(other, Scope.MODEL)
    assert thing_of(KEYS, Scope.CREDENTIAL) == thing_of(other, Scope.CREDENTIAL) != thing_of(KEYS, Scope.ENDPOINT)
