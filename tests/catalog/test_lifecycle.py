"""The lives of models: current, deprecated, retired; and who takes their place."""

from __future__ import annotations

from datetime import date

import pytest

from segue.catalog.models import find_model, lifecycle

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("provider", "name", "shutdown", "status", "successor"),
    [
        ("gemini", "gemini-2.5-flash", date(2026, 12, 1), "deprecated", "gemini-3.5-flash-lite"),
        ("gemini", "gemini-1.5-flash", date(2025, 9, 29), "retired", "gemini-3.5-flash-lite"),
        ("openai", "gpt-4.1", date(2027, 1, 14), "deprecated", "gpt-6-luna"),
        ("openai", "gpt-4-1106-preview", date(2026, 10, 23), "retired", "gpt-5.6-sol"),
        ("claude", "claude-3-5-sonnet-20241022", date(2025, 10, 28), "retired", "claude-sonnet-5-5"),
    ],
)
def test_the_models_of_the_original_guide_have_the_ends_their_providers_announced(
    provider: str, name: str, shutdown: date, status: str, successor: str
) -> None:
    info = find_model(provider, name)
    life = lifecycle(info, TODAY)
    assert info.shutdown == shutdown
    assert (life.status, life.successor) == (status, successor)
    assert life.message
    assert str(shutdown) in life.message
    assert successor in life.message


def test_a_model_is_retired_from_its_shutdown_day_on() -> None:
    info = find_model("openai", "gpt-4.1")
    assert lifecycle(info, date(2027, 1, 13)).status == "deprecated"
    assert lifecycle(info, date(2027, 1, 14)).status == "retired"


def test_a_model_is_current_until_the_notice() -> None:
    info = find_model("openai", "gpt-4.1")
    assert lifecycle(info, date(2026, 10, 13)) == ("current", None, "gpt-6-luna")
    assert lifecycle(info, date(2026, 10, 14)).status == "deprecated"


def test_a_notice_of_unknown_date_counts_from_the_day_the_data_was_checked() -> None:
    info = find_model("gemini", "gemini-2.5-pro")
    assert info.deprecated is None
    assert info.checked
    assert lifecycle(info, info.checked).status == "deprecated"
    assert lifecycle(info, date(2026, 1, 1)).status == "current"


def test_a_model_without_news_is_current_and_says_nothing() -> None:
    assert lifecycle(find_model("claude", "claude-sonnet-5-5"), TODAY) == ("current", None, None)
    assert lifecycle(find_model("openai", "no-such-model"), TODAY) == ("current", None, None)


def test_the_successor_of_a_successor_is_named_once_the_first_is_shut_down_too() -> None:
    info = find_model("openai", "gpt-4o-search-preview")
    assert lifecycle(info, date(2027, 1, 13)).successor == "gpt-4.1-mini"
    assert lifecycle(info, date(2027, 1, 14)).successor == "gpt-6-luna"
    assert lifecycle(find_model("openai", "chatgpt-4o-latest"), TODAY).successor == "gpt-5.5"


def test_every_retired_model_leads_to_a_living_one() -> None:
    for provider, name in (("claude", "claude-2.1"), ("openai", "o1-mini"), ("gemini", "gemini-2.5-pro-preview-05-06")):
        life = lifecycle(find_model(provider, name), TODAY)
        assert life.status == "retired"
        assert life.successor
        assert lifecycle(find_model(provider, life.successor), TODAY).status != "retired"


def test_a_redirected_model_says_who_answers_and_is_billed_as_that_one_from_the_day_on() -> None:
    info = find_model("gemini", "gemini-2.5-flash")
    assert info.billed_as(date(2026, 11, 30)) == "gemini-2.5-flash"
    assert info.billed_as(date(2026, 12, 1)) == "gemini-3.5-flash-lite"
    life = lifecycle(info, date(2026, 12, 1))
    assert life.status == "retired"
    assert life.message
    assert "answered and billed as gemini-3.5-flash-lite" in life.message
    assert find_model("openai", "gpt-4.1").billed_as(date(2028, 1, 1)) == "gpt-4.1"
