"""What implementations over sockets owe beyond the contract: the pool, the one second try, broken servers, TLS, many at a time."""

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
from segue.transport.memory import Hang, Pause, Reply, Reset
from segue.wire.codec import WireRequest

from .harness import KEY, PROMPT, SocketHarness, send, socket_harness, until, whole, wire_request
from .peer import Handler, Line, Peer, ok
from .relay import Relay
from .test_contract import assert_hidden

METHODS = [("POST", b"{}"), ("GET", b"")]


def raw(*pieces: bytes, end: str = "stay") -> Handler:
    """Writes these bytes, whatever they are, then stays, finishes or resets."""

    async def handle(line: Line, request: WireRequest) -> None:
        for piece in pieces:
            line.write(piece)
            await asyncio.sleep(0.02)
        if end == "reset":
            line.reset()
        elif end == "finish":
            line.finish()

    return handle


reset_at_once = raw(end="reset")
finish_at_once = raw(end="finish")


async def fails(harness: SocketHarness, *, connect: float = 5.0, **fields: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await whole(await send(harness, connect=connect, **fields))
    assert_hidden(caught.value)
    return caught.value


# The pool


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_connection_is_used_again_after_its_answer_was_read(
    make: Callable[[], Transport], framing: str
) -> None:
    async with socket_harness(make, framing=framing) as harness:
        harness.play(*[Reply(steps=[b"again"])] * 3)
        for _ in range(3):
            answer = await send(harness)
            assert await whole(answer) == b"again"
            answer.close()
        assert len(harness.peer.lines) == 1


async def test_a_tls_connection_is_used_again(tls_sockets: SocketHarness) -> None:
    tls_sockets.play(*[Reply(steps=[b"again"])] * 2)
    for _ in range(2):
        assert await whole(await send(tls_sockets)) == b"again"
    assert len(tls_sockets.peer.lines) == 1


async def test_a_connection_closed_in_mid_answer_is_not_used_again(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"begun", Hang()]), Reply(steps=[b"anew"]))
    (await send(sockets)).close()
    assert await whole(await send(sockets)) == b"anew"
    assert len(sockets.peer.lines) == 2


async def test_a_connection_that_the_server_says_it_closes_is_not_used_again(sockets: SocketHarness) -> None:
    sockets.peer.script.extend([raw(ok(b"last", "Connection: close")), Reply(steps=[b"anew"])])
    assert await whole(await send(sockets)) == b"last"
    assert await whole(await send(sockets)) == b"anew"
    assert len(sockets.peer.lines) == 2


async def test_an_idle_connection_that_the_server_closed_is_not_used(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]), Reply(steps=[b"two"]))
    assert await whole(await send(sockets)) == b"one"
    sockets.peer.lines[0].finish()
    await asyncio.sleep(0.05)
    assert await whole(await send(sockets)) == b"two"
    assert [line.requests for line in sockets.peer.lines] == [1, 1]


async def test_an_answer_that_came_to_no_request_is_nobodys_answer(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]), Reply(steps=[b"two"]))
    assert await whole(await send(sockets)) == b"one"
    sockets.peer.lines[0].write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(0.05)
    answer = await send(sockets)
    assert answer.status == 200
    assert await whole(answer) == b"two"


async def test_closing_the_transport_closes_idle_connections(sockets: SocketHarness) -> None:
    sockets.play(Reply(steps=[b"one"]))
    await whole(await send(sockets))
    assert not sockets.closed()
    await sockets.transport.aclose()
    await until(sockets.closed)


# The one second try


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
@pytest.mark.parametrize("loss", [reset_at_once, finish_at_once], ids=["reset", "closed"])
async def test_a_reused_connection_lost_before_any_byte_is_replaced_by_a_new_one(
    sockets: SocketHarness, loss: Handler, method: str, body: bytes
) -> None:
    sockets.peer.script.extend([Reply(steps=[b"warm"]), loss, Reply(steps=[b"fresh"])])
    await whole(await send(sockets, method=method, body=body))
    assert await whole(await send(sockets, method=method, body=body)) == b"fresh"
    assert [line.requests for line in sockets.peer.lines] == [2, 1]
    assert sockets.received[1].body == sockets.received[2].body == body


