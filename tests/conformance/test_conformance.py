"""The gateway passes what the server behind it passes, and more: it is never below it in a checker's eyes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from .conftest import PATHS, Chaos

pytestmark = pytest.mark.conformance

RANK = {"failed": 0, "warning": 1, "passed": 2}
LENIENT = frozenset({"chat-error-handling", "compact-missing-model"})
"""Tests that want a request without a model to be refused: the gateway answers it along the default chain, on purpose."""
FORMATS = {
    "openai-chat": ("openai", "/v1", "gpt-4o-mini", ()),
    "open-responses": ("openai", "/v1", "gpt-4o-mini", ()),
    "anthropic": ("claude", "", "claude-haiku-4-5", ("--auth-header", "x-api-key", "--no-bearer")),
    "google-genai": ("gemini", "", "gemini-3.5-flash-lite", ("--auth-header", "x-goog-api-key", "--no-bearer")),
}
LEAST = {"openai-chat": 7, "open-responses": 2, "anthropic": 3, "google-genai": 9}
"""How many of its tests passed when they were first run, on 2026-11-30."""


def comply(name: str, address: str) -> dict[str, dict[str, Any]]:
    _, _, model, options = FORMATS[name]
    code = "from llm_comply.cli import main; import sys; sys.exit(main())"
    command = [sys.executable, "-c", code, "-u", address, "-k", "k", "-m", model, "--format", name, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return {result["id"]: result for result in json.loads(done.stdout)["results"]}


@pytest.mark.parametrize(
    ("name", "gateway"),
    [(name, (formats[0],)) for name, formats in FORMATS.items()],
    indirect=["gateway"],
    ids=list(FORMATS),
)
def test_llm_comply_is_no_less_content_than_with_the_server_itself(name: str, gateway: str, chaos: Chaos) -> None:
    if find_spec("llm_comply") is None:
        pytest.skip("NOTICE: llm-comply is not installed: pip install llm-comply")
    provider, path, _, _ = FORMATS[name]
    own = comply(name, chaos.address + PATHS[provider])
    ours = comply(name, gateway + path)
    assert ours.keys() == own.keys()
    worse = {
        test: ours[test].get("errors")
        for test in own.keys() - LENIENT
        if RANK.get(ours[test]["status"], 0) < RANK.get(own[test]["status"], 0)
    }
    assert worse == {}
    assert sum(result["status"] == "passed" for result in ours.values()) >= LEAST[name]


def scan(canary: Sequence[str], address: str, model: str) -> tuple[int, set[str]]:
    """The score, and what passed."""
    options = ("scan", "--base-url", address, "--model", model, "--api-key", "k", "--format", "json")
    done = subprocess.run([*canary, *options, "--fail-on", "never"], capture_output=True, text=True, timeout=120)
    report = json.loads(done.stdout)
    return report["score"], {probe["id"] for probe in report["results"] if probe["status"] == "pass"}


def test_compatcanary_scores_the_gateway_no_lower_than_the_server_itself(
    canary: Sequence[str], gateway: str, chaos: Chaos
) -> None:
    score, passed = scan(canary, f"{chaos.address}/v1", "gpt-4o-mini")
    ours, our_passed = scan(canary, f"{gateway}/v1", "auto")
    assert our_passed >= passed
    assert ours >= score
