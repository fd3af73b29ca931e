"""Every fault a provider can have, as a change to the sound answer it would have given, and the phases where it can strike.

`Fault.transient` says that the provider is worth asking again, `stops` that no other provider would help. `harmless`: the answer is
whole all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from segue.chat.events import Finished, FinishReason, Started, UsageReport
from segue.chat.usage import Usage
from segue.transport.memory import Connecting, Hang, Pause, Refuse, Reply, Reset

from .provider import Line, Scene, Strike, stop_in
from .refusals import ROWS, error_document, refusal

Step: TypeAlias = "bytes | Pause | Hang | Reset"

BEFORE = ("connect", "headers")
LAST = ("stop reason", "after")
MIDDLE = (
    "preamble", "first token", "mid-word", "code fence", "thinking", "tool arguments", "second call", "before terminal",
)  # fmt: skip
PHASES = (*BEFORE, *MIDDLE, *LAST)

PING_EVERY = 2.0
DRIP_EVERY = 3.0
LONG_PAUSE = 9.0
"""Longer than the hedge point in text, shorter than anyone's patience."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`tail` gives the steps after the cut; `before` what happens instead of headers; `row` the refusal instead of an answer."""

    name: str
    phases: tuple[str, ...]
    tail: Callable[[Scene], Sequence[Step]] | None = None
    before: tuple[Connecting | Refuse | Pause | Hang | Reset, ...] = ()
    row: str = ""
    transient: bool = True
    stops: bool = False
    harmless: bool = False
    silent: bool = False
    """It has no end but the engine's patience."""
    streams_only: bool = False
    dialects: tuple[str, ...] = ("openai_chat", "claude", "gemini", "openai_responses")


def act(scene: Scene, strike: Strike, pace: float) -> Reply:
    """The reply of a provider that suffers this strike."""
    fault = FAULTS[strike.fault]
    if fault.row:
        status, headers, body = refusal(fault.row, scene.dialect)
        return Reply(status=status, headers=headers, steps=[body])
    headers = {"content-type": scene.encoder.content_type}
    lines = scene.lines
    if fault.before:
        return Reply(headers=headers, before=fault.before, steps=[line.data for line in lines])
    if fault.name == "stop on every chunk":
        scene.lines = [msgspec.structs.replace(line, data=_stopping(line, scene.dialect)) for line in scene.lines]
        return Reply(headers=headers, steps=_paced([line.data for line in scene.lines], pace))
    if fault.name == "byte by byte":
        steps: list[Step] = [bytes((byte,)) for line in lines for byte in line.data]
        return Reply(headers=headers, steps=steps)
    if not scene.stream and strike.phase == "after":
        # A document ends with its connection: what came behind it would be part of it.
        return Reply(headers=headers, steps=[line.data for line in lines])
    if fault.tail is None or (fault.name == "empty stop" and scene.continues):
        # To a request to go on, a clean stop without text is a model's word that the answer was whole.
        return Reply(headers=headers, steps=_paced([line.data for line in lines], pace))
    at, part = cut_at(scene, strike.phase)
    sent = [line.data for line in lines[:at]] + ([part] if part else [])
    rest = [b"".join(line.data for line in lines[at:])[len(part) :]] if fault.harmless else []
    return Reply(headers=headers, steps=[*_paced(sent, pace), *fault.tail(scene), *rest])


