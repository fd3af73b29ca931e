"""What only one dialect has, sent to each of the four: kept where it is known, else left out and reported, and never the end of a request.

Found in public: a server tool forced beside an ordinary one (BerriAI/litellm#25477), `mcp_toolset` (it has no name), Codex's
`image_generation` and `local_shell` in every request of that client.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.errors import InvalidRequestError
from segue.wire.dialects import DIALECTS, ingress, upstream

from .providers import body, wire

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FUNCTIONS: dict[str, dict[str, Any]] = {
    "openai_chat": {"type": "function", "function": {"name": "f", "parameters": SCHEMA}},
    "openai_responses": {"type": "function", "name": "f", "parameters": SCHEMA},
    "claude": {"name": "f", "input_schema": SCHEMA},
    "gemini": {"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]},
}
ASKED: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"input": "hi"},
    "claude": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2000},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
SERVER_TOOLS: list[tuple[str, dict[str, Any], str]] = [
    ("claude", {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}, "web_search_20250305"),
    ("claude", {"type": "web_fetch_20250910", "name": "web_fetch"}, "web_fetch_20250910"),
    ("claude", {"type": "code_execution_20250825", "name": "code_execution"}, "code_execution_20250825"),
    ("claude", {"type": "bash_20250124", "name": "bash"}, "bash_20250124"),
    ("claude", {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}, "text_editor_20250728"),
    ("claude", {"type": "computer_20250124", "name": "computer", "display_width_px": 1}, "computer_20250124"),
    ("claude", {"type": "memory_20250818", "name": "memory"}, "memory_20250818"),
    ("claude", {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}, "tool_search_tool_bm25_20251119"),
    ("claude", {"type": "mcp_toolset", "mcp_server_name": "a"}, "mcp_toolset"),
    ("openai_responses", {"type": "web_search"}, "web_search"),
    ("openai_responses", {"type": "web_search_preview", "search_context_size": "low"}, "web_search_preview"),
    ("openai_responses", {"type": "image_generation", "output_format": "png"}, "image_generation"),
    ("openai_responses", {"type": "local_shell"}, "local_shell"),
    ("openai_responses", {"type": "shell"}, "shell"),
    ("openai_responses", {"type": "apply_patch"}, "apply_patch"),
    ("openai_responses", {"type": "code_interpreter", "container": {"type": "auto"}}, "code_interpreter"),
    ("openai_responses", {"type": "file_search", "vector_store_ids": ["v"]}, "file_search"),
    ("openai_responses", {"type": "mcp", "server_label": "a", "server_url": "https://a.test"}, "mcp"),
    ("openai_responses", {"type": "computer_use_preview", "environment": "linux"}, "computer_use_preview"),
    ("openai_chat", {"type": "web_search"}, "web_search"),
    ("openai_chat", {"type": "builtin_function", "function": {"name": "$web_search"}}, "builtin_function"),
    ("openai_chat", {"type": "openrouter:web_search"}, "openrouter:web_search"),
    ("gemini", {"googleSearch": {}}, "googleSearch"),
    ("gemini", {"codeExecution": {}}, "codeExecution"),
    ("gemini", {"urlContext": {}}, "urlContext"),
    ("gemini", {"googleMaps": {}}, "googleMaps"),
]  # fmt: skip
CHOICES: dict[str, dict[str, Any]] = {
    "openai_chat": {"tool_choice": {"type": "web_search"}},
    "openai_responses": {"tool_choice": {"type": "web_search"}},
    "claude": {"tool_choice": {"type": "tool", "name": "web_search"}},
}


def request(dialect: str, **fields: Any) -> ChatRequest:
    data = json.dumps(ASKED[dialect] | fields).encode()
    return ingress(dialect).decode(data, path="/v1beta/models/m:generateContent", query="", headers={}).request


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("source", "tool", "kind"), SERVER_TOOLS)
@pytest.mark.parametrize("beside", [True, False])
def test_a_tool_that_runs_at_its_provider(
    source: str, target: str, tool: dict[str, Any], kind: str, beside: bool
) -> None:
    asked = request(source, tools=[FUNCTIONS[source], tool] if beside else [tool])
    sent = wire(target, asked)
    tools = json.loads(sent.body).get("tools", [])
    assert (tool in tools) is (source == target)
    assert (f"tools.{kind}" in sent.omitted) is (source != target)
    assert len(tools) == beside + (source == target)


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", CHOICES)
@pytest.mark.parametrize("beside", [True, False])
def test_such_a_tool_forced(source: str, target: str, beside: bool) -> None:
    tool = {"type": "web_search_20250305", "name": "web_search"} if source == "claude" else {"type": "web_search"}
    asked = request(source, tools=[FUNCTIONS[source], tool] if beside else [tool], **CHOICES[source])
    sent = wire(target, asked)
    written = json.loads(sent.body)
    assert ("tool_choice" in sent.omitted) is (source != target)
    choice = written.get("tool_choice", written.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode"))
    if source == target:
        assert choice == CHOICES[source]["tool_choice"]
    else:
        assert choice in ((None, "auto", "AUTO", {"type": "auto"}) if beside else (None,))
    assert "web_search" not in json.dumps(choice or "") or source == target


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("openai_chat", {"tools": [{"type": "web_search"}], "tool_choice": "required"}),
        ("openai_responses", {"tools": [{"type": "image_generation"}], "tool_choice": "required"}),
        ("claude", {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}}),
    ],
)
def test_a_call_is_not_demanded_where_no_tool_is_left(source: str, target: str, fields: dict[str, Any]) -> None:
    sent = wire(target, request(source, **fields))
    if source != target:
        assert "tools" not in json.loads(sent.body)
        assert "tool_choice" not in json.loads(sent.body)
        assert "toolConfig" not in json.loads(sent.body)
        assert "tool_choice" in sent.omitted


FIELDS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("openai_chat", {"logit_bias": {"1": -100}}, ("logit_bias",)),
    ("openai_chat", {"web_search_options": {}}, ("web_search_options",)),
    ("openai_chat", {"prediction": {"type": "content", "content": "a"}}, ("prediction",)),
    ("openai_chat", {"metadata": {"a": "b"}, "store": True, "service_tier": "flex"}, ()),
    ("openai_chat", {"prompt_cache_key": "k", "safety_identifier": "u"}, ()),
    ("openai_responses", {"max_tool_calls": 3}, ("max_tool_calls",)),
    ("openai_responses", {"text": {"verbosity": "low"}}, ("text.verbosity",)),
    ("openai_responses", {"truncation": "auto", "store": False, "prompt_cache_key": "k"}, ()),
    ("claude", {"mcp_servers": [{"type": "url", "url": "https://a.test", "name": "a"}]}, ("mcp_servers",)),
    ("claude", {"container": "c"}, ("container",)),
    ("claude", {"context_management": {"edits": []}, "metadata": {"user_id": "u", "x": 1}}, ()),
    ("gemini", {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]}, ("safetySettings",)),
    ("gemini", {"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}}, ("mediaResolution",)),
    ("gemini", {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}, "labels": {"a": "b"}}, ()),
]  # fmt: skip


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("source", "fields", "names"), FIELDS)
def test_a_field_of_one_dialect(source: str, target: str, fields: dict[str, Any], names: tuple[str, ...]) -> None:
    sent = wire(target, request(source, **fields))
    if source == target:
        assert not set(names) & set(sent.omitted)
        assert all(name.rpartition(".")[2] in sent.body.decode() for name in names)
    else:
        assert set(names) == set(sent.omitted)
        assert not any(f'"{name}"' in sent.body.decode() for name in names)


def test_what_both_of_openais_dialects_know_is_sent_in_either() -> None:
    asked = request("openai_chat", verbosity="low", prompt_cache_key="k", reasoning_effort="high")
    sent = wire("openai_responses", asked)
    assert json.loads(sent.body)["text"] == {"verbosity": "low"}
    assert json.loads(sent.body)["prompt_cache_key"] == "k"
    assert "verbosity" not in sent.omitted


@pytest.mark.parametrize("target", [dialect for dialect in DIALECTS if dialect != "gemini"])
def test_a_prompt_that_is_kept_at_gemini_goes_to_no_other(target: str) -> None:
    asked = request("gemini", cachedContent="cachedContents/1")
    assert body("gemini", asked)["cachedContent"] == "cachedContents/1"
    with pytest.raises(InvalidRequestError, match="stored at Gemini"):
        wire(target, asked)


def test_nothing_is_named_of_a_plain_request() -> None:
    for dialect in DIALECTS:
        sent = wire(dialect, ChatRequest(messages=(user("hi"),)))
        assert (sent.omitted, sent.healed, sent.answers) == ((), (), None)


CODEX_HISTORY: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": "list the files"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBO"},
    {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "container_id": "c"},
    {"type": "local_shell_call", "id": "ls_1", "call_id": "a", "status": "completed", "action": {"type": "exec", "command": ["ls"]}},
    {"type": "local_shell_call_output", "id": "o_1", "call_id": "a", "output": "README.md"},
    {"type": "computer_call", "call_id": "b", "action": {"type": "screenshot"}},
    {"type": "computer_call_output", "call_id": "b", "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,iVBORw0KGgo="}},
    {"type": "shell_call", "call_id": "c", "action": {"commands": ["pwd"]}},
    {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "/home", "outcome": {"type": "exit", "exit_code": 0}}]},
    {"type": "mcp_list_tools", "server_label": "m", "tools": []},
    {"type": "message", "role": "user", "content": "and now?"},
]  # fmt: skip


@pytest.mark.parametrize("target", DIALECTS)
def test_a_history_of_the_responses_apis_own_tools_goes_to_each(target: str) -> None:
    sent = wire(target, request("openai_responses", input=CODEX_HISTORY))
    written = sent.body.decode()
    for word in ("list the files", "README.md", "screenshot", "iVBORw0KGgo=", "pwd", "/home", "and now?"):
        assert word in written
    assert sent.healed == ()


ROLES: list[tuple[str, dict[str, Any]]] = [
    ("openai_chat", {"messages": [{"role": "developer", "content": "rule"}, {"role": "user", "content": "hi"}]}),
    ("openai_responses", {"input": [{"role": "developer", "content": "rule"}, {"role": "user", "content": "hi"}]}),
    ("claude", {"messages": [{"role": "developer", "content": "rule"}, {"role": "user", "content": "hi"}]}),
    ("claude", {"messages": [{"role": "system", "content": "rule"}, {"role": "user", "content": "hi"}]}),
    ("gemini", {"contents": [{"role": "system", "parts": [{"text": "rule"}]}, {"role": "user", "parts": [{"text": "hi"}]}]}),
    ("gemini", {"contents": [{"role": "developer", "parts": [{"text": "rule"}]}, {"parts": [{"text": "hi"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("source", "fields"), ROLES)
def test_a_developer_or_system_turn_is_the_systems(source: str, target: str, fields: dict[str, Any]) -> None:
    written = body(target, request(source, **fields))
    place = {"claude": "system", "gemini": "systemInstruction"}.get(target)
    opening = written[place] if place else written["input" if target == "openai_responses" else "messages"][0]
    assert "rule" in json.dumps(opening)
    assert place or opening["role"] == "system"


def test_a_turn_of_the_assistant_by_its_other_name_is_the_models() -> None:
    contents = [{"role": "user", "parts": [{"text": "a"}]}, {"role": "assistant", "parts": [{"text": "b"}]}]
    assert [message.role for message in request("gemini", contents=contents).messages] == ["user", "assistant"]


LIKELIHOODS: dict[str, dict[str, Any]] = {
    "openai_chat": {"logprobs": True, "top_logprobs": 2},
    "openai_responses": {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    "gemini": {"generationConfig": {"responseLogprobs": True, "logprobs": 2}},
}


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", LIKELIHOODS)
def test_log_probabilities_are_asked_for_in_the_words_of_each_dialect(source: str, target: str) -> None:
    sent = wire(target, request(source, **LIKELIHOODS[source]))
    written = json.loads(sent.body)
    if target == "claude":
        assert any("logprobs" in name for name in sent.omitted)
        assert b"ogprobs" not in sent.body
    else:
        assert {name: written[name] for name in LIKELIHOODS[target]} == LIKELIHOODS[target]
        assert sent.omitted == ()


def test_a_gemini_model_that_has_none_is_asked_without() -> None:
    """Public: mscraftsman/generative-ai#135, googleapis/python-genai#1921."""
    message = b'{"error": {"code": 400, "message": "Logprobs is not enabled for models/gemini-2.5-pro", "status": "INVALID_ARGUMENT"}}'
    failure = upstream("gemini").failure(400, {}, message, wall=0.0)
    assert (failure.kind, failure.param) == ("capability", "logprobs")
    sent = wire("gemini", request("openai_chat", logprobs=True, top_logprobs=2), omit=frozenset({"logprobs"}))
    assert b"ogprobs" not in sent.body
    assert sent.omitted == ("logprobs",)


