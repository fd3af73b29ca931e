"""The registry: whatever can be registered in one line, and the chain that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI

from segue.catalog.providers import Provider
from segue.errors import ConfigurationError, LLMServiceUnavailableError
from segue.langchain import registry as registry_module
from segue.langchain.backend import Backend
from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
from segue.langchain.registry import LLMRegistry, preferred_order
from segue.settings import ChainSettings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport
from segue.wire.openai_chat.upstream.codec import Upstream as ChatCodec


@pytest.fixture
def order() -> Iterator[list[str]]:
    """The guide's list, put back afterwards."""
    before = [*preferred_order]
    yield preferred_order
    preferred_order[:] = before


def test_the_three_providers_are_there_from_the_start(registry: LLMRegistry) -> None:
    assert registry.get_available_clients() == ["gemini", "openai", "claude"]
    assert isinstance(registry.get_client("gemini"), GeminiClient)
    assert isinstance(registry.get_client("openai"), OpenAIClient)
    assert isinstance(registry.get_client("claude"), ClaudeClient)


def test_a_client_is_the_same_each_time_and_a_created_one_is_new(registry: LLMRegistry) -> None:
    assert registry.get_client("openai") is registry.get_client("openai")
    assert registry.create_client("openai") is not registry.create_client("openai")


def test_what_is_not_available_is_none_and_the_log_says_why(
    registry: LLMRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="segue"):
        assert registry.get_client("groq") is None
        assert registry.get_client("unknown") is None
        assert registry.create_client("unknown", temperature=0.5) is None
    assert "groq has no key: set GROQ_API_KEY" in caplog.text
    assert "'unknown' is not a known client" in caplog.text
    assert registry.why_not("openai") is None
    assert "GROQ_API_KEY" in str(registry.why_not("groq"))


def test_a_created_client_takes_the_guides_settings(registry: LLMRegistry, far: Any) -> None:
    client = registry.create_client(
        "gemini",
        api_key="mine",
        base_url="http://gemini.test/v1beta",
        model="gemini-2.5-flash",
        temperature=0.7,
        max_tokens=1500,
        timeout=30,
    )
    assert client is not None
    assert client.invoke("hi").content == "gemini says hello"
    assert far.models == ["gemini-2.5-flash"]
    assert far.headers[0]["x-goog-api-key"] == "mine"
    assert far.asked[0][1].max_tokens == 1500


def test_a_wrong_option_of_a_created_client_raises(registry: LLMRegistry) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        registry.create_client("gemini", temprature=0.7)


def test_the_fallback_client_asks_the_preferred_first(registry: LLMRegistry, far: Any) -> None:
    far.tell("gemini", far.fail(503))
    assert registry.get_client_with_fallback().invoke("hi").content == "openai says hello"
    assert registry.get_client_with_fallback(["claude", "gemini"]).invoke("hi").content == "claude says hello"
    assert far.order == ["gemini", "openai", "claude"]


def test_options_of_the_fallback_client_hold_for_its_calls(registry: LLMRegistry, far: Any) -> None:
    far.tell("gemini", far.fail(503))
    with pytest.raises(LLMServiceUnavailableError):
        registry.get_client_with_fallback(fallback=False).invoke("hi")
    assert far.order == ["gemini"]


def test_changing_the_guides_list_changes_the_chain(registry: LLMRegistry, far: Any, order: list[str]) -> None:
    order[:] = ["claude", "gemini"]
    assert registry.get_client_with_fallback().chain == ("claude", "gemini")
    assert registry.get_available_clients()[:2] == ["claude", "gemini"]


def test_the_settings_chain_holds_while_the_list_is_as_it_was(far: Any, environment: dict[str, str]) -> None:
    environment["SEGUE_CHAIN"] = "openai,gemini"
    backend = Backend(load(environment, directory="/nonexistent"), transport=MemoryTransport(far))
    assert LLMRegistry(backend=backend).get_client_with_fallback().chain == ("openai", "gemini")


def test_providers_without_a_key_are_left_out_of_the_chain(far: Any, environment: dict[str, str]) -> None:
    del environment["GEMINI_API_KEY"], environment["GEMINI_BASE_URL"]
    registry = LLMRegistry(load(environment, directory="/nonexistent"))
    assert registry.get_available_clients() == ["openai", "claude"]
    assert registry.get_client_with_fallback().chain == ("openai", "claude")


