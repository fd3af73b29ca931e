"""OpenTelemetry with its real SDK: spans and measurements in memory, and once over a real socket."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import SpanKind, StatusCode
from tests.monitoring.collector import collecting
from tests.server.conftest import served

from segue import LLMServiceUnavailableError, Sandbox, system, user
from segue.client import Segue
from segue.monitoring import otel
from segue.monitoring.otel import OpenTelemetry
from segue.settings import Settings
from segue.settings_loading import load

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture
def settings(box: Sandbox) -> Settings:
    for name in box.providers:
        box.heal(name)
    return box.settings(load({"SEGUE_LEDGER": "none", "SEGUE_CHAIN": "gemini,openai"}, directory="/nonexistent"))


class Collected:
    """Real providers, whose spans and measurements stay in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def listener(self, **options: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def request(self) -> ReadableSpan:
        (span,) = [span for span in self.exporter.get_finished_spans() if span.name == "segue.request"]
        return span

    @property
    def attempts(self) -> list[ReadableSpan]:
        spans = [span for span in self.exporter.get_finished_spans() if span.name != "segue.request"]
        return sorted(spans, key=lambda span: span.start_time or 0)

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        data = self._reader.get_metrics_data()
        assert data is not None
        return [
            (dict(point.attributes or {}), point)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def collected() -> Iterator[Collected]:
    made = Collected()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


async def test_a_request_that_failed_over_is_a_span_with_one_for_each_attempt_below_it(
    settings: Settings, box: Sandbox, collected: Collected
) -> None:
    segue = Segue(settings, listeners=[collected.listener()])
    await segue.warm_up()
    box.break_provider("gemini", "unavailable")
    answer = await segue.acomplete("Hello", temperature=0.2, max_tokens=99, stop=("END",))
    await segue.aclose()
    request, (failed, answered) = collected.request, collected.attempts
    assert request.kind is SpanKind.INTERNAL
    assert request.attributes is not None
    assert request.attributes["segue.request.id"] == answer.request_id
    assert (request.attributes["segue.outcome"], request.attributes["segue.attempts"]) == ("ok", 2)
    assert request.status.status_code is StatusCode.UNSET
    ((name, event),) = [(event.name, event.attributes) for event in request.events]
    assert (name, dict(event or {})) == ("segue.failover", {"segue.from": "gemini", "segue.to": "openai"})
    for span in (failed, answered):
        assert span.kind is SpanKind.CLIENT
        assert span.parent == request.context
    assert (failed.name, answered.name) == ("chat gemini-3.5-flash-lite", "chat gpt-6-luna")
    recorded = dict(failed.attributes or {})
    assert (recorded["error.type"], recorded["gen_ai.provider.name"]) == ("overload", "gcp.gemini")
    assert recorded["http.response.status_code"] == 503
    assert failed.status.status_code is StatusCode.ERROR
    recorded = dict(answered.attributes or {})
    assert recorded["gen_ai.operation.name"] == "chat"
    assert recorded["gen_ai.provider.name"] == "openai"
    assert recorded["gen_ai.request.model"] == recorded["gen_ai.response.model"] == "gpt-6-luna"
    assert recorded["gen_ai.request.temperature"] == 0.2
    assert recorded["gen_ai.request.max_tokens"] == 99
    assert recorded["gen_ai.request.stop_sequences"] == ("END",)
    assert recorded["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
    assert recorded["gen_ai.usage.output_tokens"] == answer.usage.output_tokens
    assert recorded["gen_ai.response.time_to_first_chunk"] > 0
    assert recorded["segue.cost"] == float(answer.cost or 0)
    assert (recorded["server.address"], recorded["server.port"]) == (
        "127.0.0.1",
        int(box.base_url("openai").split(":")[2][:-3]),
    )
    assert "Hello" not in str([span.to_json() for span in collected.exporter.get_finished_spans()])


async def test_measurements_have_the_conventions_names_and_units(
    settings: Settings, box: Sandbox, collected: Collected
) -> None:
    segue = Segue(settings, listeners=[collected.listener()])
    await segue.warm_up()
    box.break_provider("gemini", "rate")
    answer = await segue.acomplete("Hello")
    await segue.aclose()
    durations = {each["gen_ai.provider.name"]: each for each, _ in collected.points("gen_ai.client.operation.duration")}
    assert durations["gcp.gemini"]["error.type"] == "rate"
    assert "error.type" not in durations["openai"]
    tokens = {each["gen_ai.token.type"]: point.sum for each, point in collected.points("gen_ai.client.token.usage")}
    assert tokens == {"input": answer.usage.prompt_tokens, "output": answer.usage.output_tokens}
    ((_, first),) = collected.points("gen_ai.client.operation.time_to_first_chunk")
    assert (first.count, first.explicit_bounds) == (1, otel.SECONDS)
    ((labels, failover),) = collected.points("segue.failovers")
    assert (labels, failover.value) == ({"segue.from": "gemini", "segue.to": "openai"}, 1)
    ((_, cost),) = collected.points("segue.cost")
    assert cost.value == float(answer.cost or 0) > 0
    ((labels, _),) = collected.points("segue.request.duration")
    assert labels == {"segue.outcome": "ok", "segue.chain": "default"}


async def test_a_request_without_an_answer_is_an_error_and_one_that_was_left_is_none(
    settings: Settings, box: Sandbox, collected: Collected
) -> None:
    segue = Segue(settings, listeners=[collected.listener()])
    box.break_provider("gemini", "freeze")
    stream = segue.stream("Hello")
    await stream.batch()
    await stream.aclose()
    assert collected.request.status.status_code is StatusCode.UNSET
    assert dict(collected.attempts[0].attributes or {})["segue.outcome"] == "cancelled"
    collected.exporter.clear()
    for name in ("gemini", "openai"):
        box.break_provider(name, "auth")
    with pytest.raises(LLMServiceUnavailableError):
        await segue.acomplete("Hello")
    await segue.aclose()
    assert collected.request.status.status_code is StatusCode.ERROR
    assert dict(collected.request.attributes or {})["error.type"] == "AuthenticationError"


async def test_a_continuation_and_its_seam_are_seen(settings: Settings, box: Sandbox, collected: Collected) -> None:
    segue = Segue(settings, listeners=[collected.listener()])
    box.break_provider("gemini", "cut:after=5")
    async for _ in segue.stream("Hello"):
        pass
    await segue.aclose()
    assert [event.name for event in collected.request.events] == ["segue.failover", "segue.continuation"]
    assert dict(collected.request.attributes or {})["segue.seams"] == 1
    assert dict(collected.attempts[1].attributes or {})["segue.continuation"] is True


async def test_content_is_in_the_spans_only_where_that_is_switched_on_and_without_secrets(
    settings: Settings, collected: Collected
) -> None:
    segue = Segue(settings, listeners=[collected.listener(content=True)])
    answer = await segue.acomplete([system("Be brief."), user("Mine is sk-0123456789abcdef")])
    await segue.aclose()
    recorded = dict(collected.attempts[0].attributes or {})
    asked = json.loads(str(recorded["gen_ai.input.messages"]))
    assert asked[0] == {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
    assert asked[1]["parts"][0]["content"] == "Mine is [redacted]"
    (message,) = json.loads(str(recorded["gen_ai.output.messages"]))
    assert message == {"role": "assistant", "parts": [{"type": "text", "content": answer.text}]}


async def test_a_request_belongs_to_the_span_that_is_current_synchronous_ones_too(
    settings: Settings, collected: Collected
) -> None:
    segue = Segue(settings, listeners=[collected.listener()])
    tracer = trace.get_tracer("the program", tracer_provider=collected.tracers)
    with tracer.start_as_current_span("mine") as mine:
        await segue.acomplete("Hello")
    await segue.aclose()
    assert collected.request.parent == mine.get_span_context()
    collected.exporter.clear()
    plain = Segue(settings, listeners=[collected.listener()])
    with tracer.start_as_current_span("mine") as mine:
        plain.complete("Hello")
    plain.close()
    assert collected.request.parent == mine.get_span_context()


def test_the_gateway_takes_up_its_callers_trace(box: Sandbox, settings: Settings, collected: Collected) -> None:
    watched = msgspec.structs.replace(settings, monitoring=msgspec.structs.replace(settings.monitoring, otel=True))
    with served(watched, listeners=[collected.listener()]) as address:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert httpx.post(f"{address}/v1/chat/completions", json=body, headers=headers).status_code == 200
    assert collected.request.context is not None
    assert collected.request.parent is not None
    assert f"{collected.request.context.trace_id:032x}" == TRACE
    assert f"{collected.request.parent.span_id:016x}" == PARENT


def test_the_names_are_those_of_the_published_conventions() -> None:
    names = {value for value in vars(gen_ai_attributes).values() if isinstance(value, str)}
    names |= {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    with open(otel.__file__, encoding="utf-8") as source:
        text = source.read()
    used = set(re.findall(r'"(gen_ai\.[a-z_.]+)"', text))
    used |= {f"gen_ai.request.{name}" for name in ("temperature", "top_p", "top_k", "seed", "frequency_penalty")}
    assert len(used) > 20
    assert used - names == set()


def test_measurements_tell_only_so_many_models_apart(settings: Settings, collected: Collected) -> None:
    listener = collected.listener()
    labels = {listener._label(f"model-{number}") for number in range(otel.MODELS + 50)}
    assert len(labels) == otel.MODELS + 1
    assert otel.OTHER in labels


SERVED = """
from segue import Sandbox, Segue, load
from segue.monitoring.otlp import export, flush
export()
export()
with Sandbox() as box:
    segue = Segue(box.settings(load()))
    segue.complete("Hello")
    segue.close()
flush()
"""


def test_they_arrive_at_a_collector_over_a_socket(tmp_path: Any) -> None:
    with collecting() as (endpoint, got):
        environ = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "SEGUE_OTEL": "true",
            "SEGUE_LEDGER": "none",
        }
        done = subprocess.run(
            [sys.executable, "-c", SERVED], env=environ, cwd=tmp_path, timeout=60, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
    traces, measured = got["/v1/traces"], got["/v1/metrics"]
    for word in (b"segue.request", b"chat gemini-3.5-flash-lite", b"gen_ai.usage.input_tokens", b"service.name"):
        assert word in traces
    assert b"gen_ai.client.operation.duration" in measured


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from segue import ConfigurationError, Segue, load
from segue.monitoring.otlp import export
for attempt in (lambda: Segue(load({"SEGUE_OTEL": "true", "SEGUE_LEDGER": "none"}, directory="/nonexistent")), export):
    try:
        attempt()
    except ConfigurationError as error:
        print(error)
"""


def test_without_the_extra_the_error_names_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["SEGUE_OTEL needs OpenTelemetry: pip install 'segue-llm[otel]'"] * 2, (
        done.stderr
    )
