"""A model on this machine, as an upstream: its process is started by the first request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec

from segue.chat.events import Failed, UpstreamEvent
from segue.chat.failure import Failure, FailureKind
from segue.embedded.model_file import model_file
from segue.embedded.process import ModelProcess, ModelProcessError
from segue.errors import ConfigurationError
from segue.failover.upstream import Ask, HttpUpstream, Receipt
from segue.routing.target import Target
from segue.transport.base import Transport
from segue.wire.dialects import upstream


class EmbeddedUpstream:
    """Asks the model in `target.file`."""

    def __init__(self, target: Target, transport: Transport, wall: Callable[[], float]) -> None:
        self._target = target
        self._transport = transport
        self._wall = wall
        self._process: ModelProcess | None = None

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        server = await self._server()
        if isinstance(server, Failure):
            yield [Failed(server)]
            return
        async with aclosing(server.stream(ask, receipt)) as batches:
            async for events in batches:
                yield events

    async def probe(self, *, connect: float) -> Failure | None:
        server = await self._server()
        return server if isinstance(server, Failure) else await server.probe(connect=connect)

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.close()

    async def _server(self) -> HttpUpstream | Failure:
        try:
            if self._process is None:
                self._process = ModelProcess(model_file(self._target.file))
            address = await asyncio.to_thread(self._process.address)
        except ConfigurationError as error:
            return Failure(kind=FailureKind.MODEL_GONE, message=str(error))
        except ModelProcessError as error:
            message = f"the model in {self._target.file} could not be loaded: {error}"
            return Failure(kind=FailureKind.MODEL_GONE, message=message)
        target = msgspec.structs.replace(self._target, base_url=f"{address}/v1")
        return HttpUpstream(target, upstream(target.dialect), self._transport, self._wall)
