"""The example's agent does what its page says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "langchain_agent.py"


def test_the_examples_agent_survives_two_providers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGUE_LEDGER", "none")
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    output = capsys.readouterr().out
    assert output.count('[call] get_weather {"city":"Seoul"}') == 1
    assert output.count("[tool] It is sunny in Seoul.") == 1
    assert output.count("No model has read this") == output.count("and a model answers in its place.") == 1
    outcomes = [line.strip() for line in output.splitlines() if line.startswith("    ")]
    assert outcomes == ["gemini: broken", "openai: ok", "gemini: broken", "openai: broken", "claude: ok"]
