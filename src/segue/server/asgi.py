"""An exchange over ASGI 3 messages, for any ASGI server; our own server needs none (`protocol`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from segue.server.exchange import Bounds, CallerLeftError, Exchange, Fields

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

WATCH_AFTER = 0.05
"""Seconds until a caller is watched for a disconnect, which takes a task: a faster answer does not pay for it."""


def exchange_of(scope: Scope, receive: Receive, send: Send, bounds: Bounds) -> Exchange:
    """The exchange of a request with the scope `http`."""
    return Exchange(
        AsgiChannel(receive, send),
        bounds,
        method=scope["method"],
        path=scope["path"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )


class AsgiChannel:
    """A `Channel`. ASGI has no way to announce that the server is to end, so `ending` stays False."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.ending = False
        self._receive = receive
        self._send = send
        self._more = True
        self._writing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listening: asyncio.Task[None] | None = None

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerLeftError
            self._more = message.get("more_body", False)
            if data := message.get("body", b""):
                return bytes(data)
        return b""

    def start(self, status: int, fields: Fields, length: int | None) -> Awaitable[None]:
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in fields.items()]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        return self._send({"type": "http.response.start", "status": status, "headers": headers})

    @property
    def blocked(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def write(self, data: bytes, *, more: bool) -> asyncio.Future[None]:
        self._writing = asyncio.ensure_future(
            self._send({"type": "http.response.body", "body": data, "more_body": more})
        )
        return self._writing

    def watch(self, left: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._listen, left)

    def unwatch(self) -> None:
        for pending in (self._timer, self._listening):
            if pending is not None:
                pending.cancel()
        self._listening = None  # its cancellation holds this channel: together they would be garbage

    def _listen(self, left: Callable[[], None]) -> None:
        self._listening = asyncio.ensure_future(self._disconnected(left))

    async def _disconnected(self, left: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # what is left of the body
        left()
