"""What stands between a client and the peer: a relay that can stop passing bytes on, and a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator


class Relay:
    """Passes bytes on to `target`, a port. When `frozen`, what the client sends is read and dropped: the far side has gone silent.

    `closed` counts the client's connections whose end was seen, `heads` holds the head of each request made to a `Proxy`.
    """

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.port = 0
        self.frozen = False
        self.accepted = 0
        self.closed = 0
        self.heads: list[str] = []

    @contextlib.asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
        running: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            running.add(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        far: asyncio.StreamWriter | None = None
        try:
            target, first = await self._begin(reader, writer)
            if target:
                back, far = await asyncio.open_connection("127.0.0.1", target)
                far.write(first)
                async with asyncio.TaskGroup() as group:
                    returning = group.create_task(self._pass(back, writer))
                    await self._pass(reader, far, from_client=True)
                    returning.cancel()
            else:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            self.closed += 1
            for end in (writer, far):
                if end:
                    end.transport.abort()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        """The port to pass on to, 0 for none, and the first bytes to send there."""
        return self.target, b""

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool = False
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if not (self.frozen and from_client):
                    writer.write(data)
                    await writer.drain()


class Proxy(Relay):
    """Takes CONNECT and absolute targets, always to `127.0.0.1`. `answer` stands instead of the 200 to CONNECT; "" is silence."""

    answer = "HTTP/1.1 200 Connected"

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        if method != "CONNECT":
            origin = target.removeprefix("http://").partition("/")[0]
            return int(origin.rpartition(":")[2]), head.replace(f"http://{origin}", "", 1).encode()
        if self.answer:
            writer.write(f"{self.answer}\r\n\r\n".encode())
        return (int(target.rpartition(":")[2]) if " 200 " in self.answer else 0), b""
