"""Liveness and readiness: what a load balancer and a person see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segue.chat.failure import Failure, FailureKind, QuotaHint, Scope
from segue.health.quota import QuotaKey
from segue.runtime import Runtime
from segue.server import health
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport

NOW = 1000.0
SECRET = "sk-not-to-be-shown-0123456789"
KEYS = {"GEMINI_API_KEY": SECRET, "OPENAI_API_KEY": SECRET}


def runtime_of(environ: dict[str, str]) -> Runtime:
    return Runtime(load({"SEGUE_LEDGER": "none", **environ}, directory="/nonexistent"), transport=MemoryTransport([]))


def fail(runtime: Runtime, name: str, kind: FailureKind, *, times: int = 1, retry_after: float | None = None) -> None:
    keys = runtime.engine.keys(runtime.targets[name])
    scope = Scope.CREDENTIAL if kind in (FailureKind.AUTH, FailureKind.MONEY) else Scope.MODEL
    failure = Failure(kind=kind, message="x", retry_after=retry_after, scope=scope)
    for _ in range(times):
        runtime.engine.health.failed(keys, failure, NOW, 0.0)


def look(runtime: Runtime, now: float = NOW) -> tuple[int, dict[str, dict[str, Any]]]:
    status, headers, body = health.ready(runtime, now=now)
    assert headers["cache-control"] == "no-store"
    assert SECRET not in body.decode()
    document = json.loads(body)
    assert document["status"] == ("ready" if status == 200 else "not ready")
    return status, {target.pop("target"): target for target in document["targets"]}


def test_a_living_process_says_ok() -> None:
    status, _, body = health.live()
    assert (status, json.loads(body)) == (200, {"status": "ok"})


def test_a_fresh_process_is_ready_and_says_whose_key_is_missing() -> None:
    status, targets = look(runtime_of(KEYS))
    assert status == 200
    assert [target["state"] for target in targets.values()] == ["ready", "ready", "no key"]
    assert targets["claude"]["reason"] == "set CLAUDE_API_KEY"
    assert targets["gemini"] == {"model": "gemini-3.5-flash-lite", "state": "ready", "reason": "", "recovers_in": None}


def test_an_obstacle_before_all_targets_is_reported() -> None:
    status, _, body = health.ready(runtime_of(KEYS), obstacle="no keys", now=NOW)
    assert status == 503
    report = json.loads(body)
    assert (report["status"], report["reason"], report["targets"][0]["state"]) == ("not ready", "no keys", "ready")


def test_a_target_that_is_rate_limited_cools_for_as_long_as_it_named_and_the_other_keeps_us_ready() -> None:
    runtime = runtime_of(KEYS)
    fail(runtime, "gemini", FailureKind.RATE, retry_after=20.0)
    status, targets = look(runtime)
    assert status == 200
    assert targets["gemini"]["state"] == "cooling"
    assert targets["gemini"]["reason"] == "model: rate-limited"
    assert targets["gemini"]["recovers_in"] >= 20.0
    assert look(runtime, NOW + targets["gemini"]["recovers_in"] + 0.1)[1]["gemini"]["state"] == "ready"


def test_a_target_whose_key_is_refused_is_off_until_it_is_put_right() -> None:
    runtime = runtime_of(KEYS)
    fail(runtime, "gemini", FailureKind.AUTH)
    _, targets = look(runtime)
    assert (targets["gemini"]["state"], targets["gemini"]["recovers_in"]) == ("off", None)
    assert "key is refused" in targets["gemini"]["reason"]


def test_no_target_to_ask_is_503() -> None:
    runtime = runtime_of(KEYS)
    fail(runtime, "gemini", FailureKind.AUTH)
    fail(runtime, "openai", FailureKind.OVERLOAD, times=10)
    status, targets = look(runtime)
    assert (status, targets["openai"]["state"]) == (503, "cooling")


def test_a_half_open_target_may_be_asked() -> None:
    runtime = runtime_of({"OPENAI_API_KEY": SECRET})
    fail(runtime, "openai", FailureKind.OVERLOAD, times=10)
    wait = look(runtime)[1]["openai"]["recovers_in"]
    status, targets = look(runtime, NOW + wait + 0.1)
    assert (status, targets["openai"]["state"], targets["openai"]["reason"]) == (200, "ready", "half open")


def test_a_spent_quota_is_reported_like_any_other_obstacle() -> None:
    runtime = runtime_of({"GEMINI_API_KEY": SECRET})
    keys = runtime.engine.keys(runtime.targets["gemini"])
    hint = QuotaHint(period=60.0, limit=15)
    runtime.engine.quota.learn(QuotaKey(keys.credential, keys.model), hint, 30.0, NOW, runtime.engine.wall())
    status, targets = look(runtime)
    assert (status, targets["gemini"]["state"], targets["gemini"]["recovers_in"]) == (503, "cooling", 30.0)
    assert "quota" in targets["gemini"]["reason"]


def test_without_any_key_nothing_is_ready() -> None:
    status, targets = look(runtime_of({}))
    assert status == 503
    assert {target["state"] for target in targets.values()} == {"no key"}


def test_a_target_outside_the_default_chain_makes_nothing_ready() -> None:
    status, targets = look(runtime_of({"SEGUE_CHAIN": "gemini", "OPENAI_API_KEY": SECRET}))
    assert (status, targets["openai"]["state"], targets["gemini"]["state"]) == (503, "ready", "no key")


def test_a_target_that_lacks_a_setting_is_off_and_says_which() -> None:
    status, targets = look(runtime_of({"SEGUE_CHAIN": "azure", "AZURE_API_KEY": SECRET}))
    assert (status, targets["azure"]["state"], targets["azure"]["model"]) == (503, "off", "")
    assert "AZURE_MODEL" in targets["azure"]["reason"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_the_gateway_answers_without_a_key(gateway: str, path: str) -> None:
    httpx = pytest.importorskip("httpx")
    answer = httpx.get(gateway + path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
