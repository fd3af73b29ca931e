"""What the ledger's tests share: attempts to book and stores to book them in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import LedgerStore
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.outbox import OutboxStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.testing.stores import attempt as make_attempt


class MakeAttempt(Protocol):
    def __call__(self, attempt_id: str, settlement: Settlement = ..., **changes: Any) -> AttemptRecord: ...


@pytest.fixture
def attempt() -> MakeAttempt:
    return make_attempt


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001, busy=0.2, retry=(0.01, 0.05))
    yield store
    store.close()


@pytest.fixture
def mongodb_store(sqlite_store: SqliteStore, mongodb_url: str) -> Iterator[OutboxStore]:
    """Ships every few milliseconds, so that reads find attempts on all stages of their way."""
    store = OutboxStore(sqlite_store, Secret(mongodb_url), interval=0.005, retry=(0.01, 0.05))
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite", "mongodb"])
def store(request: pytest.FixtureRequest) -> LedgerStore:
    return MemoryStore() if request.param == "memory" else request.getfixturevalue(f"{request.param}_store")


Python = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def python() -> Iterator[Python]:
    """Runs a script in a new Python process, with the given arguments; kills what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


PRELUDE = """
import os, sys, time
from decimal import Decimal
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.sqlite import SqliteStore

def attempt(attempt_id, settlement=Settlement.SETTLED, **changes):
    values = dict(request_id="r", started=1_780_056_000.0, target="t", provider="p", model="m", outcome="ok")
    return AttemptRecord(attempt_id=attempt_id, settlement=settlement, **{**values, **changes})
"""


def finish(process: subprocess.Popen[str]) -> str:
    """Its output, once it ended well."""
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def finished() -> Callable[[subprocess.Popen[str]], str]:
    return finish
