"""Whether a request is one that the provider takes: by its official SDK's types, and by the rules that types cannot say."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from google.genai import types
from pydantic import TypeAdapter

Body = dict[str, Any]


@cache
def _adapter(dialect: str) -> TypeAdapter[Any]:
    if dialect == "openai_chat":
        from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

        return TypeAdapter(CompletionCreateParamsStreaming)
    if dialect == "openai_responses":
        from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

        return TypeAdapter(ResponseCreateParamsStreaming)
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

    return TypeAdapter(MessageCreateParamsStreaming)


def judge(dialect: str, data: bytes) -> Body:
    """The body, once it has passed. Fails with what is wrong with it."""
    body: Body = msgspec.json.decode(data)
    if dialect == "gemini":
        for content in body["contents"]:
            types.Content.model_validate(content)
        types.Content.model_validate(body.get("systemInstruction", {}))
    else:
        _walk(_adapter(dialect).validate_python(body))
    rules: dict[str, Callable[[Body], None]] = {
        "openai_chat": _chat,
        "openai_responses": _responses,
        "claude": _claude,
        "gemini": _gemini,
    }
    rules[dialect](body)
    return body


def _walk(value: Any) -> None:
    """Pydantic checks the items of an `Iterable` only when they are taken."""
    if isinstance(value, str | int | float | None):
        return
    for item in value.values() if isinstance(value, dict) else value:
        _walk(item)


def _chat(body: Body) -> None:
    open_calls: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            open_calls.remove(message["tool_call_id"])
            continue
        assert not open_calls, f"calls without results: {open_calls}"
        assert message.get("content") or message.get("tool_calls"), message
        open_calls = [call["id"] for call in message.get("tool_calls", ())]
        assert len(set(open_calls)) == len(open_calls)
        assert all(re.fullmatch(r"[\w-]{1,40}", id) for id in open_calls)
        assert all(
            isinstance(msgspec.json.decode(c["function"]["arguments"]), dict) for c in message.get("tool_calls", ())
        )
    assert not open_calls


def _responses(body: Body) -> None:
    calls: list[str] = []
    for place, item in enumerate(body["input"]):
        match item["type"]:
            case "function_call":
                calls.append(item["call_id"])
            case "function_call_output":
                calls.remove(item["call_id"])
            case "reasoning":
                after = body["input"][place + 1]
                assert after["type"] == "function_call" or after.get("role") == "assistant", (
                    "reasoning that leads to nothing"
                )
            case "message":
                assert item["content"], "an empty message"
    assert not calls


def _claude(body: Body) -> None:
    turns = body["messages"]
    roles = [turn["role"] for turn in turns]
    assert roles == (["user", "assistant"] * len(roles))[: len(roles)], roles
    seen: set[str] = set()
    open_calls: list[str] = []
    for turn in turns:
        blocks = [{"type": "text", "text": turn["content"]}] if isinstance(turn["content"], str) else turn["content"]
        assert blocks
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert sorted(results) == sorted(open_calls), (results, open_calls)
        assert [block["type"] for block in blocks[: len(results)]] == ["tool_result"] * len(results), (
            "results come first"
        )
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert not seen & set(open_calls)
        assert len(set(open_calls)) == len(open_calls)
        seen |= set(open_calls)
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", id) for id in open_calls)
        assert all(block["text"].strip() for block in blocks if block["type"] == "text"), "a blank text"
        assert turn["role"] == "user" or all(block["type"] != "image" for block in blocks), (
            "the assistant shows no images"
        )
        assert all(block["signature"] for block in blocks if block["type"] == "thinking")
    assert not open_calls


def _gemini(body: Body) -> None:
    contents = body["contents"]
    assert contents[0]["role"] == "user"
    before: Body = {"parts": []}
    for content in contents:
        parts = content["parts"]
        assert parts
        calls = [part for part in parts if "functionCall" in part]
        if calls:
            assert content["role"] == "model"
            assert before.get("role") == "user", "a call stands after a user's turn"
            assert calls[0].get("thoughtSignature"), "Gemini 3 wants the first call signed"
        asked = [part["functionCall"] for part in before["parts"] if "functionCall" in part]
        given = [part["functionResponse"] for part in parts if "functionResponse" in part]
        assert sorted(call["name"] for call in asked) == sorted(result["name"] for result in given)
        assert {call.get("id") for call in asked} == {result.get("id") for result in given}
        before = content
    assert "functionCall" not in str(contents[-1])
