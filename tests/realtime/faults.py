"""What a socket can do to an answer, and where in it.

A fault that is `silent` is noticed by its silence, so it costs the time of a timer; the others are noticed at once.
"""

from __future__ import annotations

import asyncio

import msgspec

from .upstream import PHASES, Act, Ask, Line, Over, Strike, answering

IN_BODY = PHASES[1:]
BEFORE_TERMINAL = PHASES[1:-1]
STREAMING = PHASES[2:-1]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`phases` are those where it is a fault at all, or can be made."""

    name: str
    strike: Strike
    phases: tuple[str, ...]
    framing: str = "chunked"
    silent: bool = False

    def act(self, phase: str) -> Act:
        return answering(phase, self.strike, framing=self.framing)


async def reset(line: Line, ask: Ask) -> None:
    line.reset()


async def hang_up(line: Line, ask: Ask) -> None:
    line.hang_up()


async def hang(line: Line, ask: Ask) -> None:
    await asyncio.Event().wait()


async def end(line: Line, ask: Ask) -> None:
    await line.end()


async def error_event(line: Line, ask: Ask) -> None:
    await line.body(ask.speech.error())
    await line.end()


async def error_event_then_silence(line: Line, ask: Ask) -> None:
    await line.body(ask.speech.error())
    await hang(line, ask)


async def raw_error(line: Line, ask: Ask) -> None:
    await line.body(ask.speech.refusal())
    await line.end()


async def half_an_event(line: Line, ask: Ask) -> None:
    event = ask.speech.token("never seen whole")
    await line.body(event[: len(event) // 2])
    await line.end()


async def reset_in_a_character(line: Line, ask: Ask) -> None:
    """In the middle of the three bytes of a Korean letter."""
    event = ask.speech.token("가나다")
    await line.body(event[: event.index("나".encode()) + 1])
    line.reset()


async def unreadable_event(line: Line, ask: Ask) -> None:
    await line.body(b'data: {"id": "x", "choices": [{"delta": nonsense\n\n')
    await line.end()


async def page(line: Line, ask: Ask) -> None:
    await line.body(b"<html><body><h1>It works!</h1></body></html>\n")
    await line.end()


async def broken_chunk(line: Line, ask: Ask) -> None:
    """Bytes where the length of a chunk should stand."""
    await line.send(b"zz\r\nnot a chunk\r\n")
    await hang(line, ask)


async def binary(line: Line, ask: Ask) -> None:
    """Instead of HTTP; the start of a TLS record."""
    await line.send(b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe\xfd" * 20 + b"\r\n\r\n")
    await hang(line, ask)


async def half_a_head(line: Line, ask: Ask) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev")
    line.hang_up()


async def trickled_head(line: Line, ask: Ask) -> None:
    """Header after header, never the end of them."""
    await line.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        await line.send(b"X-Patience-%d: yes\r\n" % number)
        await asyncio.sleep(0.05)
    raise Over


async def ping(line: Line, ask: Ask) -> None:
    while True:
        await line.body(ask.speech.ping())
        await asyncio.sleep(0.02)


async def drip(line: Line, ask: Ask) -> None:
    """Content, but a character at a time: each is too early for a timer of gaps."""
    for character in ask.rest()[len(ask.sent) :]:
        await line.body(ask.speech.token(character))
        await asyncio.sleep(0.1)


FAULTS = (
    Fault(name="reset", strike=reset, phases=PHASES),
    Fault(name="hang up", strike=hang_up, phases=PHASES),
    Fault(name="hang up inside Content-Length", strike=hang_up, phases=IN_BODY, framing="1000000"),
    Fault(name="hang up, no length given", strike=hang_up, phases=IN_BODY, framing="close"),
    Fault(name="reset, no length given", strike=reset, phases=IN_BODY, framing="close"),
    Fault(name="end", strike=end, phases=IN_BODY),
    Fault(name="error event", strike=error_event, phases=BEFORE_TERMINAL),
    Fault(name="error event, then silence", strike=error_event_then_silence, phases=BEFORE_TERMINAL),
    Fault(name="raw error", strike=raw_error, phases=BEFORE_TERMINAL),
    Fault(name="half an event", strike=half_an_event, phases=BEFORE_TERMINAL),
    Fault(name="reset in a character", strike=reset_in_a_character, phases=BEFORE_TERMINAL),
    Fault(name="unreadable event", strike=unreadable_event, phases=BEFORE_TERMINAL),
    Fault(name="page", strike=page, phases=BEFORE_TERMINAL),
    Fault(name="broken chunk", strike=broken_chunk, phases=IN_BODY),
    Fault(name="binary", strike=binary, phases=("request",)),
    Fault(name="half a head", strike=half_a_head, phases=("request",)),
    Fault(name="hang", strike=hang, phases=PHASES, silent=True),
    Fault(name="hang inside Content-Length", strike=hang, phases=IN_BODY, framing="1000000", silent=True),
    Fault(name="ping", strike=ping, phases=STREAMING, silent=True),
    Fault(name="trickled head", strike=trickled_head, phases=("request",), silent=True),
    Fault(name="drip", strike=drip, phases=("middle",), silent=True),
)
