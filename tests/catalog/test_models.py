"""Looking up models: names, families, generic entries, and the facts that failover and the codecs rely on."""

from __future__ import annotations

from datetime import date

import pytest

from segue.catalog.models import FreeQuota, find_model
from segue.catalog.providers import our_name


@pytest.mark.parametrize(
    ("provider", "asked", "found"),
    [
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),  # a snapshot with its own lifecycle
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x1", "gpt-4o-mini"),
        ("openai", "openai/gpt-5.6", "gpt-5.6-sol"),
        ("openai_responses", "GPT-6-Luna", "gpt-6-luna"),
        ("claude", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "anthropic/claude-opus-4.6", "claude-opus-4-6"),
        ("claude", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("claude", "claude-2.1", "claude-2.1"),
        ("gemini", "models/gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("google", "gemini-flash-lite-latest", "gemini-3.5-flash-lite"),
    ],
)
def test_a_model_is_found_under_its_aliases_dates_and_prefixes(provider: str, asked: str, found: str) -> None:
    info = find_model(provider, asked)
    assert info.id == found
    assert info.known


@pytest.mark.parametrize(
    ("provider", "asked", "kin"),
    [
        ("openai", "gpt-6-nova", "gpt-6-sol"),
        ("openai", "gpt-5.6-mars", "gpt-5.6-sol"),
        ("openai", "gpt-4.9", "gpt-4.1"),
        ("claude", "claude-sonnet-5-9", "claude-sonnet-5-5"),
        ("claude", "claude-4-5-sonnet", "claude-sonnet-4-6"),
        ("gemini", "gemini-3.9-flash", "gemini-3.8-flash"),
        ("gemini", "gemini-4-neon", "gemini-4-argon"),
    ],
)
def test_a_newcomer_has_the_manners_of_its_family_but_no_end_date(provider: str, asked: str, kin: str) -> None:
    newcomer, relative = find_model(provider, asked), find_model(provider, kin)
    assert newcomer.id == asked
    for parameter in ("temperature", "top_p", "top_k", "stop"):
        assert newcomer.takes(parameter) == relative.takes(parameter)
    assert newcomer.prefill == relative.prefill
    assert (newcomer.shutdown, newcomer.successor, newcomer.free_quota) == (None, None, None)


def test_the_longest_pattern_that_fits_decides_the_family() -> None:
    assert find_model("openai", "gpt-5.6-mars").window == find_model("openai", "gpt-5.6-sol").window
    assert find_model("openai", "gpt-5.9").window is None


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [("openai", "openai_chat"), ("claude", "claude"), ("vertex", "gemini"), ("groq", "openai_chat")],
)
def test_an_unknown_model_takes_everything_and_speaks_its_providers_dialect(provider: str, dialect: str) -> None:
    info = find_model(provider, "brand-new-model")
    assert (info.id, info.provider, info.dialect, info.known) == ("brand-new-model", our_name(provider), dialect, False)
    assert info.tools
    assert info.images
    assert info.json_schema
    assert info.forced_tool_use
    assert all(info.takes(parameter) for parameter in ("temperature", "top_p", "top_k", "stop", "seed"))
    assert (info.window, info.max_output, info.prefill) == (None, None, "none")


def test_a_vendors_model_at_another_provider_does_not_have_the_vendors_facts() -> None:
    assert not find_model("openrouter", "anthropic/claude-sonnet-5.5").known


def test_only_openai_itself_is_asked_for_max_completion_tokens_by_default() -> None:
    assert find_model("openai", "gpt-9").max_tokens_param == "max_completion_tokens"
    assert find_model("openai", "gpt-6-luna").max_tokens_param == "max_completion_tokens"
    assert find_model("openai_chat", "some-local-model").max_tokens_param == "max_tokens"
    assert find_model("groq", "some-model").max_tokens_param == "max_tokens"


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-opus-5-5",
        "claude-sonnet-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
        "claude-fable-5",
        "claude-fable-5-2",
        "claude-mythos-5-1",
    ],
)
def test_claude_from_opus_4_7_and_sonnet_5_on_rejects_sampling(name: str) -> None:
    info = find_model("claude", name)
    assert not any(info.takes(parameter, effort="none") for parameter in ("temperature", "top_p", "top_k"))


def test_older_claude_takes_sampling_unless_it_thinks_and_only_one_of_temperature_and_top_p() -> None:
    info = find_model("claude", "claude-sonnet-4-6")
    assert info.takes("temperature")
    assert not info.takes("temperature", effort="high")
    assert not info.takes("temperature", thinking_budget=2048)
    assert info.exclusive == ("temperature", "top_p")
    assert info.temperature_max == 1.0


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("claude-sonnet-5-5", False),
        ("claude-opus-5-5", False),
        ("claude-fable-5-1", False),
        ("claude-sonnet-5", True),
        ("claude-haiku-5-5", True),
        ("claude-sonnet-4-5", True),
    ],
)
def test_which_claude_may_be_forced_to_call_a_tool(name: str, allowed: bool) -> None:
    info = find_model("claude", name)
    assert info.forced_tool_use is allowed
    assert not info.forced_tool_use_while_reasoning


