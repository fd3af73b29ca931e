"""When silence counts as a stall. Pure: `now` is passed in, in seconds of a monotonic clock.

Silence is measured on content, never on bytes: keep-alives prove that the connection is up, not that the model makes progress.
What silence means depends on the phase:

| phase            | hedge point | give-up point   | besides                                             |
|------------------|-------------|-----------------|-----------------------------------------------------|
| before content   | hedge_first | give_up_first   |                                                     |
| text             | hedge_gap   | give_up_gap     | fewer than drip_floor characters in drip_window     |
| thinking, tool   |             | quiet_give_up   |                                                     |
| any              |             | no_byte         | the only one that a keep-alive delays             |

A hedge is requested once in each silence; content ends the silence.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Any, Final

import msgspec

from segue.policy import StallPolicy

_32K: Final = 32_000
_GIVE_UP_FIRST_P99S: Final = 3.0
_HEDGE_GAP_P99S: Final = 6.0
_GIVE_UP_GAP_HEDGES: Final = 3.0


class Phase(StrEnum):
    """What the answer consists of at the moment."""

    BEFORE = "before"
    TEXT = "text"
    THINKING = "thinking"
    TOOL = "tool"


class Action(StrEnum):
    WAIT = "wait"
    HEDGE = "hedge"
    GIVE_UP = "give_up"


class Verdict(msgspec.Struct, frozen=True):
    """What to do about an attempt, and why, in a form that may be shown to the caller."""

    action: Action
    reason: str = ""


_WAIT: Final = Verdict(Action.WAIT)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's timers, in seconds; None is never. `drip_floor` is in characters for each `drip_window`."""

    hedge_first: float | None
    give_up_first: float | None
    hedge_gap: float | None
    give_up_gap: float | None
    quiet_give_up: float | None
    no_byte: float | None
    drip_window: float | None
    drip_floor: float

    def replace(self, **changes: Any) -> Limits:
        """A copy with these fields changed, e.g. `give_up_first=None` for the last live target."""
        return msgspec.structs.replace(self, **changes)


def limits(
    policy: StallPolicy,
    *,
    p95_first: float | None,
    p99_first: float | None,
    p99_gap: float | None,
    prompt_tokens: int,
    reasoning: bool,
    streams: bool,
    timeout: float | None,
) -> Limits:
    """The timers of an attempt, from what is known of its target.

    The three quantiles are None until they are known from enough samples. `timeout` is the attempt's own upper bound to its first
    content. A target that does not stream is silent while it generates: its first content is its whole answer, so
    it gets the timers of a reasoning model, and no upper bound on a measured hedge point.
    """
    slow = reasoning or not streams
    give_up = max(
        policy.first_give_up_reasoning if slow else policy.first_give_up,
        _GIVE_UP_FIRST_P99S * (p99_first or 0.0),
    )
    hedge_gap = policy.gap_hedge[1] if p99_gap is None else _clamp(_HEDGE_GAP_P99S * p99_gap, *policy.gap_hedge)
    return Limits(
        hedge_first=_hedge_first(policy, p95_first, prompt_tokens, reasoning=reasoning, streams=streams),
        give_up_first=give_up if timeout is None else min(give_up, timeout),
        hedge_gap=hedge_gap,
        give_up_gap=max(policy.gap_give_up, _GIVE_UP_GAP_HEDGES * hedge_gap),
        quiet_give_up=policy.quiet_give_up,
        no_byte=policy.no_byte if streams else max(policy.no_byte, give_up),
        drip_window=policy.drip_window,
        drip_floor=policy.drip_floor,
    )


def _hedge_first(
    policy: StallPolicy, p95: float | None, prompt_tokens: int, *, reasoning: bool, streams: bool
) -> float:
    low, high = policy.first_hedge
    if p95 is None:
        if reasoning or not streams:
            return policy.first_hedge_reasoning
        return policy.first_hedge_unknown + policy.first_hedge_per_32k * prompt_tokens / _32K
    if not streams:
        return max(low, p95)
    return _clamp(p95, low, max(high, policy.first_hedge_reasoning) if reasoning else high)


def _or_never(seconds: float | None) -> float:
    return inf if seconds is None else seconds


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


