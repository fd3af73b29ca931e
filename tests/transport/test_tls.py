"""How implementations over sockets look up names, shake hands and let go."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from segue.transport.base import Transport, TransportError
from segue.transport.memory import Hang, Reply

from .harness import PROMPT, SocketHarness, fails, send, socket_harness, until, whole, wire_request
from .peer import Line, Peer
from .relay import Relay


async def test_a_name_of_several_addresses_is_reached_at_the_one_that_listens(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"home"]))
    assert await whole(await send(sockets, url=f"http://localhost:{sockets.peer.port}/")) == b"home"


async def test_a_name_that_is_unknown_is_an_error_of_looking_up(
    sockets: SocketHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    assert (await fails(sockets, url="http://api.example/")).phase == "resolve"


async def test_a_name_that_is_never_looked_up_is_given_up_at_the_limit(
    sockets: SocketHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*args: object, **options: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    start = time.monotonic()
    first, second = await asyncio.gather(*(fails(sockets, url="http://api.example/", connect=0.05) for _ in range(2)))
    assert first.phase == second.phase == "resolve"
    assert time.monotonic() - start < 0.05 + PROMPT


async def test_a_certificate_of_an_unknown_authority_is_refused(
    make: Callable[[], Transport], trusted: trustme.CA
) -> None:
    async with socket_harness(make, authority=trustme.CA()) as harness:
        error = await fails(harness)
        assert error.phase == "tls"
        assert "certificate" in error.message
        assert harness.received == []


async def test_a_certificate_of_another_name_is_refused(make: Callable[[], Transport], trusted: trustme.CA) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trusted.issue_cert("other.example").configure_cert(tls)
    transport = make()
    async with Peer().serving(tls) as peer:
        with pytest.raises(TransportError) as caught:
            await transport.send(wire_request(f"https://127.0.0.1:{peer.port}/"), connect=5.0)
        assert caught.value.phase == "tls"
        assert peer.received == []
        await transport.aclose()


@pytest.mark.parametrize("loss", ["reset", "finish", "garbage"])
async def test_a_connection_lost_in_the_handshake_is_an_error_of_tls(make: Callable[[], Transport], loss: str) -> None:
    class Rude(Line):
        def data_received(self, data: bytes) -> None:
            if loss == "reset":
                self.reset()
            elif loss == "finish":
                self.finish()
            else:
                self.write(b"220 mail ready\r\n")

    async with _listening(make, Rude) as (transport, port, lines):
        with pytest.raises(TransportError) as caught:
            await transport.send(wire_request(f"https://127.0.0.1:{port}/"), connect=5.0)
        assert caught.value.phase == "tls"
        await until(lambda: lines[0].closed is not None)


async def test_a_handshake_that_is_never_answered_is_given_up_at_the_limit(make: Callable[[], Transport]) -> None:
    async with _listening(make, _Mute) as (transport, port, lines):
        with pytest.raises(TransportError) as caught:
            await transport.send(wire_request(f"https://127.0.0.1:{port}/"), connect=0.1)
        assert caught.value.phase == "tls"
        await until(lambda: lines[0].closed is not None)


async def test_cancelling_in_the_handshake_closes_the_socket_at_once(make: Callable[[], Transport]) -> None:
    async with _listening(make, _Mute) as (transport, port, lines):
        sending = asyncio.create_task(transport.send(wire_request(f"https://127.0.0.1:{port}/"), connect=60.0))
        await until(lambda: bool(lines))
        await asyncio.sleep(0.02)
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled()
        await until(lambda: lines[0].closed is not None)


@pytest.mark.parametrize("moment", ["headers", "body"])
async def test_a_silent_server_does_not_keep_a_tls_socket_open(tls_sockets: SocketHarness, moment: str) -> None:
    async with Relay(tls_sockets.peer.port).serving() as relay:
        reply = Reply(before=[Hang()]) if moment == "headers" else Reply(steps=[b"begun", Hang()])
        tls_sockets.play(reply)
        sending = asyncio.create_task(send(tls_sockets, url=f"https://127.0.0.1:{relay.port}/"))
        await until(lambda: len(tls_sockets.received) == 1)
        if moment == "headers":
            relay.frozen = True
            sending.cancel()
            await asyncio.wait([sending])
        else:
            answer = await sending
            assert await answer.read() == b"begun"
            relay.frozen = True
            answer.close()
        await until(lambda: relay.closed == 1)


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="counts sockets by Linux's /proc")
@pytest.mark.parametrize("moment", ["connecting", "handshake", "headers", "headers over tls", "sending"])
async def test_the_socket_is_closed_before_the_cancellation_goes_on(
    make: Callable[[], Transport], trusted: trustme.CA, moment: str
) -> None:
    async with (
        socket_harness(make, authority=trusted if "tls" in moment else None) as harness,
        _listening(make, _Mute) as (_, mute, _),
    ):
        harness.play(Reply(before=[Hang()]))
        harness.peer.reads = moment != "sending"
        request = (
            harness.unanswered()
            if moment == "connecting"
            else harness.request(body=bytes(10_000_000 if moment == "sending" else 2))
        )
        if moment == "handshake":
            request = wire_request(f"https://127.0.0.1:{mute}/")
        client_sockets = functools.partial(_sockets_to, int(request.url.split(":")[2].split("/")[0]))
        before = client_sockets()
        left: list[int] = []

        async def count_when_cancelled() -> None:
            try:
                await harness.transport.send(request, connect=60.0)
            except asyncio.CancelledError:
                left.append(client_sockets())
                raise

        sending = asyncio.create_task(count_when_cancelled())
        await until(
            lambda: client_sockets() == before + 1 and (not moment.startswith("headers") or len(harness.received) == 1)
        )
        await asyncio.sleep(0.02)
        sending.cancel()
        await asyncio.wait([sending])
        assert left == [before]


class _Mute(Line):
    """Reads everything and sends nothing."""

    def data_received(self, data: bytes) -> None:
        pass


@contextlib.asynccontextmanager
async def _listening(make: Callable[[], Transport], kind: type[Line]) -> Any:
    peer = Peer()
    server = await asyncio.get_running_loop().create_server(lambda: kind(peer), "127.0.0.1", 0)
    transport = make()
    try:
        yield transport, server.sockets[0].getsockname()[1], peer.lines
    finally:
        await transport.aclose()
        for line in peer.lines:
            if not line.lost:
                line.transport.abort()
        server.close()
        await server.wait_closed()


def _sockets_to(port: int) -> int:
    """How many open sockets of this machine are connected, or connecting, to a port on loopback. The kernel's left-overs have inode 0.

    The file shows a socket twice if others come and go while it is read.
    """
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return len({row[9] for row in rows if row[2].endswith(f":{port:04X}")} - {"0"})
