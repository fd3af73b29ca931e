"""The matrix: every fault at every phase, position and dialect, streamed, held and as a document; generated, and filtered by rules.

The chain is always three of the four dialects, turned so that the one in question stands at its position. Those before it are down (503), those
after it are well; at the position `last` the fault strikes once and the provider is well when it is asked again; at `all` every
provider has it every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from segue.policy import Policy

from .answers import REFERENCES
from .faults import FAULTS, LAST, PHASES, act
from .invariants import violations, violations_of
from .provider import Provider, Strike
from .world import Outcome, World, run

DIALECTS = ("openai_chat", "claude", "gemini", "openai_responses")
POSITIONS = ("first", "middle", "last", "all")
MODES = ("stream", "hold", "document")
DOWN = Strike("unavailable", "headers")
EOF = "eof"

CANCELS = "caller cancels"
CANCEL_AFTER = 1.9
"""Seconds after which the caller goes away: everybody who answers at all is at the fault by then, and no hedge point has passed …"""
CANCEL_CONNECTING = 0.7
"""… and for the fault at the phase `connect` no client's patience for it is over."""

GOING_ON = {
    "silent restart": "restart",
    "replayed tail": "overlap",
    "whitespace left out": "bare",
    "prefill refused": "exact",
}
"""Faults of the one that goes on with an answer which broke off before it, and its manner."""

HEDGE_POINT = 3.1
"""Seconds of silence before content, after which another is asked …"""
HEDGE_POINT_SLOW = 15.1
"""… and of one that thinks first, as this Gemini does, or that writes the whole document first."""

UNPREFILLED = {"claude": "claude-sonnet-5-5", "gemini": "gemini-3.5-flash-lite"}

