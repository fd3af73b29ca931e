"""A local server as the last resort: found when it is needed, by a request for the list of models to each candidate.

On loopback a port without a listener refuses immediately, so that the search is nearly free; one that does not answer is given up after
`LOOK_WAIT`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

import msgspec

from segue.catalog.models import find_model
from segue.catalog.providers import Provider
from segue.chat.events import Failed, UpstreamEvent
from segue.chat.failure import Failure, FailureKind, Scope
from segue.failover.upstream import Ask, HttpUpstream, Receipt, whole_body
from segue.routing.resolve import ANY_MODEL
from segue.routing.target import Target
from segue.transport.base import Transport, TransportError
from segue.wire.codec import Call
from segue.wire.dialects import upstream
from segue.wire.sse import EndlessError

LOOK_WAIT = 0.5
"""Seconds that a server may take to list its models."""
_NO_CHAT = ("embed", "rerank", "whisper")
"""Parts of the names of models that are not for chat."""


class _Models(msgspec.Struct):
    class _Model(msgspec.Struct):
        id: str

    data: list[_Model]


class LocalUpstream:
    """Uses the first running server of `target.lookup`, until it is gone."""

    def __init__(
        self, target: Target, providers: Mapping[str, Provider], transport: Transport, wall: Callable[[], float]
    ) -> None:
        self._target = target
        self._presets = {name: providers[name] for name in target.lookup}
        self._transport = transport
        self._wall = wall
        self._found: HttpUpstream | None = None
        self._model = ""

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        server = await self._server()
        if server is None:
            yield [Failed(self._not_found())]
            return
        receipt.model = self._model
        async with aclosing(server.stream(ask, receipt)) as batches:
            async for events in batches:
                if any(isinstance(event, Failed) for event in events):
                    self._found = None
                yield events

    async def probe(self, *, connect: float) -> Failure | None:
        return None if await self._server() is not None else self._not_found()

    async def _server(self) -> HttpUpstream | None:
        if self._found is None:
            found = await asyncio.gather(*map(self._models, self._presets))
            listed = dict(zip(self._presets, found, strict=True))
            wanted = self._target.model.id
            able = {name: models for name, models in listed.items() if models}
            name = next((name for name, models in able.items() if wanted in models), next(iter(able), None))
            if name is not None:
                self._model = able[name][0] if wanted == ANY_MODEL else wanted
                self._found = HttpUpstream(
                    self._as(name, self._model), upstream(self._target.dialect), self._transport, self._wall
                )
        return self._found

    def _as(self, name: str, model: str) -> Target:
        preset = self._presets[name]
        return msgspec.structs.replace(
            self._target,
            base_url=preset.base_url if len(self._presets) > 1 else self._target.base_url,
            model=find_model(name, model),
            quirks={**preset.quirks, **self._target.quirks},
        )

    async def _models(self, name: str) -> list[str]:
        """The chat models that the server lists; none if no server runs there."""
        target = self._as(name, ANY_MODEL)
        call = Call(model=target.model, base_url=target.base_url, key=target.key, headers=target.headers)
        try:
            async with asyncio.timeout(LOOK_WAIT):
                answer = await self._transport.send(upstream(target.dialect).list_models(call), connect=LOOK_WAIT)
                try:
                    body = await whole_body(answer)
                finally:
                    answer.close()
            models = msgspec.json.decode(body, type=_Models).data
        except (TransportError, EndlessError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError):
            return []
        return [model.id for model in models if not any(word in model.id.lower() for word in _NO_CHAT)]

    def _not_found(self) -> Failure:
        addresses = ", ".join(f"{name} ({self._as(name, ANY_MODEL).base_url})" for name in self._presets)
        message = f"no local server with a model was found: looked for {addresses}"
        return Failure(kind=FailureKind.TRANSPORT, message=message, code="connect", scope=Scope.ENDPOINT)
