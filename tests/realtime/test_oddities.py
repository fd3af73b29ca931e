"""HTTP that is unusual: what is allowed does no harm, what is not is a failure of the target and no more."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from .faults import hang, reset
from .upstream import Act, Ask, Line, Strike, Upstream, answering
from .world import AT_ONCE, on_each_chain, streamed, world, wrong_answer

usual = answering()


def before(data: bytes) -> Act:
    """The usual answer, with these bytes before it."""

    async def act(line: Line, ask: Ask) -> None:
        await line.send(data)
        await usual(line, ask)

    return act


def body_of(ask: Ask) -> bytes:
    tokens = ask.rest().split(" ")
    pieces = [ask.speech.token(word if number == 0 else f" {word}") for number, word in enumerate(tokens)]
    ends = ask.speech.terminal(len(tokens)) + ask.speech.trailing(len(tokens))
    return ask.speech.opening() + b"".join(pieces) + ends


def raw(head: str, *, change: str = "", ends: bool = False, status: str = "200 OK") -> Act:
    """The whole answer under a head of one's own; `{size}` is its length."""

    async def act(line: Line, ask: Ask) -> None:
        body = body_of(ask)
        match change:
            case "gzip":
                body = gzip.compress(body)
            case "CRLF":
                body = body.replace(b"\n", b"\r\n")
            case "BOM":
                body = b"\xef\xbb\xbf" + body
            case "more":
                body += b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nodd"
        size = len(body_of(ask)) if change == "more" else len(body)
        fields = head.replace("{size}", str(size)).replace("\n", "\r\n")
        await line.send(f"HTTP/1.1 {status}\r\nContent-Type: {ask.speech.content_type}\r\n{fields}\r\n\r\n".encode())
        await line.send(body)
        line.busy = False
        if ends:
            line.hang_up()

    return act


async def split_at_every_byte(line: Line, ask: Ask) -> None:
    """Every byte is a separate chunk and packet, also within the letters."""
    await line.head(f"Content-Type: {ask.speech.content_type}")
    for place, byte in enumerate(body_of(ask)):
        await line.body(bytes([byte]))
        if place % 64 == 0:
            await asyncio.sleep(0.001)
    await line.end()


async def split_in_every_letter(line: Line, ask: Ask) -> None:
    """Packets end after the first byte of each Korean letter, and the rest keeps one waiting."""
    await line.head(f"Content-Type: {ask.speech.content_type}")
    lead = "가".encode()[:1]
    body, start = body_of(ask), 0
    while (at := body.find(lead, start)) >= 0:
        await line.body(body[start : at + 1])
        await asyncio.sleep(0.002)
        start = at + 1
    await line.body(body[start:])
    await line.end()


async def slow_but_steady(line: Line, ask: Ask) -> None:
    """Above the floor of what counts as too slow."""
    await answering(pause=0.03)(line, ask)


def only(data: bytes, *, then: Strike = hang) -> Act:
    """Nothing but these bytes."""

    async def act(line: Line, ask: Ask) -> None:
        await line.send(data)
        await asyncio.sleep(0.01)
        await then(line, ask)

    return act


def status(code: str, *fields: str) -> Act:
    async def act(line: Line, ask: Ask) -> None:
        await line.head(*fields, status=code, framing="0")
        line.busy = False

    return act


ALLOWED = {
    "100 before the answer": before(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102 three times": before(b"HTTP/1.1 102 Processing\r\n\r\n" * 3),
    "103 with headers": before(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"),
    "every byte alone": split_at_every_byte,
    "letters in two packets": split_in_every_letter,
    "slow but steady": slow_but_steady,
    "one packet": raw("Content-Length: {size}"),
    "gzip, unasked": raw("Content-Length: {size}\nContent-Encoding: gzip", change="gzip"),
    "lines end with CRLF": raw("Content-Length: {size}", change="CRLF"),
    "byte order mark": raw("Content-Length: {size}", change="BOM"),
    "no length": raw("Connection: close", ends=True),
    "more than was promised": raw("Content-Length: {size}", change="more"),
}

FORBIDDEN = {
    "100, then a reset": only(b"HTTP/1.1 100 Continue\r\n\r\n", then=reset),
    "100, then silence": only(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "101, unasked": only(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
    "204": status("204 No Content"),
    "200 without a body": status("200 OK"),
    "301": status("301 Moved Permanently", "Location: http://127.0.0.1:9/elsewhere"),
    "304": status("304 Not Modified"),
    "a status that is no number": only(b"HTTP/1.1 OK fine\r\n\r\n"),
    "a head without end": only(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000),
    "two lengths": only(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n12345"),
    "a length below zero": only(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "gzip that is none": raw("Content-Length: {size}\nContent-Encoding: gzip"),
}


@pytest.mark.parametrize("oddity", ALLOWED)
async def test_the_first_target_answers_although_its_http_is_unusual(oddity: str) -> None:
    async def case(chain: tuple[str, ...]) -> None:
        async with world(Upstream(usual=ALLOWED[oddity]), chain=chain) as here:
            outcome = await streamed(here.client)
            assert not [*wrong_answer(outcome, chain[0])]
            assert await here.outlived(outcome.ended) <= AT_ONCE

    await on_each_chain(case)


@pytest.mark.parametrize("oddity", FORBIDDEN)
async def test_the_next_target_answers_where_http_is_broken(oddity: str) -> None:
    async def case(chain: tuple[str, ...]) -> None:
        async with world(Upstream(usual=FORBIDDEN[oddity]), chain=chain) as here:
            outcome = await streamed(here.client)
            assert not [*wrong_answer(outcome, chain[1])]
            assert await here.outlived(outcome.ended) <= AT_ONCE
            assert not here.unsettled()

    await on_each_chain(case)