_REFERENCES: dict[str, tuple[str, ...]] = {
    "connect": ("prose",),
    "headers": ("prose", "json"),
    "preamble": ("prose", "thinking", "bare tools", "json"),
    "first token": ("prose", "table", "korean", "tools"),
    "mid-word": ("prose", "table", "korean", "spaced", "json", "thinking"),
    "code fence": ("code",),
    "thinking": ("thinking",),
    "tool arguments": ("tools", "bare tools"),
    "second call": ("tools", "bare tools"),
    "before terminal": ("prose", "code", "tools", "bare tools", "json"),
    "stop reason": ("prose", "thinking", "tools", "json"),
    "after": ("prose", "thinking", "tools", "json"),
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    fault: str
    phase: str
    position: str
    dialect: str
    mode: str
    reference: str
    prefill: bool = True

    @property
    def name(self) -> str:
        how = "" if self.prefill else ", no prefill"
        return f"{self.fault} @ {self.phase}, {self.position} ({self.dialect}), {self.mode}, {self.reference}{how}"


def everything() -> Iterator[Case]:
    """The whole product, impossible ones included."""
    for fault in (*FAULTS, *GOING_ON, CANCELS):
        for phase in PHASES:
            for reference in _REFERENCES[phase]:
                for position in POSITIONS:
                    for dialect in DIALECTS:
                        for mode in MODES:
                            for prefill in (True, False):
                                yield Case(
                                    fault=fault,
                                    phase=phase,
                                    position=position,
                                    dialect=dialect,
                                    mode=mode,
                                    reference=reference,
                                    prefill=prefill,
                                )


def impossible(case: Case) -> str | None:
    """Why a combination can't be, or None if it can."""
    for reason, rule in RULES.items():
        if rule(case):
            return reason
    return None


def possible() -> tuple[list[Case], Counter[str]]:
    """The cases that can be, and how many of the others each rule left out."""
    cases: list[Case] = []
    left_out: Counter[str] = Counter()
    for case in everything():
        if (reason := impossible(case)) is None:
            cases.append(case)
        else:
            left_out[reason] += 1
    return cases, left_out


def _continues(case: Case) -> bool:
    return case.fault in GOING_ON


def _held(case: Case) -> bool:
    return case.mode != "stream" or REFERENCES[case.reference].output is not None


_TEXT_SHOWN = frozenset({"first token", "mid-word", "code fence", "before terminal"})

RULES: dict[str, Callable[[Case], bool]] = {
    "this fault can't strike at this phase": lambda case: (
        case.fault in FAULTS and case.phase not in FAULTS[case.fault].phases
    ),
    "this dialect has no such fault": lambda case: (
        case.fault in FAULTS and case.dialect not in FAULTS[case.fault].dialects
    ),
    "a document has no such fault": lambda case: (
        case.mode == "document" and case.fault in FAULTS and FAULTS[case.fault].streams_only
    ),
    "a document has no such phase": lambda case: (
        case.mode == "document" and case.phase not in ("connect", "headers", "mid-word", "after")
    ),
    "a document ends with its connection": lambda case: (
        case.mode == "document" and case.phase == "after" and case.fault not in ("none", EOF, "byte by byte", CANCELS)
    ),
    "what does no harm is the same at every position": lambda case: (
        case.fault in ("none", "byte by byte", "extra deltas", "stop on every chunk") and case.position != "first"
    ),
    "structured output is held in any case": lambda case: (
        case.mode == "hold" and REFERENCES[case.reference].output is not None
    ),
    "before content nothing is held": lambda case: (
        case.mode == "hold" and case.phase in ("connect", "headers", "preamble") and case.fault != CANCELS
    ),
    "the caller can't cancel what is over": lambda case: case.fault == CANCELS and case.phase in LAST,
    "Gemini's stop reason is its last word": lambda case: case.dialect == "gemini" and case.phase == "stop reason",
    "a finished item is no stop reason where a call may follow": lambda case: (
        case.dialect == "openai_responses" and case.phase == "stop reason" and bool(REFERENCES[case.reference].calls)
    ),
    "cancelled before content, whatever was asked for": lambda case: (
        case.fault == CANCELS and case.phase in ("headers", "preamble") and case.reference != "prose"
    ),
    "none went before the first": lambda case: _continues(case) and case.position in ("first", "all"),
    "nothing was shown, so nothing is gone on with": lambda case: (
        _continues(case)
        and (
            _held(case)
            or case.phase not in _TEXT_SHOWN
            or not REFERENCES[case.reference].text
            or case.reference == "tools"
        )
    ),
    "this dialect takes no prefill": lambda case: (
        case.fault in ("prefill refused", "whitespace left out")
        and (case.dialect not in UNPREFILLED or not case.prefill)
    ),
    "prefilling plays no part": lambda case: (
        not case.prefill
        and (_held(case) or case.phase not in _TEXT_SHOWN or case.fault not in (EOF, "reset", *GOING_ON))
    ),
    "Gemini sends a call whole": lambda case: (
        case.dialect == "gemini"
        and case.phase in ("tool arguments", "second call")
        and case.fault in ("pings", "error event", "raw tail", "malformed")
        and case.mode == "hold"
    ),
}


def must_answer(case: Case) -> bool | None:
    """Whether the request has to be answered; None where an error is as good."""
    if case.fault == CANCELS:
        return None
    if _continues(case):
        return True
    fault = FAULTS[case.fault]
    if fault.harmless or case.phase in LAST:
        return True
    if fault.stops:
        return False
    if fault.name == "drip" and REFERENCES[case.reference].thinking:
        return None  # thinking may take its time: only the deadline bounds a trickle of it
    if case.position in ("first", "middle"):
        return True
    if case.position == "all":
        return None
    if fault.silent and not _shows_content(case):
        return None  # the last live target is waited for until the deadline
    if case.mode == "document" and fault.silent:
        return None  # and one that does not stream is silent for as long as it writes
    if fault.row in ("temperature refused", "prefill rejected"):
        return True
    return True if fault.transient else None


def _shows_content(case: Case) -> bool:
    """Whether anything of the answer comes before the fault. Gemini shows no thinking that was not asked for, and sends calls whole."""
    if case.phase in ("connect", "headers", "preamble"):
        return False
    if case.dialect == "gemini" and case.phase == "thinking":
        return False
    return not (case.dialect == "gemini" and case.phase == "tool arguments" and case.reference == "bare tools")


def _races(case: Case) -> bool:
    """Whether a silence is to be raced at its hedge point: nothing was shown, and others are well."""
    silent = case.fault in FAULTS and FAULTS[case.fault].silent and case.fault != "drip"
    return silent and case.position == "first" and case.phase not in LAST and not _shows_content(case)


def _patience(case: Case) -> float:
    return HEDGE_POINT_SLOW if case.mode == "document" or case.dialect == "gemini" else HEDGE_POINT


def play(case: Case) -> tuple[Outcome, list[str]]:
    """Runs a case; gives what is wrong."""
    return run(_play(case))


async def _play(case: Case) -> tuple[Outcome, list[str]]:
    world = World(*_providers(case))
    outcome = await world.ask(
        REFERENCES[case.reference],
        hold=case.mode == "hold",
        policy=Policy(),
        cancel_after=_cancel_after(case),
        temperature=0.5,
    )
    await world.settle()
    expected = must_answer(case)
    found = [*violations(world, outcome, must_answer=expected), *violations_of(world)]
    if expected is False and outcome.answered and not outcome.refused:
        found.append("8: answered, although no target was to be asked after this")
    if _races(case) and (len(outcome.starts) < 2 or outcome.starts[1][0] > outcome.began + _patience(case)):
        found.append("3: a silence, and no other was asked at the hedge point")
    if case.phase in LAST and (len(outcome.starts) > _askings(case) or outcome.relay.report.seams):
        found.append("1: the answer had its stop reason, and it was asked for again")
    if case.fault == CANCELS and not outcome.cancelled:
        found.append("the case is wrong: it was over before it could be cancelled")
    return outcome, found


def _askings(case: Case) -> int:
    """How many are asked up to the one that is struck, where those before it are down."""
    return 1 if case.position == "all" else POSITIONS.index(case.position) + 1


def _cancel_after(case: Case) -> float | None:
    if case.fault != CANCELS:
        return None
    return CANCEL_CONNECTING if case.phase == "connect" else CANCEL_AFTER


def _providers(case: Case) -> list[Provider]:
    turn = DIALECTS.index(case.dialect) - max(0, POSITIONS.index(case.position)) * (case.position != "all")
    chain = [DIALECTS[(turn + place) % len(DIALECTS)] for place in range(3)]
    return [
        Provider(
            f"p{place}",
            dialect,
            act,
            _strikes(case, place),
            manner=GOING_ON.get(case.fault, "exact"),
            model="" if case.prefill else UNPREFILLED.get(dialect, ""),
            streams=case.mode != "document",
        )
        for place, dialect in enumerate(chain)
    ]


def _strikes(case: Case, place: int) -> Callable[[int, float], Strike | None]:
    fault = case.fault
    if fault == CANCELS:
        fault = {"connect": "black hole", "headers": "hang"}.get(case.phase, "stall")
    strike = Strike(fault, case.phase)
    if case.position == "all":
        return lambda number, now: strike
    at = POSITIONS.index(case.position)
    if _continues(case):
        return _going_on(case, place - at)
    if place < at:
        return lambda number, now: DOWN
    if place > at:
        return lambda number, now: None
    once = case.position == "last" and case.fault != CANCELS
    return lambda number, now: strike if number == 0 or not once else None


def _going_on(case: Case, distance: int) -> Callable[[int, float], Strike | None]:
    """The one before breaks off, for every one behind it the fault is in how it goes on."""
    if distance == -1:
        return lambda number, now: Strike(EOF, case.phase) if number == 0 else None
    if distance < -1:
        return lambda number, now: DOWN
    refused = Strike("prefill rejected", "headers")
    return lambda number, now: refused if case.fault == "prefill refused" and number == 0 else None
