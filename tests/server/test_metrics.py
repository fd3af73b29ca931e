"""What is counted for Prometheus, read back with Prometheus' own parser."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from segue import Sandbox
from segue.budgets.lease import Budget
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import Usage
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.health.quota import QuotaKey, QuotaLimits
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import StoreStatus
from segue.routing.resolve import with_model
from segue.runtime import Runtime
from segue.server.metrics import ATTEMPT_BUCKETS, Metrics
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport

KEYS = {"GEMINI_API_KEY": "secret-one", "OPENAI_API_KEY": "secret-two", "OLLAMA_MODEL": "my-own-model"}
CHAIN = {"SEGUE_CHAIN": "gemini,openai,ollama"}
USAGE = Usage(
    input_tokens=5,
    cache_read_tokens=20,
    cache_write_tokens=1,
    cache_write_1h_tokens=2,
    output_tokens=9,
    reasoning_tokens=4,
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def runtime(metrics: Metrics) -> Runtime:
    settings = load({"SEGUE_LEDGER": "none", **KEYS, **CHAIN}, directory="/nonexistent")
    runtime = Runtime(settings, transport=MemoryTransport([]), listeners=[metrics])
    metrics.attach(runtime)
    return runtime


def begin(
    runtime: Runtime, name: str, *, model: str = "", hedge: bool = False, after: str = "", continuation: bool = False
) -> AttemptStart:
    target = with_model(runtime.targets[name], model) if model else runtime.targets[name]
    return AttemptStart(
        attempt_id="a",
        request_id="r1",
        target=target,
        chain="",
        wall=0.0,
        prompt_tokens=1,
        max_tokens=1,
        hedge=hedge,
        continuation=continuation,
        metadata={"free": "text of a caller"},
        after=after,
    )


def end(start: AttemptStart, kind: FailureKind | None = None, **fields: Any) -> AttemptEnd:
    failure = Failure(kind=kind, message="free text of a provider") if kind else None
    return AttemptEnd(start=start, outcome=kind or "ok", seconds=0.3, failure=failure, **fields)


def booked(cost: Decimal | None) -> AttemptRecord:
    return AttemptRecord(
        attempt_id="a",
        request_id="r1",
        started=0.0,
        target="gemini",
        provider="gemini",
        model="gemini-3.5-flash-lite",
        outcome="ok",
        settlement=Settlement.SETTLED,
        cost=cost,
    )


def scrape(text: str) -> dict[tuple[str, frozenset[str]], float]:
    """Samples by name and the values of their labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.values())): s.value for family in families for s in family.samples}


