"""The routes below `/dashboard`: the page, its files, and the typed, bounded JSON behind it.

    GET            /                                 redirects browsers to /dashboard/
    GET            /dashboard/, /dashboard/static/…  the page and its files: no data, so no key is required
    GET            …/api/v1/session                  what the caller may do
    POST, DELETE   …/api/v1/session                  signs in with {"key"}, signs out
    GET            …/api/v1/now                      one look; …/api/v1/events: every look, by server-sent events
    GET            …/api/v1/requests                 ?limit=50&before=EPOCH&trouble=1&target=NAME
    GET            …/api/v1/requests/{id}            a request's story
    GET            …/api/v1/history?hours=24         …/api/v1/money?days=7   …/api/v1/settings
    GET, POST      …/api/v1/faults                   stand-ins only: {"provider", "fault"}, "" heals
    POST           …/api/v1/try                      a prompt, streamed

Reading requires a key of the scope `metrics` or `admin`; prompts, faults and bodies require `admin`. Errors have OpenAI's format.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from segue.errors import ConfigurationError, InvalidRequestError
from segue.ledger.daily import Where
from segue.ledger.store import LedgerStore
from segue.monitoring.overview import by_request
from segue.monitoring.redaction import Redactor
from segue.runtime import Runtime
from segue.server.auth import Gatekeeper
from segue.server.dashboard import access, assets, past
from segue.server.dashboard.bodies import Bodies, Body
from segue.server.dashboard.feed import Feed
from segue.server.dashboard.look import BY_US
from segue.server.dashboard.settings_view import settings_view
from segue.server.dashboard.stand_ins import StandIns, switchboard
from segue.server.dashboard.stories import RequestRow, Story, row, story, troubled
from segue.server.dashboard.try_out import TryOutIngress
from segue.server.exchange import Exchange, Reply
from segue.server.keys.store import Scope
from segue.wire.codec import IngressCodec

ROOT: Final = "/dashboard"
API: Final = "/api/v1"

READS: Final = 2
"""Concurrent reads of the ledger: summing a large one takes seconds, and requests need threads too."""
READ: Final = 2000
"""Attempts that a list of requests is made of."""
STEPS: Final = 100
"""Attempts of a story."""
LISTED: Final = 200
"""Requests of a list."""
LONGEST_ID: Final = 100
LONGEST_BODY: Final = 4096
"""Bytes of a body that signs in or breaks a provider."""

Generate = Callable[[Exchange, IngressCodec, str], Awaitable[None]]


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """Requests, the latest first. `before` is the query parameter for the next page, None on the last one."""

    requests: tuple[RequestRow, ...]
    before: float | None


class StoryReply(msgspec.Struct, frozen=True, kw_only=True):
    """`bodies`: "off" where they are not logged, "scope" where the key may not read them, "gone" where they are not kept here, else "shown"."""

    story: Story
    bodies: str
    body: Body | None


class _SignIn(msgspec.Struct):
    key: str


class _Break(msgspec.Struct):
    provider: str
    fault: str = ""


class Dashboard:
    """Answers the requests that `routes` finds below `/dashboard`. `generate` answers a prompt as the API does."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        gatekeeper: Gatekeeper | None,
        redact: Redactor,
        stand_ins: StandIns | None,
        generate: Generate,
    ) -> None:
        self._runtime = runtime
        self._gatekeeper = gatekeeper
        self._redact = redact
        self._stand_ins = stand_ins
        self._generate = generate
        self.feed = Feed(runtime, redact)
        self._reading = asyncio.Semaphore(READS)
        self._bodies: Bodies | None = None
        if runtime.settings.monitoring.log_bodies:
            self._bodies = Bodies(redact)
            runtime.listen(self._bodies)

    async def answer(self, exchange: Exchange) -> None:
        """Raises `InvalidRequestError` for an unknown path, and for a caller without the scope."""
        exchange.extra = {}  # no CORS: pages that may use the API may still not read the dashboard
        path = exchange.path.removeprefix(ROOT)
        if exchange.path == "/" or not path:
            # Relative, so that it also works behind a proxy that serves the gateway below a path.
            await exchange.reply((307, {**assets.NOT_KEPT, "location": "dashboard/"}, b""), {})
        elif path == "/":
            await exchange.reply(assets.page(exchange), {})
        elif path.startswith("/static/"):
            await exchange.reply(assets.asset(exchange, path.removeprefix("/static/")), {})
        elif path.startswith(f"{API}/"):
            access.check_site(exchange)
            await self._api(exchange, path.removeprefix(API))
        else:
            raise _unknown(exchange)

    async def _api(self, exchange: Exchange, path: str) -> None:
        match exchange.method, path:
            case "GET" | "HEAD", "/session":
                await self._reply(exchange, self._session(exchange))
            case "POST", "/session":
                await self._sign_in(exchange)
            case "DELETE", "/session":
                await self._keep(exchange, "")
            case "POST", "/try":
                key = self._identify(exchange, "admin")
                access.check_json(exchange)
                await self._generate(exchange, TryOutIngress(), key)
            case "POST", "/faults":
                await self._break(exchange)
            case "GET" | "HEAD", _:
                self._identify(exchange, "metrics")
                await self._look(exchange, path)
            case _:
                raise _unknown(exchange)

    async def _look(self, exchange: Exchange, path: str) -> None:
        if path == "/events" and exchange.method == "GET":
            await self.feed.watch(exchange)
        elif path == "/now":
            await exchange.reply((200, _JSON, await self.feed.now()), {})
        elif path == "/settings":
            await self._reply(exchange, await settings_view(self._runtime, self._gatekeeper, self._redact))
        elif path == "/faults":
            await self._reply(exchange, switchboard(self._stand_ins))
        elif path == "/history":
            back = _number(exchange, "hours", 24.0, past.MOST_HOURS)
            await self._read(exchange, lambda: self._history(back))
        elif path == "/money":
            days = int(_number(exchange, "days", 7, past.MOST_DAYS))
            settings = self._runtime.settings
            await self._read(
                exchange, lambda: past.money(self._store, settings, self._redact, max(1, days), time.time())
            )
        elif path == "/requests":
            await self._requests(exchange)
        elif path.startswith("/requests/"):
            await self._story(exchange, unquote(path.removeprefix("/requests/")))
        else:
            raise _unknown(exchange)

    def _history(self, hours: float) -> past.History:
        self._runtime.history.save()  # with the last seconds of this process
        return past.history(self._store, self._redact, hours, time.time())

    # Sessions.

    def _session(self, exchange: Exchange) -> access.Session:
        return access.session(
            exchange, self._gatekeeper, sandbox=self._stand_ins is not None, bodies=self._bodies is not None
        )

    async def _sign_in(self, exchange: Exchange) -> None:
        access.check_json(exchange)
        key = access.check_key(_decoded(await _small(exchange), _SignIn).key)
        if self._gatekeeper is not None:
            self._gatekeeper.identify(key, "metrics")
        await self._keep(exchange, key)

    async def _keep(self, exchange: Exchange, key: str) -> None:
        await exchange.reply((204, {**assets.NOT_KEPT, "set-cookie": access.kept(key, exchange)}, b""), {})

    def _identify(self, exchange: Exchange, scope: Scope) -> str:
        exchange.key = access.identify(exchange, self._gatekeeper, scope)
        return exchange.key

    # Requests.

    async def _requests(self, exchange: Exchange) -> None:
        limit = int(_number(exchange, "limit", 50, LISTED))
        before = _number(exchange, "before", 0.0, 1e11)
        asked = _query(exchange)
        target, trouble = asked.get("target", ""), asked.get("trouble") == "1"

        def read() -> RequestList:
            records = self._store.records(until=before or None, where=BY_US, limit=READ, newest_first=True)
            requests = sorted(by_request(records).values(), key=lambda each: -each[0].started)
            fit = [
                each
                for each in requests
                if (not target or any(one.target == target for one in each)) and (not trouble or troubled(each))
            ]
            now = time.time()
            shown = fit[:limit]
            earlier = (
                shown[-1][0].started if len(fit) > limit else records[-1].started if len(records) == READ else None
            )
            return RequestList(requests=tuple(row(each, self._redact, now) for each in shown), before=earlier)

        await self._read(exchange, read)

    async def _story(self, exchange: Exchange, id: str) -> None:
        if len(id) > LONGEST_ID:
            raise _no_request(id)
        where = Where(request_id=id)
        async with self._reading:
            records = await asyncio.to_thread(lambda: self._store.records(where=where, limit=STEPS))
        if not records:
            raise _no_request(id)
        bodies, body = "off", None
        if self._bodies is not None:
            may = self._session(exchange).act
            body = self._bodies.of(id) if may else None
            bodies = "scope" if not may else "gone" if body is None else "shown"
        found = story(records, self._redact, time.time())
        await self._reply(exchange, StoryReply(story=found, bodies=bodies, body=body))

    # Stand-ins.

    async def _break(self, exchange: Exchange) -> None:
        self._identify(exchange, "admin")
        access.check_json(exchange)
        asked = _decoded(await _small(exchange), _Break)
        stand_ins = self._stand_ins
        if stand_ins is None:
            raise InvalidRequestError(
                "models answer here: only stand-ins can be broken (segue serve --sandbox)", status=409
            )
        try:
            if asked.fault:
                await asyncio.to_thread(stand_ins.break_provider, asked.provider, asked.fault)
            else:
                await asyncio.to_thread(stand_ins.heal, asked.provider)
        except ConfigurationError as error:
            raise InvalidRequestError(str(error)) from error
        await self._reply(exchange, switchboard(stand_ins))

    @property
    def _store(self) -> LedgerStore:
        return self._runtime.ledger

    async def _read(self, exchange: Exchange, read: Callable[[], msgspec.Struct]) -> None:
        """Replies with the result of `read`, which runs in a thread because it waits for the ledger."""
        async with self._reading:
            reply = await asyncio.to_thread(lambda: msgspec.json.encode(read()))
        await exchange.reply((200, _JSON, reply), {})

    async def _reply(self, exchange: Exchange, value: msgspec.Struct) -> None:
        reply: Reply = (200, _JSON, msgspec.json.encode(value))
        await exchange.reply(reply, {})


