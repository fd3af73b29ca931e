"""When the gateway's answers leave, and what is in the ledger by then."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from openai import InternalServerError, OpenAI
from tests.server.conftest import served

from segue import Sandbox
from segue.settings import Settings
from segue.settings_loading import load

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def client(box: Sandbox, ledger: Path) -> Iterator[OpenAI]:
    settings: Settings = box.settings(load({"SEGUE_LEDGER": str(ledger)}, directory="/nonexistent"))
    policy = settings.policy.replace(rounds=1, quick_retry=(0.0, 0.0))
    with (
        served(msgspec.structs.replace(settings, policy=policy)) as address,
        OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0, timeout=30) as made,
    ):
        yield made


def outcomes(ledger: Path) -> list[str]:
    """What another program sees in the file at this moment."""
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        return [row[0] for row in connection.execute("SELECT outcome FROM attempts ORDER BY rowid")]


def test_a_record_is_in_the_file_when_an_answer_or_an_error_has_arrived(
    client: OpenAI, box: Sandbox, ledger: Path
) -> None:
    expected: list[str] = []
    for _ in range(5):
        client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]
        expected.append("ok")
        assert outcomes(ledger) == expected
        for chunk in client.chat.completions.create(model="auto", messages=MESSAGES, stream=True):  # type: ignore[arg-type]
            if chunk.choices and chunk.choices[0].finish_reason:
                expected.append("ok")
                assert outcomes(ledger) == expected
        client.embeddings.create(model="text-embedding-3-small", input="the sea")
        expected.append("ok")
        assert outcomes(ledger) == expected
    for name in ("gemini", "openai", "claude"):
        box.break_provider(name, "unavailable")
    with pytest.raises(InternalServerError):
        client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]
    assert outcomes(ledger) == [*expected, "overload", "overload", "overload"]


def test_a_file_that_is_locked_delays_one_answer_by_a_second_at_most_and_its_record_follows(
    client: OpenAI, ledger: Path
) -> None:
    client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]
    blocker = sqlite3.connect(ledger, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    taken = []
    for _ in range(4):
        began = time.monotonic()
        client.chat.completions.create(model="auto", messages=MESSAGES)  # type: ignore[arg-type]
        taken.append(time.monotonic() - began)
    assert sum(taken) < 3.0, f"they waited for the lock: {taken}"
    metrics = client._client.get(str(client.base_url).replace("/v1/", "/metrics")).text
    assert "segue_ledger_unconfirmed 4.0" in metrics
    assert outcomes(ledger) == ["ok"]
    blocker.execute("ROLLBACK")
    blocker.close()
    give_up = time.monotonic() + 15
    while outcomes(ledger) != ["ok"] * 5:
        assert time.monotonic() < give_up, "what was held in memory was not written"
        time.sleep(0.05)