class Watch:
    """The clock of one attempt: it is fed what arrives and returns when silence has lasted

    too long. Its verdict changes only by input or when time reaches `next_check()`, so a driver needs one timer. Set `finished` at the
    terminal: from then on the verdict is to wait.
    """

    __slots__ = (
        "_byte",
        "_content",
        "_drip",
        "_drip_size",
        "_give_up",
        "_hedge",
        "_hedged",
        "_limits",
        "_no_byte",
        "_phase",
        "_text_since",
        "finished",
    )

    def __init__(self, limits: Limits, started: float) -> None:
        self._limits = limits
        self._byte = started
        self._content = started
        self._hedged = False
        self._text_since = started
        # The newest pieces of text that together reach the floor: older ones can't delay the drip verdict any more.
        self._drip: list[tuple[float, int]] = []
        self._drip_size = 0
        self.finished = False
        self._enter(Phase.BEFORE)

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def limits(self) -> Limits:
        return self._limits

    def received(self, now: float) -> None:
        """A byte came, of any kind."""
        self._byte = now

    def progress(self, phase: Phase, size: int, now: float) -> None:
        """Content of `size` characters came. An empty piece is only a byte."""
        self._byte = now
        if size <= 0:
            return
        if phase is not self._phase:
            self._enter(phase)
            self._restart_drip(now)
        if phase is Phase.TEXT:
            self.more_text([(now, size)])
        else:
            self._content = now
            self._hedged = False

    def more_text(self, pieces: list[tuple[float, int]]) -> None:
        """`progress` of a text that has begun, by pieces: when each came, and its size, at least 1."""
        self._byte = self._content = pieces[-1][0]
        self._hedged = False
        drip = self._drip
        drip += pieces
        total = self._drip_size + sum([size for _, size in pieces])
        floor = self._limits.drip_floor
        while len(drip) > 1 and total - drip[0][1] >= floor:
            total -= drip.pop(0)[1]
        self._drip_size = total

    def resume(self, now: float) -> None:
        """Reading paused for a while: that time does not count as the target's silence."""
        self._byte = now
        self._content = now
        self._hedged = False
        self._restart_drip(now)

    def spare(self) -> None:
        """Content may take as long as it likes to begin, while bytes come."""
        self._limits = self._limits.replace(give_up_first=None)
        self._enter(self._phase)

    def check(self, now: float) -> Verdict:
        """The verdict now. `HEDGE` is returned once in a silence; `GIVE_UP` takes precedence, with its earliest reason."""
        if now < self.next_check():
            return _WAIT
        due = [moment for moment in self._moments() if moment[0] <= now]
        _, action, reason = min(due, key=lambda moment: (moment[1] is Action.HEDGE, moment[0]))
        if action is Action.HEDGE:
            self._hedged = True
        return Verdict(action, self._explain(reason, now))

    def next_check(self) -> float:
        """The earliest moment at which the verdict can change without further input; infinite if none."""
        if self.finished:
            return inf
        wait = self._give_up if self._hedged or self._give_up < self._hedge else self._hedge
        return min(self._content + wait, self._byte + self._no_byte, self._drip_ends())

    def _moments(self) -> tuple[tuple[float, Action, str], ...]:
        """The next verdict if nothing arrives: when, which, and the name of its reason."""
        silence = self._phase.value
        return (
            (inf if self._hedged else self._content + self._hedge, Action.HEDGE, silence),
            (self._content + self._give_up, Action.GIVE_UP, silence),
            (self._byte + self._no_byte, Action.GIVE_UP, "byte"),
            (self._drip_ends(), Action.GIVE_UP, "drip"),
        )

    def _enter(self, phase: Phase) -> None:
        limits = self._limits
        hedge, give_up = None, limits.quiet_give_up
        if phase is Phase.BEFORE:
            hedge, give_up = limits.hedge_first, limits.give_up_first
        elif phase is Phase.TEXT:
            hedge, give_up = limits.hedge_gap, limits.give_up_gap
        self._phase = phase
        self._hedge, self._give_up, self._no_byte = _or_never(hedge), _or_never(give_up), _or_never(limits.no_byte)

    def _drip_ends(self) -> float:
        """When the text is too slow if no more of it comes."""
        window = self._limits.drip_window
        if window is None or self._phase is not Phase.TEXT or self._limits.drip_floor <= 0:
            return inf
        return self._drip_from() + window

    def _drip_from(self) -> float:
        """The beginning of the latest window that still reaches the floor, but not before the text began."""
        return self._drip[0][0] if self._drip and self._drip_size >= self._limits.drip_floor else self._text_since

    def _restart_drip(self, now: float) -> None:
        self._text_since = now
        self._drip.clear()
        self._drip_size = 0

    def _explain(self, reason: str, now: float) -> str:
        silence = now - self._content
        match reason:
            case "byte":
                return f"no byte for {now - self._byte:.1f} s"
            case "drip":
                window = self._limits.drip_window or 0.0
                characters = sum(size for at, size in self._drip if at + window > now)
                return f"{characters} characters in {window:g} s"
            case Phase.BEFORE:
                return f"no content for {silence:.1f} s"
            case Phase.TOOL:
                return f"tool arguments stopped for {silence:.1f} s"
            case _:
                return f"{reason} stopped for {silence:.1f} s"
