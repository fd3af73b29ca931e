"""One simulated provider: a server on its own port, which uses one dialect."""

from __future__ import annotations

import asyncio
import errno
import random
import time
from collections import deque
from collections.abc import Callable

import msgspec

from segue.catalog.tokens import estimate_request_tokens
from segue.errors import ConfigurationError, InvalidRequestError
from segue.sandbox.answering import Answering, refuses_prefill
from segue.sandbox.answers.embedding import embed
from segue.sandbox.answers.replies import ReplyMode, reply_to
from segue.sandbox.bill import BillEntry
from segue.sandbox.faults import Fault
from segue.sandbox.http import SandboxConnection, SandboxExchange
from segue.sandbox.models import model_document, models_document
from segue.sandbox.refusals import refusal
from segue.wire.codec import IngressRequest
from segue.wire.dialects import ingress

HOST = "127.0.0.1"

BILLS_IN_FULL = frozenset({"gemini"})
"""Providers that charge for the whole answer though the caller went away (docs/failover.md, "Billing")."""

ACCEPTING, CLOSING = 6, 3
"""Turns of the loop after which a connection that was being accepted is known, and after which one that was aborted is closed."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How all providers of a sandbox answer: seconds between tokens, what they say, the chance's seed."""

    delay: float = 0.0
    reply: ReplyMode = "prose"
    seed: int = 0


class SimulatedProvider:
    """All its methods run in the sandbox's loop."""

    def __init__(
        self, name: str, provider: str, dialect: str, models: tuple[str, ...], manner: Manner, bill: deque[BillEntry]
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.port = 0
        self._provider = provider
        self._models = models
        self._manner = manner
        self._bill = bill
        self._codec = ingress(dialect)
        self._fault: Fault | None = None
        self._left = 0
        self._random = random.Random(f"{manner.seed}{name}")
        self._connections: set[SandboxConnection] = set()
        self._server: asyncio.Server | None = None
        self._answers = 0

    async def open(self, port: int = 0) -> None:
        """Listens, on a free port unless one is given; again on the same one after `close`.

        Raises `ConfigurationError` if the port is taken.
        """
        if self._server is None:
            loop = asyncio.get_running_loop()
            create: Callable[[], SandboxConnection] = lambda: SandboxConnection(self._answer, self._connections)  # noqa: E731
            port = port or self.port
            try:
                self._server = await loop.create_server(create, HOST, port)
            except OSError as error:
                why = (
                    "another program uses it; stop that one, or"
                    if error.errno == errno.EADDRINUSE
                    else "this user may not;"
                )
                raise ConfigurationError(f"can't listen on port {port} on {HOST}: {why} choose another port") from error
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Closes the port and breaks off what is being answered."""
        if self._server is not None:
            # Python loses, unclosed, what it has accepted but not yet attached when a server closes: first let it stop accepting.
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener)
            await _turns(ACCEPTING)
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()
        await _turns(CLOSING)

    async def suffer(self, fault: Fault | None) -> None:
        """Has this fault from now on; None is health."""
        self._fault = fault
        self._left = fault.times if fault and fault.times is not None else -1
        if fault is not None and fault.kind.phase == "connect":
            await self.close()
        else:
            await self.open()

    async def _answer(self, exchange: SandboxExchange) -> None:
        try:
            if exchange.method in ("GET", "HEAD"):
                await self._list(exchange)
            elif exchange.method == "POST":
                await self._post(exchange)
            else:
                raise InvalidRequestError(f"{exchange.method} is not served here", status=405)
        except InvalidRequestError as error:
            await exchange.respond(*self._codec.error(error))

    async def _list(self, exchange: SandboxExchange) -> None:
        if self._fault is not None and self._fault.name == "auth":
            await exchange.respond(*refusal("auth", self.dialect, ""))
            return
        _, found, model = exchange.path.rpartition("/models")
        if not found:
            raise InvalidRequestError(f"there is nothing at {exchange.path}", status=404)
        name = model.strip("/")
        document = model_document(self.dialect, name) if name else models_document(self.dialect, self._models)
        await exchange.respond(200, {"content-type": "application/json"}, msgspec.json.encode(document))

    async def _post(self, exchange: SandboxExchange) -> None:
        if self.dialect != "claude" and (vectors := embed(exchange.path, exchange.body)) is not None:
            await exchange.respond(200, {"content-type": "application/json"}, msgspec.json.encode(vectors))
            return
        self._check_path(exchange.path)
        asked = self._codec.decode(exchange.body, path=exchange.path, query=exchange.query, headers=exchange.headers)
        if exchange.path.endswith(("/count_tokens", ":countTokens")):
            await self._count(exchange, asked)
        elif refuses_prefill(self._provider, asked, self.dialect):
            await exchange.respond(*refusal("prefill", self.dialect, asked.model))
        else:
            await self._generate(exchange, asked)

    def _check_path(self, path: str) -> None:
        known = {"openai_chat": ("/chat/completions",), "claude": ("/messages", "/count_tokens")}.get(self.dialect)
        if known and not path.endswith(known):
            raise InvalidRequestError(f"there is nothing at {path}", status=404)

    async def _count(self, exchange: SandboxExchange, asked: IngressRequest) -> None:
        count = estimate_request_tokens(asked.request)
        document = {"totalTokens": count} if self.dialect == "gemini" else {"input_tokens": count}
        await exchange.respond(200, {"content-type": "application/json"}, msgspec.json.encode(document))

    async def _generate(self, exchange: SandboxExchange, asked: IngressRequest) -> None:
        self._answers += 1
        id = f"sandbox{self._answers:08d}"
        encoder = self._codec.encoder(asked, id=id, created=int(time.time()))
        reply = reply_to(asked.request, self._manner.reply)
        answering = Answering(exchange, asked, encoder, reply, dialect=self.dialect, pace=self._manner.delay)
        fault = self._strikes()
        try:
            await answering.run(fault)
        finally:
            in_full = self._provider in BILLS_IN_FULL
            self._bill.append(answering.entry(self.name, fault, in_full=in_full))

    def _strikes(self) -> Fault | None:
        """The fault that strikes this request, if one does."""
        fault = self._fault
        if fault is None or self._left == 0 or self._random.random() >= fault.probability:
            return None
        self._left -= 1
        return fault


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
