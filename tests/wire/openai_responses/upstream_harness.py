"""What the tests of the client side share: requests as they are sent, and streams with the events that the official SDK knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from segue.catalog.models import ModelInfo, find_model
from segue.chat.events import UpstreamEvent
from segue.chat.request import ChatRequest
from segue.secret import Secret
from segue.wire.codec import Call
from segue.wire.openai_responses.upstream.codec import Upstream

KEY = "sk-a-key-that-must-not-show"
PLAIN = ModelInfo(id="any-model", provider="somewhere", dialect="openai_responses")
"""A model that takes everything."""


def call(model: str | ModelInfo = PLAIN, **changes: Any) -> Call:
    info = find_model("openai", model) if isinstance(model, str) else model
    fields: dict[str, Any] = {"base_url": "https://api.openai.com/v1", "key": Secret(KEY)} | changes
    return Call(model=info, **fields)


def body_of(request: ChatRequest, model: str | ModelInfo = PLAIN, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(Upstream().encode(request, call(model, **changes)).body)
    return body


def omitted(request: ChatRequest, model: str | ModelInfo = PLAIN, **changes: Any) -> tuple[str, ...]:
    return Upstream().encode(request, call(model, **changes)).omitted


def decoded(pieces: Iterable[bytes]) -> list[UpstreamEvent]:
    decoder = Upstream().decoder("text/event-stream")
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.eof()


def sse(*payloads: Any, named: bool = True) -> bytes:
    """A stream of these events, numbered; bytes are taken as they are."""
    return b"".join(
        one if isinstance(one, bytes) else _frame(one | {"sequence_number": number}, named)
        for number, one in enumerate(payloads)
    )


def _frame(event: dict[str, Any], named: bool) -> bytes:
    name = f"event: {event['type']}\n".encode() if named else b""
    return name + b"data: " + msgspec.json.encode(event) + b"\n\n"


def response(status: str = "completed", *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A response as OpenAI says it."""
    common = {"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "gpt-6-luna"}
    echoed = {"instructions": None, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None}
    return (
        common | echoed | {"incomplete_details": None, "usage": None, "status": status, "output": list(output)} | more
    )


def created() -> dict[str, Any]:
    return {"type": "response.created", "response": response("in_progress")}


def ended(status: str = "completed", *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": response(status, *output, **more)}


def added(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def message(*parts: dict[str, Any], id: str = "msg_1", status: str = "completed") -> dict[str, Any]:
    return {"type": "message", "id": id, "role": "assistant", "status": status, "content": list(parts)}


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def text(delta: str, index: int = 0, id: str = "msg_1") -> dict[str, Any]:
    place = {"output_index": index, "item_id": id, "content_index": 0}
    return {"type": "response.output_text.delta", "delta": delta, "logprobs": [], **place}


def function(name: str, arguments: str = "", number: int = 1, status: str = "completed") -> dict[str, Any]:
    ids = {"id": f"fc_{number}", "call_id": f"call_{number}"}
    return {"type": "function_call", **ids, "name": name, "arguments": arguments, "status": status}


def arguments(delta: str, index: int = 0, number: int = 1) -> dict[str, Any]:
    place = {"output_index": index, "item_id": f"fc_{number}"}
    return {"type": "response.function_call_arguments.delta", "delta": delta, **place}


def arguments_done(whole: str, index: int = 0, number: int = 1, name: str = "weather") -> dict[str, Any]:
    place = {"output_index": index, "item_id": f"fc_{number}"}
    return {"type": "response.function_call_arguments.done", "arguments": whole, "name": name, **place}


def reasoning(*summary: str, encrypted: str | None = "gAAA==", id: str = "rs_1") -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": id, "summary": parts, "encrypted_content": encrypted}


def thought(delta: str, part: int = 0, index: int = 0) -> dict[str, Any]:
    place = {"output_index": index, "item_id": "rs_1", "summary_index": part}
    return {"type": "response.reasoning_summary_text.delta", "delta": delta, **place}


def counts(prompt: int, output: int, *, cached: int = 0, written: int = 0, reasoned: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoned},
        "total_tokens": prompt + output,
    }
