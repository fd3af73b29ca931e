"""A gateway called as an ASGI application, without a socket before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from segue import Sandbox
from segue.runtime import Runtime
from segue.server.app import Gateway
from segue.server.auth import Gatekeeper
from segue.server.exchange import Bounds
from segue.server.metrics import Metrics
from segue.server.protocol import HttpProtocol
from segue.server.serve import ServeOptions, uvicorn_options
from segue.settings import Settings

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "claude": "/v1/messages",
    "gemini": "/v1beta/models/auto:generateContent",
}


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def asking(dialect: str, text: str = "Hi", *, stream: bool = False, model: str = "auto") -> tuple[str, dict[str, Any]]:
    """The path and the body of a request in a dialect."""
    if dialect == "gemini":
        action = "streamGenerateContent" if stream else "generateContent"
        return f"/v1beta/models/{model}:{action}", {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if dialect == "openai_responses":
        return PATHS[dialect], {"model": model, "input": text, "stream": stream, "store": False}
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    return PATHS[dialect], body | ({"max_tokens": 100} if dialect == "claude" else {})


async def call(
    gateway: Gateway,
    path: str,
    body: bytes | dict[str, Any] = b"",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Answered:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    messages = iter([{"type": "http.request", "body": data, "more_body": False}])
    sent: list[Any] = []

    async def receive() -> Any:
        if (message := next(messages, None)) is not None:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:4000", "content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
    }
    await gateway(scope, receive, send)
    head = sent[0]
    fields = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answered(head["status"], fields, b"".join(message.get("body", b"") for message in sent[1:]))


@asynccontextmanager
async def served(
    settings: Settings, *, gatekeeper: Gatekeeper | None = None, bounds: Bounds | None = None
) -> AsyncIterator[Gateway]:
    metrics = Metrics()
    runtime = Runtime(settings, listeners=[metrics])
    try:
        yield Gateway(runtime, metrics=metrics, gatekeeper=gatekeeper, bounds=bounds)
    finally:
        await runtime.aclose()


def break_all(box: Sandbox, fault: str) -> None:
    for name in box.providers:
        box.break_provider(name, fault)


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[int]:
    """The port at which the gateway's own protocol speaks for it, in the running event loop."""
    config = uvicorn.Config(gateway, **uvicorn_options(ServeOptions(port=0)))
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in [*state.connections]:
            connection.transport.abort()
        await asyncio.sleep(0)