async def test_a_large_body_is_sent_whole_in_the_second_try_too(sockets: SocketHarness) -> None:
    body = bytes(range(256)) * 10_000
    sockets.peer.script.extend([Reply(), reset_at_once, Reply(steps=[b"fresh"])])
    await whole(await send(sockets))
    assert await whole(await send(sockets, body=body)) == b"fresh"
    assert sockets.received[2].body == body


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
async def test_there_is_no_third_try(sockets: SocketHarness, method: str, body: bytes) -> None:
    sockets.peer.script.extend([Reply(), reset_at_once, reset_at_once, Reply(steps=[b"never"])])
    await whole(await send(sockets))
    error = await fails(sockets, method=method, body=body)
    assert error.phase == "headers"
    assert len(sockets.received) == 3


async def test_the_second_try_never_takes_another_idle_connection(sockets: SocketHarness) -> None:
    sockets.play(*[Reply(steps=[b"warm", Pause(0.05)])] * 4)
    await asyncio.gather(*[_read_whole(sockets) for _ in range(4)])
    assert len(sockets.peer.lines) == 4
    sockets.peer.script.extend([reset_at_once, Reply(steps=[b"fresh"])])
    assert await whole(await send(sockets)) == b"fresh"
    assert sorted(line.requests for line in sockets.peer.lines) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize(("method", "body"), METHODS, ids=["POST", "GET"])
async def test_a_new_connection_that_is_lost_is_not_tried_again(
    sockets: SocketHarness, method: str, body: bytes
) -> None:
    sockets.peer.script.extend([reset_at_once, Reply(steps=[b"never"])])
    error = await fails(sockets, method=method, body=body)
    assert error.phase == "headers"
    assert len(sockets.received) == 1


@pytest.mark.parametrize(
    "start", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"], ids=["letter", "100", "half"]
)
async def test_a_reused_connection_lost_after_a_byte_of_an_answer_is_not_tried_again(
    sockets: SocketHarness, start: bytes
) -> None:
    sockets.peer.script.extend([Reply(), raw(start, end="reset"), Reply(steps=[b"never"])])
    await whole(await send(sockets))
    error = await fails(sockets)
    assert error.phase == "headers"
    assert len(sockets.received) == 2


async def test_a_reused_connection_lost_in_mid_body_is_not_tried_again(sockets: SocketHarness) -> None:
    sockets.play(Reply(), Reply(steps=[b"half", Pause(0.02), Reset()]))
    await whole(await send(sockets))
    assert (await fails(sockets)).phase == "body"
    assert len(sockets.received) == 2


async def test_a_reused_connection_closes_at_once_when_its_request_is_cancelled(sockets: SocketHarness) -> None:
    sockets.play(Reply(), Reply(before=[Hang()]))
    await whole(await send(sockets))
    sending = asyncio.create_task(send(sockets))
    await until(lambda: len(sockets.received) == 2)
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    await until(sockets.closed)
    assert len(sockets.received) == 2


# Broken servers


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    ],
    ids=["length", "no last chunk", "half a chunk"],
)
async def test_a_body_that_ends_before_its_promised_end_is_an_error(sockets: SocketHarness, answer: bytes) -> None:
    sockets.peer.script.append(raw(answer, end="finish"))
    got = await send(sockets)
    assert await got.read() == b"half"
    with pytest.raises(TransportError) as caught:
        await got.read()
    assert caught.value.phase == "body"
    got.close()


async def test_a_malformed_chunk_is_an_error_of_the_body(sockets: SocketHarness) -> None:
    sockets.peer.script.append(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", b"what?\r\n"))
    assert (await fails(sockets)).phase == "body"


async def test_a_body_that_only_the_connections_end_delimits_ends_well_with_it(sockets: SocketHarness) -> None:
    sockets.peer.script.append(raw(b"HTTP/1.1 200 OK\r\n\r\nto the ", b"end", end="finish"))
    assert await whole(await send(sockets)) == b"to the end"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"a" * 300_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
    ],
    ids=["not HTTP", "endless header", "too many headers", "two lengths"],
)
async def test_headers_that_are_none_are_an_error_of_that_phase(sockets: SocketHarness, answer: bytes) -> None:
    sockets.peer.script.append(raw(answer))
    assert (await fails(sockets)).phase == "headers"
    await until(sockets.closed)


async def test_headers_of_a_generous_size_are_taken(sockets: SocketHarness) -> None:
    many = [f"X-{number}: value" for number in range(80)]
    sockets.peer.script.append(raw(ok(b"fine", "X-Long: " + "a" * 16_000, *many)))
    answer = await send(sockets)
    assert len(answer.headers["x-long"]) == 16_000
    assert await whole(answer) == b"fine"