def test_with_no_key_at_all_there_is_a_client_whose_calls_say_what_to_set() -> None:
    registry = LLMRegistry(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    assert registry.get_available_clients() == []
    with pytest.raises(ConfigurationError, match=r"GEMINI_API_KEY.*OPENAI_API_KEY.*CLAUDE_API_KEY"):
        registry.get_client_with_fallback().invoke("hi")


def test_a_preset_is_one_line(monkeypatch: pytest.MonkeyPatch, far: Any, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.setenv("GROQ_API_KEY", "gsk-x")
    monkeypatch.setenv("GROQ_MODEL", "llama-x")
    monkeypatch.setenv("SEGUE_LEDGER", "none")
    registry = LLMRegistry(backend=Backend(transport=MemoryTransport(far)))
    registry.register("groq", "groq")
    registry.register("fast", "groq")
    for name in ("groq", "fast"):
        client = registry.create_client(name, model="llama-y")
        assert client is not None
        assert client.invoke("hi").response_metadata["target"] == name
    assert far.models == ["llama-y", "llama-y"]
    assert far.headers[1]["authorization"] == "Bearer gsk-x"
    assert registry.get_available_clients() == ["groq", "fast"]
    monkeypatch.setenv("FAST_MODEL", "llama-fast")
    assert registry.get_client_with_fallback(["fast"]).invoke("hi").response_metadata["model_name"] == "llama-fast"
    with pytest.raises(ConfigurationError, match="is not a preset"):
        registry.register("x", "no-such-preset")


def test_a_provider_is_one_line(registry: LLMRegistry, far: Any) -> None:
    provider = Provider(dialect="openai_chat", base_url="http://local.test/v1", model="x", keyless=True)
    registry.register("local", provider)
    client = registry.get_client("local")
    assert client is not None
    assert client.invoke("hi").content == "local says hello"
    assert registry.get_client_with_fallback().chain == ("gemini", "openai", "claude", "local")


def test_a_langchain_model_is_one_line(registry: LLMRegistry, far: Any) -> None:
    registry.register("bedrock", FakeListChatModel(responses=["from the fake"]), streams=False)
    client = registry.get_client("bedrock")
    assert client is not None
    answer = client.invoke("hi")
    assert answer.content == "from the fake"
    assert answer.response_metadata["target"] == "bedrock"
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(503))
    assert registry.get_client_with_fallback().invoke("hi").content == "from the fake"


def test_a_class_of_langchain_models_takes_the_options_of_creation(registry: LLMRegistry) -> None:
    registry.register("fake", FakeListChatModel, streams=False)
    client = registry.create_client("fake", responses=["made with these"])
    assert client is not None
    assert client.invoke("hi").content == "made with these"


def test_a_function_makes_its_model_when_it_is_first_needed(registry: LLMRegistry) -> None:
    made: list[str] = []

    def make() -> FakeListChatModel:
        made.append("now")
        return FakeListChatModel(responses=["late"])

    registry.register("late", make, streams=False)
    assert made == []
    client = registry.get_client("late")
    assert client is not None
    assert [client.invoke("a").content, client.invoke("b").content] == ["late", "late"]
    assert made == ["now"]


def test_a_model_that_cannot_be_made_keeps_no_other_from_answering(registry: LLMRegistry, monkeypatch: Any) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    registry.register("mine", lambda: ChatOpenAI(model="gpt-4.1"))
    assert registry.get_client("mine") is None
    assert "mine can't be used" in str(registry.why_not("mine"))
    assert "mine" not in registry.get_available_clients()
    assert registry.get_client_with_fallback().invoke("hi").content == "gemini says hello"


class Codec(ChatCodec):
    """A custom dialect: that of Chat, at its own address."""

    base_url = "http://codec.test/v1"


def test_a_codec_class_is_one_line(monkeypatch: pytest.MonkeyPatch, far: Any) -> None:
    for name, value in {"X_API_KEY": "k", "X_MODEL": "x-1", "SEGUE_LEDGER": "none"}.items():
        monkeypatch.setenv(name, value)
    registry = LLMRegistry(backend=Backend(transport=MemoryTransport(far)))
    registry.register("x", Codec)
    client = registry.get_client("x")
    assert client is not None
    answer = client.invoke("hi")
    assert answer.content == "codec says hello"
    assert answer.response_metadata["model_name"] == "x-1"
    assert client.invoke("hi", model="x-2").response_metadata["model_name"] == "x-2"
    assert far.models == ["x-1", "x-2"]
    assert far.headers[0]["authorization"] == "Bearer k"
    assert (far.asked[0][1].temperature, far.asked[0][1].max_tokens) == (0.7, 1500)


def test_a_codec_without_model_or_key_says_what_to_set(registry: LLMRegistry) -> None:
    registry.register("x", Codec)
    assert "X_MODEL" in str(registry.why_not("x"))
    assert registry.get_client("x") is None


def test_a_ready_model_cannot_be_given_another_model(registry: LLMRegistry) -> None:
    registry.register("bedrock", FakeListChatModel(responses=["x"]), streams=False)
    client = registry.get_client("bedrock")
    assert client is not None
    with pytest.raises(ConfigurationError, match="can't be given another model"):
        client.invoke("hi", model="other")


class Brief(OpenAIClient):
    """A provider's client with its own settings."""

    temperature: float | None = 0.1
    max_tokens: int | None = 50


def test_a_client_class_with_defaults_is_a_target_with_them(registry: LLMRegistry, far: Any) -> None:
    registry.register("brief", Brief)
    client = registry.get_client("brief")
    assert isinstance(client, Brief)
    client.invoke("hi")
    registry.get_client_with_fallback(["brief"]).invoke("hi")
    assert [(r.temperature, r.max_tokens) for _, r in far.asked] == [(0.1, 50)] * 2
    assert far.headers[0]["authorization"] == "Bearer openai-secret"


class Guides(LLMClient):
    """As the guide writes them: a custom `__init__`, and the model as `client`."""

    def __init__(self) -> None:
        self.client = FakeListChatModel(responses=["from the guide's client"])


class Own(LLMClient):
    """A client that asks in its own way."""

    async def ainvoke(self, messages: Any, *args: Any, **kwargs: Any) -> AIMessage:
        return AIMessage(f"own answer to {messages[-1].content}")


class Plain:
    """Not even one of ours."""

    async def ainvoke(self, messages: Any) -> str:
        return f"plain answer to {messages[-1].content}"


@pytest.mark.parametrize("kind", [Own, Plain])
async def test_a_client_with_an_ainvoke_of_its_own_is_a_target(registry: LLMRegistry, far: Any, kind: type) -> None:
    registry.register("mine", kind)
    far.tell("gemini", far.fail(503))
    chain = registry.get_client_with_fallback(["gemini", "mine"])
    expected = f"{kind.__name__.lower()} answer to hi"
    assert (await chain.ainvoke([HumanMessage("hi")])).content == expected
    client = registry.get_client("mine")
    assert client is not None
    assert (await client.ainvoke([HumanMessage("hi")])).content == expected


def test_a_client_in_the_guides_manner_works_alone_and_in_a_chain(registry: LLMRegistry, far: Any) -> None:
    registry.register("openai", Guides, streams=False)
    client = registry.get_client("openai")
    assert isinstance(client, Guides)
    chain = registry.get_client_with_fallback(["openai", "claude"])
    assert chain.invoke("hi").content == "from the guide's client"
    assert far.asked == []


def test_a_new_registration_replaces_the_old_one(registry: LLMRegistry, far: Any) -> None:
    registry.register("openai", FakeListChatModel(responses=["replaced"]), streams=False)
    client = registry.get_client("openai")
    assert client is not None
    assert client.invoke("hi").content == "replaced"
    registry.register("openai", OpenAIClient)
    again = registry.get_client("openai")
    assert isinstance(again, OpenAIClient)
    assert again.invoke("hi").content == "openai says hello"


@pytest.mark.parametrize("what", [5, None, object(), "no-such-preset"])
def test_what_is_no_client_is_refused_and_changes_nothing(registry: LLMRegistry, what: Any) -> None:
    registry.register("x", FakeListChatModel(responses=["still here"]), streams=False)
    with pytest.raises(ConfigurationError, match=r"can't be registered|is not a preset"):
        registry.register("x", what)
    client = registry.get_client("x")
    assert client is not None
    assert client.invoke("hi").content == "still here"
    with pytest.raises(ConfigurationError, match="needs a name"):
        registry.register("", "groq")


def test_a_chain_of_the_settings_is_a_client_by_its_name(far: Any, environment: dict[str, str]) -> None:
    settings = load(environment, directory="/nonexistent")
    chain = ChainSettings(targets=("claude", "gemini"), policy=settings.policy.replace(fallback=False, rounds=1))
    settings = msgspec.structs.replace(settings, chains={"careful": chain})
    registry = LLMRegistry(backend=Backend(settings, transport=MemoryTransport(far)))
    client = registry.get_client("careful")
    assert client is not None
    assert client.invoke("hi").content == "claude says hello"
    far.tell("claude", far.fail(503))
    with pytest.raises(LLMServiceUnavailableError):
        client.with_options(timeout=5).invoke("hi")
    assert far.order == ["claude", "claude"]


def test_a_key_set_later_is_heeded_by_clients_made_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.setenv("SEGUE_LEDGER", "none")
    registry = LLMRegistry()
    assert registry.get_available_clients() == []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert registry.get_available_clients() == ["openai"]
    assert registry.get_client("openai") is not None


def test_the_ready_registry_and_the_clients_share_one_backend() -> None:
    assert LLMClient()._backend is registry_module.registry.backend
