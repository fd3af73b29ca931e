"""An emulator of all three providers that others wrote, as a process on loopback.

It is installed by `npm install` in the project's root (`.ci/run` does so). Where Node or the package is missing, these tests are
skipped, and the skip says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.free_port import free_port

PACKAGE = Path(__file__).parents[2] / "node_modules" / "@copilotkit" / "aimock"
ANSWER = {"city": "Seoul", "population": 9_400_000}


def _usage(prompt: int, output: int) -> dict[str, int]:
    """Each dialect reads its own names; without them the emulator counts nothing."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "input_tokens": prompt,
        "output_tokens": output,
        "promptTokenCount": prompt,
        "candidatesTokenCount": output,
    }


FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "say something long"},
        "response": {"content": "안녕하세요, this is a long answer. " * 20, "usage": _usage(11, 120)},
    },
    {"match": {"userMessage": "as JSON"}, "response": {"content": json.dumps(ANSWER), "usage": _usage(7, 12)}},
    {
        "match": {"toolCallId": "call_weather"},
        "response": {"content": "It is 21 degrees in Seoul.", "usage": _usage(30, 9)},
    },
    {
        "match": {"userMessage": "weather in Seoul and Busan"},
        "response": {
            "toolCalls": [
                {"name": "get_weather", "arguments": {"city": "Seoul"}},
                {"name": "get_weather", "arguments": {"city": "Busan"}},
            ],
            "usage": _usage(20, 30),
        },
    },
    {
        "match": {"userMessage": "weather in Seoul"},
        "response": {
            "toolCalls": [{"id": "call_weather", "name": "get_weather", "arguments": {"city": "Seoul"}}],
            "usage": _usage(20, 15),
        },
    },
    {
        "match": {"userMessage": "be rate limited"},
        "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "be unavailable"},
        "response": {"error": {"message": "out of order", "type": "server_error"}, "status": 503},
    },
    {
        "match": {"userMessage": "refuse the key"},
        "response": {"error": {"message": "who are you", "type": "authentication_error"}, "status": 401},
    },
    {
        "match": {"userMessage": "find a fault in me"},
        "response": {"error": {"message": "that is no request", "type": "invalid_request_error"}, "status": 400},
    },
    {"match": {"userMessage": "hello"}, "response": {"content": "Hello there!", "usage": _usage(5, 3)}},
]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The emulator's address."""
    node = shutil.which("node")
    if node is None or not PACKAGE.is_dir():
        pytest.skip("NOTICE: the emulator is not installed: run `npm install` where Node is at hand")
    fixtures = tmp_path_factory.mktemp("emulator") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}), encoding="utf-8")
    port = free_port()
    command = [node, str(PACKAGE / "dist" / "cli.js"), "-p", str(port), "-f", str(fixtures), "--log-level", "silent"]
    environ = {**os.environ, "NODE_NO_WARNINGS": "1"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_server(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _await_server(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended with status {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the emulator did not start within 10 s")
