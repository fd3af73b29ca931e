"""The command `segue drill`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segue.cli import progress
from segue.cli.app import app
from segue.cli.drill.run import RIGHT
from segue.cli.progress import Waiting
from segue.sandbox.faults import KINDS

runner = CliRunner()


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without settings, and an environment without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY", "CLAUDE_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SEGUE_CHAIN", "SEGUE_CONFIG", "SEGUE_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def drill(*arguments: str) -> Result:
    return runner.invoke(app, ["drill", "--quick", *arguments])


def played(*arguments: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The whole document, and its faults by name."""
    result = drill("--json", *arguments)
    document = json.loads(result.stdout)
    return document, {fault["fault"]: fault for fault in document["faults"]}


def test_a_cut_answer_is_finished_by_the_next_target_and_booked() -> None:
    document, faults = played("--fault", "cut:after=20")
    cut = faults["cut:after=20"]
    assert cut["survived"] is True
    assert (cut["whole"], cut["exact"], cut["target"], cut["seams"]) == (True, True, "openai", 1)
    assert cut["attempts"] == ["gemini: broken", "openai: ok"]
    assert float(cut["bound"]) > float(cut["cost"]) > 0
    assert float(document["cost_without_fault"]) > 0
    assert cut["longest_pause"] >= cut["switched_in"] >= 0


def test_a_loud_fault_differs_from_a_silent_one_in_its_times() -> None:
    _, faults = played("--fault", "overloaded", "--fault", "silence")
    assert faults["overloaded"]["hedges"] == 0
    assert faults["silence"]["hedges"] == 1
    assert faults["silence"]["switched_in"] >= 0.3  # a tenth of the patience with a target that is not known yet


def test_everything_shown_says_that_it_is_simulated() -> None:
    result = drill("--fault", "drop")
    assert result.exit_code == 0
    assert "simulated" in result.stderr
    assert "1 of 1 faults survived (simulated)" in result.stdout
    assert "whole, exact" in result.stdout
    assert json.loads(drill("--json", "--fault", "drop").stdout)["simulated"] is True


def test_a_fault_that_is_not_survived_is_reported_and_ends_with_status_1(alone: Path) -> None:
    (alone / "segue.toml").write_text("[policy]\ncontinuations = 0\n", encoding="utf-8")
    result = drill("--fault", "cut", "--fault", "overloaded")
    assert result.exit_code == 1
    assert "1 of 2 faults survived" in result.stdout
    assert "AN ERROR" in result.stdout
    assert "cut: the answer broke off" in result.stdout


def test_the_first_of_the_chain_is_broken_whichever_it_is() -> None:
    document, faults = played("--chain", "claude,openai", "--fault", "error_event")
    assert document["chain"] == ["claude", "openai"]
    assert faults["error_event"]["attempts"][0].startswith("claude: overload")
    assert faults["error_event"]["target"] == "openai"


def test_keys_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "a-key-that-must-not-be-seen")
    monkeypatch.setenv("GEMINI_BASE_URL", "http://127.0.0.1:9")
    _, faults = played("--fault", "split")
    assert faults["split"]["target"] == "gemini"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "nonsense"], "is not a fault of the sandbox"),
        (["--chain", "gemini"], "nothing to go on with"),
        (["--chain", "gemini,unknown"], "unknown"),
    ],
)
def test_what_cannot_be_played_is_reported_in_one_line_and_ends_with_status_2(
    arguments: list[str], message: str
) -> None:
    result = drill(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_the_answer_that_is_compared_is_numbered() -> None:
    assert RIGHT.split() == [f"t{number}" for number in range(len(RIGHT.split()))]


@pytest.mark.long
def test_every_fault_of_the_sandbox_is_survived() -> None:
    document, faults = played()
    assert set(faults) == set(KINDS)
    assert document["survived"] == len(KINDS), {name: fault["error"] for name, fault in faults.items()}


def test_on_a_terminal_its_progress_is_one_line_that_is_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting()
    waiting._terminal = True
    monkeypatch.setattr(progress, "Waiting", lambda: waiting)
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))
    result = drill("--fault", "drop", "--fault", "auth")
    assert "1 of 2 faults played\r2 of 2 faults played\r" in result.stderr, (
        "the runner takes out the rest of the sequence"
    )
