"""What a caller's `model` stands for."""

from __future__ import annotations

import msgspec
import pytest

from segue.errors import InvalidRequestError
from segue.policy import Policy
from segue.routing.targets import Chain
from segue.runtime import Runtime
from segue.server.model_selection import select
from segue.settings import ChainSettings, Settings
from segue.settings_loading import load

KEYS = {"GEMINI_API_KEY": "g", "OPENAI_API_KEY": "o", "CLAUDE_API_KEY": "c", "SEGUE_LEDGER": "none"}


def made(**changed: str) -> Settings:
    environment = {name: value for name, value in {**KEYS, **changed}.items() if value}
    settings = load(environment, directory="/nonexistent")
    two = ChainSettings(targets=("claude", "gemini"), policy=Policy(rounds=1))
    return msgspec.structs.replace(settings, chains={"careful": two})


def names(selection: Chain) -> list[str]:
    return [target.name for target in selection.targets]


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(made())


@pytest.mark.parametrize("word", ["", "auto", "default", "models/auto", "  auto "])
def test_auto_is_the_default_chain(runtime: Runtime, word: str) -> None:
    assert names(select(runtime, word)) == ["gemini", "openai", "claude"]


def test_a_chain_goes_by_its_name_and_under_its_policy(runtime: Runtime) -> None:
    selection = select(runtime, "careful")
    assert names(selection) == ["claude", "gemini"]
    assert (selection.name, selection.policy.rounds) == ("careful", 1)


def test_a_target_comes_first_and_the_chain_follows(runtime: Runtime) -> None:
    assert names(select(runtime, "claude")) == ["claude", "gemini", "openai"]
    assert names(select(runtime, "openai")) == ["openai", "gemini", "claude"]


def test_a_providers_model_is_asked_of_that_provider(runtime: Runtime) -> None:
    selection = select(runtime, "claude/claude-haiku-4-5")
    assert names(selection) == ["claude", "gemini", "openai"]
    assert selection.targets[0].model.id == "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("claude-haiku-4-5", "claude"),
        ("gpt-6-luna", "openai"),
        ("models/gemini-3.5-flash-lite", "gemini"),
        ("claude-of-the-future-9", "claude"),
        ("gpt-99", "openai"),
    ],
)
def test_a_model_is_asked_of_its_maker(runtime: Runtime, word: str, name: str) -> None:
    first = select(runtime, word).targets[0]
    assert (first.name, first.model.id) == (name, word.removeprefix("models/"))


def test_a_target_without_a_key_is_passed_over() -> None:
    runtime = Runtime(made(CLAUDE_API_KEY=""))
    assert names(select(runtime, "claude-haiku-4-5")) == ["gemini", "openai"]
    with pytest.raises(InvalidRequestError, match="claude has no key") as caught:
        select(runtime, "claude-haiku-4-5", fallback=False)
    assert (caught.value.status, caught.value.param) == (404, "model")


@pytest.mark.parametrize(
    ("word", "name", "model"),
    [
        ("claude-sonnet-5-5[1m]", "claude", "claude-sonnet-5-5"),
        ("claude/claude-opus-5-5[1M]", "claude", "claude-opus-5-5"),
        ("anthropic/claude-sonnet-5-5", "claude", "claude-sonnet-5-5"),
        ("anthropic/claude-sonnet-4.5", "claude", "claude-sonnet-4.5"),
        ("google/gemini-3.5-flash-lite", "gemini", "gemini-3.5-flash-lite"),
        ("vertex_ai/gemini-3.5-flash-lite", "gemini", "gemini-3.5-flash-lite"),
        ("openai/gpt-6-luna", "openai", "gpt-6-luna"),
        ("text-davinci-003", "openai", "text-davinci-003"),
        ("chatgpt-99", "openai", "chatgpt-99"),
    ],
)
def test_what_programs_put_around_a_models_name_is_taken_off(
    runtime: Runtime, word: str, name: str, model: str
) -> None:
    first = select(runtime, word).targets[0]
    assert (first.name, first.model.id) == (name, model)


def test_a_provider_with_a_key_is_usable_by_name_though_no_chain_has_it() -> None:
    runtime = Runtime(made(GROQ_API_KEY="q", MISTRAL_API_KEY="m", XAI_API_KEY="x", SEGUE_CHAIN="openai"))
    assert names(select(runtime, "auto")) == ["openai"]
    assert names(select(runtime, "groq")) == ["groq", "openai"]
    for word, name, model in (
        ("groq/llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile"),
        ("mistral/mistral-small-latest", "mistral", "mistral-small-latest"),
        ("mistralai/codestral-2508", "mistral", "codestral-2508"),
        ("x-ai/grok-4.6", "xai", "grok-4.6"),
        ("grok-9", "xai", "grok-9"),
        ("openai/gpt-oss-120b", "openai", "gpt-oss-120b"),
    ):
        first = select(runtime, word).targets[0]
        assert (first.name, first.model.id) == (name, model)
    with pytest.raises(InvalidRequestError, match="no such model"):
        select(runtime, "llama-7b")  # Mistral takes any name, but not everybody's


def test_a_vendors_model_goes_to_a_router_where_the_vendor_has_no_key() -> None:
    runtime = Runtime(made(CLAUDE_API_KEY="", OPENROUTER_API_KEY="r"))
    first = select(runtime, "anthropic/claude-sonnet-5-5").targets[0]
    assert (first.name, first.model.id) == ("openrouter", "anthropic/claude-sonnet-5-5")


def test_who_answers_for_another_maker_says_so() -> None:
    selection = select(Runtime(made(CLAUDE_API_KEY="")), "claude-haiku-4-5")
    for target in selection.targets:
        assert target.notice == "claude-haiku-4-5 was requested, but claude has no key here (CLAUDE_API_KEY)"


@pytest.mark.parametrize("word", ["llama-7b", "unknown/model", "openai/", "/gpt-6-luna"])
def test_what_stands_for_nothing_is_the_callers_mistake(runtime: Runtime, word: str) -> None:
    with pytest.raises(InvalidRequestError, match="/v1/models") as caught:
        select(runtime, word)
    assert (caught.value.status, caught.value.param, caught.value.code) == (404, "model", "model_not_found")


@pytest.mark.parametrize(
    ("word", "meant"), [("gemni", "gemini"), ("carefull", "careful"), ("claud-sonnet-5-5", "claude-sonnet-5-5")]
)
def test_a_misspelt_model_is_answered_with_the_right_one(runtime: Runtime, word: str, meant: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"did you mean '{meant}'"):
        select(runtime, word)


def test_without_fallback_only_the_policy_changes(runtime: Runtime) -> None:
    selection = select(runtime, "openai", fallback=False)
    assert selection.targets[0].name == "openai"
    assert not selection.policy.fallback
