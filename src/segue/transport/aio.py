"""The transport on aiohttp, for all that goes beyond the fast path: proxies above all.

Where aiohttp's habits differ from the contract in `base`, they are replaced here:

- It retries GET and its like, on fresh connections too, never POST. Here every method has one second try, and only if a reused
  connection was lost at once (`STALE`), before the first byte of an answer; the second try's connection is always a new one.
- It closes politely: it sends what is still unsent and waits up to 30 s for TLS's good-bye. Here an unfinished answer's
  connection is aborted.
- On a broken connection it drops what had arrived but was not read yet, and it takes a reset for the end of a body that only the
  connection's end delimits. Here what arrived is given first, and a reset is an error.
- Its time-outs, cookies, redirects and `.netrc` look-ups are off. The one time limit covers opening a connection, not the wait
  for a free place in a limited pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import socket
import ssl
import struct
import sys
import weakref
from collections.abc import AsyncGenerator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from yarl import URL

from segue.transport.base import STALE, TransportError, close_elsewhere
from segue.transport.proxies import Proxies
from segue.transport.tls import tls_context
from segue.wire.codec import WireRequest

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import AddrInfoType, Connection

_DECODED = frozenset({"gzip", "deflate", "br", "zstd"})
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_LARGE = 2**20
"""Bytes from which on aiohttp wants a body as a file, to send it in pieces."""


class _Progress:
    """How far one try of a request has come. aiohttp's hooks find it in the context they run in."""

    __slots__ = ("answered", "began", "connect", "limit", "live", "lost", "phase", "reused")

    def __init__(self, connect: float, live: weakref.WeakSet[_Response]) -> None:
        self.connect = connect
        self.live = live
        self.limit: asyncio.Timeout | None = None
        self.phase = "resolve"
        self.reused = False
        self.began = 0.0
        """When it was given a reused connection."""
        self.answered = False
        self.lost = False

    @property
    def stale(self) -> bool:
        at_once = asyncio.get_running_loop().time() - self.began < STALE
        return self.lost and self.reused and at_once and not self.answered

    def rearm(self, seconds: float | None) -> None:
        if self.limit is not None:
            self.limit.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


_progress: ContextVar[_Progress] = ContextVar("_progress")


async def _connecting(*_: object) -> None:
    progress = _progress.get()
    progress.rearm(progress.connect)


async def _connected(*_: object) -> None:
    progress = _progress.get()
    progress.rearm(None)
    progress.phase = "send"


async def _reusing(*_: object) -> None:
    progress = _progress.get()
    progress.reused = True
    progress.began = asyncio.get_running_loop().time()
    progress.phase = "send"


def _open_socket(address: AddrInfoType) -> socket.socket:
    _progress.get().phase = "connect"
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


class _TLSObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        if progress := _progress.get(None):
            progress.phase = "tls"
        super().do_handshake()


@functools.lru_cache(maxsize=8)
def _tls_context(file: str | None, directory: str | None) -> ssl.SSLContext:
    context = tls_context(file, directory)
    context.sslobject_class = _TLSObject
    return context


class _Watch(asyncio.Protocol):
    """Stands before aiohttp's protocol while a response lasts, to see the first byte come and the connection go."""

    def __init__(self, behind: ResponseHandler, progress: _Progress, response: _Response) -> None:
        self._behind = behind
        self._progress = progress
        self._response = response

    def data_received(self, data: bytes) -> None:
        self._progress.answered = True
        self._behind.data_received(data)

    def eof_received(self) -> None:
        self._behind.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)
        self._response.lost(exc)

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()


