"""A gateway in Python that keeps Segue's books and dialects but survives nothing: what the rest costs, without the failing over.

    python -m benchmarks.floor_with_books PORT UPSTREAM_PORT KEYS LEDGER

`benchmarks.floor` with a key, request and answer decoded and encoded, its price, its record in SQLite
before its last byte, and counts, by Segue's own codecs and ledger. No failover, no timers, no health, no limits, no routing, no hooks, and
errors close the connection. `benchmarks.gateways --only …,"floor with books"` measures it. An experiment, not part of Segue.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

import httptools
import uvloop

from benchmarks.floor import HOST
from segue.catalog.models import find_model
from segue.catalog.tokens import estimate_request_tokens
from segue.chat.events import Finished, UpstreamEvent, UsageReport
from segue.chat.usage import Usage
from segue.failover.upstream import joined_texts
from segue.ledger.billing import Ending
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.server.keys.sqlite import FileKeyRing
from segue.wire.codec import Call, Encoder
from segue.wire.dialects import ingress, upstream

PATH = "/v1/chat/completions"
SSE = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"

model = find_model("openai", "gpt-4.1")
calls = Call(model=model, base_url="http://upstream/v1", key=Secret("k"))
server_side, client_side = ingress("openai_chat"), upstream("openai_chat")
numbers = itertools.count()
counts: Counter[str] = Counter()
"""Answers, tokens in, tokens out, and answers by how many milliseconds they took."""
idle: list[Provider] = []


class Provider(asyncio.Protocol):
    """A connection to the upstream; `caller` is whom it answers."""

    caller: Caller | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)

    def ask(self, caller: Caller, request: bytes) -> None:
        self.caller, self._over = caller, False
        self._decoder = client_side.decoder("text/event-stream")
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        if self.caller is not None and pieces:
            self.caller.show(joined_texts(self._decoder.feed(pieces)), over=self._decoder.complete)
        if self._over:
            self._parser = httptools.HttpResponseParser(self)
            idle.append(self)

    def on_message_complete(self) -> None:
        self._over = True


class Caller(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self, upstream_port: int, keys: FileKeyRing, books: Bookkeeper) -> None:
        self._upstream, self._keys, self._books = upstream_port, keys, books

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        key = self._keys.find(self._headers["authorization"].removeprefix("Bearer "))
        if key is None:
            self.transport.close()
            return
        id, self._began = f"{next(numbers):032x}", time.monotonic()
        asked = server_side.decode(self._body, path=PATH, query="", headers=self._headers)
        sent = client_side.encode(asked.request, calls)
        tokens = estimate_request_tokens(asked.request)
        record = AttemptRecord(
            attempt_id=id,
            request_id=id,
            started=time.time(),
            target="openai",
            provider="openai",
            model=model.id,
            outcome="pending",
            settlement=Settlement.RESERVED,
            key=key.name,
        )
        self._reserved = self._books.reserve(record, prompt_tokens=tokens, max_tokens=asked.request.max_tokens)
        self._encoder: Encoder = server_side.encoder(asked, id=id, created=int(record.started))
        self._stream, self._usage, self._last = asked.stream, Usage(), b""
        self._finished: Finished | None = None
        if asked.stream:
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + SSE + b"x-request-id: " + id.encode() + b"\r\n\r\n")
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
        head = f"POST {PATH} HTTP/1.1\r\nhost: {HOST}\r\n{lines}content-length: {len(sent.body)}\r\n\r\n"
        if idle:
            idle.pop().ask(self, head.encode() + sent.body)
        else:
            self._connecting = asyncio.ensure_future(self._connect(head.encode() + sent.body))

    async def _connect(self, request: bytes) -> None:
        _, provider = await asyncio.get_running_loop().create_connection(Provider, HOST, self._upstream)
        provider.ask(self, request)

    def show(self, events: list[UpstreamEvent], *, over: bool) -> None:
        data = b""
        for event in events:
            if isinstance(event, Finished):
                self._finished = event
            elif isinstance(event, UsageReport):
                self._usage = event.usage
            else:
                data += self._encoder.feed(event)  # type: ignore[arg-type]
        if data and self._stream:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        if over and self._finished is not None:
            data = self._encoder.feed(UsageReport(self._usage)) + self._encoder.feed(self._finished)
            self._ending = asyncio.ensure_future(self._end(data))

    async def _end(self, data: bytes) -> None:
        ending = Ending(outcome="ok", finished=True, report=self._usage, status=200)
        seconds = time.monotonic() - self._began
        self._books.settle(self._reserved, ending, seconds=seconds, shown=True)
        counts["answers"] += 1
        counts["tokens in"] += self._usage.prompt_tokens
        counts["tokens out"] += self._usage.output_tokens
        counts[f"took {int(seconds * 1000)} ms"] += 1
        await self._books.store.written()
        if self._stream:
            self.transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        else:
            length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + length + data)


async def main() -> None:
    port, provider, keys, ledger = sys.argv[1:]
    ring, books = FileKeyRing(Path(keys)), Bookkeeper(SqliteStore(ledger))
    books.warm([("openai", model.id)], wall=time.time())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Caller(int(provider), ring, books), HOST, int(port), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
