"""A local upstream for measuring clients: speaks OpenAI's Chat Completions as fast as it can, in its own process.

    python -m benchmarks.upstream PORT

Streamed or whole as asked; the answer is 20 tokens. It does nothing but answer, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import sys

HEAD = {"id": "c1", "created": 1, "model": "gpt-4.1"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
TOKENS = [f"token{number} " for number in range(20)]
LIFETIME = 600.0
"""Seconds after which it ends by itself."""


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    return (
        b"data: " + json.dumps(HEAD | {"object": "chat.completion.chunk", "choices": choices} | more).encode() + b"\n\n"
    )


def _choice(delta: dict[str, str], finish: str | None = None) -> list[dict[str, object]]:
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


STREAM = b"".join(
    [
        _event(_choice({"role": "assistant", "content": ""})),
        *(_event(_choice({"content": token})) for token in TOKENS),
        _event(_choice({}, "stop")),
        _event([], usage=USAGE),
        b"data: [DONE]\n\n",
    ]
)
MESSAGE = {"role": "assistant", "content": "".join(TOKENS)}
WHOLE = json.dumps(
    HEAD
    | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


def _answer(body: bytes, content_type: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (content_type, len(body), body)


ANSWERS = {True: _answer(STREAM, b"text/event-stream"), False: _answer(WHOLE, b"application/json")}


class Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            streamed = b'"stream":true' in body or b'"stream": true' in body
            self.transport.write(ANSWERS[streamed])  # type: ignore[attr-defined]


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    async with server:
        print("ready", flush=True)
        await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
