"""The library's promise: what an answer cost is in the file before the answer's last event, or the error, is given out."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from segue import LLMServiceUnavailableError, Sandbox, Segue
from segue.chat.events import Finished
from segue.settings_loading import load


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture
def segue(box: Sandbox, tmp_path: Path) -> Iterator[Segue]:
    settings = box.settings(load({"SEGUE_LEDGER": str(tmp_path / "ledger.sqlite3")}, directory="/nonexistent"))
    policy = settings.policy.replace(rounds=1, quick_retry=(0.0, 0.0))
    segue = Segue(msgspec.structs.replace(settings, policy=policy))
    yield segue
    segue.close()
    segue.ledger.close()


def settlements(tmp_path: Path) -> list[str]:
    """What another program sees in the file at this moment."""
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        return [row[0] for row in connection.execute("SELECT settlement FROM attempts ORDER BY rowid")]


def test_whole_answers_streams_and_errors_leave_after_their_records(segue: Segue, box: Sandbox, tmp_path: Path) -> None:
    expected: list[str] = []
    for _ in range(5):
        segue.complete("Hello")
        expected.append("settled")
        assert settlements(tmp_path) == expected
        for event in segue.stream("Hello"):
            if isinstance(event, Finished):
                expected.append("settled")
                assert settlements(tmp_path) == expected
    for name in box.providers:
        box.break_provider(name, "unavailable")
    for attempt in (segue.complete, lambda prompt: list(segue.stream(prompt))):
        with pytest.raises(LLMServiceUnavailableError):
            attempt("Hello")
        expected += ["free"] * 3
        assert settlements(tmp_path) == expected
