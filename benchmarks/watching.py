"""What watching costs: CPU a call with each kind of it, beside the same call without any.

    python -m benchmarks.watching [--calls 400] [--rounds 5]

As in `benchmarks.accounting`, each contender asks the same upstream in its own process, and rounds alternate between them. CPU is all of
the process's, with the threads that write lines and export spans. 32 calls are under way at once; the ledger is memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.accounting import AT_ONCE, upstream
from benchmarks.free_port import free_port
from benchmarks.overhead import PROMPT, WARM, _on_core

NOTHING, HISTORY, LOG, IDLE, TRACED = (
    "nothing",
    "history (always on)",
    "history and the log as JSON",
    "history and OpenTelemetry, no SDK",
    "history and OpenTelemetry, its SDK",
)
CONTENDERS = (NOTHING, HISTORY, LOG, IDLE, TRACED)


def client(name: str, port: int) -> Any:
    from segue import Segue, configure_logging, load

    environ = {
        "SEGUE_CHAIN": "openai",
        "OPENAI_API_KEY": "none",
        "OPENAI_MODEL": "gpt-4.1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "SEGUE_LEDGER": "none",
        **({"SEGUE_LOG": "json"} if name == LOG else {}),
        **({"SEGUE_OTEL": "true"} if name in (IDLE, TRACED) else {}),
    }
    settings = load(environ, directory="/")
    if name == LOG:
        configure_logging(settings, stream=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if name == TRACED:
        _collect()
    segue = Segue(settings)
    if name == NOTHING:
        history, listening = segue.runtime.history, segue.runtime.engine._listening
        for event, calls in listening.items():
            listening[event] = [call for call in calls if getattr(call, "__self__", None) is not history]
        segue.runtime._recorder._callbacks.clear()
    return segue


def _collect() -> None:
    """The SDK with its usual processors, but for the sending."""
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))


async def measure(name: str, port: int, calls: int) -> float:
    """CPU microseconds a call."""
    segue = client(name, port)

    async def several(count: int) -> None:
        for _ in range(count):
            await segue.acomplete(PROMPT)

    await several(WARM)
    await asyncio.gather(*(several(2) for _ in range(AT_ONCE)))
    each = max(1, calls // AT_ONCE)
    began = time.process_time()
    await asyncio.gather(*(several(each) for _ in range(AT_ONCE)))
    spent = time.process_time() - began
    await segue.aclose()
    return spent / (each * AT_ONCE) * 1e6


def child(name: str, port: int, calls: int) -> float:
    command = [sys.executable, "-m", "benchmarks.watching", "--child", name, "--port", str(port), "--calls", str(calls)]
    run = subprocess.run([*_on_core(0), *command], capture_output=True, text=True, check=True)
    return float(json.loads(run.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asyncio.run(measure(options.child, options.port, options.calls))))
        return
    port = free_port()
    results: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with upstream(port):
        for _ in range(options.rounds):
            for name in CONTENDERS:
                results[name].append(child(name, port, options.calls))
    base = statistics.median(results[NOTHING])
    print("| watched by | CPU µs a call, median | more than nothing | spread |")
    print("|---|---|---|---|")
    for name, runs in results.items():
        middle = statistics.median(runs)
        more = f"{middle - base:+.0f} ({middle / base - 1:+.0%})"
        print(f"| {name} | {middle:.0f} | {more} | {min(runs):.0f} to {max(runs):.0f} |")


if __name__ == "__main__":
    main()
