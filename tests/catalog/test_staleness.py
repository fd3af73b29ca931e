"""The catalogue compared with a day and with the installed price list."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest

from segue.catalog import models, staleness
from segue.catalog.models import find_model
from segue.catalog.providers import PROVIDERS
from segue.catalog.staleness import FRESH, findings

CHECKED = max(info.checked for info in models.entries() if info.checked is not None)


def problems(today: date) -> dict[str, str]:
    return {finding.what: finding.problem for finding in findings(today)}


def test_on_the_day_it_was_checked_no_default_and_no_line_is_stale() -> None:
    found = problems(CHECKED)
    assert not [what for what in found if "(default)" in what]
    assert not [problem for problem in found.values() if "last checked" in problem]
    assert not [problem for problem in found.values() if "its family at most" in problem]


def test_lines_of_living_models_and_presets_age() -> None:
    found = problems(CHECKED + FRESH + timedelta(days=1))
    assert f"was last checked on {find_model('openai', 'gpt-6-luna').checked}" in found["openai/gpt-6-luna"]
    assert "preset was last checked" in found["groq"]
    assert "claude/claude-2.1" not in found, "who is gone needs no further news"


def test_a_default_that_ends_within_a_month_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "openai", msgspec.structs.replace(PROVIDERS["openai"], model="gpt-4.1"))
    assert "openai (default)" not in problems(date(2026, 12, 10))
    assert "shut down on 2027-01-14: use gpt-6-luna" in problems(date(2026, 12, 20))["openai (default)"]


def test_news_of_the_price_list_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        staleness, "listed_models", lambda provider: ("gpt-9-sol", "gpt-9-tts", "gpt-4o") * (provider == "openai")
    )
    found = problems(CHECKED)
    assert "models.jsonl only its family" in found["openai/gpt-9-sol"]
    assert not {"openai/gpt-9-tts", "openai/gpt-4o"} & found.keys()


def test_a_price_of_the_catalogue_that_the_price_list_has_too_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "openai/gpt-6.2-sol" not in problems(CHECKED)
    monkeypatch.setattr(staleness, "listed_models", lambda provider: ("gpt-6.2-sol",) * (provider == "openai"))
    assert "the one in models.jsonl can go" in problems(CHECKED)["openai/gpt-6.2-sol"]


def test_a_living_model_without_a_price_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staleness, "price_of", lambda provider, model, when: None)
    assert "it has no price" in problems(CHECKED)["openai/gpt-6-luna"]
