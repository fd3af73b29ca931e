"""The same answer as each provider's own bytes: a thought, a text, and two calls at once, under ids of the provider's making."""

from __future__ import annotations

import json
from typing import Any, Final

THOUGHT: Final = "I should look up both."
TEXT: Final = "J’ai regardé — 서울 🌦\n"
WEATHER: Final = {"city": "서울", "days": [1, 2]}
CLOCK: Final = {"zone": "Asia/Seoul"}
SIGNATURES: Final = {"openai_responses": "rs_1:gAAAAenc==", "claude": "EqoBsignature==", "gemini": "Q2hzdGhvdWdodA=="}
"""What proves the thought, or with Gemini the first call, to its maker. Chat Completions has no such thing."""

_QUERY = json.dumps(WEATHER, ensure_ascii=False)
_ZONE = json.dumps(CLOCK)


def _chat() -> list[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "a"}
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def call(index: int, id: str, name: str) -> dict[str, Any]:
        return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}

    return [
        chunk({"role": "assistant", "content": "", "reasoning_content": THOUGHT}),
        chunk({"content": TEXT}),
        chunk({"tool_calls": [call(0, "call_Ab3dE5", "weather")]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": _QUERY}}]}),
        chunk({"tool_calls": [call(1, "call_Zz9", "clock")]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": _ZONE}}]}),
        chunk({}, "tool_calls"),
    ]


def _responses() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": "gAAAAenc=="},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": TEXT, "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_R1", "name": "weather", "arguments": _QUERY, "status": "completed"},
        {"type": "function_call", "id": "fc_2", "call_id": "call_R2", "name": "clock", "arguments": _ZONE, "status": "completed"},
    ]  # fmt: skip
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "a",
        "status": "in_progress",
        "output": [],
    }
    events: list[dict[str, Any]] = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        where = {"output_index": index, "item_id": item["id"]}
        events.append({"type": "response.output_item.added", "output_index": index, "item": _begun(item)})
        if item["type"] == "reasoning":
            events.append(
                {"type": "response.reasoning_summary_text.delta", **where, "summary_index": 0, "delta": THOUGHT}
            )
        elif item["type"] == "message":
            events.append({"type": "response.output_text.delta", **where, "content_index": 0, "delta": TEXT})
        else:
            events.append({"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": response | {"status": "completed", "output": items}})
    return events


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    empty = {"summary": [], "content": [], "arguments": "", "encrypted_content": None}
    return {name: empty.get(name, value) for name, value in item.items()}


def _claude() -> list[dict[str, Any]]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "a", "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"type": "thinking", "thinking": "", "signature": ""}, [{"type": "thinking_delta", "thinking": THOUGHT}, {"type": "signature_delta", "signature": SIGNATURES["claude"]}]),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": TEXT}]),
        ({"type": "tool_use", "id": "toolu_01A", "name": "weather", "input": {}}, [{"type": "input_json_delta", "partial_json": _QUERY}]),
        ({"type": "tool_use", "id": "toolu_01B", "name": "clock", "input": {}}, [{"type": "input_json_delta", "partial_json": _ZONE}]),
    ]  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 30}})
    return [*events, {"type": "message_stop"}]


def _gemini() -> list[dict[str, Any]]:
    def chunk(part: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [part]}}
        return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "modelVersion": "a"}

    first = {"functionCall": {"name": "weather", "args": WEATHER}, "thoughtSignature": SIGNATURES["gemini"]}
    return [
        chunk({"text": THOUGHT, "thought": True}),
        chunk({"text": TEXT}),
        chunk(first),
        chunk({"functionCall": {"name": "clock", "args": CLOCK}}),
        chunk({"text": ""}, "STOP"),
    ]


def body(dialect: str) -> bytes:
    """The stream's bytes."""
    make = {"openai_chat": _chat, "openai_responses": _responses, "claude": _claude, "gemini": _gemini}
    events = make[dialect]()
    named = dialect in ("claude", "openai_responses")
    frames = b"".join(
        (f"event: {event['type']}\n".encode() if named else b"")
        + b"data: "
        + json.dumps(event, ensure_ascii=False).encode()
        + b"\n\n"
        for event in events
    )
    return frames + (b"data: [DONE]\n\n" if dialect == "openai_chat" else b"")
