"""The lists of models, with the official SDKs as judges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from segue.catalog.models import find_model
from segue.runtime import Runtime
from segue.sandbox import Sandbox
from segue.server import models
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport

anthropic = pytest.importorskip("anthropic")
openai = pytest.importorskip("openai")
genai = pytest.importorskip("google.genai")

TOML = """
[chains.fast]
targets = ["openai", "gemini"]
[chains.keyless]
targets = ["azure"]
"""
OWN = ["gemini-3.5-flash-lite", "gpt-6-luna", "claude-sonnet-5-5"]
ALL = [
    "auto",
    "fast",
    *OWN,
    *(f"{name}/{model}" for name, model in zip(("gemini", "openai", "claude"), OWN, strict=True)),
]
UNDERSTOOD = ["auto", "fast", "gpt-6-luna", "openai/gpt-6-luna", "claude", "gpt-6-sol", "openai/gpt-6-sol"]


@pytest.fixture
def settings(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    place = tmp_path_factory.mktemp("settings")
    (place / "segue.toml").write_text(TOML)
    return box.settings(load({"SEGUE_LEDGER": "none"}, directory=place))


def runtime_of(environ: dict[str, str]) -> Runtime:
    settings = load({"SEGUE_LEDGER": "none", **environ}, directory="/nonexistent")
    return Runtime(settings, transport=MemoryTransport([]))


def ids(runtime: Runtime) -> list[str]:
    return [model["id"] for model in json.loads(models.listing(runtime, "openai_chat")[2])["data"]]


class TestOpenAI:
    @pytest.fixture
    def client(self, gateway: str) -> Iterator[Any]:
        with openai.OpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as client:
            yield client

    def test_lists_what_a_caller_may_ask_for(self, client: Any) -> None:
        listed = list(client.models.list())
        assert [model.id for model in listed] == ALL
        assert {model.object for model in listed} == {"model"}
        by_id = {model.id: model for model in listed}
        assert by_id["auto"].owned_by == "segue"
        assert by_id["gpt-6-luna"].owned_by == "openai"
        released = find_model("openai", "gpt-6-luna").released
        assert datetime.fromtimestamp(by_id["gpt-6-luna"].created, UTC).date() == released

    def test_retrieves_whatever_is_understood(self, client: Any) -> None:
        assert [client.models.retrieve(word).id for word in UNDERSTOOD] == UNDERSTOOD

    def test_what_stands_for_nothing_is_not_found(self, client: Any) -> None:
        for word in ("no-such-model", "openai/no-such-model", "groq", "keyless"):
            with pytest.raises(openai.NotFoundError, match=word) as caught:
                client.models.retrieve(word)
            assert caught.value.code == "model_not_found"


class TestAnthropic:
    @pytest.fixture
    def client(self, gateway: str) -> Iterator[Any]:
        with anthropic.Anthropic(base_url=gateway, api_key="any", max_retries=0) as client:
            yield client

    def test_lists_all_on_one_page(self, client: Any) -> None:
        page = client.models.list()
        assert [model.id for model in page] == ALL
        assert (page.first_id, page.last_id, page.has_more) == (ALL[0], ALL[-1], False)

    def test_retrieves_limits_and_lifecycle(self, client: Any) -> None:
        model = client.models.retrieve("claude-sonnet-5-5")
        known = find_model("claude", "claude-sonnet-5-5")
        assert (model.type, model.lifecycle) == ("model", "active")
        assert (model.max_input_tokens, model.max_tokens) == (known.window, known.max_output)
        assert model.created_at.date() == known.released

    def test_a_retired_model_says_so(self, client: Any) -> None:
        model = client.models.retrieve("claude-3-5-sonnet-20241022")
        assert model.lifecycle == "retired"
        assert model.retires_at < datetime.now(UTC)

    def test_what_stands_for_nothing_is_not_found(self, client: Any) -> None:
        with pytest.raises(anthropic.NotFoundError) as caught:
            client.models.retrieve("no-such-model")
        assert caught.value.body["error"]["type"] == "not_found_error"


class TestGoogle:
    @pytest.fixture
    def client(self, gateway: str) -> Iterator[Any]:
        client = genai.Client(api_key="any", http_options={"base_url": gateway})
        yield client
        client.close()

    def test_lists_all_with_their_limits(self, client: Any) -> None:
        listed = list(client.models.list())
        assert [model.name for model in listed] == [f"models/{id}" for id in ALL]
        model = listed[ALL.index("gemini-3.5-flash-lite")]
        known = find_model("gemini", "gemini-3.5-flash-lite")
        assert (model.input_token_limit, model.output_token_limit) == (known.window, known.max_output)
        assert "generateContent" in model.supported_actions

    def test_gets_one_with_or_without_its_prefix(self, client: Any) -> None:
        for word in ("auto", "gemini-3.5-flash-lite", "models/gemini-3.5-flash-lite", "openai/gpt-6-luna"):
            assert client.models.get(model=word).name == f"models/{word.removeprefix('models/')}"

    def test_what_stands_for_nothing_is_not_found(self, client: Any) -> None:
        with pytest.raises(genai.errors.ClientError) as caught:
            client.models.get(model="no-such-model")
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_chain_promises_no_more_than_each_of_its_targets_takes() -> None:
    runtime = runtime_of({"OPENAI_API_KEY": "k", "CLAUDE_API_KEY": "k"})
    auto = json.loads(models.single(runtime, "claude", "auto")[2])
    infos = [find_model("openai", "gpt-6-luna"), find_model("claude", "claude-sonnet-5-5")]
    assert auto["max_input_tokens"] == min(info.window or 0 for info in infos)
    assert auto["max_tokens"] == min(info.max_output or 0 for info in infos)


def test_only_targets_with_a_key_are_listed() -> None:
    assert ids(runtime_of({"OPENAI_API_KEY": "k"})) == ["auto", "gpt-6-luna", "openai/gpt-6-luna"]
    assert ids(runtime_of({})) == []


def test_a_target_that_lacks_a_setting_takes_no_other_off_the_list() -> None:
    runtime = runtime_of({"SEGUE_CHAIN": "openai,azure", "OPENAI_API_KEY": "k", "AZURE_API_KEY": "k"})
    assert ids(runtime) == ["gpt-6-luna", "openai/gpt-6-luna"]  # no auto: a request to it would fail over that setting


def test_what_a_local_server_will_be_found_to_have_is_not_listed() -> None:
    assert ids(runtime_of({"SEGUE_CHAIN": "openai,local", "OPENAI_API_KEY": "k"})) == [
        "auto",
        "gpt-6-luna",
        "openai/gpt-6-luna",
    ]


@pytest.mark.parametrize("dialect", ["openai_chat", "claude", "gemini"])
def test_a_model_known_only_to_a_provider_without_a_key_is_not_found(dialect: str) -> None:
    assert models.single(runtime_of({"OPENAI_API_KEY": "k"}), dialect, "claude-sonnet-5-5")[0] == 404
