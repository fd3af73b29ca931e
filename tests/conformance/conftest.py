"""Checkers and a chaos server that others wrote, run against a gateway, and what stands behind it.

`llmock` is a server that speaks the providers' dialects, breaks as it is set to, and judges its client; `llm-comply` and `compatcanary`
ask a server and hold its answers against the providers' published schemas. Where one is not installed its tests are skipped, and the
skip says so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks.free_port import free_port
from tests.server.conftest import served

from segue.policy import StallPolicy
from segue.settings import Settings
from segue.settings_loading import load

ROOT = Path(__file__).parents[2]
CANARY = ROOT / "node_modules" / "compatcanary" / "src" / "cli.js"
PATHS = {"openai": "/v1", "claude": "/anthropic", "gemini": "/gemini"}
"""Where the server speaks each dialect."""


class Chaos:
    """The server that others wrote."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def plan(self, *behaviors: dict[str, Any]) -> None:
        """Forgets what was, and behaves like this from now on."""
        self.ask("/_llmock/reset", {})
        if behaviors:
            self.ask("/_llmock/scenario", {"behaviors": behaviors})

    def verdict(self) -> Any:
        return self.ask("/_llmock/verdict")


@pytest.fixture(scope="session")
def chaos() -> Iterator[Chaos]:
    if find_spec("llmock") is None:
        pytest.skip("NOTICE: llmock is not installed: pip install llmock")
    port = free_port()
    code = "from llmock.cli import app; app()"
    command = [sys.executable, "-c", code, "serve", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    made = Chaos(f"http://127.0.0.1:{port}")
    try:
        until = time.monotonic() + 30
        while True:
            try:
                made.ask("/health")
                break
            except OSError:
                assert process.poll() is None, f"llmock ended with {process.returncode}"
                assert time.monotonic() < until, "llmock did not start"
                time.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def settings_of(chaos: Chaos, *names: str) -> Settings:
    """A chain of these providers, all of them at that server; with little patience for silence within an answer and short waits."""
    # The server counts each request that it gets: health checks would be among them.
    environ = {"SEGUE_LEDGER": "none", "SEGUE_CHAIN": ",".join(names), "SEGUE_HEALTH_CHECK": "0"}
    for name in names:
        environ |= {f"{name.upper()}_API_KEY": "k", f"{name.upper()}_BASE_URL": chaos.address + PATHS[name]}
    settings = load(environ, directory="/nonexistent")
    stall = StallPolicy(gap_hedge=(0.3, 0.5), gap_give_up=1.0)
    return msgspec.structs.replace(settings, policy=settings.policy.replace(stall=stall, round_wait=(0.1, 0.3)))


@pytest.fixture
def gateway(chaos: Chaos, request: pytest.FixtureRequest) -> Iterator[str]:
    """A gateway with no memory of trouble; its chain is the parameter, else one target."""
    chaos.plan()
    with served(settings_of(chaos, *getattr(request, "param", ("openai",)))) as address:
        yield address


@pytest.fixture
def canary() -> Sequence[str]:
    """The command of the checker from npm."""
    node = shutil.which("node")
    if node is None or not CANARY.is_file():
        pytest.skip("NOTICE: compatcanary is not installed: run `npm install` where Node is at hand")
    return (node, str(CANARY))
