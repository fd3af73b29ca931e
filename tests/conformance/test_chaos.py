"""A chaos server that others wrote breaks before the gateway, and judges it as a client: its verdict is PASS, as far as it can see."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from .conftest import Chaos

pytestmark = pytest.mark.conformance

EVERYBODY = ("openai", "claude", "gemini")
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
FAULTS: dict[str, dict[str, Any]] = {
    "two ask to wait": {"type": "fail", "status": 429, "retry_after": 2, "times": 2},
    "three in a row are unavailable": {"type": "fail", "status": 503, "times": 3},
    "a connection drops": {"type": "stream_fault", "kind": "disconnect", "after_chunks": 3},
    "a stream ends without a finish reason": {"type": "stream_fault", "kind": "truncate", "after_chunks": 3},
    "a chunk is no JSON": {"type": "stream_fault", "kind": "malformed", "after_chunks": 3},
    "a stream falls silent": {"type": "stream_fault", "kind": "stall", "after_chunks": 3},
    "a call's arguments are no JSON": {"type": "tool_fault", "kind": "malformed_arguments"},
    "a tool is called that was never offered": {"type": "tool_fault", "kind": "unknown_tool"},
}
ELSEWHERE = "truncated_stream_accepted"
"""The server sees one provider's stream cut off and not asked for again by the same body: it can't see that another went on with it."""


def ask(gateway: str, *, stream: bool, tools: bool = False) -> tuple[str, list[str], str]:
    """The text, the names of the tools that are called, and the finish reason."""
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "What about Paris?"}]}
    answer = httpx.post(f"{gateway}/v1/chat/completions", json=body | ({"tools": [TOOL]} if tools else {}), timeout=60)
    assert answer.status_code == 200, answer.text
    if not stream:
        (choice,) = answer.json()["choices"]
        message = choice["message"]
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        assert all(isinstance(json.loads(call["arguments"]), dict) for call in calls)
        return message["content"] or "", [call["name"] for call in calls], choice["finish_reason"]
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls") or ()]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    names = [call["function"]["name"] for call in calls if call["function"].get("name")]
    return text, names, next(choice["finish_reason"] for choice in reversed(choices) if choice["finish_reason"])


@pytest.mark.parametrize("gateway", [EVERYBODY], indirect=True, ids=["three providers"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_caller_gets_a_whole_answer_and_the_server_finds_no_fault_with_us(
    fault: str, stream: bool, gateway: str, chaos: Chaos
) -> None:
    chaos.plan(FAULTS[fault])
    tools = "call" in fault
    text, called, reason = ask(gateway, stream=stream, tools=tools)
    verdict = chaos.verdict()
    assert verdict["faults_injected"] >= 1 or tools, "the fault struck; those of tools are not counted"
    errors = [found["code"] for found in verdict["findings"] if found["severity"] == "error"]
    assert [code for code in errors if code != ELSEWHERE] == [], verdict["findings"]
    assert verdict["attempts"] >= 2, "the next target was asked"
    assert (called, reason) == (["get_weather"], "tool_calls") if tools else (text and reason) == "stop"


@pytest.mark.parametrize("gateway", [("openai",), EVERYBODY], indirect=True, ids=["one provider", "three providers"])
def test_what_no_provider_would_take_is_asked_once(gateway: str, chaos: Chaos) -> None:
    chaos.plan({"type": "fail", "status": 400, "times": None})
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    assert httpx.post(f"{gateway}/v1/chat/completions", json=body, timeout=60).status_code == 400
    verdict = chaos.verdict()
    assert (verdict["passed"], verdict["attempts"]) == (True, 1)


def test_a_single_provider_is_asked_again_at_the_time_it_named_and_no_sooner(gateway: str, chaos: Chaos) -> None:
    chaos.plan({"type": "fail", "status": 429, "retry_after": 1, "times": 1})
    text, _, reason = ask(gateway, stream=False)
    assert (bool(text), reason) == (True, "stop")
    verdict = chaos.verdict()
    assert (verdict["passed"], verdict["attempts"], verdict["findings"]) == (True, 2, [])
