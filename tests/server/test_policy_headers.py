"""What a caller of the gateway may say of the order, and what the answer says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from segue import Sandbox
from segue.settings import Settings
from segue.settings_loading import load

from .conftest import served

HARD = "Implement an algorithm in Python that returns the longest palindrome of a string, and prove its complexity."


@pytest.fixture
def smart(settings: Settings) -> Iterator[str]:
    policy = settings.policy.replace(policy="smart", strong=("claude",))
    with served(msgspec.structs.replace(settings, policy=policy)) as address:
        yield address


def ask(gateway: str, text: str = HARD, model: str = "auto", stream: bool = False, **headers: str) -> httpx.Response:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    named = {f"x-segue-{name}": value for name, value in headers.items()}
    return httpx.post(f"{gateway}/v1/chat/completions", json=body, headers=named, timeout=10)


def in_regions(box: Sandbox) -> Settings:
    environ = {"SEGUE_LEDGER": "none", "GEMINI_REGION": "eu", "OPENAI_REGION": "us"}
    return box.settings(load(environ, directory="/nonexistent"))


def test_without_a_policy_the_answer_says_nothing_of_a_route(gateway: str) -> None:
    answer = ask(gateway)
    assert answer.headers["x-segue-target"] == "gemini"
    assert "x-segue-route" not in answer.headers


@pytest.mark.parametrize("stream", [False, True])
def test_a_routed_answer_says_by_which_policy_and_why(smart: str, stream: bool) -> None:
    answer = ask(smart, stream=stream)
    assert answer.headers["x-segue-target"] == "claude"
    assert answer.headers["x-segue-route"].startswith("smart: complexity 0.")
    assert "strong targets first (claude)" in answer.headers["x-segue-route"]


def test_a_caller_may_hint_at_the_complexity_and_name_the_policy(smart: str, gateway: str) -> None:
    assert ask(smart, complexity="0.1").headers["x-segue-target"] != "claude"
    assert "x-segue-route" not in ask(smart, policy="priority").headers
    assert ask(gateway, policy="cost").headers["x-segue-route"].startswith("cost: ")


def test_a_named_target_is_asked_first_whatever_the_policy(smart: str) -> None:
    answer = ask(smart, model="openai")
    assert answer.headers["x-segue-target"] == "openai"
    assert "x-segue-route" not in answer.headers


def test_a_caller_may_say_which_regions_may_be_asked(box: Sandbox) -> None:
    with served(in_regions(box)) as gateway:
        assert ask(gateway, regions="us").headers["x-segue-target"] == "openai"
        assert ask(gateway, regions="KR, us", model="gemini").headers["x-segue-target"] == "openai"
        unanswered = ask(gateway, regions="kr")
    assert unanswered.status_code == 400
    assert "set CLAUDE_REGION or targets.claude.region" in unanswered.json()["error"]["message"]


def test_a_caller_may_narrow_the_gateways_regions_and_not_widen_them(box: Sandbox) -> None:
    settings = in_regions(box)
    with served(msgspec.structs.replace(settings, policy=settings.policy.replace(regions=("EU", "us")))) as gateway:
        assert ask(gateway).headers["x-segue-target"] == "gemini"
        assert ask(gateway, regions="us,kr").headers["x-segue-target"] == "openai"
        assert ask(gateway, model="claude").headers["x-segue-target"] == "gemini"
        wider = ask(gateway, regions="kr")
        vectors = {"model": "text-embedding-3-small", "input": "one"}
        refused = httpx.post(f"{gateway}/v1/embeddings", json=vectors, headers={"x-segue-regions": "eu"}, timeout=10)
        embedded = httpx.post(f"{gateway}/v1/embeddings", json=vectors, timeout=10)
    assert (wider.status_code, wider.json()["error"]["message"]) == (400, "x-segue-regions='kr' is wrong: use EU, us")
    assert (refused.status_code, embedded.status_code) == (400, 200)
    assert "openai is in us, and only eu may be asked" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "value"), [("policy", "cheapest"), ("complexity", "hard"), ("complexity", "2"), ("regions", ",")]
)
def test_a_wrong_hint_is_refused_with_what_is_allowed(gateway: str, name: str, value: str) -> None:
    answer = ask(gateway, **{name: value})
    assert answer.status_code == 400
    assert f"x-segue-{name}" in answer.json()["error"]["message"]
