"""The eye on the caller, without a socket: what it lets end, and what not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from segue.errors import InvalidRequestError
from segue.server.asgi import WATCH_AFTER, Message, exchange_of
from segue.server.exchange import Bounds, CallerLeftError, Exchange

GONE: Message = {"type": "http.disconnect"}


def exchange(receive: Any, send: Any = None, bounds: Bounds | None = None, **headers: str) -> Exchange:
    scope = {
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return exchange_of(scope, receive, send, bounds or Bounds())


async def leaves_after(seconds: float) -> Message:
    await asyncio.sleep(seconds)
    return GONE


async def test_a_caller_who_leaves_ends_the_answering() -> None:
    watch = exchange(lambda: leaves_after(0.01)).watch()
    with pytest.raises(CallerLeftError), watch:
        await asyncio.sleep(10)


async def test_a_caller_who_leaves_in_the_moment_of_the_end_cancels_nothing_that_follows() -> None:
    left = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        await left
        return GONE

    with exchange(receive).watch():
        await asyncio.sleep(WATCH_AFTER + 0.02)
        left.set_result(None)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def answering() -> None:
        with exchange(lambda: leaves_after(10)).watch():
            await asyncio.sleep(10)

    task = asyncio.create_task(answering())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fast_answer_is_not_watched() -> None:
    asked = []

    async def receive() -> Message:
        asked.append(1)
        return GONE

    with exchange(receive).watch():
        await asyncio.sleep(0)
    await asyncio.sleep(WATCH_AFTER + 0.02)
    assert not asked


async def test_headers_of_ours_are_sent_on_one_line_whatever_they_hold() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await exchange(None, send).start(200, {"x-segue-omitted": "a\r\nset-cookie: b"})
    assert sent[0]["headers"][0] == (b"x-segue-omitted", b"a  set-cookie: b")


async def test_headers_of_ours_hold_no_control_character_which_the_server_would_refuse() -> None:
    """A field's name in a caller's JSON may hold any; it comes back in x-segue-omitted."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    every = "".join(map(chr, (*range(32), 127)))
    await exchange(None, send).start(200, {"x-segue-omitted": f"text.{every}"})
    assert sent[0]["headers"][0] == (b"x-segue-omitted", b"text." + b" " * 33)


async def test_every_answer_has_an_id_and_says_it_under_both_names() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    for _ in range(2):
        await exchange(None, send).start(404, {})
    first, second = (dict(message["headers"]) for message in sent)
    assert first[b"x-request-id"] == first[b"request-id"] != second[b"x-request-id"]
    await exchange(None, send).start(200, {"x-request-id": "a", "request-id": "a"})
    assert sent[2]["headers"] == [(b"x-request-id", b"a"), (b"request-id", b"a")]


async def test_a_body_in_an_unknown_coding_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidRequestError, match="content-encoding: br") as caught:
        await exchange(None, content_encoding="br").body()
    assert caught.value.status == 415


async def test_a_header_is_short_however_long_a_callers_field_name_is() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await exchange(None, send).start(200, {"x-segue-omitted": "x" * 1_000_000})
    assert sum(len(value) for _, value in sent[0]["headers"]) < 2_000
