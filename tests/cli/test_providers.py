from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from segue.sandbox import Sandbox

from .conftest import Run


def _rows(run: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    result = run("providers", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return {row["target"]: row for row in json.loads(result.stdout)}


def test_without_a_key_no_provider_is_asked(run: Run) -> None:
    rows = _rows(run)
    assert list(rows) == ["gemini", "openai", "claude"]
    assert all((row["key"], row["reachable"]) == ("none", None) for row in rows.values())
    assert all(float(row["output_price"]) > float(row["input_price"]) > 0 for row in rows.values())


def test_both_prices_are_shown_where_the_tier_is_not_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("providers", "--offline").stdout
    assert "gemini: free within 500 requests a day, else as shown; paid is assumed: set GEMINI_TIER to free or" in shown
    tiers = {name: row["tier"] for name, row in _rows(run, "--offline").items()}
    assert tiers["gemini"] == {"tier": None, "requests_per_day": 500, "variable": "GEMINI_TIER"}
    assert tiers["claude"] is None
    monkeypatch.setenv("GEMINI_TIER", "paid")
    assert "free" not in run("providers", "--offline").stdout


def test_a_target_with_a_key_is_asked_for_its_models(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(faults={"claude": "auth", "openai": "refused"}) as elsewhere:
        for name in ("gemini", "openai", "claude"):
            monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-secret-1234567890")
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", elsewhere.base_url(name))
        result = run("providers", "--json")
    rows = {row["target"]: row for row in json.loads(result.stdout)}
    assert [rows[name]["reachable"] for name in ("gemini", "openai", "claude")] == [True, False, False]
    assert rows["gemini"]["seconds"] >= 0
    assert rows["claude"]["problem"] == "auth (HTTP 401): invalid x-api-key"
    assert "sk-secret" not in result.output


def test_a_silent_provider_is_given_up_after_the_timeout(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        row = _rows(run, "--timeout", "0.2")["openai"]
    assert (row["key"], row["reachable"], row["problem"]) == ("not needed", False, "silent for 0.2 s")


def test_offline_no_provider_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert _rows(run, "--offline")["openai"]["reachable"] is None


def test_a_model_that_has_aged_is_reported_with_its_successor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_MODEL", "gemini-1.5-flash")
    assert "use gemini-3.5-flash-lite" in (_rows(run)["gemini"]["lifecycle"] or "")


def test_a_target_that_lacks_a_setting_says_which(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_CHAIN", "gemini,azure")
    row = _rows(run)["azure"]
    assert row["model"] is None
    assert "AZURE_MODEL" in row["problem"]


def test_a_local_server_is_shown_with_its_own_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_CHAIN", "local")
    row = _rows(run)["local"]
    assert (row["key"], row["model"]) == ("not needed", "the first it lists")
    assert row["reachable"] or "looked for ollama" in row["problem"]


def test_a_model_on_this_machine_that_is_not_there_is_reported_as_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGUE_CONFIG", str(tmp_path / "segue.toml"))
    (tmp_path / "segue.toml").write_text('chain = ["local"]\n[targets.local]\nfile = "no/such.gguf"\n')
    row = _rows(run)["local"]
    assert not row["reachable"]
    assert "no/such.gguf" in row["problem"] or "pip install" in row["problem"]


def test_people_get_a_table(run: Run) -> None:
    lines = run("providers").stdout.splitlines()
    assert lines[0].split()[:3] == ["target", "key", "model"]
    assert [line.split()[0] for line in lines[1:4]] == ["gemini", "openai", "claude"]
