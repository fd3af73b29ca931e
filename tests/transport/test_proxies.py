"""The proxies of the environment, on the transport that knows them."""

from __future__ import annotations

import base64
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from segue.errors import ConfigurationError
from segue.transport.aio import AioTransport
from segue.transport.base import TransportError
from segue.transport.memory import Hang, Pause, Reply
from segue.wire.codec import WireRequest

from .harness import KEY, PROMPT, SocketHarness, assert_hidden, send, socket_harness, until, whole, wire_request
from .peer import closed_port
from .relay import Proxy

PASSWORD = "the-proxys-password"


@contextlib.asynccontextmanager
async def behind_proxy(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    address: str = "http://127.0.0.1:{}",
    authority: trustme.CA | None = None,
) -> AsyncIterator[tuple[SocketHarness, Proxy]]:
    proxy = Proxy()
    async with proxy.serving():
        monkeypatch.setenv(variable, address.format(proxy.port))
        async with socket_harness(AioTransport, authority=authority) as harness:
            yield harness, proxy


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_plain_request_goes_through_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    async with behind_proxy(monkeypatch, variable) as (harness, proxy):
        harness.play(*[Reply(steps=[b"through"])] * 2)
        for _ in range(2):
            assert await whole(await send(harness)) == b"through"
        assert proxy.heads[0].startswith(f"POST http://127.0.0.1:{harness.peer.port}/v1/chat?alt=sse HTTP/1.1\r\n")
        assert proxy.accepted == 1


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_a_request_over_tls_goes_through_a_tunnel_that_sees_no_key(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA, variable: str
) -> None:
    async with behind_proxy(monkeypatch, variable, authority=trusted) as (harness, proxy):
        harness.play(*[Reply(steps=[b"through"])] * 2)
        for _ in range(2):
            assert await whole(await send(harness)) == b"through"
        [head] = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{harness.peer.port} HTTP/1.1\r\n")
        assert KEY not in head
        assert harness.received[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_the_proxys_password_is_sent_to_the_proxy_only(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA, tls: bool
) -> None:
    variable = "HTTPS_PROXY" if tls else "HTTP_PROXY"
    address = f"http://user:{PASSWORD}@127.0.0.1:{{}}"
    async with behind_proxy(monkeypatch, variable, address, trusted if tls else None) as (harness, proxy):
        harness.play(*[Reply(steps=[b"in"])] * 2)
        for _ in range(2):
            assert await whole(await send(harness)) == b"in"
        encoded = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        assert f"Proxy-Authorization: Basic {encoded}" in proxy.heads[0]
        if tls:
            assert "Proxy-Authorization" not in harness.received[0].headers


async def test_a_request_to_an_exempt_host_goes_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
    async with behind_proxy(monkeypatch, "HTTP_PROXY") as (harness, proxy):
        harness.play(Reply(steps=[b"straight"]))
        assert await whole(await send(harness)) == b"straight"
        assert proxy.accepted == 0


async def test_a_proxy_without_a_scheme_is_taken_for_http(monkeypatch: pytest.MonkeyPatch) -> None:
    async with behind_proxy(monkeypatch, "HTTP_PROXY", "127.0.0.1:{}") as (harness, proxy):
        harness.play(Reply(steps=[b"through"]))
        assert await whole(await send(harness)) == b"through"
        assert proxy.accepted == 1


async def test_a_proxy_may_itself_be_reached_over_tls(monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA) -> None:
    proxy = Proxy()
    async with proxy.serving(_server_context(trusted)):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        async with socket_harness(AioTransport, authority=trusted) as harness:
            harness.play(Reply(steps=[b"through", Pause(0.02), b" twice"]))
            assert await whole(await send(harness)) == b"through twice"
            assert len(proxy.heads) == 1


async def test_a_proxy_that_refuses_is_an_error_of_connecting_without_its_password(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA
) -> None:
    address = f"http://user:{PASSWORD}@127.0.0.1:{{}}"
    async with behind_proxy(monkeypatch, "HTTPS_PROXY", address, trusted) as (harness, proxy):
        proxy.answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0"
        error = await _failure(harness.transport, harness.request())
        assert (error.phase, error.message) == ("connect", "the proxy answered 407")
        assert_hidden(error, PASSWORD)
        await until(lambda: proxy.closed == 1)


async def test_a_proxy_that_does_not_run_is_an_error_of_connecting_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:{closed_port()}")
    transport = AioTransport()
    error = await _failure(transport, wire_request("https://api.example/"))
    assert error.phase == "connect"
    assert_hidden(error, PASSWORD)
    await transport.aclose()


async def test_a_server_that_is_not_trusted_is_an_error_of_tls_without_the_proxys_password(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA
) -> None:
    address = f"http://user:{PASSWORD}@127.0.0.1:{{}}"
    async with behind_proxy(monkeypatch, "HTTPS_PROXY", address, trustme.CA()) as (harness, proxy):
        error = await _failure(harness.transport, harness.request())
        assert error.phase == "tls"
        assert_hidden(error, PASSWORD)
        await until(lambda: proxy.closed == 1)


async def test_a_proxy_that_says_nothing_is_given_up_at_the_limit(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA
) -> None:
    async with behind_proxy(monkeypatch, "HTTPS_PROXY", authority=trusted) as (harness, proxy):
        proxy.answer = ""
        start = time.monotonic()
        error = await _failure(harness.transport, harness.request(), connect=0.1)
        assert error.phase == "connect"
        assert time.monotonic() - start < 0.1 + PROMPT
        await until(lambda: proxy.closed == 1)


async def test_closing_an_answer_in_a_tunnel_closes_the_socket_at_once_though_the_proxy_is_silent(
    monkeypatch: pytest.MonkeyPatch, trusted: trustme.CA
) -> None:
    async with behind_proxy(monkeypatch, "HTTPS_PROXY", authority=trusted) as (harness, proxy):
        harness.play(Reply(steps=[b"begun", Hang()]))
        answer = await send(harness)
        assert await answer.read() == b"begun"
        proxy.frozen = True
        answer.close()
        await until(lambda: proxy.closed == 1)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_of_another_kind_is_refused_by_name_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"socks5://user:{PASSWORD}@127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match=r"HTTPS?_PROXY.*socks5.*use one with http://") as caught:
        AioTransport()
    assert_hidden(caught.value, PASSWORD)


def test_a_proxy_of_another_kind_does_no_harm_where_none_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    AioTransport()


async def _failure(transport: Any, request: WireRequest, *, connect: float = 5.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await transport.send(request, connect=connect)
    assert_hidden(caught.value)
    return caught.value


def _server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
