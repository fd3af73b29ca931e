"""The three dialects as bytes, written by hand: what the codecs make of them is tested, so no codec of ours may write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

INSTRUCTION = "My connection dropped in the middle of your answer"
"""How the turn begins that asks a model without prefill to go on."""


class Speech(Protocol):
    """How one dialect says an answer. `terminal` is what makes an answer whole, `trailing` what may be missing after it."""

    content_type: str

    def opening(self) -> bytes: ...

    def token(self, text: str) -> bytes: ...

    def ping(self) -> bytes: ...

    def terminal(self, tokens: int) -> bytes: ...

    def trailing(self, tokens: int) -> bytes: ...

    def error(self) -> bytes:
        """An error inside the stream."""
        ...

    def refusal(self) -> bytes:
        """The body of an HTTP error, also seen raw in a stream that has begun."""
        ...

    def document(self, text: str) -> bytes:
        """A whole answer that is not streamed."""
        ...

    def begun(self, body: Mapping[str, Any]) -> str:
        """The beginning of the answer that the request asks to go on with."""
        ...

    def prompt(self, body: Mapping[str, Any]) -> str:
        """What the user asked first."""
        ...


def _event(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class OpenAI:
    content_type = "text/event-stream; charset=utf-8"

    def opening(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def token(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def ping(self) -> bytes:
        return b": keep-alive\n\n"

    def terminal(self, tokens: int) -> bytes:
        return self._chunk({}, finish="stop")

    def trailing(self, tokens: int) -> bytes:
        return self._chunk(None, usage=self._usage(tokens)) + b"data: [DONE]\n\n"

    def error(self) -> bytes:
        return _event({"error": {"message": "The server had an error", "type": "server_error", "code": None}})

    def refusal(self) -> bytes:
        return json.dumps({"error": {"message": "The server is busy", "type": "server_error"}}, indent=2).encode()

    def document(self, text: str) -> bytes:
        message = {"role": "assistant", "content": text, "refusal": None}
        choices = [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}]
        return json.dumps(
            {"id": "chatcmpl-7", "object": "chat.completion", "created": 1, "model": "numbers"}
            | {"choices": choices, "usage": self._usage(len(text.split()))},
            ensure_ascii=False,
        ).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _begun([(message["role"], _text(message["content"])) for message in body["messages"]])

    def prompt(self, body: Mapping[str, Any]) -> str:
        return next(_text(message["content"]) for message in body["messages"] if message["role"] == "user")

    def _chunk(self, delta: Any, *, finish: str | None = None, usage: Any = None) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        chunk = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1, "model": "numbers"}
        return _event(chunk | {"choices": choices, "usage": usage})

    def _usage(self, tokens: int) -> dict[str, int]:
        return {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}


class Claude:
    content_type = "text/event-stream; charset=utf-8"

    def opening(self) -> bytes:
        message = {"id": "msg_7", "type": "message", "role": "assistant", "model": "numbers", "content": []}
        usage = {"input_tokens": 5, "output_tokens": 1}
        start = message | {"stop_reason": None, "stop_sequence": None, "usage": usage}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return _event({"type": "message_start", "message": start}, "message_start") + _event(
            block, "content_block_start"
        )

    def token(self, text: str) -> bytes:
        delta = {"type": "text_delta", "text": text}
        return _event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")

    def ping(self) -> bytes:
        return _event({"type": "ping"}, "ping")

    def terminal(self, tokens: int) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}
        stop = _event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        return stop + _event(last, "message_delta") + _event({"type": "message_stop"}, "message_stop")

    def trailing(self, tokens: int) -> bytes:
        return b""

    def error(self) -> bytes:
        return _event(self._error(), "error")

    def refusal(self) -> bytes:
        return json.dumps(self._error(), indent=2).encode()

    def document(self, text: str) -> bytes:
        message = {"id": "msg_7", "type": "message", "role": "assistant", "model": "numbers"}
        content = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None}
        usage = {"usage": {"input_tokens": 5, "output_tokens": len(text.split())}}
        return json.dumps(message | content | usage, ensure_ascii=False).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _begun([(message["role"], _text(message["content"])) for message in body["messages"]])

    def prompt(self, body: Mapping[str, Any]) -> str:
        return _text(body["messages"][0]["content"])

    def _error(self) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_7"}


class Gemini:
    content_type = "text/event-stream"

    def opening(self) -> bytes:
        return self._chunk("")

    def token(self, text: str) -> bytes:
        return self._chunk(text)

    def ping(self) -> bytes:
        return b": keep-alive\n\n"

    def terminal(self, tokens: int) -> bytes:
        return self._chunk("", finish="STOP", tokens=tokens)

    def trailing(self, tokens: int) -> bytes:
        return b""

    def error(self) -> bytes:
        return _event(self._error())

    def refusal(self) -> bytes:
        return json.dumps(self._error(), indent=2).encode()

    def document(self, text: str) -> bytes:
        return json.dumps(self._answer(text, finish="STOP", tokens=len(text.split())), ensure_ascii=False).encode()

    def begun(self, body: Mapping[str, Any]) -> str:
        return _begun([(turn["role"], _text(turn["parts"])) for turn in body["contents"]])

    def prompt(self, body: Mapping[str, Any]) -> str:
        return _text(body["contents"][0]["parts"])

    def _chunk(self, text: str, *, finish: str | None = None, tokens: int = 0) -> bytes:
        return _event(self._answer(text, finish=finish, tokens=tokens))

    def _answer(self, text: str, *, finish: str | None, tokens: int) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": text}]}
        candidate: dict[str, Any] = {"content": content, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        usage = {"promptTokenCount": 5, "candidatesTokenCount": tokens, "totalTokenCount": 5 + tokens}
        known = {"candidates": [candidate], "usageMetadata": usage}
        return known | {"modelVersion": "numbers", "responseId": "resp-7"}

    def _error(self) -> dict[str, Any]:
        return {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


SPEECHES: dict[str, Speech] = {"gemini": Gemini(), "openai": OpenAI(), "claude": Claude()}
"""By the name of the provider that speaks so."""


def speech_of(path: str) -> Speech:
    """The dialect of a request, by its path."""
    if path.endswith("/chat/completions"):
        return SPEECHES["openai"]
    return SPEECHES["claude" if path.endswith("/v1/messages") else "gemini"]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _begun(turns: list[tuple[str, str]]) -> str:
    """The model's last turn, if it comes last (a prefill) or before the turn that asks to go on."""
    if turns[-1][0] == "user" and INSTRUCTION in turns[-1][1]:
        turns = turns[:-1]
    role, text = turns[-1]
    return text if role in ("assistant", "model") else ""