class _Response(aiohttp.ClientResponse):
    transport: asyncio.Transport | None = None
    reset = False
    """Whether the connection broke, other than by the server's closing it."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        progress = _progress.get()
        progress.live.add(self)
        transport, protocol = connection.transport, connection.protocol
        if transport is not None and protocol is not None:
            self.transport = transport
            if progress.reused and len(protocol):  # an answer to no request, such as an idle server's 408
                raise aiohttp.ServerDisconnectedError
            transport.set_protocol(_Watch(protocol, progress, self))
        await super().start(connection)
        if transport is not None and protocol is not None:
            self.content.on_eof(functools.partial(transport.set_protocol, protocol))
        return self

    def lost(self, exc: Exception | None) -> None:
        """Wakes the reader, whom aiohttp leaves waiting if it was bad framing that ended the connection."""
        self.reset = exc is not None
        if self.content is not None and not self.content.is_eof() and self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientPayloadError())

    def abort(self) -> None:
        """Closes the socket, which must not have gone back to the pool. Unsent bytes are dropped, which the server sees as a reset."""
        if self.transport is not None:
            with contextlib.suppress(AttributeError, OSError, RuntimeError, ValueError):  # it may be long closed
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                self.transport.abort()

    def close(self) -> None:
        """Aborts where aiohttp would close politely. aiohttp calls it too, when it gives up on a request."""
        if self.connection is not None:
            self.abort()
        super().close()


class _LostError(Exception):
    """Wraps aiohttp's errors so that aiohttp does not see them and try again."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as exc:
        _progress.get().lost = True
        raise _LostError from exc


_FAILURES = (_LostError, aiohttp.ClientError, OSError, ValueError, RuntimeError)


def _explained(exc: BaseException) -> tuple[str, BaseException | None]:
    """What to say of an error, and the cause to chain: none whose `repr` shows the request's headers."""
    if isinstance(exc, _LostError) and exc.__cause__ is not None:
        exc = exc.__cause__
    match exc:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {exc.status}", None
        case aiohttp.ClientResponseError():
            return "the answer is not valid HTTP", exc.__cause__
        case aiohttp.ClientPayloadError():
            return "the body ended early or is not valid", exc
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection", exc
        case aiohttp.InvalidURL():
            return "the URL is not valid", None
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate is not trusted: {getattr(exc.certificate_error, 'verify_message', '')}", exc
        case aiohttp.ClientConnectorError():
            return exc.strerror or "the connection was lost", exc
        case OSError():
            return os.strerror(exc.errno) if exc.errno else "the connection was lost", exc
        case ValueError():
            return "the URL, the method or a header is not valid", None
        case _:
            return "the connection was closed", exc


class _Answer:
    def __init__(self, response: _Response, upload: aiohttp.UploadTracker, size: int) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self.status = response.status
        self.headers: Mapping[str, str] = _headers(response)
        self._upload = upload
        self._size = size
        self._given = 0
        self._closed = False
        names = response.headers
        self._delimited = response.content.is_eof() or "Content-Length" in names or "Transfer-Encoding" in names

    async def read(self) -> bytes:
        if self._closed:
            raise TransportError("body", "the answer was closed")
        message: str = "the connection was reset"
        cause: BaseException | None = None
        try:
            data = await self._response.content.readany()
        except _FAILURES as exc:
            data = self._unread()
            message, cause = _explained(exc)
        else:
            if not data and (self._delimited or not self._response.reset):
                return b""
        if not data:
            raise TransportError("body", message) from cause
        self._given += len(data)
        return data

    def _unread(self) -> bytes:
        """What arrived before the connection broke. aiohttp's reader gives nothing while it holds an exception."""
        content = self._response.content
        broken = content.exception()
        if broken is None or content.total_bytes <= self._given:
            return b""
        content.set_exception(None)  # type: ignore[arg-type]
        try:
            return content.read_nowait()
        finally:
            content.set_exception(broken)

    def close(self) -> None:
        self._closed = True
        if self._upload.bytes_written < self._size:
            self._response.abort()  # answered before the request was all sent: the connection is of no more use
        self._response.close()

    def __del__(self) -> None:
        """aiohttp keeps a response that is dropped half read. The collector may run in any thread and after the loop's end."""
        if self._response.connection is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._response.close)


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if headers.get("content-encoding", "").lower() in _DECODED:
        # aiohttp decodes the body, so neither would be true of what `read` gives.
        del headers["content-encoding"]
        headers.pop("content-length", None)
    return headers


