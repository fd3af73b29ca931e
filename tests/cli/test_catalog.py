from __future__ import annotations

import json

import pytest

from segue.cli.catalog import check

from .conftest import Run


def test_what_is_stale_is_shown_and_makes_the_status_one(run: Run) -> None:
    result = run("catalog", "check", "--day", "2027-06-01")
    assert result.exit_code == 1
    assert "last checked on" in result.stdout
    rows = json.loads(run("catalog", "check", "--day", "2027-06-01", "--json").stdout)
    assert {"what", "problem", "source"} == set(rows[0])
    assert any(row["source"].startswith("https://") for row in rows)


def test_a_catalogue_that_is_fresh_says_with_what_it_was_compared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "findings", lambda today: [])
    result = run("catalog", "check", "--day", "2026-11-30")
    assert result.exit_code == 0
    assert result.stdout.startswith("Nothing is stale on 2026-11-30, compared with genai-prices ")


def test_a_day_that_is_none_is_refused(run: Run) -> None:
    result = run("catalog", "check", "--day", "soon")
    assert result.exit_code == 2
    assert "use one such as 2026-12-31" in result.stderr
