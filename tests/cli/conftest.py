from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from segue.cli.app import app

PROVIDERS = ("GEMINI", "OPENAI", "CLAUDE", "GOOGLE", "ANTHROPIC", "GROQ", "AZURE")


class Run(Protocol):
    """Runs `segue` with these arguments in this process."""

    def __call__(self, *arguments: str, input: str | None = None) -> Result: ...


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working directory and an environment in which nothing is set."""
    for name in list(os.environ):
        if name.startswith((*(f"{provider}_" for provider in PROVIDERS), "SEGUE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEGUE_LEDGER", str(tmp_path / "ledger.sqlite3"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=input, prog_name="segue")

    return invoke