ORPHANS: list[tuple[str, dict[str, Any]]] = [
    ("openai_chat", {"messages": [{"role": "user", "content": "a"}, {"role": "tool", "tool_call_id": "x", "content": "found"}]}),
    ("openai_chat", {"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "found"}]}),
    ("openai_chat", {"messages": [{"role": "user", "content": "a"}, {"role": "function", "name": "f", "content": "found"}]}),
    ("openai_responses", {"input": [{"role": "user", "content": "a"}, {"type": "function_call_output", "call_id": "x", "output": "found"}]}),
    ("claude", {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "found"}]}]}),
    ("gemini", {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "found"}}}]}]}),
]  # fmt: skip


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("source", "fields"), ORPHANS)
def test_a_result_without_a_call_goes_from_each_dialect_to_each(
    source: str, target: str, fields: dict[str, Any]
) -> None:
    sent = wire(target, request(source, **fields))
    assert sent.body.count(b"found") == 1
    assert sent.healed == ("result-without-call",)


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("arguments", ['{"city": "Par', "[1]", "null", '"text"'])
def test_arguments_that_are_no_object_go_from_each_dialect_to_each(target: str, arguments: str) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}]
    sent = wire(
        target, request("openai_chat", messages=[*turns, {"role": "tool", "tool_call_id": "a", "content": "b"}])
    )
    item = {"type": "function_call", "call_id": "a", "name": "f", "arguments": arguments}
    result = {"type": "function_call_output", "call_id": "a", "output": "b"}
    other = wire(target, request("openai_responses", input=[{"role": "user", "content": "a"}, item, result]))
    assert sent.body.count(b"not_json") == other.body.count(b"not_json") == 1
    assert sent.healed == other.healed == ("broken-arguments",)
