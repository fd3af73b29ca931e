"""What implementations over sockets make of servers that break HTTP, or break off, and of requests that HTTP cannot say."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from segue.transport.base import TransportError
from segue.transport.h1 import H1Transport
from segue.transport.memory import Hang, Reply

from .harness import KEY, SocketHarness, fails, send, until, whole
from .peer import Line, ok, raw, reset_at_once


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


async def test_a_reset_is_not_the_end_of_a_body_that_only_the_connections_end_delimits(sockets: SocketHarness) -> None:
    sockets.peer.script.append(raw(b"HTTP/1.1 200 OK\r\n\r\nto the ", end="reset"))
    assert (await fails(sockets)).phase == "body"


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


@pytest.mark.parametrize("fields", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["bare", "named"])
async def test_a_change_of_protocol_that_was_not_asked_for_is_no_defect_of_ours(
    sockets: SocketHarness, fields: bytes
) -> None:
    """RFC 9110 7.8 forbids it. async-http-client crashed on it (swift-server/async-http-client#442)."""
    unexpected: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
    sockets.peer.script.append(raw(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n", ok(b"real")))
    if isinstance(sockets.transport, H1Transport):
        failure = await fails(sockets)
        assert (failure.phase, failure.message) == ("headers", "the answer is not valid HTTP")
    else:
        assert (await send(sockets)).status == 101
    assert not unexpected


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 4\r\n\r\nread",
        b"HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 4\r\n\r\nread",
        b"HTTP/1.1 200 OK\nX-A: a b\nContent-Length: 4\n\nread",
        b"HTTP/1.1 200 OK\r\nX-A: a b\r\nTransfer-Encoding: chunked\r\n\r\n4  \r\nread\r\n0  \r\n\r\n",
    ],
    ids=["folded", "control", "LF", "padded"],
)
async def test_what_some_servers_send_and_other_clients_read_is_read(sockets: SocketHarness, answer: bytes) -> None:
    """Reported to undici (2678), h11 (133), fasthttp (372) and llhttp (236); RFC 9112 5.2 demands the first, 2.2 allows the third."""
    sockets.peer.script.extend([raw(answer), Reply(steps=[b"next"])])
    got = await send(sockets)
    assert await whole(got) == b"read"
    assert got.headers["x-a"].replace("\1", " ") == "a b"
    assert await whole(await send(sockets)) == b"next"
    assert len(sockets.peer.lines) == 1


@pytest.mark.parametrize("status", [0, 99])
async def test_a_status_below_all_others_is_an_answer_and_no_interim_one(sockets: SocketHarness, status: int) -> None:
    """RFC 9110 15: it is not valid, and to be taken for a server's error."""
    sockets.peer.script.append(raw(b"HTTP/1.1 %03d Odd\r\nContent-Length: 3\r\n\r\nodd" % status))
    async with asyncio.timeout(5):
        answer = await send(sockets)
        assert (answer.status, await whole(answer)) == (status, b"odd")


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
    stuck = [b""] * 5
    sockets.peer.script.append(raw(*stuck, b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"))
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


def _client_is_gone(line: Line) -> bool:
    """For a line that does not read: asks the kernel for the state of the connection instead."""
    sock = line.transport.get_extra_info("socket")
    established = 1
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return line.closed is not None or state != established