class _Pool:
    """The connections of one event loop. `kept` reuses them; `fresh` never does and is for second tries."""

    def __init__(self, *, context: ssl.SSLContext, limit: int | None, keepalive: float) -> None:
        self.live: weakref.WeakSet[_Response] = weakref.WeakSet()
        self.kept = _session(_connector(context, limit=limit or 0, keepalive_timeout=keepalive))
        self.fresh = _session(_connector(context, limit=0, force_close=True))
        self._open = self._until_closed()

    async def start(self) -> None:
        await anext(self._open)

    async def aclose(self) -> None:
        await self._open.aclose()

    async def _until_closed(self) -> AsyncGenerator[None, None]:
        """A generator, because asyncio finishes those before a loop ends: sockets are closed even if `aclose` was forgotten."""
        try:
            yield
        finally:
            for response in list(self.live):
                response.close()
            await self.fresh.close()
            await self.kept.close()


def _connector(context: ssl.SSLContext, **options: Any) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=context, socket_factory=_open_socket, **options)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_connecting)
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_reusing)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "segue", "Accept-Encoding": "identity"},
        max_field_size=32 * 1024,
        middlewares=(_once,),
        response_class=_Response,
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_read=None, sock_connect=None),
        trace_configs=[trace],
    )


class AioTransport:
    """A `Transport` on aiohttp. May be made anywhere and used in several event loops, which share no connections.

    `limit` is the most connections an event loop may have at a time, not counting second tries; `None` for no limit. `keepalive` is how many seconds an idle
    connection is kept for the next request. Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY), as
    do the certificates to trust (SSL_CERT_FILE, SSL_CERT_DIR). Raises `ConfigurationError` if the environment's are of no use.
    """

    def __init__(self, *, limit: int | None = None, keepalive: float = 60.0) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._context = _tls_context(os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)
        self._proxies = Proxies()
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    async def send(self, request: WireRequest, *, connect: float) -> _Answer:
        pool = await self._pool()
        progress = _Progress(connect, pool.live)
        try:
            return await self._try(pool.kept, request, progress)
        except TransportError:
            if not progress.stale:
                raise
        return await self._try(pool.fresh, request, _Progress(connect, pool.live))

    async def aclose(self) -> None:
        here = asyncio.get_running_loop()
        pools, self._pools = self._pools, {}
        for loop, pool in pools.items():
            if loop is here:
                await pool.aclose()
            elif loop.is_running():
                await close_elsewhere(pool.aclose(), loop)

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        if (pool := self._pools.get(loop)) is None:
            for ended in [known for known in self._pools if known.is_closed()]:
                del self._pools[ended]
            pool = self._pools[loop] = _Pool(context=self._context, limit=self._limit, keepalive=self._keepalive)
            await pool.start()
        return pool

    async def _try(self, session: aiohttp.ClientSession, request: WireRequest, progress: _Progress) -> _Answer:
        upload = aiohttp.UploadTracker()
        token = _progress.set(progress)
        try:
            async with asyncio.timeout(None) as progress.limit:
                response = await self._request(session, request, upload)
            return _Answer(response, upload, len(request.body))
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # an aborted socket is closed in the loop's next turn
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            message, cause = "the transport was closed", None  # aiohttp cancels what it waits for
        except TimeoutError:
            message, cause = f"no connection within {progress.connect:g} s", None
        except _FAILURES as exc:
            message, cause = _explained(exc)
        finally:
            progress.limit = None
            _progress.reset(token)
        sent = progress.phase == "send" and upload.bytes_written >= len(request.body)
        raise TransportError("headers" if sent else progress.phase, message) from cause

    async def _request(
        self, session: aiohttp.ClientSession, request: WireRequest, upload: aiohttp.UploadTracker
    ) -> _Response:
        url = URL(request.url)
        headers = request.headers
        proxy = self._proxies.of(url)
        if proxy and url.scheme == "http":
            headers = headers | proxy.headers
        response = await session.request(
            request.method,
            url,
            headers=headers,
            data=io.BytesIO(request.body) if len(request.body) >= _LARGE else request.body or None,
            allow_redirects=False,
            proxy=proxy.url if proxy else None,
            proxy_headers=proxy.headers if proxy and url.scheme == "https" else None,
            upload_tracker=upload,
        )
        return cast(_Response, response)
