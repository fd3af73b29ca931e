"""`segue serve` as a process, watched from outside: its log, and its traces at a collector, up to the very end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.free_port import free_port
from tests.monitoring.collector import collecting


def test_the_log_and_the_traces_of_a_gateway_are_whole_when_it_is_asked_to_end(tmp_path: Path) -> None:
    port = free_port()
    with collecting() as (endpoint, got):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "SEGUE_LEDGER": "none",
            "SEGUE_LOG": "json",
            "SEGUE_OTEL": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_SERVICE_NAME": "the gateway of the test",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "segue", "serve", "--port", str(port), "--sandbox"],
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert _ask(port) == 200
            process.send_signal(signal.SIGTERM)
            _, written = process.communicate(timeout=20)
        finally:
            process.kill()
            process.communicate()
    lines: list[dict[str, Any]] = [json.loads(line) for line in written.splitlines()]
    (request,) = [line for line in lines if line["event"] == "request"]
    (attempt,) = [line for line in lines if line["event"] == "attempt"]
    assert (request["outcome"], attempt["request_id"], attempt["simulated"]) == ("ok", request["request_id"], True)
    for word in (request["request_id"], attempt["attempt_id"], "the gateway of the test"):
        assert word.encode() in got["/v1/traces"]
    assert b"segue.request.duration" in got["/v1/metrics"]


def _ask(port: int) -> int:
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}).encode()
    until = time.monotonic() + 20
    while True:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, method="POST")
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
