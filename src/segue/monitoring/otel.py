"""OpenTelemetry: traces and metrics after its conventions for generative AI (extra `otel`).

A request is a span `segue.request` of kind INTERNAL, below whatever span is current where it starts; each of its attempts is a span of
kind CLIENT below it, named and described as the conventions describe a client's inference. Failovers, hedges and continuations are
events of the request's span. Tokens and models are attributes of attempts only, so that nothing is counted twice.

Names are those of opentelemetry-semantic-conventions 0.66b2 (status: development). What Segue adds begins with `segue.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from opentelemetry import context as contexts
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from segue.catalog.providers import names_of
from segue.chat.messages import File, Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.chat.request import ChatRequest
from segue.failover.hooks import AttemptEnd, AttemptStart, RequestEnd, RequestStart
from segue.ledger.record import AttemptRecord
from segue.monitoring.redaction import Redactor
from segue.routing.target import Target

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The bounds of buckets that the conventions advise."""

OPEN: Final = 10_000
"""Spans that are open at once; beyond that the oldest are ended, so that a request that is never closed does not stay in memory."""
MODELS: Final = 200
"""Different models that metrics tell apart; a caller of the gateway may name any."""
OTHER: Final = "other"


class OpenTelemetry:
    """A listener that makes spans and measurements of requests and attempts.

    Without its own providers it uses the process's, and then costs little until there are any. `content`: what is asked and answered
    is on the attempts' spans too, its secrets taken out.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        content: bool = False,
        redact: Redactor | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("segue", tracer_provider=tracer_provider)
        meter = metrics.get_meter("segue", meter_provider=meter_provider)
        self._content = content
        self._redact = redact or Redactor()
        self._requests: dict[str, tuple[RequestStart, Span, Context]] = {}
        self._attempts: dict[str, Span] = {}
        self._models: set[str] = set()
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._request_duration = meter.create_histogram(
            "segue.request.duration",
            unit="s",
            description="A request's whole time, with all its attempts.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._failovers = meter.create_counter(
            "segue.failovers", unit="{failover}", description="Attempts that followed a failed one."
        )
        self._cost = meter.create_counter(
            "segue.cost", unit="{USD}", description="What attempts cost, or likely cost, where a price is known."
        )
        self._bound = meter.create_counter(
            "segue.cost.bound", unit="{USD}", description="The most that can have been billed for attempts."
        )

    # Requests.

    def request_started(self, start: RequestStart) -> None:
        parent = contexts.get_current()
        attributes = {"segue.request.id": start.request_id, "segue.chain": start.chain}
        span = self._tracer.start_span("segue.request", parent, SpanKind.INTERNAL, attributes)
        self._requests[start.request_id] = start, span, trace.set_span_in_context(span, parent)
        if len(self._requests) > OPEN:
            self._requests.pop(next(iter(self._requests)))[1].end()

    def request_ended(self, end: RequestEnd) -> None:
        labels: dict[str, str] = {"segue.outcome": end.outcome, "segue.chain": end.start.chain}
        if end.error is not None:
            labels["error.type"] = type(end.error).__name__
        self._request_duration.record(end.seconds, labels)
        known = self._requests.pop(end.start.request_id, None)
        if known is None:
            return
        span = known[1]
        if span.is_recording():
            span.set_attributes({**labels, "segue.attempts": len(end.attempts), "segue.rounds": end.rounds})
            span.set_attributes({"segue.seams": end.seams, "segue.hedges": end.hedges})
            if end.target:
                span.set_attributes({"segue.target": end.target, "gen_ai.response.model": self._redact.name(end.model)})
            if end.first_content is not None:
                span.set_attribute("gen_ai.response.time_to_first_chunk", end.first_content)
            if end.error is not None:
                span.set_status(Status(StatusCode.ERROR, self._redact(str(end.error))))
        span.end()

    # Attempts.

    def attempt_started(self, start: AttemptStart) -> None:
        target = start.target
        known = self._requests.get(start.request_id)
        if start.after:
            self._failovers.add(1, {"segue.from": start.after, "segue.to": target.name})
        if known is not None:
            self._mark(known[1], start)
        span = self._tracer.start_span(
            f"{start.operation} {self._redact.name(target.model.id)}",
            known[2] if known is not None else None,
            SpanKind.CLIENT,
            _described(start, self._redact.name(target.model.id)),
        )
        self._attempts[start.attempt_id] = span
        if len(self._attempts) > OPEN:
            self._attempts.pop(next(iter(self._attempts))).end()
        if span.is_recording() and known is not None:
            span.set_attributes(_asked(known[0].request))
            if self._content:
                span.set_attribute("gen_ai.input.messages", self._redact(_messages(known[0].request.messages)))

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        place = {"segue.target": record.target, "gen_ai.request.model": self._label(record.model)}
        span = self._attempts.get(record.attempt_id)
        for name, counter, amount in (
            ("segue.cost", self._cost, record.cost),
            ("segue.cost.bound", self._bound, record.most),
        ):
            if amount:
                counter.add(float(amount), place)
                if span is not None:
                    span.set_attribute(name, float(amount))

    def attempt_ended(self, end: AttemptEnd) -> None:
        self._measure(end)
        span = self._attempts.pop(end.start.attempt_id, None)
        if span is None:
            return
        if span.is_recording():
            span.set_attributes(_ended(end))
            if end.failure is None:
                span.set_attribute("gen_ai.response.model", self._redact.name(end.start.target.model.id))
            if self._content and end.text:
                span.set_attribute("gen_ai.output.messages", self._redact(_answer(end.text)))
            if end.failure is not None:
                span.set_status(Status(StatusCode.ERROR, self._redact(end.failure.message)))
        span.end()

    def _mark(self, span: Span, start: AttemptStart) -> None:
        to = {"segue.to": start.target.name}
        if start.after:
            span.add_event("segue.failover", {"segue.from": start.after, **to})
        if start.hedge:
            span.add_event("segue.hedge", to)
        if start.continuation:
            span.add_event("segue.continuation", to)

    def _measure(self, end: AttemptEnd) -> None:
        target = end.start.target
        labels = {
            "gen_ai.operation.name": end.start.operation,
            "gen_ai.provider.name": provider_name(target),
            "gen_ai.request.model": self._label(target.model.id),
        }
        if end.usage is not None:
            for kind, count in (("input", end.usage.prompt_tokens), ("output", end.usage.output_tokens)):
                self._usage.record(count, {**labels, "gen_ai.token.type": kind})
        if end.first_content is not None:
            self._first.record(end.first_content, labels)
        if end.failure is not None:
            labels["error.type"] = end.failure.kind.value
        self._duration.record(end.seconds, labels)

    def _label(self, model: str) -> str:
        model = self._redact.name(model)
        if model not in self._models:
            if len(self._models) >= MODELS:
                return OTHER
            self._models.add(model)
        return model


@contextmanager
def callers_context(headers: Mapping[str, str]) -> Iterator[None]:
    """What begins within belongs to the trace that a caller's headers (`traceparent` …) name."""
    token = contexts.attach(propagate.extract(headers))
    try:
        yield
    finally:
        contexts.detach(token)


