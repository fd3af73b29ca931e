"""Where traces and metrics go from a process of ours, by the environment's OTEL_ variables, over OTLP and HTTP.

`OTEL_EXPORTER_OTLP_ENDPOINT` says where (http://localhost:4318), `OTEL_SERVICE_NAME` whose they are, `OTEL_METRIC_EXPORT_INTERVAL` how often.
A process that has providers already, as under `opentelemetry-instrument`, keeps them.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from segue.errors import ConfigurationError

FLUSH = 3000
"""Milliseconds that the last sending may take."""


def export() -> None:
    """Sets the process's providers. Raises `ConfigurationError` where the extra is not installed."""
    try:
        trace, metrics = import_module("opentelemetry.trace"), import_module("opentelemetry.metrics")
        resources = import_module("opentelemetry.sdk.resources")
    except ImportError as error:
        raise ConfigurationError("SEGUE_OTEL needs OpenTelemetry: pip install 'segue-llm[otel]'") from error
    resource = resources.Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "segue"})
    if _is_unset(trace.get_tracer_provider()):
        trace.set_tracer_provider(_tracer_provider(resource))
    if _is_unset(metrics.get_meter_provider()):
        metrics.set_meter_provider(_meter_provider(resource))


def flush() -> None:
    """Sends what is left, for a process that ends by a signal. Blocks, for some seconds at most."""
    for module, getter in (
        ("opentelemetry.trace", "get_tracer_provider"),
        ("opentelemetry.metrics", "get_meter_provider"),
    ):
        provider = getattr(import_module(module), getter)()
        if callable(send := getattr(provider, "force_flush", None)):
            send(timeout_millis=FLUSH)


def _is_unset(provider: Any) -> bool:
    return type(provider).__name__.lstrip("_").startswith("Proxy")


def _tracer_provider(resource: Any) -> Any:
    sdk, processing = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
    exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
    provider = sdk.TracerProvider(resource=resource)
    provider.add_span_processor(processing.BatchSpanProcessor(exporter))
    return provider


def _meter_provider(resource: Any) -> Any:
    sdk, processing = import_module("opentelemetry.sdk.metrics"), import_module("opentelemetry.sdk.metrics.export")
    exporter = import_module("opentelemetry.exporter.otlp.proto.http.metric_exporter").OTLPMetricExporter()
    return sdk.MeterProvider([processing.PeriodicExportingMetricReader(exporter)], resource=resource)