async def shown(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    status, headers, body = metrics.render()
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert b"secret" not in body
    assert b"free text" not in body
    assert b"caller" not in body.replace(b"Requests of callers", b"")
    return scrape(body.decode())


async def test_an_attempt_is_counted_with_its_times_and_tokens(metrics: Metrics, runtime: Runtime) -> None:
    metrics.attempt_ended(end(begin(runtime, "gemini"), first_content=0.15, usage=USAGE))
    found = await shown(metrics)
    place = {"gemini", "gemini-3.5-flash-lite"}
    assert found["segue_attempts_total", frozenset({*place, "ok"})] == 1
    assert found["segue_attempt_seconds_sum", frozenset(place)] == 0.3
    assert found["segue_first_content_seconds_bucket", frozenset({*place, "0.1"})] == 0
    assert found["segue_first_content_seconds_bucket", frozenset({*place, "0.2"})] == 1
    tokens = {"input": 5, "cache_read": 20, "cache_write": 3, "output": 5, "reasoning": 4}
    assert {name: found["segue_tokens_total", frozenset({*place, name})] for name in tokens} == tokens
    assert sum(tokens.values()) == USAGE.total_tokens


async def test_what_is_handed_over_is_what_the_library_would_have_counted(metrics: Metrics) -> None:
    waits = (0.0, 0.1, 0.1000001, 0.25, 3.0, 119.9, 120.0, 1e9)
    registry = CollectorRegistry()
    library = Histogram("wait", "", buckets=ATTEMPT_BUCKETS, registry=registry)
    for seconds in waits:
        metrics.request("claude", 200, seconds, False)
        library.observe(seconds)
        found = await shown(metrics)
        expected = scrape(generate_latest(registry).decode())
        of_library = {tuple(labels): value for (name, labels), value in expected.items() if name == "wait_bucket"}
        for (bound,), value in of_library.items():
            assert found["segue_request_seconds_bucket", frozenset({"claude", "false", bound})] == value
        assert found["segue_request_seconds_sum", frozenset({"claude", "false"})] == expected["wait_sum", frozenset()]
    assert found["segue_requests_total", frozenset({"claude", "200", "false"})] == len(waits)


async def test_an_attempt_without_content_has_no_time_to_it(metrics: Metrics, runtime: Runtime) -> None:
    metrics.attempt_ended(end(begin(runtime, "openai"), FailureKind.STALL))
    found = await shown(metrics)
    assert found["segue_attempts_total", frozenset({"openai", "gpt-6-luna", "stall"})] == 1
    assert found["segue_first_content_seconds_count", frozenset({"openai", "gpt-6-luna"})] == 0


async def test_an_attempt_that_follows_anothers_failure_is_a_failover(metrics: Metrics, runtime: Runtime) -> None:
    metrics.attempt_started(begin(runtime, "gemini"))
    metrics.attempt_started(begin(runtime, "openai", after="gemini"))
    found = await shown(metrics)
    failovers = {labels: value for (name, labels), value in found.items() if name == "segue_failovers_total"}
    assert failovers == {frozenset({"gemini", "openai"}): 1}


async def test_a_hedge_is_no_failover(metrics: Metrics, runtime: Runtime) -> None:
    metrics.attempt_started(begin(runtime, "gemini"))
    metrics.attempt_started(begin(runtime, "openai", hedge=True))
    found = await shown(metrics)
    assert found["segue_hedges_total", frozenset({"openai"})] == 1
    assert not [name for name, _ in found if name == "segue_failovers_total"]


async def test_a_callers_free_text_becomes_no_label(metrics: Metrics, runtime: Runtime) -> None:
    for model in ("free text", "gpt-6-free text", "gpt-6-sol-2026-01-01", "gpt-6-sol"):
        metrics.attempt_ended(end(begin(runtime, "openai", model=model)))
    metrics.attempt_ended(end(begin(runtime, "ollama")))
    found = await shown(metrics)
    counts = {labels: value for (name, labels), value in found.items() if name == "segue_attempts_total"}
    assert counts == {
        frozenset({"openai", "other", "ok"}): 2,
        frozenset({"openai", "gpt-6-sol", "ok"}): 2,
        frozenset({"ollama", "my-own-model", "ok"}): 1,
    }


async def test_each_target_is_in_one_state_at_a_time(metrics: Metrics, runtime: Runtime) -> None:
    def state_of(found: dict[tuple[str, frozenset[str]], float], target: str) -> list[str]:
        states = ("ready", "cooling", "off", "no key")
        return [state for state in states if found["segue_target_state", frozenset({target, state})] == 1]

    before = await shown(metrics)
    keys = runtime.engine.keys(runtime.targets["gemini"])
    failure = Failure(kind=FailureKind.RATE, message="x", retry_after=60.0)
    runtime.engine.health.failed(keys, failure, time.monotonic(), 0.0)
    after = await shown(metrics)
    assert (state_of(before, "gemini"), state_of(after, "gemini")) == (["ready"], ["cooling"])
    assert state_of(after, "openai") == ["ready"]


async def test_breakers_and_quotas_are_looked_at(metrics: Metrics, runtime: Runtime) -> None:
    target = runtime.targets["gemini"]
    keys, now = runtime.engine.keys(target), time.monotonic()
    runtime.engine.quota.configure(
        QuotaKey(keys.credential, keys.model), QuotaLimits(requests_per_minute=10, requests_per_day=500)
    )
    runtime.engine.reserve(target, 7, now)
    for _ in range(3):
        runtime.engine.health.failed(keys, Failure(kind=FailureKind.OVERLOAD, message="x"), now)
    found = await shown(metrics)
    assert found["segue_breaker_state", frozenset({"gemini", "model", "open"})] == 1
    assert found["segue_breaker_state", frozenset({"gemini", "model", "closed"})] == 0
    assert found["segue_breaker_state", frozenset({"gemini", "endpoint", "closed"})] == 1
    quota = {labels: value for (name, labels), value in found.items() if name == "segue_quota_left"}
    assert quota == {
        frozenset({"gemini", "minute", "requests"}): 9,
        frozenset({"gemini", "day", "requests"}): 499,
    }


async def test_what_is_left_of_budgets_is_looked_up_once_a_request_fell_under_one(
    metrics: Metrics, runtime: Runtime
) -> None:
    await metrics.look_up()
    assert "budgets" not in runtime.__dict__
    target = runtime.targets["gemini"]
    budget = Budget(name="key:key_1", pico=2_500_000_000_000, label="the key 'me'")
    ticket = await runtime.budgets.admit([budget], [target], prompt_tokens=10, max_tokens=10)
    await metrics.look_up()
    found = await shown(metrics)
    assert found["segue_budget_left_dollars", frozenset({"key:key_1"})] == 2.5
    assert found["segue_budget_dollars", frozenset({"key:key_1"})] == 2.5
    runtime.budgets.cancel(ticket)
    runtime.budgets.close()


async def test_what_an_attempt_cost_is_counted_and_so_is_one_of_unknown_cost(
    metrics: Metrics, runtime: Runtime
) -> None:
    ended = end(begin(runtime, "gemini"))
    for cost in (Decimal("0.25"), Decimal("0.5"), Decimal(0), None):
        metrics.attempt_booked(ended, booked(cost))
    metrics.attempt_started(begin(runtime, "openai", continuation=True))
    found = await shown(metrics)
    place = frozenset({"gemini", "gemini-3.5-flash-lite"})
    assert found["segue_cost_dollars_total", place] == 0.75
    assert found["segue_unpriced_attempts_total", place] == 1
    assert found["segue_continuations_total", frozenset({"openai"})] == 1


async def test_callers_requests_are_counted_by_dialect_status_and_form(metrics: Metrics) -> None:
    metrics.request("claude", 200, 0.2, True)
    metrics.request("claude", 200, 0.2, True)
    metrics.request("openai_chat", 500, 0.2, False)
    metrics.in_flight += 1
    found = await shown(metrics)
    assert found["segue_requests_total", frozenset({"claude", "200", "true"})] == 2
    assert found["segue_requests_total", frozenset({"openai_chat", "500", "false"})] == 1
    assert found["segue_request_seconds_count", frozenset({"claude", "true"})] == 2
    assert found["segue_requests_in_flight", frozenset()] == 1


def test_an_attempt_costs_little(metrics: Metrics, runtime: Runtime) -> None:
    """A guard against looking labels up each time; measured it is a fifth of this."""
    start = begin(runtime, "gemini")
    ended = end(start, first_content=0.2, usage=USAGE)
    metrics.attempt_ended(ended)
    rounds = 500
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            metrics.attempt_started(start)
            metrics.attempt_ended(ended)
        best = min(best, time.process_time() - began)
    assert best / rounds < 50e-6


class TestGateway:
    @pytest.fixture
    def settings(self, box: Sandbox) -> Settings:
        quick = load({"SEGUE_LEDGER": "none"}, directory="/nonexistent")
        return msgspec.structs.replace(box.settings(quick), chain=("gemini", "openai"))

    def test_a_failover_of_the_gateway_shows(self, gateway: str, box: Sandbox) -> None:
        box.break_provider("gemini", "rate")
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
        with httpx.Client(base_url=gateway) as client:
            assert client.post("/v1/chat/completions", json=body).status_code == 200
            found = scrape(client.get("/metrics").text)
        assert found["segue_failovers_total", frozenset({"gemini", "openai"})] == 1
        assert found["segue_attempts_total", frozenset({"openai", "gpt-6-luna", "ok"})] == 1
        assert found["segue_target_state", frozenset({"gemini", "cooling"})] == 1
        assert found["segue_requests_in_flight", frozenset()] == 1

    def test_what_watches_the_gateway_is_not_counted_among_its_callers(self, gateway: str) -> None:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
        watched = ("/metrics", "/health/live", "/health/ready", "/health/history", "/dashboard/")
        with httpx.Client(base_url=gateway) as client:
            assert client.post("/v1/chat/completions", json=body).status_code == 200
            for path in watched:
                assert client.get(path).status_code == 200, path
            found = scrape(client.get("/metrics").text)
        counts = {labels: value for (name, labels), value in found.items() if name == "segue_requests_total"}
        assert counts == {frozenset({"openai_chat", "200", "false"}): 1, frozenset({"none", "200", "false"}): 5}


async def test_the_ledgers_troubles_can_be_seen(
    metrics: Metrics, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = StoreStatus(location="", pending=1, errors=2, dropped=3, unconfirmed=4, unshipped=5)
    monkeypatch.setattr(runtime.ledger, "status", lambda: status)
    found = await shown(metrics)
    names = ("pending", "errors", "dropped", "unconfirmed", "unshipped")
    assert [found[f"segue_ledger_{name}", frozenset()] for name in names] == [1, 2, 3, 4, 5]