def provider_name(target: Target) -> str:
    """The conventions' name of who answers for a target."""
    return names_of(target.provider).otel or target.provider


def _described(start: AttemptStart, model: str) -> dict[str, Any]:
    target = start.target
    place = urlsplit(target.base_url)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": start.operation,
        "gen_ai.provider.name": provider_name(target),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": target.streams,
        "segue.target": target.name,
        "segue.attempt.id": start.attempt_id,
    }
    if place.hostname:
        attributes["server.address"] = place.hostname
        attributes["server.port"] = place.port or (443 if place.scheme == "https" else 80)
    if start.max_tokens:
        attributes["gen_ai.request.max_tokens"] = start.max_tokens
    attributes |= {f"segue.{name}": True for name in ("hedge", "continuation") if getattr(start, name)}
    return attributes


def _asked(request: ChatRequest) -> dict[str, Any]:
    names = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
    fields = {f"gen_ai.request.{name}": value for name in names if (value := getattr(request, name)) is not None}
    if request.stop:
        fields["gen_ai.request.stop_sequences"] = request.stop
    if request.output is not None:
        fields["gen_ai.output.type"] = "json"
    return fields


def _ended(end: AttemptEnd) -> dict[str, Any]:
    attributes: dict[str, Any] = {"segue.outcome": str(end.outcome)}
    if end.failure is not None:
        attributes["error.type"] = end.failure.kind.value
    if end.status is not None:
        attributes["http.response.status_code"] = end.status
    if end.first_content is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = end.first_content
    if (usage := end.usage) is not None:
        attributes["gen_ai.usage.input_tokens"] = usage.prompt_tokens
        attributes["gen_ai.usage.output_tokens"] = usage.output_tokens
        rarer = {
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
        attributes |= {name: count for name, count in rarer.items() if count}
    return attributes


def _messages(messages: tuple[Message, ...]) -> str:
    """The conventions' JSON of the messages."""
    items = [{"role": message.role, "parts": [_part(part) for part in message.parts]} for message in messages]
    return msgspec.json.encode(items).decode()


def _part(part: Text | Image | File | Thinking | ToolCall | ToolResult) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "content": text}
        case Thinking():
            return {"type": "reasoning", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case ToolResult():
            text = "".join(piece.text for piece in part.content if isinstance(piece, Text))
            return {"type": "tool_call_response", "id": part.call_id, "response": text}
        case Image():  # its bytes have no place in a trace
            return {"type": "uri", "modality": "image", "uri": part.url or ""}
        case File():
            return {"type": "uri", "modality": part.media_type.partition("/")[0], "uri": part.url or ""}


def _answer(text: str) -> str:
    return msgspec.json.encode([{"role": "assistant", "parts": [{"type": "text", "content": text}]}]).decode()
