"""Each caller's dialect to each target's: definitions, choice and history as callers write them, judged by the target's own rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segue.wire.dialects import DIALECTS, ingress

from ..transcripts.judges import judge
from .providers import check, wire

NAME = "graph/search.v1"
SCHEMA = {
    "anyOf": [
        {"type": "object", "properties": {"$filter": {"type": "string"}}, "required": ["$filter"]},
        {"type": "object", "properties": {"ids": {"type": "array"}}, "required": ["ids"]},
    ]
}
ARGUMENTS = {"$filter": "a"}
TURNS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "messages": [
            {"role": "user", "content": "find"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": NAME, "arguments": json.dumps(ARGUMENTS)}},
                    {"id": "b", "type": "function", "function": {"name": NAME, "arguments": "{}"}},
                ],
            },
            {"role": "user", "content": "meanwhile"},
            {"role": "tool", "tool_call_id": "b", "content": "found"},
            {"role": "user", "content": "and?"},
        ],
        "tools": [{"type": "function", "function": {"name": NAME, "parameters": SCHEMA, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": NAME}},
    },
    "openai_responses": {
        "input": [
            {"role": "user", "content": "find"},
            {"type": "function_call", "call_id": "a", "name": NAME, "arguments": json.dumps(ARGUMENTS)},
            {"type": "function_call", "call_id": "b", "name": NAME, "arguments": "{}"},
            {"role": "user", "content": "meanwhile"},
            {"type": "function_call_output", "call_id": "b", "output": "found"},
            {"role": "user", "content": "and?"},
        ],
        "tools": [{"type": "function", "name": NAME, "parameters": SCHEMA, "strict": True}],
        "tool_choice": {"type": "function", "name": NAME},
    },
    "claude": {
        "max_tokens": 2000,
        "messages": [
            {"role": "user", "content": "find"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "a", "name": NAME, "input": ARGUMENTS},
                    {"type": "tool_use", "id": "b", "name": NAME, "input": {}},
                ],
            },
            {"role": "user", "content": "meanwhile"},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "found"}]},
            {"role": "user", "content": "and?"},
        ],
        "tools": [{"name": NAME, "input_schema": SCHEMA, "strict": True}],
        "tool_choice": {"type": "tool", "name": NAME},
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "find"}]},
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "a", "name": NAME, "args": ARGUMENTS}},
                    {"functionCall": {"id": "b", "name": NAME, "args": {}}},
                ],
            },
            {"role": "user", "parts": [{"text": "meanwhile"}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "b", "name": NAME, "response": {"output": "found"}}}],
            },
            {"role": "user", "parts": [{"text": "and?"}]},
        ],
        "tools": [{"functionDeclarations": [{"name": NAME, "parametersJsonSchema": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [NAME]}},
    },
}


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", DIALECTS)
def test_a_request_that_no_provider_would_take_is_taken_by_each(source: str, target: str) -> None:
    body = json.dumps(TURNS[source]).encode()
    request = ingress(source).decode(body, path="/v1beta/models/m:generateContent", query="", headers={}).request
    sent = wire(target, request)
    document = json.loads(sent.body)
    check(target, document)
    judge(target, sent.body)
    assert sent.answers is not None
    assert sent.healed == ("result-moved", "call-without-result")
    text = sent.body.decode()
    assert NAME not in text
    for word in ("find", "meanwhile", "found", "and?"):
        assert json.dumps(word)[1:-1] in text
    assert ("_filter" if target == "claude" else "$filter") in text
