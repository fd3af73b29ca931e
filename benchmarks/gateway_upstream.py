"""The provider behind the gateways of `benchmarks.gateways`, as cheap as Python can make it.

    python -m benchmarks.gateway_upstream PORT [SECONDS]

It answers Chat Completions with the same twenty words: as one document, as a burst of chunks, or, where the prompt says "slowly", as chunks
so many seconds apart (0.005). A request without a body gets the list of its models.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop

WORDS = [f" word{number}" for number in range(20)]
PACE = 0.005
"""Seconds between the chunks of a slow answer."""

_USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def _chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}
    return b"data: " + json.dumps({**head, "choices": choices, **more}).encode() + b"\n\n"


def chunk_of(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _chunk([{"index": 0, "delta": delta, "finish_reason": finish}])


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


PIECES = [framed(chunk_of({"content": word})) for word in WORDS]
LAST = framed(chunk_of({}, "stop") + _chunk([], usage=_USAGE) + b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BURST = STREAM_HEAD + b"".join(PIECES) + LAST


def _sized(fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _document() -> bytes:
    message = {"role": "assistant", "content": "".join(WORDS), "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    fields = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1", "choices": [choice]}
    return _sized({**fields, "usage": _USAGE})


DOCUMENT = _document()
MODEL = {"id": "gpt-4.1", "object": "model", "created": 1, "owned_by": "openai"}
MODELS = _sized({"object": "list", "data": [MODEL]})


class Provider(asyncio.Protocol):
    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if not self._body:
            self._transport.write(MODELS)
        elif not json.loads(self._body).get("stream"):
            self._transport.write(DOCUMENT)
        elif b"slowly" in self._body:
            self._transport.write(STREAM_HEAD)
            self._say(0)
        else:
            self._transport.write(BURST)

    def _say(self, word: int) -> None:
        if self._transport.is_closing():
            return
        if word == len(PIECES):
            self._transport.write(LAST)
            return
        self._transport.write(PIECES[word])
        asyncio.get_running_loop().call_later(self._pace, self._say, word + 1)


async def main() -> None:
    port, pace = int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else PACE
    server = await asyncio.get_running_loop().create_server(lambda: Provider(pace), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
