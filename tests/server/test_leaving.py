"""A caller who goes away, in virtual time: how long upstream goes on is measured exactly, by the clock and by the turns of the loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import looptime
import pytest

from segue.runtime import Runtime
from segue.server.app import Gateway
from segue.server.asgi import WATCH_AFTER, Message
from segue.server.metrics import Metrics
from segue.settings_loading import load
from segue.transport.memory import Connecting, Hang, MemoryTransport, Reply

PROMISED = 0.1
"""Seconds after which nothing goes on for a caller who left …"""
TURNS = 4
"""… of which all but the first `WATCH_AFTER` of a request are no time at all, but turns of the loop."""

KEYS = {"GEMINI_API_KEY": "k", "OPENAI_API_KEY": "k", "CLAUDE_API_KEY": "k", "SEGUE_LEDGER": "none"}
MESSAGES = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "openai/gpt-4.1", "messages": MESSAGES},
    "/v1/responses": {"model": "openai/gpt-4.1", "input": "Hi"},
    "/v1/messages": {"model": "openai/gpt-4.1", "max_tokens": 9, "messages": MESSAGES},
    "/v1beta/models/openai/gpt-4.1:generateContent": {"contents": [{"parts": [{"text": "Hi"}]}]},
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": "Hi"},
}
DELTA = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
UPSTREAM = {
    "connecting, then silent": Reply(before=[Connecting(0.9), Hang()]),
    "before the head": Reply(before=[Hang()]),
    "after the head": Reply(headers={"content-type": "text/event-stream"}, steps=[Hang()]),
    "in the text": Reply(headers={"content-type": "text/event-stream"}, steps=[DELTA, Hang()]),
}


class Loop(looptime.LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """Nothing comes from outside, so no idle turns are needed before time moves on."""

    def __init__(self) -> None:
        super().__init__(start=0.0, noop_cycles=0)


def run(work: Coroutine[Any, Any, None]) -> None:
    loop = Loop()
    try:
        loop.run_until_complete(work)
        assert not asyncio.all_tasks(loop)
    finally:
        loop.close()


class Caller:
    """Sends its request and leaves at a moment. `turns` is how often the loop went round between that and the gateway's end."""

    def __init__(self, path: str, body: dict[str, Any], leaves: float) -> None:
        self.turns = 0
        self.sent: list[Message] = []
        self._body = json.dumps(body).encode()
        self._leaves = leaves
        self._asked = self._done = False
        self.scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        self.scope["headers"] = [(b"content-type", b"application/json")]

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body}
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._leaves - loop.time())
        loop.call_soon(self._turn)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def _turn(self) -> None:
        if not self._done:
            self.turns += 1
            asyncio.get_running_loop().call_soon(self._turn)

    async def call(self, gateway: Gateway) -> None:
        await gateway(self.scope, self.receive, self.send)
        self._done = True
        await asyncio.sleep(0)


@pytest.mark.parametrize("leaves", [0.0, 0.02, 0.2, 2.0, 4.0])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reply", UPSTREAM.values(), ids=UPSTREAM)
@pytest.mark.parametrize("path", BODIES)
def test_what_goes_on_for_a_caller_ends_with_him(path: str, reply: Reply, stream: bool, leaves: float) -> None:
    async def story() -> None:
        network = MemoryTransport(lambda request: reply)
        metrics = Metrics()
        runtime = Runtime(load(KEYS, directory="/nonexistent"), transport=network, listeners=[metrics])
        gateway = Gateway(runtime, metrics=metrics)
        body = BODIES[path] | ({"stream": True} if stream and path.startswith("/v1/") else {})
        place = path.replace(":generate", ":streamGenerate") if stream else path
        caller = Caller(place, body, leaves)
        await caller.call(gateway)
        ended = asyncio.get_running_loop().time()
        assert ended == max(leaves, WATCH_AFTER)
        assert ended - leaves < PROMISED
        assert caller.turns <= TURNS
        assert network.requests
        assert not network.open
        assert {exchange.closed for exchange in network.requests} == {ended}
        assert not any(message["type"] == "http.response.start" for message in caller.sent if not stream)
        await runtime.aclose()

    run(story())
