"""Names that people still send and that are gone: each is known to be, whatever its date or its suffix."""

from __future__ import annotations

from datetime import date

import pytest

from segue.catalog.models import find_model, lifecycle
from segue.catalog.prices import GUIDE_PRICES, dearest_of_family, price_of
from segue.catalog.providers import PROVIDERS

TODAY = date(2026, 11, 30)

WITHOUT_SUCCESSOR = {
    "openai": (
        "gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613 gpt-3.5-turbo-0613 gpt-3.5-turbo-0301 gpt-3.5-turbo-1106 "
        "gpt-3.5-turbo-instruct gpt-3.5-turbo-instruct-0914 gpt-4-32k gpt-4-32k-0613 gpt-4-vision-preview "
        "gpt-4-1106-vision-preview text-davinci-003 text-davinci-002 text-curie-001 davinci davinci-002 babbage-002 "
        "code-davinci-002"
    ),
    "gemini": (
        "gemini-pro gemini-1.0-pro gemini-1.0-pro-001 gemini-1.0-pro-latest gemini-pro-vision gemini-1.0-ultra "
        "gemini-2.0-flash-exp gemini-2.0-pro-exp-02-05 gemini-2.0-flash-thinking-exp-01-21 gemini-2.5-pro-exp-03-25 "
        "gemini-exp-1114 gemini-exp-1206 learnlm-1.5-pro-experimental text-bison-001 chat-bison-001"
    ),
    "claude": "claude-instant-1 claude-instant-1.2 claude-1 claude-1.3 claude-v1 claude-v1.3-100k",
    "xai": "grok-2 grok-2-1212 grok-2-latest grok-2-vision-1212 grok-beta grok-vision-beta grok-3-mini grok-3-fast",
    "groq": (
        "mixtral-8x7b-32768 llama3-70b-8192 llama3-8b-8192 llama2-70b-4096 gemma2-9b-it gemma-7b-it "
        "llama-3.2-90b-vision-preview llama-3.1-70b-versatile deepseek-r1-distill-llama-70b"
    ),
    "mistral": "open-mistral-7b open-mixtral-8x7b mistral-tiny mistral-small-2402 pixtral-12b-2409 codestral-2501",
    "cerebras": "llama3.1-70b llama-4-scout-17b-16e-instruct",
    "deepseek": "deepseek-coder",
}
WITH_SUCCESSOR = {
    ("xai", "grok-4"): "grok-4.3",
    ("xai", "grok-4-latest"): "grok-4.3",
    ("xai", "grok-3"): "grok-4.3",
    ("xai", "grok-3-beta"): "grok-4.3",
    ("mistral", "mistral-large-2411"): "mistral-large-2512",
    ("deepseek", "deepseek-chat"): "deepseek-flash",
    ("deepseek", "deepseek-reasoner"): "deepseek-flash",
    ("gemini", "gemini-3.5-flash"): "gemini-3.6-flash",
    ("gemini", "gemini-3.7-flash"): "gemini-3.8-flash",
    ("cerebras", "llama3.1-8b"): "gpt-oss-120b",
}
NAMES = [(provider, name) for provider, names in WITHOUT_SUCCESSOR.items() for name in names.split()]


@pytest.mark.parametrize(("provider", "name"), NAMES)
def test_a_name_without_a_successor_is_known_to_be_gone(provider: str, name: str) -> None:
    life = lifecycle(find_model(provider, name), TODAY)
    assert (life.status, life.successor) == ("retired", None)
    assert life.message is not None
    assert name in life.message


@pytest.mark.parametrize(("provider", "name"), WITH_SUCCESSOR)
def test_a_name_with_a_successor_leads_to_it(provider: str, name: str) -> None:
    life = lifecycle(find_model(provider, name), TODAY)
    assert (life.status, life.successor) == ("retired", WITH_SUCCESSOR[provider, name])


def test_every_providers_default_is_alive() -> None:
    for name, preset in PROVIDERS.items():
        if preset.model is not None:
            assert lifecycle(find_model(name, preset.model), TODAY).status == "current", f"{name}: {preset.model}"


@pytest.mark.parametrize(
    ("provider", "name", "efforts"),
    [
        ("xai", "grok-4.3", ("none", "low", "medium", "high")),
        ("xai", "grok-4.3-0430", ("none", "low", "medium", "high")),
        ("xai", "grok-4.5", ("low", "medium", "high")),
        ("xai", "grok-4.7", ("low", "medium", "high")),
        ("openai", "gpt-6.2-astra", ("low", "medium", "high", "xhigh", "max")),
        ("openai", "gpt-6.2-sol", ("low", "medium", "high", "xhigh", "max")),
    ],
)
def test_models_take_the_efforts_that_were_announced(provider: str, name: str, efforts: tuple[str, ...]) -> None:
    info = find_model(provider, name)
    assert info.efforts == efforts
    assert info.reasons("none") is ("none" not in efforts)


def test_who_did_not_think_is_succeeded_by_one_that_is_asked_not_to() -> None:
    for provider, name in (("xai", "grok-4-fast-non-reasoning"), ("xai", "grok-3"), ("deepseek", "deepseek-chat")):
        info = find_model(provider, name)
        assert info.successor_effort == "none"
        assert info.successor is not None
        assert not find_model(provider, info.successor).reasons(info.successor_effort)
    assert find_model("deepseek", "deepseek-reasoner").successor_effort is None


# Prices of models that the price list does not have.


def test_a_price_that_the_catalogue_knows_stands_in_for_one_that_the_price_list_lacks() -> None:
    for name, expected in (("gpt-6.2-astra", (8, 40)), ("gpt-6.2-sol", (2, 10))):
        units = price_of("openai", name, TODAY)
        assert units is not None
        assert (units.input * 1_000_000, units.output * 1_000_000) == expected
    override = price_of("openai", "gpt-6.2-sol", TODAY, GUIDE_PRICES)
    assert override is not None
    assert override.input == GUIDE_PRICES["openai/*"].input


def test_the_bound_of_a_model_without_a_price_is_its_familys_dearest() -> None:
    unknown = dearest_of_family("openai", "gpt-6.9-sol", TODAY)
    assert unknown is not None
    for relative in ("gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-sol"):
        known = price_of("openai", relative, TODAY)
        assert known is not None
        assert unknown.output >= known.output


def test_a_name_like_no_other_is_bounded_by_its_providers_dearest() -> None:
    unknown = dearest_of_family("claude", "sonata-1", TODAY)
    opus = price_of("claude", "claude-opus-4-1", TODAY)
    assert unknown is not None
    assert opus is not None
    assert unknown.output >= opus.output


def test_of_a_provider_that_the_price_list_does_not_have_nothing_is_bounded() -> None:
    assert dearest_of_family("unknown", "anything", TODAY) is None
