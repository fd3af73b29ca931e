"""Coding agents as callers, over sockets: bodies as Codex and Claude Code send them, answered by each provider, with a round of tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from segue import Sandbox
from segue.chat.messages import Text, ToolCall, ToolResult
from segue.chat.request import ChatRequest
from segue.sandbox.answers.replies import Reply
from segue.settings_loading import load

from .conftest import served

PROVIDERS = ("gemini", "openai", "claude")
RULES = "You are a coding agent. " + " ".join(f"Rule {number}: read before you write." for number in range(1200))
PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1\n+x = 2\n*** End Patch"
GRAMMAR = 'start: begin_patch hunk+ end_patch\nbegin_patch: "*** Begin Patch" LF\nend_patch: "*** End Patch" LF?'
STRING = {"type": "string"}
SCHEMA = {"type": "object", "properties": {"command": {"type": "array", "items": STRING}}, "required": ["command"]}


class Model:
    """What stands behind the simulated providers: it sends what is scripted, and keeps the requests."""

    def __init__(self) -> None:
        self.says = Reply()
        self.asked: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Reply:
        self.asked.append(request)
        return self.says

    @property
    def system(self) -> str:
        return "\n".join(message.text for message in self.asked[-1].messages if message.role == "system")

    @property
    def results(self) -> list[tuple[str, str]]:
        """Of the last request: the results of tools, by their names."""
        parts = [part for message in self.asked[-1].messages for part in message.parts]
        return [(part.name, _text(part)) for part in parts if isinstance(part, ToolResult)]


def _text(result: ToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, Text))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def box(model: Model) -> Iterator[Sandbox]:
    with Sandbox(reply=model) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(box: Sandbox) -> Iterator[str]:
    with served(box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))) as address:
        yield address


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """The data of a stream of server-sent events, each of which must be named by its type."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


class TestCodex:
    HEADERS = {
        "authorization": "Bearer any",
        "accept": "text/event-stream",
        "originator": "codex_cli_rs",
        "user-agent": "codex_cli_rs/0.98.0 (Ubuntu 24.4.0; x86_64) xterm-256color",
        "openai-beta": "responses=experimental",
        "session_id": "0199a1b2-0000-7000-8000-000000000000",
    }
    TOOLS: list[dict[str, Any]] = [
        {"type": "function", "name": "shell", "description": "Runs it.", "strict": False, "parameters": SCHEMA},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
        },
        {
            "type": "namespace",
            "name": "mcp__github__",
            "description": "GitHub.",
            "tools": [
                {"type": "function", "name": "find", "parameters": {"type": "object", "properties": {"q": STRING}}}
            ],
        },
        {"type": "web_search", "external_web_access": False},
    ]

    def _body(self, provider: str, *items: dict[str, Any]) -> dict[str, Any]:
        def message(role: str, text: str) -> dict[str, Any]:
            return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}

        asked = [
            message("developer", "<permissions instructions>Nothing outside the workspace.</permissions instructions>"),
            message("user", "<environment_context><cwd>/src</cwd><shell>bash</shell></environment_context>"),
            message("user", "Set x to 2."),
        ]
        return {
            "model": provider,
            "instructions": RULES,
            "input": [*asked, *items],
            "tools": self.TOOLS,
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "store": False,
            "stream": True,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "0199a1b2-0000-7000-8000-000000000000",
            "text": {"verbosity": "low"},
            "client_metadata": {"x-codex-installation-id": "i"},
        }

    def _ask(self, gateway: str, body: dict[str, Any]) -> tuple[list[dict[str, Any]], httpx.Response]:
        """The items of the answer, from a stream whose events are numbered through."""
        answer = httpx.post(f"{gateway}/v1/responses", json=body, headers=self.HEADERS, timeout=10)
        streamed = events(answer)
        assert [event["sequence_number"] for event in streamed] == [*range(len(streamed))]
        assert (streamed[0]["type"], streamed[-1]["type"]) == ("response.created", "response.completed")
        items = [event["item"] for event in streamed if event["type"] == "response.output_item.done"]
        assert streamed[-1]["response"]["output"] == items
        assert streamed[-1]["response"]["usage"]["output_tokens"] > 0
        return items, answer

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_turn_with_tools_of_each_kind_goes_round(self, gateway: str, model: Model, provider: str) -> None:
        body = self._body(provider)
        assert len(json.dumps(body)) > 39_000
        model.says = Reply(
            calls=(
                ToolCall(id="call_1", name="apply_patch", arguments=json.dumps({"input": PATCH})),
                ToolCall(id="call_2", name="mcp__github__find", arguments='{"q":"x"}'),
                ToolCall(id="call_3", name="shell", arguments='{"command":["ls","-l"]}'),
            )
        )
        items, answer = self._ask(gateway, body)
        assert answer.headers["x-segue-target"] == provider
        assert {tool.name for tool in model.asked[-1].tools} == {"shell", "apply_patch", "mcp__github__find"}
        assert model.system.startswith(RULES)
        assert "Nothing outside the workspace." in model.system

        patch, found, shell = (item for item in items if item["type"] != "reasoning")
        assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", PATCH)
        assert (found["namespace"], found["name"]) == ("mcp__github__", "find")
        assert (shell["name"], json.loads(shell["arguments"])) == ("shell", {"command": ["ls", "-l"]})
        results = [
            {"type": "custom_tool_call_output", "call_id": patch["call_id"], "output": "patched"},
            {"type": "function_call_output", "call_id": found["call_id"], "output": "nothing"},
            {
                "type": "function_call_output",
                "call_id": shell["call_id"],
                "output": [{"type": "input_text", "text": "a.py"}],
            },
        ]
        model.says = Reply(text="x is 2 now.")
        items, _ = self._ask(gateway, self._body(provider, *items, *results))
        assert model.results == [("apply_patch", "patched"), ("mcp__github__find", "nothing"), ("shell", "a.py")]
        (streamed,) = items
        assert streamed["content"][0]["text"] == "x is 2 now."

    def test_a_tool_that_another_provider_does_not_have_is_left_out_and_reported(self, gateway: str) -> None:
        body = self._body("claude") | {"tools": [{"type": "local_shell"}, {"type": "image_generation"}]}
        answer = httpx.post(f"{gateway}/v1/responses", json=body, headers=self.HEADERS)
        assert answer.status_code == 200
        assert "tools.local_shell,tools.image_generation" in answer.headers["x-segue-omitted"]