async def test_interim_answers_are_passed_over(sockets: SocketHarness) -> None:
    sockets.peer.script.append(raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ok(b"real")))
    answer = await send(sockets)
    assert answer.status == 200
    assert await whole(answer) == b"real"


async def test_headers_that_are_given_twice_are_joined(sockets: SocketHarness) -> None:
    sockets.peer.script.append(raw(ok(b"", "X-Limit: a", "x-limit: b")))
    answer = await send(sockets)
    assert answer.headers["x-limit"] == "a, b"


async def test_a_request_cancelled_while_it_is_sent_closes_the_socket_at_once(sockets: SocketHarness) -> None:
    sockets.peer.reads = False
    sockets.play(Reply(before=[Hang()]))
    sending = asyncio.create_task(send(sockets, body=bytes(50_000_000)))
    await until(lambda: len(sockets.received) == 1)
    sending.cancel()
    await asyncio.wait([sending])
    await until(lambda: _client_is_gone(sockets.peer.lines[0]))


async def test_an_answer_that_comes_before_all_was_sent_is_given(sockets: SocketHarness) -> None:
    sockets.peer.reads = False
    sockets.peer.script.append(raw(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"))
    answer = await send(sockets, body=bytes(50_000_000))
    assert answer.status == 413
    assert await whole(answer) == b"big"
    await asyncio.sleep(0.02)
    answer.close()
    await until(lambda: _client_is_gone(sockets.peer.lines[0]))


async def test_a_connection_lost_while_the_request_is_sent_is_an_error_of_sending(sockets: SocketHarness) -> None:
    sockets.peer.reads = False
    sockets.peer.script.append(reset_at_once)
    assert (await fails(sockets, body=bytes(50_000_000))).phase == "send"


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"Authorization": f"Bearer {KEY}\nX-Evil: yes"}},
        {"method": "GE T"},
        {"url": "http://"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "http://127.0.0.1:99999999/"},
    ],
    ids=["newline in a header", "method", "no host", "scheme", "port"],
)
async def test_a_request_that_http_cannot_say_is_not_sent(sockets: SocketHarness, fields: dict[str, Any]) -> None:
    await fails(sockets, **fields)
    assert sockets.received == []


# Names and TLS


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
        await asyncio.sleep(2)

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
        request = harness.unanswered() if moment == "connecting" else harness.request(body=bytes(10_000_000))
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


# Many at a time


async def test_five_hundred_requests_at_a_time_are_all_answered(sockets: SocketHarness) -> None:
    sockets.play(*[Reply(before=[Pause(0.3)], steps=[b"one ", Pause(0.3), b"two"])] * 500)
    start = time.monotonic()
    bodies = await asyncio.gather(*(_read_whole(sockets) for _ in range(500)))
    assert bodies == [b"one two"] * 500
    assert len(sockets.peer.lines) == 500
    assert time.monotonic() - start < 10


async def test_five_hundred_cancelled_requests_leave_no_socket_and_no_task(sockets: SocketHarness) -> None:
    before = asyncio.all_tasks()
    sockets.play(*[Reply(before=[Hang()])] * 500)
    sending = [asyncio.create_task(send(sockets)) for _ in range(500)]
    await until(lambda: len(sockets.received) == 500, within=10)
    for task in sending:
        task.cancel()
    await asyncio.wait(sending)
    await until(lambda: all(line.closed is not None for line in sockets.peer.lines), within=3)
    await until(lambda: asyncio.all_tasks() <= before | {line.playing for line in sockets.peer.lines})


class _Mute(Line):
    """Takes what is said and says nothing."""

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


async def _read_whole(harness: SocketHarness) -> bytes:
    answer = await send(harness)
    try:
        return await whole(answer)
    finally:
        answer.close()


def _sockets_to(port: int) -> int:
    """How many open sockets of this machine are connected, or connecting, to a port on loopback. The kernel's left-overs have inode 0."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[2].endswith(f":{port:04X}") and row[9] != "0")


def _client_is_gone(line: Line) -> bool:
    """For a line that does not read: asks the kernel for the state of the connection instead."""
    sock = line.transport.get_extra_info("socket")
    established = 1
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return line.closed is not None or state != established
