"""The gateway as an ASGI application: every path of `routes`, over one `Segue`.

A plain callable without a framework, so that a request pays only for what is written here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache, partial
from importlib import import_module
from typing import Final
from urllib.parse import parse_qs

import msgspec

from segue.budgets.lease import Budget
from segue.catalog.tokens import estimate_request_tokens
from segue.errors import ConfigurationError, InvalidRequestError, SegueError
from segue.monitoring.otlp import flush
from segue.monitoring.redaction import redactor_of
from segue.runtime import Runtime
from segue.server import embeddings, health, models, routes
from segue.server.asgi import Receive, Scope, Send, exchange_of
from segue.server.auth import Gatekeeper
from segue.server.background import Upkeep
from segue.server.compaction import CompactingIngress
from segue.server.cors import Origins, refusal
from segue.server.dashboard.endpoints import Dashboard
from segue.server.dashboard.stand_ins import StandIns
from segue.server.exchange import Bounds, CallerLeftError, Exchange, Reply, bearer
from segue.server.generate import answer
from segue.server.history import history
from segue.server.metrics import Metrics
from segue.server.model_selection import check_name, select
from segue.server.options import headers_of_ours, narrowed, policy_options
from segue.server.response_store import Recall, RecallingIngress, stored
from segue.server.routes import GEMINI, RESPONSES, HttpRoute, Kind
from segue.wire.codec import IngressCodec, IngressRequest
from segue.wire.dialects import ingress, paths
from segue.wire.openai_chat.ingress.completions import CompletionsIngress

log = logging.getLogger("segue.server")
access = logging.getLogger("segue.http")

PATH: Final = 200
"""Characters of a path that are logged."""

LEFT: Final = 499
"""The status that is counted if the caller went away before the answer's head; nginx's number for it."""

GARBAGE: Final = 50_000
"""Allocations before a garbage collection: a request leaves no cycles, and Python's default of 700 is about one request."""

AT_ONCE: Final = 256 * 1024
"""Bytes of a body that are decoded at once; a longer one is decoded in a thread, so that other requests are answered meanwhile."""

MOST_MESSAGES: Final = 20_000
"""Messages of a request; each costs some 20 µs."""

LONGEST_HEADER: Final = 1024
"""Characters of one of our headers, such as x-segue-regions."""

CHOICES_KEPT: Final = 256
"""Model names whose meaning is cached; they are the callers' free text."""

_NOTHING: Final = nullcontext()

_BODIES: Final = frozenset({Kind.GENERATE, Kind.COMPLETE, Kind.COMPACT, Kind.COUNT})
"""Routes with a conversation in the body."""
_METRICS: Final = frozenset({Kind.METRICS, Kind.HISTORY})
_WATCHING: Final = _METRICS | {Kind.LIVE, Kind.READY, Kind.DASHBOARD}
"""Not callers' requests: counted under no dialect, or scrapes and health checks would make the error rate look lower than it is."""
"""Routes that show data of all callers."""


class InternalError(SegueError):
    """A defect in the gateway. Its traceback is in the log, and no part of it in the answer."""


