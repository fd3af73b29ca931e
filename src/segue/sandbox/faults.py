"""The faults that a simulated provider can have.

A fault is written as its name, and, after a colon, when it strikes: `cut`, `cut:after=20`, `overloaded:times=2`,
`reset:probability=0.3`, `drip:seconds=2`. Statuses may be written as numbers: `503`.

Its phase says where it strikes: `connect` (there is no listener), `request` (instead of an answer), `headers` (after them, before
the first event), `preamble` (after the dialect's opening, before content), `text` (after so many tokens of the answer, or before its
terminal if it is shorter), `whole` (all the time).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

import msgspec

from segue.errors import ConfigurationError
from segue.sandbox.http import SandboxExchange
from segue.sandbox.refusals import REASONS, Refusal, error_event, refusal
from segue.validation import unknown

Phase = Literal["connect", "request", "headers", "preamble", "text", "whole"]

DEFAULT = "cut"
DEFAULT_AFTER = 8
"""Tokens of the answer before a fault of the phase `text` strikes, by default."""
STALL = 30.0
"""Seconds of silence of a `stall`, after which the answer goes on."""
DRIP = 5.0
"""Seconds between the tokens of a `drip`, slower than what a policy's floor allows by default."""
PING_EVERY = 0.5

OPTIONS_HELP = "options: NAME:after=TOKENS,times=REQUESTS,probability=SHARE,seconds=SECONDS, each where it makes sense"


class AnswerOver(Exception):
    """The fault has ended the answer; nothing more is to be sent."""


class Stage(Protocol):
    """What a fault acts upon: one answer on its way."""

    exchange: SandboxExchange
    dialect: str
    model: str
    pace: float
    """Seconds between pieces."""
    split: bool
    """Every byte is a separate piece."""

    async def refuse(self, refusal: Refusal) -> None: ...

    async def say(self, data: bytes) -> None: ...

    async def ping(self) -> None: ...

    async def finish(self) -> None:
        """The dialect's terminal, and the end of the body."""
        ...