_JSON: Final = {**assets.NOT_KEPT, "content-type": "application/json"}


def _decoded(body: bytes, type_: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError as error:
        raise InvalidRequestError(f"the body is not valid here: {error}") from error


async def _small(exchange: Exchange) -> bytes:
    """A body from a caller who is not signed in. Raises `InvalidRequestError` (413), before reading it, if it is long or of unknown length."""
    length = exchange.headers.get("content-length", "")
    if not length.isdigit() or int(length) > LONGEST_BODY:
        raise InvalidRequestError(f"send up to {LONGEST_BODY} bytes, with their content-length", status=413)
    return await exchange.body()


def _query(exchange: Exchange) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(exchange.query).items()}


def _number(exchange: Exchange, name: str, default: float, most: float) -> float:
    """A number of the query. Raises `InvalidRequestError` unless it is above 0 and up to `most`."""
    text = _query(exchange).get(name)
    if text is None:
        return default
    try:
        value = float(text)
        if not 0 < value <= most:
            raise ValueError
    except ValueError:
        raise InvalidRequestError(f"{name} is {text[:50]!r}: use more than 0, up to {most:g}", param=name) from None
    return value


def _unknown(exchange: Exchange) -> InvalidRequestError:
    message = f"{exchange.method} {exchange.path[:200]} is not served here: the dashboard is at {ROOT}/"
    return InvalidRequestError(message, status=404, code="not_served")


def _no_request(id: str) -> InvalidRequestError:
    return InvalidRequestError(f"the ledger has no request {id[:LONGEST_ID]!r}", status=404, code="not_found")