class Gateway:
    """An ASGI 3 application. `metrics` must be among the listeners of `segue`.

    `gatekeeper` None: no key is required, which is for loopback only; a web page that is not allowed (see `cors`) is then refused, since
    a browser would let it spend. `stand_ins`: what the dashboard can break. Raises `ConfigurationError` if the settings allow every page and
    no key is required.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        metrics: Metrics,
        gatekeeper: Gatekeeper | None = None,
        bounds: Bounds | None = None,
        stand_ins: StandIns | None = None,
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        metrics.attach(runtime)
        self._gatekeeper = gatekeeper
        self.bounds = bounds or Bounds()
        self._recall = Recall()
        self._origins = Origins(runtime.settings.origins)
        if self._origins.any and gatekeeper is None:
            raise ConfigurationError(
                "origins = * lets every web page spend money without a key: name the pages, or add --keys"
            )
        traced = runtime.settings.monitoring.otel
        self._caller = import_module("segue.monitoring.otel").callers_context if traced else _no_context
        self._logs = runtime.settings.monitoring.log is not None
        self._redact = redactor_of(runtime.settings)
        self._dashboard = Dashboard(
            runtime, gatekeeper=gatekeeper, redact=self._redact, stand_ins=stand_ins, generate=self._try_out
        )
        self._select = lru_cache(maxsize=CHOICES_KEPT)(partial(select, runtime))

    @property
    def runtime(self) -> Runtime:
        """What all requests share."""
        return self._runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.handle(exchange_of(scope, receive, send, self.bounds))
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._runtime.warm_up()
        paths()  # of plug-ins: searching for them takes 40 ms, which no request should wait for
        gc.collect()
        gc.freeze()  # what is loaded stays: scanning it again in each collection would be the longest pause
        gc.set_threshold(GARBAGE, 10, 10)
        upkeep = Upkeep(self._runtime, self._metrics)
        upkeep.start()
        await send({"type": "lifespan.startup.complete"})
        with suppress(asyncio.CancelledError):  # at a second Ctrl-C uvicorn does not ask
            await receive()
        await upkeep.stop()
        await self._runtime.aclose()
        await asyncio.to_thread(self._runtime.ledger.close)  # SIGTERM leaves no other opportunity
        if self._gatekeeper is not None:
            await asyncio.to_thread(self._gatekeeper.close)
        if self._runtime.settings.monitoring.otel:
            await asyncio.to_thread(flush)
        for handler in logging.getLogger("segue").handlers:
            handler.flush()  # the process may end by a signal, without another opportunity
        await send({"type": "lifespan.shutdown.complete"})

    async def handle(self, exchange: Exchange) -> None:
        """Answers a request. Raises only what broke off an answer that had begun."""
        began = time.perf_counter()
        route: HttpRoute | None = None
        self._metrics.in_flight += 1
        try:
            if "origin" in exchange.headers:
                exchange.extra = self._origins.headers(exchange.headers["origin"])
            if exchange.method == "OPTIONS":
                await exchange.reply((204, self._origins.granted(exchange.headers), b""), {})
                return
            route = routes.find(exchange.method, exchange.path, exchange.headers, exchange.query)
            await self._answer(exchange, route)
        except CallerLeftError:
            exchange.status = exchange.status or LEFT
        except SegueError as error:
            await self._refuse(exchange, error)
        except Exception:
            if exchange.status:
                raise
            log.exception("internal error while answering %s %s", exchange.method, exchange.path)
            await self._refuse(exchange, InternalError("an internal error: see the gateway's log"))
        finally:
            self._metrics.in_flight -= 1
            dialect = route.dialect if route is not None and route.kind not in _WATCHING else "none"
            seconds = time.perf_counter() - began
            self._metrics.request(dialect, exchange.status, seconds, exchange.streamed)
            if self._logs and not exchange.request_id:
                self._log_unasked(exchange, seconds)

    def _log_unasked(self, exchange: Exchange, seconds: float) -> None:
        """The access log line of a request that the engine never saw: refused, or not a generation."""
        level = logging.WARNING if exchange.status >= 400 else logging.DEBUG
        if access.isEnabledFor(level):
            path = self._redact(exchange.path[:PATH])
            fields = {"event": "http", "method": exchange.method, "path": path, "status": exchange.status}
            fields |= {"seconds": round(seconds, 6), "key_id": exchange.key}
            access.log(level, "%s %s: %d", exchange.method, path, exchange.status, extra={"segue": fields})

    async def _refuse(self, exchange: Exchange, error: SegueError) -> None:
        dialect = routes.dialect_of(exchange.path, exchange.headers, exchange.query)
        attempts = getattr(error, "attempts", ())
        error.request_id = error.request_id or self._runtime.engine.new_id()
        await exchange.reply(ingress(dialect).error(error), {"x-segue-attempts": str(len(attempts))})

    async def _answer(self, exchange: Exchange, route: HttpRoute) -> None:
        _check_headers(exchange.headers)
        if self._gatekeeper is None:
            self._origins.check_host(exchange.headers.get("host"))
        key = exchange.key = "" if route.open else self._identify(exchange, route)
        if route.kind in _BODIES:
            await self._generate(exchange, route, key)
            return
        reply: Reply
        match route.kind:
            case Kind.EMBED:
                reply = await self._embed(exchange, route, key)
            case Kind.MODELS if route.name:
                check_name(route.name)
                reply = models.single(self._runtime, route.dialect, route.name, self._seen_by(key))
            case Kind.MODELS:
                reply = models.listing(self._runtime, route.dialect, self._seen_by(key))
            case Kind.STORED:
                reply = stored(self._recall, key, route.name, query=exchange.query, delete=exchange.method == "DELETE")
            case Kind.LIVE:
                reply = health.live()
            case Kind.READY:
                reply = health.ready(self._runtime, obstacle=self._gatekeeper.obstacle if self._gatekeeper else "")
            case Kind.HISTORY:
                reply = await history(self._runtime, exchange.query)
            case Kind.METRICS:
                reply = self._metrics.render()
            case Kind.DASHBOARD:
                await self._dashboard.answer(exchange)
                return
        await exchange.reply(reply, {})

    async def _try_out(self, exchange: Exchange, codec: IngressCodec, key: str) -> None:
        """Answers a prompt of the dashboard's."""
        await self._generate(exchange, HttpRoute(Kind.GENERATE), key, codec)

    async def _generate(
        self, exchange: Exchange, route: HttpRoute, key: str, codec: IngressCodec | None = None
    ) -> None:
        codec = codec or self._codec(route, key)
        asked = await _decoded(exchange, codec)
        if (count := len(asked.request.messages)) > MOST_MESSAGES:
            raise InvalidRequestError(
                f"{count} messages: send up to {MOST_MESSAGES}", status=413, code="too_many_messages"
            )
        budgets = self._admit(key, asked.model)
        if route.kind is Kind.COUNT or asked.options.get("action") == "countTokens":
            await exchange.reply(_count(route.dialect, estimate_request_tokens(asked.request)), {})
            return
        options = policy_options(exchange.headers)
        chain = self._select(asked.model, fallback=options.get("fallback", True))
        job = self._runtime.job(
            asked.request,
            chain._replace(policy=narrowed(chain.policy, options)),
            whole=not asked.stream,
            metadata={"key": key} if key else None,
            dialect=route.dialect,
        )
        with self._caller(exchange.headers):
            await answer(exchange, self._runtime, codec, asked, job, budgets)

    def _codec(self, route: HttpRoute, key: str) -> IngressCodec:
        if route.kind is Kind.COMPLETE:
            return CompletionsIngress()
        if route.kind is Kind.COMPACT:
            return CompactingIngress(self._recall, key, longest=self.bounds.body)
        return (
            RecallingIngress(self._recall, key, longest=self.bounds.body)
            if route.dialect == RESPONSES
            else ingress(route.dialect)
        )

    async def _embed(self, exchange: Exchange, route: HttpRoute, key: str) -> Reply:
        asked = embeddings.read(await exchange.body(), dialect=route.dialect, path=exchange.raw_path)
        budgets = self._admit(key, asked.model)
        regions = narrowed(self._runtime.settings.policy, policy_options(exchange.headers)).regions
        with self._caller(exchange.headers), exchange.watch():
            return await embeddings.forward(self._runtime, asked, key=key, budgets=budgets, regions=regions)

    def _seen_by(self, key: str) -> Callable[[str], bool]:
        """Which models the key may list: those that it may request."""
        gatekeeper = self._gatekeeper
        return lambda model: gatekeeper is None or gatekeeper.allows(key, model)

    def _identify(self, exchange: Exchange, route: HttpRoute) -> str:
        """The id of the caller's key, "" where none is required. Checked before the body is read."""
        if self._gatekeeper is None:
            origin = exchange.headers.get("origin")
            if origin is not None and not self._origins.lets_in(origin):
                raise refusal(origin)
            return ""
        presented = bearer(exchange.headers) or next(iter(parse_qs(exchange.query).get("key", ())), "")
        return self._gatekeeper.identify(presented, "metrics" if route.kind in _METRICS else "calls")

    def _admit(self, key: str, model: str) -> tuple[Budget, ...]:
        check_name(model)
        return () if self._gatekeeper is None else self._gatekeeper.admit(key, model, now=time.monotonic())


