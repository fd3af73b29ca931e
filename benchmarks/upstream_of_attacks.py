"""A provider in all dialects that answers, refuses, breaks off or never stops, as configured. Threads of this process carry it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

from tests.hostile.flood import JSON, SSE, Flow, event


class Upstream:
    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._over = False
        self._flow: Flow | None = None
        self._fixed = b""
        self._text = "Hello"
        self._cut = False
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def answer(self, *, text: str) -> None:
        self._flow, self._fixed, self._text, self._cut = None, b"", text, False

    def refuse(self, status: int) -> None:
        body = json.dumps({"error": {"message": "no", "type": "invalid_request_error", "code": "no"}}).encode()
        self._flow, self._fixed = None, JSON.replace(b"200 OK", b"%d No" % status) + body

    def cut(self) -> None:
        """Breaks off in the middle of every answer."""
        self.answer(text="Hello " * 20)
        self._cut = True

    def flood(self, flow: Flow) -> None:
        self._flow = flow

    def end(self) -> None:
        self._over = True
        self._listening.close()

    def _run(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError):
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            path = self._take(connection)
            flow = self._flow
            if flow is not None:
                connection.sendall(flow.start)
                unit = flow.unit * max(1, 65536 // len(flow.unit))
                while self._flow is flow:
                    connection.sendall(unit)
                return
            text = self._fixed or _answer(path, self._text)
            connection.sendall(text[: len(text) * 2 // 3] if self._cut else text)

    def _take(self, connection: socket.socket) -> str:
        """Reads a request; returns its path."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        fields = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(fields[0][15:]) if fields else 0
        left = length - len(body)
        while left > 0 and (piece := connection.recv(min(left, 1 << 20))):
            left -= len(piece)
        return head.split(b" ", 2)[1].decode()


def _answer(path: str, text: str) -> bytes:
    """A whole streamed answer in the dialect that a path is of."""
    events: list[dict[str, Any]]
    if path.endswith("/messages"):
        start = {"id": "m", "model": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 1}}
        events = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
    elif "streamGenerateContent" in path:
        part = {"role": "model", "parts": [{"text": text}]}
        events = [{"candidates": [{"content": part, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}}]
    elif path.endswith("/responses"):
        item = {"id": "i", "type": "message", "role": "assistant", "status": "completed"}
        done = {**item, "content": [{"type": "output_text", "text": text, "annotations": []}]}
        response = {
            "id": "r",
            "model": "m",
            "status": "completed",
            "output": [done],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        events = [
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {
                "type": "response.output_text.delta",
                "item_id": "i",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
            },
            {"type": "response.output_item.done", "output_index": 0, "item": done},
            {"type": "response.completed", "response": response},
        ]
    else:
        chunk = {"id": "x", "object": "chat.completion.chunk", "model": "m"}
        events = [
            {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
            {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
    ends = b"data: [DONE]\n\n" if "chat" in path else b""
    return SSE + b"".join(map(event, events)) + ends