@pytest.mark.parametrize(
    ("provider", "name", "prefill"),
    [
        ("claude", "claude-3-7-sonnet-20250219", "partial"),
        ("claude", "claude-haiku-4-5", "partial"),
        ("claude", "claude-opus-4-5", "partial"),
        ("claude", "claude-sonnet-4-6", "none"),
        ("claude", "claude-opus-5-5", "none"),
        ("gemini", "gemini-2.5-flash", "partial"),
        ("gemini", "gemini-3-flash-preview", "partial"),
        ("gemini", "gemini-3.1-pro-preview", "partial"),
        ("gemini", "gemini-3.5-flash", "partial"),
        ("gemini", "gemini-3.5-flash-lite", "none"),
        ("gemini", "gemini-3.6-flash", "none"),
        ("gemini", "gemini-3.8-flash", "none"),
        ("gemini", "gemini-4-argon", "none"),
        ("openai", "gpt-4.1", "none"),
        ("openai", "gpt-6-luna", "none"),
        ("deepseek", "deepseek-v4-flash", "partial"),
        ("mistral", "mistral-large-latest", "partial"),
    ],
)
def test_who_continues_a_partial_assistant_turn(provider: str, name: str, prefill: str) -> None:
    assert find_model(provider, name).prefill == prefill


def test_gpt_6_takes_tools_in_chat_completions_only_without_reasoning_and_temperature_likewise() -> None:
    luna = find_model("openai", "gpt-6-luna")
    assert luna.chat_tools_need_no_reasoning
    assert luna.reasons()
    assert not luna.reasons("none")
    assert not luna.takes("temperature")
    assert luna.takes("temperature", effort="none")


@pytest.mark.parametrize("name", ["gpt-6-astra", "gpt-6.1-sol", "o3", "gpt-5-mini"])
def test_a_model_that_cannot_stop_reasoning_never_takes_temperature(name: str) -> None:
    info = find_model("openai", name)
    assert "none" not in (info.efforts or ())
    assert info.reasons("none")
    assert info.reasons(thinking_budget=0)
    assert not info.takes("temperature", effort="none")


def test_a_model_that_thinks_only_when_asked_does_not_count_as_reasoning() -> None:
    info = find_model("openai", "gpt-5.1")
    assert not info.reasons()
    assert info.reasons("low")
    assert info.takes("temperature")
    assert not find_model("gemini", "gemini-2.5-flash-lite").reasons()
    assert find_model("gemini", "gemini-2.5-flash-lite").reasons(thinking_budget=512)
    assert not find_model("openai", "gpt-4.1").reasons("high")


def test_gemini_ignores_sampling_from_3_6_on_and_needs_signatures_from_3_on() -> None:
    assert find_model("gemini", "gemini-2.5-flash").takes("temperature")
    assert not find_model("gemini", "gemini-2.5-flash").signatures
    for name in ("gemini-3.5-flash-lite", "gemini-3.8-flash", "gemini-4-argon"):
        info = find_model("gemini", name)
        assert info.signatures
        assert not info.takes("temperature")
        assert "temperature" not in info.rejects
    assert not find_model("gemini", "gemini-2.5-pro").takes("frequency_penalty")


@pytest.mark.parametrize(
    ("name", "per_minute", "per_day"),
    [("gemini-3.5-flash-lite", 15, 500), ("gemini-3.1-flash-lite", 15, 500), ("gemini-3.8-flash", 5, 20)],
)
def test_the_free_tier_of_gemini(name: str, per_minute: int, per_day: int) -> None:
    assert find_model("gemini", name).free_quota == FreeQuota(
        requests_per_minute=per_minute, tokens_per_minute=250_000, requests_per_day=per_day
    )


def test_models_without_a_free_tier_have_no_free_quota() -> None:
    assert find_model("gemini", "gemini-4-argon").free_quota is None
    assert find_model("openai", "gpt-6-luna").free_quota is None


def test_the_defaults_of_today_are_known_and_current() -> None:
    for provider, name in (
        ("gemini", "gemini-3.5-flash-lite"),
        ("openai", "gpt-6-luna"),
        ("claude", "claude-sonnet-5-5"),
    ):
        info = find_model(provider, name)
        assert info.known
        assert info.shutdown is None
        assert info.released
        assert info.released < date(2026, 11, 1)
        assert info.tools
        assert info.images
        assert info.json_schema
        assert info.streams
        assert info.window
        assert info.window >= 900_000


def test_minimal_thinking_does_not_make_a_first_word_late() -> None:
    lite = find_model("gemini", "gemini-3.5-flash-lite")
    assert lite.reasons()
    assert not lite.deliberates()
    assert lite.deliberates("high")
    assert lite.deliberates(None, 2000)
    assert find_model("claude", "claude-sonnet-5-5").deliberates()
    assert not find_model("openai", "gpt-4.1").deliberates()


def test_azure_serves_openais_models_under_their_names() -> None:
    azure = find_model("azure", "gpt-6-luna")
    assert (azure.provider, azure.window) == ("azure", find_model("openai", "gpt-6-luna").window)
    assert not find_model("azure", "my-deployment").known
