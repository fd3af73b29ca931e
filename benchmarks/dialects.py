"""Three dialects as bytes, by hand: the upstreams of the failover benchmark belong to none of the clients that are measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Dialect(Protocol):
    """The wire form of an answer. A stream is the opening, tokens, the terminal; any of the others may strike instead."""

    def opening(self) -> bytes: ...

    def token(self, text: str) -> bytes: ...

    def stop_reason(self, tokens: int) -> bytes:
        """The terminal without its last frame."""
        ...

    def terminal(self, tokens: int) -> bytes: ...

    def error_event(self) -> bytes:
        """What this provider sends when it fails inside a stream."""
        ...

    def refusal(self, status: int) -> bytes:
        """The body of an HTTP error."""
        ...

    def begun(self, body: Mapping[str, Any]) -> str:
        """The model's own last words in the conversation: the beginning of the answer, where one is asked to go on with it."""
        ...


def _event(data: Mapping[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


class OpenAI:
    def opening(self) -> bytes:
        return self._chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])

    def token(self, text: str) -> bytes:
        return self._chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    def stop_reason(self, tokens: int) -> bytes:
        return self._chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])

    def terminal(self, tokens: int) -> bytes:
        usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
        return self.stop_reason(tokens) + self._chunk([], usage=usage) + b"data: [DONE]\n\n"

    def error_event(self) -> bytes:
        return _event({"error": {"message": "The server had an error", "type": "server_error", "code": None}})

    def refusal(self, status: int) -> bytes:
        kind, code = ("requests", "rate_limit_exceeded") if status == 429 else ("server_error", None)
        error = {"message": "Try again later", "type": kind, "param": None, "code": code}
        return json.dumps({"error": error}).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _last_words(body["messages"], "assistant")

    def _chunk(self, choices: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}
        return _event(head | {"choices": choices} | more)


class Claude:
    def opening(self) -> bytes:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
        usage = {"input_tokens": 9, "output_tokens": 1}
        start = message | {"stop_reason": None, "stop_sequence": None, "usage": usage}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return _event({"type": "message_start", "message": start}, "message_start") + _event(
            block, "content_block_start"
        )

    def token(self, text: str) -> bytes:
        delta = {"type": "text_delta", "text": text}
        return _event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")

    def stop_reason(self, tokens: int) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}
        return _event({"type": "content_block_stop", "index": 0}, "content_block_stop") + _event(last, "message_delta")

    def terminal(self, tokens: int) -> bytes:
        return self.stop_reason(tokens) + _event({"type": "message_stop"}, "message_stop")

    def error_event(self) -> bytes:
        return _event(self._error("overloaded_error"), "error")

    def refusal(self, status: int) -> bytes:
        kinds = {429: "rate_limit_error", 529: "overloaded_error"}
        return json.dumps(self._error(kinds.get(status, "api_error"))).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _last_words(body["messages"], "assistant")

    def _error(self, kind: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": "Try again later"}, "request_id": "req_1"}


class Gemini:
    def opening(self) -> bytes:
        return b""

    def token(self, text: str) -> bytes:
        return self._chunk(text, {})

    def stop_reason(self, tokens: int) -> bytes:
        return self._chunk("", {"finishReason": "STOP"}, tokens)

    def terminal(self, tokens: int) -> bytes:
        return self.stop_reason(tokens)  # this dialect has no other last frame

    def error_event(self) -> bytes:
        return _event({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})

    def refusal(self, status: int) -> bytes:
        words = {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
        error = {"code": status, "message": "Try again later", "status": words.get(status, "UNAVAILABLE")}
        return json.dumps({"error": error}).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _last_words(body["contents"], "model")

    def _chunk(self, text: str, end: Mapping[str, str], tokens: int = 0) -> bytes:
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **end}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": tokens, "totalTokenCount": 9 + tokens}
        return _event({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"})


def dialect_of(path: str) -> Dialect:
    if path.endswith("/chat/completions"):
        return OpenAI()
    return Claude() if path.endswith("/messages") else Gemini()


def _last_words(turns: Sequence[Mapping[str, Any]], role: str) -> str:
    for turn in reversed(turns):
        if turn["role"] == role:
            content = turn.get("content", turn.get("parts"))
            return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
    return ""