async def _decoded(exchange: Exchange, codec: IngressCodec) -> IngressRequest:
    """What the body asks for. Not in the one who answers, where the body would be kept as long as the answer takes."""
    body = await exchange.body()
    decode = partial(codec.decode, body, path=exchange.raw_path, query=exchange.query, headers=exchange.headers)
    return decode() if len(body) <= AT_ONCE else await asyncio.to_thread(decode)


def _check_headers(headers: dict[str, str]) -> None:
    """Raises `InvalidRequestError` for one of our headers that is too long."""
    for name, value in headers_of_ours(headers).items():
        if len(value) > LONGEST_HEADER:
            message = f"{name[:100]} is {len(value)} characters long: use up to {LONGEST_HEADER}"
            raise InvalidRequestError(message, param=name[:100])


def _no_context(headers: dict[str, str]) -> AbstractContextManager[None]:
    return _NOTHING


def _count(dialect: str, tokens: int) -> Reply:
    """An estimate, marked as one: the providers' counts differ from each other, and it is unknown which target will answer."""
    counts: dict[str, str | int] = {"totalTokens" if dialect == GEMINI else "input_tokens": tokens}
    if dialect == RESPONSES:
        counts["object"] = "response.input_tokens"
    return 200, {"content-type": "application/json", "x-segue-estimated": "true"}, msgspec.json.encode(counts)
