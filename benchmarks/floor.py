"""A pass-through in Python, the floor of what a gateway in Python can cost: bytes in, bytes out, requests counted in memory.

    python -m benchmarks.floor PORT UPSTREAM_PORT

A server and a client on httptools and uvloop, which share connections' buffers as they are: no failover, no key, no ledger, no limits.
`benchmarks.gateways` and `benchmarks.instructions` measure it beside the gateways. An experiment, not part of Segue.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import httptools
import uvloop

HOST = "127.0.0.1"

counts: Counter[int] = Counter()
"""Answers by their status."""
idle: list[Upstream] = []


class Upstream(asyncio.Protocol):
    """A connection to the upstream; what arrives on it goes to its `caller` as it is."""

    def __init__(self) -> None:
        self.caller: Caller | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        if self.caller is not None:
            self.caller.transport.write(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        counts[self._parser.get_status_code()] += 1
        self.caller = None
        self._parser = httptools.HttpResponseParser(self)
        idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in idle:
            idle.remove(self)
        if self.caller is not None:
            self.caller.transport.close()


class Caller(asyncio.Protocol):
    """A caller's connection. Each request is sent on with its path and body."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path = self._body = b""

    def on_url(self, path: bytes) -> None:
        self._path += path

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        lines = b"host: %b\r\ncontent-type: application/json\r\ncontent-length: %d" % (HOST.encode(), len(self._body))
        request = b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (self._parser.get_method(), self._path, lines, self._body)
        if idle:
            self._send(idle.pop(), request)
        else:
            self._connecting = asyncio.ensure_future(self._connect(request))

    async def _connect(self, request: bytes) -> None:
        try:
            _, upstream = await asyncio.get_running_loop().create_connection(Upstream, HOST, self._upstream)
        except OSError:
            self.transport.close()
        else:
            self._send(upstream, request)

    def _send(self, upstream: Upstream, request: bytes) -> None:
        upstream.caller = self
        upstream.transport.write(request)


async def main() -> None:
    port, upstream = map(int, sys.argv[1:])
    server = await asyncio.get_running_loop().create_server(lambda: Caller(upstream), HOST, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