Act: TypeAlias = "Callable[[Stage, Fault], Awaitable[None]]"


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` is how long it takes, for those that take time."""

    name: str
    phase: Phase
    help: str
    act: Act
    seconds: float | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault and when it strikes: after `after` tokens, only the first `times` requests, with this `probability` (0 to 1)."""

    kind: FaultKind
    after: int = DEFAULT_AFTER
    times: int | None = None
    probability: float = 1.0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.kind.name


async def _nothing(stage: Stage, fault: Fault) -> None:
    """Acts elsewhere."""


async def _reset(stage: Stage, fault: Fault) -> None:
    stage.exchange.reset()
    raise AnswerOver


async def _hang(stage: Stage, fault: Fault) -> None:
    await asyncio.Event().wait()


async def _ping_only(stage: Stage, fault: Fault) -> None:
    while True:
        await stage.ping()
        await asyncio.sleep(PING_EVERY)


async def _cut(stage: Stage, fault: Fault) -> None:
    await stage.exchange.end()
    raise AnswerOver


async def _drop(stage: Stage, fault: Fault) -> None:
    stage.exchange.drop()
    raise AnswerOver


async def _error_event(stage: Stage, fault: Fault) -> None:
    await stage.say(error_event(stage.dialect))
    await _cut(stage, fault)


async def _raw_error(stage: Stage, fault: Fault) -> None:
    await stage.say(refusal("unavailable", stage.dialect, stage.model).body)
    await _cut(stage, fault)


async def _malformed(stage: Stage, fault: Fault) -> None:
    await stage.say(b'data: {"choices":[{"delta":{"content":"un\xff\n\n')
    await _cut(stage, fault)


async def _garbage(stage: Stage, fault: Fault) -> None:
    await stage.say(b"<html><head><title>Welcome</title></head><body>not an API</body></html>\n")
    await _cut(stage, fault)


async def _empty(stage: Stage, fault: Fault) -> None:
    await stage.finish()
    raise AnswerOver


async def _stall(stage: Stage, fault: Fault) -> None:
    await asyncio.sleep(fault.seconds)


async def _drip(stage: Stage, fault: Fault) -> None:
    stage.pace = fault.seconds


async def _split(stage: Stage, fault: Fault) -> None:
    stage.split = True


def _refuses(reason: str) -> Act:
    async def act(stage: Stage, fault: Fault) -> None:
        await stage.refuse(refusal(reason, stage.dialect, stage.model))
        raise AnswerOver

    return act


_REFUSALS = {
    "rate": "429, too many requests for now, with the time to wait",
    "quota": "no credit or quota left: 429, Claude 400",
    "error": "500, a bare internal error",
    "bad_gateway": "502",
    "unavailable": "503",
    "overloaded": "the model is overloaded: 503, Claude 529",
    "auth": "the key is refused: 401, Gemini 400; also when models are listed",
    "model_gone": "404, no such model any more",
    "context_length": "400, the prompt is longer than the model's window",
}
assert tuple(_REFUSALS) == REASONS

_TABLE: tuple[tuple[str, Phase, str, Act], ...] = (
    ("refused", "connect", "the port is closed, connections are refused", _nothing),
    ("reset", "request", "the connection is reset instead of an answer", _reset),
    ("hang", "request", "nothing comes, not even headers", _hang),
    *((name, "request", help, _refuses(name)) for name, help in _REFUSALS.items()),
    ("silence", "headers", "headers, then nothing", _hang),
    ("ping_only", "headers", "headers, then keep-alives for ever", _ping_only),
    ("garbage", "headers", "a body of something else, with status 200", _garbage),
    ("empty", "preamble", "a clean end without any content", _empty),
    ("role_only", "preamble", "the dialect's opening, then nothing", _hang),
    ("cut", "text", "the answer ends in mid-text without the dialect's terminal", _cut),
    ("drop", "text", "the connection closes in mid-text, inside the body", _drop),
    ("break", "text", "the connection is reset in mid-text", _reset),
    ("error_event", "text", "an error event in mid-text", _error_event),
    ("raw_error", "text", "an error document in mid-text that is no event", _raw_error),
    ("malformed", "text", "an event in mid-text that can't be read", _malformed),
    ("freeze", "text", "silence from mid-text on, for ever", _hang),
    ("stall", "text", f"silence in mid-text, {STALL:g} s by default, then the rest", _stall),
    ("drip", "whole", f"a token every {DRIP:g} s by default", _drip),
    ("split", "whole", "every byte comes alone; no fault, but it must do no harm", _split),
)

_SECONDS = {"stall": STALL, "drip": DRIP}
KINDS: dict[str, FaultKind] = {
    name: FaultKind(name=name, phase=phase, help=help, act=act, seconds=_SECONDS.get(name))
    for name, phase, help, act in _TABLE
}
STATUSES = {"400": "context_length", "401": "auth", "404": "model_gone", "429": "rate", "500": "error", "502": "bad_gateway", "503": "unavailable", "529": "overloaded"}  # fmt: skip
"""Other names of the refusals."""


def parse_fault(text: str) -> Fault:
    """A fault from its writing; "" is the default one. Raises `ConfigurationError`, which tells what there is."""
    name, _, rest = text.partition(":")
    name = name.strip().replace("-", "_") or DEFAULT
    kind = KINDS.get(STATUSES.get(name, name))
    if kind is None:
        raise unknown(name, "a fault of the sandbox", KINDS)
    fault = Fault(kind=kind, seconds=kind.seconds or 0.0)
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, _, value = item.partition("=")
        fault = _with(fault, key.strip(), value.strip(), text)
    return fault


_OPTIONS = {
    "after": (int, 0, float("inf"), "a number of tokens from 0"),
    "times": (int, 1, float("inf"), "a number of requests from 1"),
    "probability": (float, 0, 1, "a number from 0 to 1"),
    "seconds": (float, 0, float("inf"), "a number from 0"),
}


def _with(fault: Fault, key: str, value: str, text: str) -> Fault:
    if key not in _OPTIONS:
        raise ConfigurationError(f"fault {text!r}: {unknown(key, 'an option', _OPTIONS)}")
    convert, low, high, allowed = _OPTIONS[key]
    try:
        number = convert(value)
        if not low <= number <= high:
            raise ValueError
    except ValueError:
        raise ConfigurationError(f"fault {text!r}: {key}={value!r} must be {allowed}") from None
    kind = fault.kind
    senseless = (key == "after" and kind.phase != "text") or (key == "seconds" and kind.seconds is None)
    if kind.phase == "connect" or senseless:
        raise ConfigurationError(f"fault {text!r}: {fault.name} takes no {key}")
    return msgspec.structs.replace(fault, **{key: number})
