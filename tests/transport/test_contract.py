"""The contract of `transport.base`, kept by every implementation."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from segue.transport.base import Transport, TransportError
from segue.transport.memory import Hang, Pause, Reply, Reset

from .harness import KEY, PROMPT, Harness, assert_hidden, send, until, whole


async def test_status_headers_and_body_of_an_answer_are_those_that_were_sent(harness: Harness) -> None:
    harness.play(Reply(status=201, headers={"x-request-id": "r1"}, steps=[b"one ", b"two ", b"three"]))
    answer = await send(harness)
    assert answer.status == 201
    assert answer.headers["x-request-id"] == "r1"
    assert await whole(answer) == b"one two three"


async def test_header_names_are_in_lower_case(harness: Harness) -> None:
    harness.play(Reply(headers={"content-type": "text/event-stream"}))
    answer = await send(harness)
    assert all(name == name.lower() for name in answer.headers)
    answer.close()


async def test_a_body_read_to_its_end_stays_at_its_end(harness: Harness) -> None:
    harness.play(Reply(steps=[b"all"]))
    answer = await send(harness)
    assert await whole(answer) == b"all"
    assert await answer.read() == b""
    answer.close()
    answer.close()


async def test_an_answer_without_a_body_ends_at_once(harness: Harness) -> None:
    harness.play(Reply())
    answer = await send(harness)
    assert await answer.read() == b""


async def test_the_request_arrives_as_it_was_given(harness: Harness) -> None:
    harness.play(Reply())
    answer = await send(harness, body=b'{"messages":["\xc3\xbc"]}')
    answer.close()
    [received] = harness.received
    assert received.method == "POST"
    assert received.url.endswith("/v1/chat?alt=sse")
    assert received.headers["Authorization"] == f"Bearer {KEY}"
    assert received.headers["Content-Type"] == "application/json"
    assert received.body == b'{"messages":["\xc3\xbc"]}'


async def test_a_get_without_a_body_arrives_without_one(harness: Harness) -> None:
    harness.play(Reply(steps=[b"models"]))
    answer = await send(harness, method="GET", body=b"")
    assert await whole(answer) == b"models"
    assert harness.received[0].method == "GET"
    assert harness.received[0].body == b""


async def test_a_body_of_megabytes_arrives_whole(harness: Harness) -> None:
    body = bytes(range(256)) * 12_000
    harness.play(Reply(steps=[b"seen"]))
    answer = await send(harness, body=body)
    assert await whole(answer) == b"seen"
    assert harness.received[0].body == body


async def test_an_answer_of_megabytes_arrives_whole_however_slowly_it_is_read(harness: Harness) -> None:
    pieces = [bytes([number]) * 100_000 for number in range(40)]
    harness.play(Reply(steps=pieces))
    answer = await send(harness)
    first = await answer.read()
    await asyncio.sleep(0.05)
    assert first + await whole(answer) == b"".join(pieces)


async def test_bytes_are_given_as_they_arrive_and_not_when_there_are_more(harness: Harness) -> None:
    harness.play(Reply(steps=[b"data: 1\n\n", Pause(0.06), b"d", Pause(0.06), b"ata: 2\n\n", Pause(0.06), b"end"]))
    answer = await send(harness)
    pieces: list[bytes] = []
    times: list[float] = []
    while piece := await answer.read():
        pieces.append(piece)
        times.append(time.monotonic())
    assert pieces == [b"data: 1\n\n", b"d", b"ata: 2\n\n", b"end"]
    assert all(later - earlier > 0.03 for earlier, later in pairwise(times))


async def test_the_answer_is_there_when_its_headers_are_and_does_not_wait_for_a_body(harness: Harness) -> None:
    harness.play(Reply(headers={"x-here": "yes"}, steps=[Hang()]))
    async with asyncio.timeout(PROMPT):
        answer = await send(harness)
    assert answer.headers["x-here"] == "yes"
    answer.close()


async def test_an_error_status_is_an_answer_like_any_other(harness: Harness) -> None:
    harness.play(Reply(status=429, headers={"retry-after": "7"}, steps=[b'{"error":{}}']))
    answer = await send(harness)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert await whole(answer) == b'{"error":{}}'


async def test_no_redirect_is_followed(harness: Harness) -> None:
    harness.play(Reply(status=307, headers={"location": "/elsewhere"}))
    answer = await send(harness)
    assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")
    answer.close()
    assert len(harness.received) == 1


async def test_a_body_that_breaks_off_gives_what_came_and_then_an_error_each_time(harness: Harness) -> None:
    harness.play(Reply(steps=[b"half a ", b"sentence", Pause(0.05), Reset()]))
    answer = await send(harness)
    got = b""
    with pytest.raises(TransportError) as caught:
        while piece := await answer.read():
            got += piece
    assert got == b"half a sentence"
    assert caught.value.phase == "body"
    with pytest.raises(TransportError):
        await answer.read()
    answer.close()


async def test_what_came_before_the_break_is_given_to_a_late_reader_too(harness: Harness) -> None:
    harness.play(Reply(steps=[b"one ", Pause(0.02), b"two", Pause(0.02), Reset()]))
    answer = await send(harness)
    await asyncio.sleep(0.1)
    got = b""
    with pytest.raises(TransportError):
        while piece := await answer.read():
            got += piece
    answer.close()
    assert got == b"one two"


async def test_a_connection_that_breaks_before_the_headers_is_an_error_of_that_phase(harness: Harness) -> None:
    harness.play(Reply(before=[Pause(0.02), Reset()]))
    with pytest.raises(TransportError) as caught:
        await send(harness)
    assert caught.value.phase == "headers"
    assert len(harness.received) == 1


async def test_a_refused_connection_is_an_error_of_connecting(harness: Harness) -> None:
    with pytest.raises(TransportError) as caught:
        await harness.transport.send(harness.refused(), connect=5.0)
    assert caught.value.phase == "connect"


async def test_a_connection_that_does_not_come_about_is_given_up_at_the_limit(harness: Harness) -> None:
    request = harness.unanswered()
    start = time.monotonic()
    with pytest.raises(TransportError) as caught:
        await harness.transport.send(request, connect=0.1)
    assert caught.value.phase == "connect"
    assert 0.09 < time.monotonic() - start < 0.1 + PROMPT


async def test_the_connection_limit_is_none_for_headers_or_body(harness: Harness) -> None:
    harness.play(Reply(before=[Pause(0.6)], steps=[b"late", Pause(0.6), b" later"]))
    answer = await send(harness, connect=0.5)
    assert await whole(answer) == b"late later"


async def test_cancelling_while_connecting_ends_at_once(harness: Harness) -> None:
    sending = asyncio.create_task(harness.transport.send(harness.unanswered(), connect=60.0))
    await asyncio.sleep(0.05)
    await _cancelled(sending)


async def test_cancelling_while_headers_are_awaited_closes_the_socket_at_once(harness: Harness) -> None:
    harness.play(Reply(before=[Hang()]))
    sending = asyncio.create_task(send(harness))
    await until(lambda: len(harness.received) == 1)
    await _cancelled(sending)
    await until(harness.closed)


async def test_closing_an_answer_in_its_middle_closes_the_socket_at_once(harness: Harness) -> None:
    harness.play(Reply(steps=[b"begun", Hang()]))
    answer = await send(harness)
    assert await answer.read() == b"begun"
    assert not harness.closed()
    answer.close()
    answer.close()
    await until(harness.closed)


async def test_closing_an_unread_answer_closes_the_socket_at_once(harness: Harness) -> None:
    harness.play(Reply(steps=[bytes(100_000)] * 100))
    answer = await send(harness)
    answer.close()
    await until(harness.closed)
    with pytest.raises(TransportError):
        await answer.read()


async def test_a_cancelled_read_loses_nothing(harness: Harness) -> None:
    harness.play(Reply(steps=[b"one", Pause(0.1), b"two", Pause(0.04), b"three"]))
    answer = await send(harness)
    got: list[bytes] = []
    while not got or got[-1]:
        try:
            async with asyncio.timeout(0.03):
                got.append(await answer.read())
        except TimeoutError:
            continue
    assert b"".join(got) == b"onetwothree"


async def test_a_read_that_waits_is_woken_when_the_answer_is_closed(harness: Harness) -> None:
    harness.play(Reply(steps=[b"one", Hang()]))
    answer = await send(harness)
    await answer.read()
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0.02)
    answer.close()
    async with asyncio.timeout(PROMPT):
        with pytest.raises(TransportError) as caught:
            await reading
    assert caught.value.phase == "body"
    with pytest.raises(TransportError):
        await answer.read()


async def test_closing_the_transport_closes_open_answers(harness: Harness) -> None:
    harness.play(Reply(steps=[b"one", Hang()]))
    answer = await send(harness)
    await answer.read()
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0.02)
    async with asyncio.timeout(PROMPT):
        await harness.transport.aclose()
        with pytest.raises(TransportError):
            await reading
    await until(harness.closed)


async def test_closing_the_transport_ends_a_request_that_waits_for_headers(harness: Harness) -> None:
    harness.play(Reply(before=[Hang()]))
    sending = asyncio.create_task(send(harness))
    await until(lambda: len(harness.received) == 1)
    async with asyncio.timeout(PROMPT):
        await harness.transport.aclose()
        with pytest.raises(TransportError) as caught:
            await sending
    assert caught.value.phase == "headers"
    assert len(harness.received) == 1


async def test_no_task_outlives_its_request(harness: Harness) -> None:
    harness.play(Reply(before=[Hang()]), Reply(steps=[b"1", Hang()]), Reply(steps=[b"1"]))
    before = asyncio.all_tasks()
    sending = asyncio.create_task(send(harness, body=bytes(3_000_000)))
    await until(lambda: len(harness.received) == 1)
    await _cancelled(sending)
    closed = await send(harness)
    closed.close()
    await whole(await send(harness))
    ours = {line.playing for line in harness.peer.lines} if hasattr(harness, "peer") else set()
    await until(lambda: asyncio.all_tasks() <= before | ours)


async def test_requests_side_by_side_each_get_their_own_answer(harness: Harness) -> None:
    harness.play(*[Reply(steps=[b"same", Pause(0.02), b" for all"])] * 20)
    answers = await asyncio.gather(*(send(harness) for _ in range(20)))
    assert await asyncio.gather(*map(whole, answers)) == [b"same for all"] * 20


@pytest.mark.parametrize(
    "reply",
    [Reply(before=[Reset()]), Reply(steps=[b"x", Pause(0.01), Reset()])],
    ids=["before the headers", "in the body"],
)
async def test_no_error_shows_the_key(harness: Harness, reply: Reply) -> None:
    harness.play(reply)
    with pytest.raises(TransportError) as caught:
        await whole(await send(harness))
    assert_hidden(caught.value)


async def test_no_error_of_connecting_shows_the_key(harness: Harness) -> None:
    for request in (harness.refused(), harness.unanswered()):
        with pytest.raises(TransportError) as caught:
            await harness.transport.send(request, connect=0.05)
        assert_hidden(caught.value)


async def _cancelled(sending: asyncio.Task[object]) -> None:
    start = time.monotonic()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert time.monotonic() - start < PROMPT


def test_every_implementation_is_a_transport(harness: Harness) -> None:
    transport: Transport = harness.transport
    assert callable(transport.send)
    assert callable(transport.aclose)
