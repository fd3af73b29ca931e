"""Policies at work in the library: what is asked first, what is reported of it, and what is booked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue import LLMClient, OpenAIClient, Segue, user
from segue.chat.messages import Image, Message, Text
from segue.errors import ConfigurationError
from segue.ledger.stores.memory import MemoryStore
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Pause, Reply
from segue.wire.codec import WireRequest

TOML = """
chain = ["small", "large"]
[targets.small]
provider = "openai"
model = "small-1"
api_key = "a"
base_url = "http://small.example/v1"
[targets.large]
provider = "openai"
model = "large-1"
api_key = "b"
base_url = "http://large.example/v1"
[prices.small-1]
input = "0.10"
output = "0.40"
[prices.large-1]
input = "3"
output = "15"
"""
HARD = "Implement an algorithm in Python that returns the number of subarrays whose sum is divisible by k, and prove its complexity."
EASY = "Hi! Can you recommend a nice movie for tonight?"


def says(request: WireRequest, *, wait: float = 0.0) -> Reply:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": request.url.split("//")[1].split(".")[0]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}},
    ]
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
    body = [b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks]
    return Reply(headers={"content-type": "text/event-stream"}, steps=[Pause(wait), *body, b"data: [DONE]\n\n"])


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Segue]:
    def made(toml: str = "", environ: dict[str, str] | None = None, script: Any = says) -> Segue:
        (tmp_path / "segue.toml").write_text(
            toml + TOML if toml.startswith("policy") else TOML + toml, encoding="utf-8"
        )
        settings = load(environ or {}, directory=tmp_path)
        return Segue(settings, ledger=MemoryStore(), transport=MemoryTransport(script))

    return made


async def test_by_default_the_chain_is_asked_as_written_and_no_route_is_named(
    make: Callable[..., Segue],
) -> None:
    segue = make()
    answer = await segue.acomplete(HARD)
    assert (answer.target, answer.route) == ("small", None)
    assert [record.metadata for record in segue.ledger.records()] == [{}]


async def test_smart_asks_the_strong_target_for_hard_requests_only(make: Callable[..., Segue]) -> None:
    segue = make('policy = "smart"\n')
    hard, easy = await segue.acomplete(HARD), await segue.acomplete(EASY)
    assert (hard.target, easy.target) == ("large", "small")
    assert hard.route is not None
    assert hard.route.order == ("large", "small")
    assert hard.route.complexity is not None
    assert hard.route.complexity > 0.6


async def test_the_first_answer_of_a_process_waits_for_the_prices_it_is_ordered_by(make: Callable[..., Segue]) -> None:
    assert (await make('policy = "cost"\n').acomplete(HARD, chain=("large", "small"))).target == "small"


async def test_the_decision_and_its_reason_are_booked_with_every_attempt(make: Callable[..., Segue]) -> None:
    segue = make('policy = "smart"\n')
    await segue.acomplete(HARD, metadata={"team": "search"})
    (record,) = segue.ledger.records()
    assert record.metadata["team"] == "search"
    assert record.metadata["segue_policy"] == "smart"
    assert "strong targets first (large)" in record.metadata["segue_route"]
    assert float(record.metadata["segue_complexity"]) > 0.6


async def test_a_call_can_name_its_own_policy_and_complexity(make: Callable[..., Segue]) -> None:
    segue = make()
    assert (await segue.acomplete(EASY, policy="smart", complexity=0.99)).target == "large"
    assert (await segue.acomplete(HARD, policy="smart", complexity=0.01)).target == "small"
    assert (await segue.acomplete(EASY, policy="weights", weights={"small": 0.0})).target == "large"


async def test_a_policy_can_be_set_for_one_chain_and_by_the_environment(make: Callable[..., Segue]) -> None:
    segue = make('[chains.careful]\ntargets = ["small", "large"]\npolicy = "smart"\n')
    assert (await segue.acomplete(HARD)).target == "small"
    assert (await segue.acomplete(HARD, chain="careful")).target == "large"
    assert (await make(environ={"SEGUE_POLICY": "smart"}).acomplete(HARD)).target == "large"


async def test_settings_can_say_which_targets_are_strong(make: Callable[..., Segue]) -> None:
    segue = make('[policy]\npolicy = "smart"\nstrong = ["small"]\n')
    assert (await segue.acomplete(HARD)).target == "small"


async def test_who_names_a_model_is_asked_for_no_order(make: Callable[..., Segue]) -> None:
    answer = await make('policy = "smart"\n').acomplete(HARD, model="small-2")
    assert (answer.target, answer.model, answer.route) == ("small", "small-2", None)


async def test_the_complexity_can_be_booked_without_any_routing(make: Callable[..., Segue]) -> None:
    segue = make("[policy]\nscore = true\n")
    assert (await segue.acomplete(HARD)).target == "small"
    (record,) = segue.ledger.records()
    assert list(record.metadata) == ["segue_complexity", "segue_turn"]


async def test_latency_learns_who_speaks_first(make: Callable[..., Segue]) -> None:
    def slow_small(request: WireRequest) -> Reply:
        return says(request, wait=0.05 if "small" in request.url else 0.0)

    segue = make("[policy]\npolicy = 'latency'\nhedge = false\n", script=slow_small)
    segue.runtime.engine.rng.random = lambda: 0.5  # type: ignore[method-assign]
    asked = [(await segue.acomplete(EASY)).target for _ in range(4)]
    assert asked == ["small", "large", "large", "large"]


async def test_free_quota_is_used_first_and_a_spent_one_is_passed_over(make: Callable[..., Segue]) -> None:
    segue = make('[targets.large.quota]\ntier = "free"\nrequests_per_day = 2\n[policy]\npolicy = "cost"\n')
    asked = [(await segue.acomplete(EASY)).target for _ in range(3)]
    assert asked[0] == "large"
    assert asked[-1] == "small"


GEMINI = '[targets.gemini]\napi_key = "g"\n{tier}\n[policy]\npolicy = "cost"\n'


@pytest.mark.parametrize(
    ("tier", "first", "why"),
    [
        (
            "",
            "gemini",
            r"gemini is free within 500 requests a day, else \$0\.0\d+: its tier is not set, free is assumed",
        ),
        ('quota = { tier = "free" }', "gemini", "gemini is free"),
        ('quota = { tier = "paid" }', "small", r"small is expected to cost least, \$0\.0\d+"),
    ],
)
async def test_a_tier_that_is_not_set_is_taken_to_be_free_and_the_route_says_so(
    tier: str, first: str, why: str, make: Callable[..., Segue]
) -> None:
    segue = make(GEMINI.format(tier=tier))
    answer = await segue.acomplete(EASY, chain=("small", "gemini"))
    assert answer.route is not None
    assert answer.route.order[0] == first
    assert re.fullmatch(why, answer.route.reason)


async def test_more_requests_than_a_free_day_has_are_taken_to_be_paid(
    make: Callable[..., Segue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.routing.resolve.free_within", lambda target, _: 2 if target.name == "gemini" else None)
    segue = make(GEMINI.format(tier=""))
    chain = ("small", "gemini")
    orders = [(await segue.acomplete(EASY, chain=chain)).route.order[0] for _ in range(3)]  # type: ignore[union-attr]
    assert orders == ["gemini", "gemini", "small"]


@pytest.mark.parametrize(("tier", "free"), [("free", True), ("paid", False)])
async def test_what_is_asked_on_a_free_tier_costs_nothing(tier: str, free: bool, make: Callable[..., Segue]) -> None:
    segue = make(f'[targets.small.quota]\ntier = "{tier}"\n')
    answer = await segue.acomplete(EASY)
    assert answer.cost is not None
    assert (answer.target, answer.cost == 0) == ("small", free)


async def test_a_server_on_this_machine_costs_nothing(make: Callable[..., Segue]) -> None:
    segue = make('[policy]\npolicy = "cost"\n[targets.ollama]\nmodel = "llama-9"\n')
    answer = await segue.acomplete(EASY, chain=("small", "ollama"))
    assert answer.route is not None
    assert (answer.target, answer.route.reason) == ("ollama", "ollama is free")


async def test_a_target_that_takes_no_pictures_is_not_put_first_however_cheap(make: Callable[..., Segue]) -> None:
    toml = (
        '[policy]\npolicy = "cost"\n[targets.blind]\nprovider = "deepseek"\nmodel = "deepseek-v4-pro"\napi_key = "c"\n'
    )
    segue = make(toml + '[prices.deepseek-v4-pro]\ninput = "0.01"\noutput = "0.01"\n')
    chain = ("blind", "large", "small")
    picture = Message("user", (Text("What is this?"), Image(url="https://example.org/a.png")))
    assert (await segue.acomplete("What is this?", chain=chain, fallback=False)).target == "blind"
    assert (await segue.acomplete([picture], chain=chain, fallback=False)).target == "small"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "cheap"}, "policy: 'cheap' is not a policy; use one of cost, latency, priority"),
        ({"policy": "cost", "complexity": 2}, "use 0 to 1"),
    ],
)
async def test_a_wrong_hint_is_the_callers_mistake(
    make: Callable[..., Segue], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await make().acomplete("hi", **options)


@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        ('policy = "cheap"\n', {}, "policy"),
        ("[policy]\nstrong_share = 2.0\n", {}, "strong_share"),
        (
            "",
            {"SEGUE_POLICY": "cheap"},
            r"SEGUE_POLICY: 'cheap' is not a policy; use one of cost, latency.*\(in the environment\)",
        ),
    ],
)
def test_a_wrong_setting_is_named(make: Callable[..., Segue], toml: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make(toml, environ)


def test_the_langchain_face_takes_the_same_options_and_tells_the_route(make: Callable[..., Segue]) -> None:
    client = OpenAIClient(api_key="k", policy="smart", complexity=0.9)
    assert client.options["policy"] == "smart"
    segue = make()
    details = LLMClient(engine=segue, policy="smart").invoke(HARD).response_metadata
    assert (details["target"], details["route"]["order"]) == ("large", ("large", "small"))
    segue.close()
    with pytest.raises(ConfigurationError, match="policy: 'cheap' is not a policy"):
        OpenAIClient(api_key="k", policy="cheap")


def test_streams_are_routed_too(make: Callable[..., Segue]) -> None:
    segue = make('policy = "smart"\n')
    with segue.stream([user(HARD)]) as stream:
        assert list(stream)
    assert stream.answer.target == "large"
    segue.close()


async def test_feedback_on_an_answer_is_kept_with_its_request(make: Callable[..., Segue]) -> None:
    segue = make("[policy]\nscore = true\n")
    answer = await segue.acomplete(EASY)
    segue.feedback(answer.request_id, good=True)
    segue.feedback(answer.request_id, good=False)
    assert segue.ledger.load(f"feedback:{answer.request_id}") == {"good": False}