class TestClaudeCode:
    HEADERS = {
        "authorization": "Bearer any",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
        "user-agent": "claude-cli/2.1.148 (external, cli)",
        "x-app": "cli",
        "x-stainless-lang": "js",
        "x-stainless-retry-count": "0",
        "x-claude-code-session-id": "0199a1b2-0000-7000-8000-000000000000",
    }
    CACHED = {"cache_control": {"type": "ephemeral"}}

    def _body(self, provider: str, *turns: dict[str, Any]) -> dict[str, Any]:
        system = [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.148; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are Claude Code.", **self.CACHED},
            {"type": "text", "text": RULES, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ]
        reminder = {"type": "text", "text": "<system-reminder>Today is Saturday.</system-reminder>"}
        asked = {"role": "user", "content": [reminder, {"type": "text", "text": "Set x to 2.", **self.CACHED}]}
        return {
            "model": provider,
            "max_tokens": 32_000,
            "system": system,
            "messages": [asked, *turns],
            "tools": [
                {"name": "Bash", "description": "Runs it.", "input_schema": {**SCHEMA, "$schema": "http://json-schema.org/draft-07/schema#"}},
                {"name": "Edit", "description": "Edits.", "input_schema": {"type": "object", "properties": {"path": STRING}}, **self.CACHED},
            ],
            "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
            "thinking": {"type": "enabled", "budget_tokens": 4000},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "stream": True,
        }  # fmt: skip

    def _ask(self, gateway: str, body: dict[str, Any]) -> tuple[list[dict[str, Any]], str, httpx.Response]:
        """The blocks of the answer as its events build them, and why it stopped."""
        answer = httpx.post(f"{gateway}/v1/messages?beta=true", json=body, headers=self.HEADERS, timeout=10)
        blocks: list[dict[str, Any]] = []
        inputs: dict[int, str] = {}
        reason = ""
        streamed = events(answer)
        assert (streamed[0]["type"], streamed[-1]["type"]) == ("message_start", "message_stop")
        for event in streamed:
            if event["type"] == "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append(event["content_block"])
            elif event["type"] == "message_delta":
                reason = event["delta"]["stop_reason"]
            elif event["type"] == "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "input_json_delta":
                        inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
        for index, text in inputs.items():
            blocks[index]["input"] = json.loads(text)
        return blocks, reason, answer

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_a_turn_with_thinking_and_tools_goes_round(self, gateway: str, model: Model, provider: str) -> None:
        model.says = Reply(
            thinking="Let me look.",
            calls=(
                ToolCall(id="toolu_1", name="Bash", arguments='{"command":["ls","-l"]}'),
                ToolCall(id="toolu_2", name="Edit", arguments='{"path":"a.py"}'),
            ),
        )
        blocks, reason, answer = self._ask(gateway, self._body(provider))
        assert (answer.headers["x-segue-target"], reason) == (provider, "tool_use")
        assert RULES in model.system
        bash, edit = (block for block in blocks if block["type"] == "tool_use")
        assert (bash["name"], bash["input"]) == ("Bash", {"command": ["ls", "-l"]})
        assert (edit["name"], edit["input"]) == ("Edit", {"path": "a.py"})

        results = [
            {"type": "tool_result", "tool_use_id": bash["id"], "content": [{"type": "text", "text": "a.py"}]},
            {"type": "tool_result", "tool_use_id": edit["id"], "content": "no such file", "is_error": True, **self.CACHED},
        ]  # fmt: skip
        turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
        model.says = Reply(text="x is 2 now.")
        blocks, reason, _ = self._ask(gateway, self._body(provider, *turns))
        (_, listed), (_, failed) = model.results
        assert (listed, failed.removeprefix("Error: ")) == ("a.py", "no such file")
        assert (blocks[-1]["text"], reason) == ("x is 2 now.", "end_turn")

    def test_claude_itself_gets_the_betas_the_breakpoints_and_what_only_it_knows(
        self, gateway: str, model: Model
    ) -> None:
        model.says = Reply(text="x is 2 now.")
        body = self._body("claude")
        self._ask(gateway, body)
        extra = model.asked[-1].extra["claude"]
        assert extra["betas"] == self.HEADERS["anthropic-beta"].split(",")
        assert extra["context_management"] == body["context_management"]
        assert extra["cache_breakpoints"] == [
            [0, 1, {"type": "ephemeral"}],
            [0, 2, {"type": "ephemeral", "ttl": "1h"}],
            [1, 1, {"type": "ephemeral"}],
        ]
        assert [tool["cache_control"] for tool in extra["tools"]] == [{"type": "ephemeral"}]

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_tokens_are_counted(self, gateway: str, provider: str) -> None:
        body = {key: value for key, value in self._body(provider).items() if key not in ("max_tokens", "stream")}
        answer = httpx.post(f"{gateway}/v1/messages/count_tokens?beta=true", json=body, headers=self.HEADERS)
        assert answer.status_code == 200
        assert answer.json()["input_tokens"] > len(RULES) / 10
        assert answer.headers["x-segue-estimated"] == "true"
