"""Where a target answers, and that a request goes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from langchain_core.language_models import FakeListChatModel

from segue import ConfigurationError, InvalidRequestError, LLMServiceUnavailableError, OpenAIClient, Sandbox, Segue
from segue.langchain.backend import Backend
from segue.ledger.stores.memory import MemoryStore
from segue.routing import resolve
from segue.settings import TargetSettings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest

TOML = """
chain = ["here", "there", "nowhere"]
[targets.here]
provider = "openai"
model = "m"
api_key = "a"
base_url = "http://here.example/v1"
region = "EU"
[targets.there]
provider = "openai"
model = "m"
api_key = "b"
base_url = "http://there.example/v1"
region = "us"
[targets.nowhere]
provider = "openai"
model = "m"
api_key = "c"
base_url = "http://nowhere.example/v1"
"""


def says(request: WireRequest) -> Reply:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": "Hello."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
    body = [b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks]
    return Reply(headers={"content-type": "text/event-stream"}, steps=[*body, b"data: [DONE]\n\n"])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Segue]:
    def made(toml: str = "", script: Any = says, **environ: str) -> Segue:
        (tmp_path / "segue.toml").write_text(TOML + toml, encoding="utf-8")
        settings = load(environ, directory=tmp_path)
        return Segue(settings, ledger=MemoryStore(), transport=MemoryTransport(script))

    return made


async def test_without_a_demand_regions_make_no_difference(make: Callable[..., Segue]) -> None:
    assert (await make().acomplete("Hi")).target == "here"


async def test_a_call_a_chain_and_the_policy_may_each_say_where_it_may_be_answered(make: Callable[..., Segue]) -> None:
    segue = make('[chains.far]\ntargets = ["here", "there"]\nregions = ["us"]\n[policy]\nregions = ["kr", "eu"]\n')
    assert (await segue.acomplete("Hi")).target == "here"
    assert (await segue.acomplete("Hi", chain="far")).target == "there"
    assert (await segue.acomplete("Hi", regions=("us",))).target == "there"


async def test_a_region_that_is_no_tuple_is_a_mistake_that_is_explained(make: Callable[..., Segue]) -> None:
    with pytest.raises(ConfigurationError, match=r"regions='eu' is wrong: use a list, such as \['eu'\]"):
        await make().acomplete("hello", regions="eu")


@pytest.mark.parametrize("policy", ["priority", "cost", "latency", "smart", "weights"])
async def test_no_policy_puts_a_target_of_another_region_first(make: Callable[..., Segue], policy: str) -> None:
    answer = await make().acomplete("Hi", policy=policy, regions=("us",))
    assert answer.target == "there"
    assert answer.route is None or answer.route.order[0] == "there"


async def test_the_environment_says_where_a_target_answers(make: Callable[..., Segue]) -> None:
    segue = make(NOWHERE_REGION="kr", HERE_REGION="us")
    assert (await segue.acomplete("Hi", regions=("kr",))).target == "nowhere"
    assert segue.targets["here"].region == "us"


async def test_where_no_target_may_be_asked_the_error_says_what_to_set(make: Callable[..., Segue]) -> None:
    segue = make()
    with pytest.raises(InvalidRequestError) as caught:
        await segue.acomplete("Hi", regions=("kr", "jp"))
    message = str(caught.value)
    assert "there is in us, and only kr or jp may be asked" in message
    assert "nowhere's region is not known" in message
    assert "set NOWHERE_REGION or targets.nowhere.region" in message
    assert [attempt.outcome for attempt in caught.value.attempts] == ["skipped"] * 3
    assert not segue.ledger.records()


async def test_when_those_of_the_region_fail_the_others_are_passed_over_with_the_reason(
    make: Callable[..., Segue],
) -> None:
    asked: list[str] = []

    def refuses(request: WireRequest) -> Reply:
        asked.append(request.url)
        return Reply(status=401, headers={"content-type": "application/json"}, steps=[b'{"error":{"message":"no"}}'])

    with pytest.raises(LLMServiceUnavailableError) as caught:
        await make(script=refuses).acomplete("Hi", regions=("eu",))
    assert {url.split("/")[2] for url in asked} == {"here.example"}
    reasons = {attempt.target: attempt.reason for attempt in caught.value.attempts if attempt.outcome == "skipped"}
    assert reasons["there"] == "there is in us, and only eu may be asked"
    assert reasons["nowhere"].startswith("nowhere's region is not known")


async def test_a_named_model_at_a_target_of_another_region_is_not_asked_for(make: Callable[..., Segue]) -> None:
    answer = await make().acomplete("Hi", chain=["there", "here"], model="other", regions=("eu",))
    assert answer.target == "here"


def test_a_presets_region_holds_for_its_own_address_only() -> None:
    preset = TargetSettings()
    moved = TargetSettings(base_url="http://elsewhere.example/v1")
    assert resolve.target("clova", preset).region == "kr"
    assert resolve.target("clova", moved).region == ""
    assert resolve.target("clova", msgspec.structs.replace(moved, region="us")).region == "us"
    assert resolve.target("openai", preset).region == ""


async def test_a_client_with_an_address_of_its_own_is_in_no_known_region(make: Callable[..., Segue]) -> None:
    settings = load({"OPENAI_API_KEY": "k", "OPENAI_REGION": "eu", "SEGUE_LEDGER": "none"}, directory="/nonexistent")
    network = MemoryTransport(says)
    backend = Backend(settings, transport=network)
    assert (await OpenAIClient(backend=backend, regions=("eu",)).ainvoke("Hi")).content == "Hello."
    moved = OpenAIClient(backend=backend, regions=("eu",), base_url="http://elsewhere.example/v1")
    with pytest.raises(InvalidRequestError, match="openai's region is not known"):
        await moved.ainvoke("Hi")
    assert len(network.requests) == 1


async def test_a_ready_model_is_where_the_settings_of_its_name_say() -> None:
    model = FakeListChatModel(responses=["Hello."])
    environ = {"OPENAI_REGION": "eu", "SEGUE_LEDGER": "none"}
    backend = Backend(load(environ, directory="/nonexistent"), transport=MemoryTransport(says))
    assert (
        await OpenAIClient(backend=backend, client=model, streams=False, regions=("eu",)).ainvoke("Hi")
    ).content == "Hello."
    with pytest.raises(InvalidRequestError, match="openai is in eu, and only kr may be asked"):
        await OpenAIClient(backend=backend, client=model, streams=False, regions=("kr",)).ainvoke("Hi")


async def test_a_sandbox_stands_in_for_targets_where_they_are() -> None:
    with Sandbox() as box:
        segue = Segue(box.settings(load({"SEGUE_CHAIN": "gemini,clova", "SEGUE_LEDGER": "none"}, directory="/none")))
        assert (await segue.acomplete("Hi", regions=("kr",))).target == "clova"
        await segue.aclose()
