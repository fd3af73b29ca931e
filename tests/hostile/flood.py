"""A provider that never stops: it repeats one thing until the other side hangs up. In its own thread,
so that its work is not the gateway's."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\r\n"


def event(data: dict[str, Any]) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


class Flow(NamedTuple):
    """What is sent first, and what follows it endlessly."""

    start: bytes
    unit: bytes


_CHAT = {"id": "x", "object": "chat.completion.chunk", "model": "m"}
_CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
_CREATED = {"type": "response.created", "response": {"id": "r", "model": "m", "status": "in_progress", "output": []}}
_MESSAGE = {
    "type": "message_start",
    "message": {"id": "m", "model": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 1}},
}


def _chat(delta: dict[str, Any]) -> bytes:
    return event({**_CHAT, "choices": [{"index": 0, "delta": delta}]})


def _claude(kind: str, delta: dict[str, Any], **block: Any) -> Flow:
    begin = {"type": "content_block_start", "index": 0, "content_block": {"type": kind, **block}}
    unit = event({"type": "content_block_delta", "index": 0, "delta": delta})
    return Flow(SSE + event(_MESSAGE) + event(begin), unit)


def _gemini(**part: Any) -> bytes:
    return event({"candidates": [{"content": {"role": "model", "parts": [part]}}]})


CONTENT = {
    "openai_chat": Flow(SSE, _chat({"content": "x"})),
    "openai_responses": Flow(
        SSE + event(_CREATED),
        event(
            {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "x"}
        ),
    ),
    "claude": _claude("text", {"type": "text_delta", "text": "x"}, text=""),
    "gemini": Flow(SSE, _gemini(text="x")),
}
ARGUMENTS = {
    "openai_chat": Flow(
        SSE + _chat({"tool_calls": [_CALL]}), _chat({"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]})
    ),
    "openai_responses": Flow(
        SSE
        + event(_CREATED)
        + event(
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": ""},
            }
        ),
        event({"type": "response.function_call_arguments.delta", "item_id": "i", "output_index": 0, "delta": "x"}),
    ),
    "claude": _claude("tool_use", {"type": "input_json_delta", "partial_json": "x"}, id="c", name="f", input={}),
    "gemini": Flow(SSE, _gemini(functionCall={"name": "f", "args": {"x": "x"}})),
}
THINKING = {
    "openai_chat": Flow(SSE, _chat({"reasoning_content": "x"})),
    "openai_responses": Flow(
        SSE + event(_CREATED),
        event(
            {
                "type": "response.reasoning_summary_text.delta",
                "item_id": "i",
                "output_index": 0,
                "summary_index": 0,
                "delta": "x",
            }
        ),
    ),
    "claude": _claude("thinking", {"type": "thinking_delta", "thinking": "x"}, thinking=""),
    "gemini": Flow(SSE, _gemini(text="x", thought=True)),
}
SHAPELESS = {
    "one line": Flow(SSE + b'data: {"x":"', b"x" * 4096),
    "lines of one event": Flow(SSE, b"data: x\n" * 512),
    "empty lines of data": Flow(SSE, b"data:\n" * 512),
    "comments": Flow(SSE, b": x\n\n" * 512),
    "empty lines": Flow(SSE, b"\n" * 4096),
    "empty events": Flow(SSE, b"data: {}\n\n" * 512),
    "lines that are no fields": Flow(SSE, b"x\n\n" * 512),
    "a document": Flow(JSON + b'{"x":[', b"[]," * 1024),
    "an array of documents": Flow(JSON + b"[", b'{"x":1},\n' * 512),
    "a refusal": Flow(REFUSAL + b'{"error":{"message":"', b"exceeded " * 512),
    "a chunk's extension": Flow(CHUNKED + b"1;", b"x" * 4096),
    "fields behind the body": Flow(CHUNKED + b"0\r\n", b"x: y\r\n" * 512),
    "fields of the head": Flow(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 512),
}


class Flood:
    """`taken` counts the bytes that were taken."""

    def __init__(self, flow: Flow) -> None:
        self._start = flow.start
        self._unit = flow.unit * max(1, 16_384 // len(flow.unit))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._over = False
        self.taken = 0
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def run(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError):
                connection, _ = self._listening.accept()
                threading.Thread(target=self._pour, args=(connection,), daemon=True).start()

    def end(self) -> None:
        self._over = True
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _pour(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            connection.recv(65536)
            connection.sendall(self._start)
            while not self._over:
                self.taken += connection.send(self._unit)


@contextlib.contextmanager
def flooding(flow: Flow) -> Iterator[Flood]:
    flood = Flood(flow)
    thread = threading.Thread(target=flood.run, daemon=True)
    thread.start()
    try:
        yield flood
    finally:
        flood.end()
        thread.join(5)