def cut_at(scene: Scene, phase: str) -> tuple[int, bytes]:
    """How many lines are sent whole before the fault, and what of the next one."""
    lines, reference = scene.lines, scene.reference
    kinds = [line.kind for line in lines]
    if not scene.stream:
        body = lines[-1].data
        return (
            (0, b"")
            if phase in ("headers", "preamble")
            else (len(lines), b"")
            if phase == "after"
            else (0, body[: len(body) // 2])
        )
    opening = next((n for n, kind in enumerate(kinds) if kind != "open"), 0)
    texts = [n for n, kind in enumerate(kinds) if kind == "text"]
    calls = [n for n, kind in enumerate(kinds) if kind == "call"]
    thoughts = [n for n, kind in enumerate(kinds) if kind == "think"]
    match phase:
        case "first token" if texts:
            return texts[0] + 1, b""
        case "mid-word" | "code fence" if texts:
            inside = [n + 1 for n in texts if lines[n].reach == reference.inside]
            return inside[0] if inside else texts[len(texts) // 2] + 1, b""
        case "thinking" if thoughts:
            return thoughts[len(thoughts) // 2] + 1, b""
        case "tool arguments" if calls:
            return calls[0], half(lines[calls[0]])
        case "second call" if len(calls) > 1:
            return calls[1], half(lines[calls[1]])
        case "before terminal":
            return len(lines) - 1, b""
        case "stop reason":
            return len(lines) - 1, lines[-1].data[: stop_in(scene)]
        case "after":
            return len(lines), b""
        case _:
            return opening, b""


def half(line: Line) -> bytes:
    """A call's beginning: all its events but the last ones, so that its arguments are never complete."""
    events = line.data.split(b"\n\n")
    return b"\n\n".join(events[: (len(events) - 1) // 2]) + b"\n\n" if len(events) > 2 else b""


def _paced(pieces: Sequence[bytes], pace: float) -> list[Step]:
    """Pieces arrive in pairs: two reads at one moment are as likely a case as one."""
    steps: list[Step] = []
    for number, piece in enumerate(pieces):
        steps += [piece] if number % 2 else [Pause(2 * pace), piece]
    return steps


def _pings(scene: Scene) -> Sequence[Step]:
    ping = scene.encoder.ping()
    return [step for _ in range(100) for step in (Pause(PING_EVERY), ping)]


def _drip(scene: Scene) -> Sequence[Step]:
    """One character every few seconds, from the beginning."""
    lines = [line for line in scene.build(1) if line.kind in ("text", "think")]
    return [step for line in lines[:80] for step in (Pause(DRIP_EVERY), line.data)]


def _error_event(scene: Scene) -> Sequence[Step]:
    if not scene.stream:
        return [error_document(scene.dialect)]
    document = error_document(scene.dialect)
    if scene.dialect == "openai_responses":
        document = b'{"type":"error",' + document.removeprefix(b"{")
    head = b"event: error\n" if b'"type":"error"' in document else b""
    return [head + b"data: " + document + b"\n\n"]


def _raw_tail(scene: Scene) -> Sequence[Step]:
    return [msgspec.json.format(error_document(scene.dialect), indent=2), b"\n"]


def _malformed(scene: Scene) -> Sequence[Step]:
    head = b"event: content_block_delta\n" if scene.dialect == "claude" else b""
    return [head + b'data: {"type":"content_block_delta","delta":{\xff\n\n']


def _finish(scene: Scene, reason: FinishReason) -> Sequence[Step]:
    """The terminal at once."""
    encoder = scene.encoder
    encoder.feed(Started(id="x1", model="m"))
    encoder.feed(UsageReport(Usage(input_tokens=scene.prompt_tokens)))
    return [encoder.feed(Finished(reason))]


def _stopping(line: Line, dialect: str) -> bytes:
    """A piece of text with its own stop reason."""
    if line.kind != "text":
        return line.data
    match dialect:
        case "claude":
            stop = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
            return line.data + stop
        case "gemini":
            return line.data.replace(b'"index":0', b'"finishReason":"STOP","index":0')
        case _:
            return line.data.replace(b'"finish_reason":null', b'"finish_reason":"stop"')


def _extra(scene: Scene) -> Sequence[Step]:
    """The end of the answer once more."""
    return [line.data for line in scene.lines if line.kind in ("text", "call")][-3:]


def _malformed_call(scene: Scene) -> Sequence[Step]:
    chunk = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}
    return [b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n"]


_ANYWHERE = ("headers", *MIDDLE, *LAST)
_STOPPING = ("policy", "caller")
_LASTING = (
    "day spent",
    "money",
    "auth",
    "region",
    "model gone",
    "too long",
    "too large",
    "no pictures",
    "temperature refused",
    "prefill rejected",
)

FAULTS = {
    fault.name: fault
    for fault in (
        Fault(name="none", phases=("after",), harmless=True),
        Fault(name="dns", phases=("connect",), before=(Refuse("resolve"),)),
        Fault(name="refused", phases=("connect",), before=(Refuse("connect"),)),
        Fault(name="black hole", phases=("connect",), before=(Connecting(),)),
        Fault(name="slow connect", phases=("connect",), before=(Connecting(0.8),), harmless=True),
        Fault(name="tls", phases=("connect",), before=(Refuse("tls"),)),
        Fault(name="pooled reset", phases=("headers",), before=(Reset(),)),
        Fault(name="hang", phases=("headers",), before=(Hang(),), silent=True),
        *(
            Fault(name=row, phases=("headers",), row=row, transient=row not in (*_LASTING, *_STOPPING), stops=row in _STOPPING)
            for row in ROWS
        ),
        Fault(name="eof", phases=_ANYWHERE, tail=lambda scene: []),
        Fault(name="reset", phases=_ANYWHERE, tail=lambda scene: [Reset()]),
        Fault(name="stall", phases=_ANYWHERE, tail=lambda scene: [Hang()], silent=True),
        Fault(name="pings", phases=_ANYWHERE, tail=_pings, silent=True, streams_only=True),
        Fault(name="drip", phases=("preamble",), tail=_drip, silent=True, streams_only=True),
        Fault(name="long pause", phases=MIDDLE, tail=lambda scene: [Pause(LONG_PAUSE)], harmless=True, streams_only=True),
        Fault(name="error event", phases=_ANYWHERE, tail=_error_event),
        Fault(name="raw tail", phases=_ANYWHERE, tail=_raw_tail, streams_only=True),
        Fault(name="malformed", phases=_ANYWHERE, tail=_malformed),
        Fault(name="garbage", phases=("headers",), tail=lambda scene: [b"<html>hello</html>\n"]),
        Fault(name="empty stop", phases=("headers",), tail=lambda scene: _finish(scene, FinishReason.STOP)),
        Fault(
            name="refusal",
            phases=("headers",),
            tail=lambda scene: _finish(scene, FinishReason.CONTENT_FILTER),
            transient=False,
            stops=True,
        ),
        Fault(name="malformed call", phases=("headers", "tool arguments"), tail=_malformed_call, dialects=("gemini",), streams_only=True),
        Fault(name="no candidates", phases=("headers",), tail=lambda scene: [b'data: {"candidates": []}\n\n'], dialects=("gemini",), streams_only=True),
        # Gemini has no last word: what comes after its stop reason is more of the answer.
        Fault(name="extra deltas", phases=("after",), tail=_extra, harmless=True, streams_only=True, dialects=("openai_chat", "claude", "openai_responses")),
        Fault(name="stop on every chunk", phases=("after",), harmless=True, streams_only=True, dialects=("openai_chat", "claude", "gemini")),
        Fault(name="byte by byte", phases=("after",), harmless=True),
    )
}  # fmt: skip
