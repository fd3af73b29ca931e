"""How long a key or a model is left alone after a refusal that says nothing of the provider's health.

| refusal    | how long                                                                        |
|------------|---------------------------------------------------------------------------------|
| rate       | the delay the provider stated, else 5 s                                         |
| money      | the delay it stated, else 15 min, doubling up to 6 h                            |
| auth       | until a free probe passes; probes after 30 s, doubling up to 10 min             |
| model gone | 10 min                                                                          |

Each kind has its own end, and the thing is cool until the last of them: the longest wins. A kind is never shortened, only
lengthened, except by `clear`. The doubling steps once an episode: a burst of refusals from requests already under way is one
refusal. A success clears the doubling, but only a success after the cooldown: an earlier one began before the refusal.

A delay below a minute stated with a money refusal is not believed. Gemini sends a `RetryInfo` of seconds also where the limit is
zero (seen in public reports of 429 bodies, 2025 and 2026), and a spending limit does not pass in seconds.

The numbers are this project's own (docs/failover.md).
"""

from __future__ import annotations

from typing import Final

from segue.chat.failure import FailureKind

RATE_UNSTATED: Final = 5.0
MONEY_UNSTATED: Final = (15 * 60.0, 6 * 3600.0)
MONEY_BELIEVED_FROM: Final = 60.0
AUTH_PROBE: Final = (30.0, 10 * 60.0)
MODEL_GONE: Final = 10 * 60.0

COOLS: Final = frozenset({FailureKind.RATE, FailureKind.MONEY, FailureKind.AUTH, FailureKind.MODEL_GONE})
HOPELESS: Final = frozenset({FailureKind.MONEY, FailureKind.AUTH})
"""The kinds that no attempt can get past by luck: never asked as a last resort."""


class Cooldown:
    """The cooldowns of one credential or one model. `now` is monotonic seconds."""

    __slots__ = ("_ends", "_episodes", "_probe_at", "_probe_wait")

    def __init__(self) -> None:
        self._ends: dict[FailureKind, float] = {}
        self._episodes = 0  # of money, since the last success
        self._probe_at = 0.0
        self._probe_wait = 0.0

    def cool(self, kind: FailureKind, now: float, stated: float | None = None) -> bool:
        """Note a refusal of one of the kinds in `COOLS`; `stated` is the provider's delay in seconds from now.

        True if this began an episode, False if the thing was already cool for this kind.
        """
        end = self._ends.get(kind)
        begins = end is None or end <= now
        until = self._end_of(kind, now, stated, begins)
        self._ends[kind] = until if end is None else max(until, end)
        return begins

    def until(self, now: float) -> float | None:
        """The end of the last cooldown still running, infinite while only a probe can end it; None if nothing is cool."""
        if not self._ends:
            return None
        end = max(self._ends.values())
        return end if end > now else None

    def kind(self, now: float) -> FailureKind | None:
        """Why it is cool: the hopeless kinds first, then the one that lasts longest; None if nothing is cool."""
        running = [kind for kind, end in self._ends.items() if end > now]
        return max(running, key=lambda kind: (kind in HOPELESS, self._ends[kind]), default=None)

    def hopeless(self, now: float) -> bool:
        """Out of money, or the key is refused."""
        return self.kind(now) in HOPELESS

    @property
    def needs_probe(self) -> bool:
        """The key was refused, and only `clear` makes it usable again."""
        return FailureKind.AUTH in self._ends

    @property
    def probe_at(self) -> float | None:
        """When the next free probe is due, while one is needed."""
        return self._probe_at if self.needs_probe else None

    def probe_failed(self, now: float) -> None:
        """The free probe was refused too: the next one waits twice as long."""
        self._probe_wait = min(2 * self._probe_wait, AUTH_PROBE[1])
        self._probe_at = now + self._probe_wait

    def succeeded(self, now: float) -> None:
        """A whole answer came."""
        if self._ends and self.until(now) is None:
            self._ends.clear()
            self._episodes = 0

    def clear(self, kind: FailureKind | None = None) -> None:
        """Forget one kind (AUTH after a passed probe, MONEY after a top-up), or everything."""
        gone = tuple(self._ends) if kind is None else (kind,)
        for each in gone:
            self._ends.pop(each, None)
            if each is FailureKind.MONEY:
                self._episodes = 0

    def _end_of(self, kind: FailureKind, now: float, stated: float | None, begins: bool) -> float:
        if kind is FailureKind.RATE:
            return now + (RATE_UNSTATED if stated is None else stated)
        if kind is FailureKind.MONEY:
            if stated is not None and stated >= MONEY_BELIEVED_FROM:
                return now + stated
            if not begins:
                return now
            self._episodes += 1
            return now + min(MONEY_UNSTATED[0] * 2.0 ** (self._episodes - 1), MONEY_UNSTATED[1])
        if kind is FailureKind.AUTH:
            if begins:
                self._probe_wait = AUTH_PROBE[0]
                self._probe_at = now + self._probe_wait
            return float("inf")
        if kind is FailureKind.MODEL_GONE:
            return now + MODEL_GONE
        raise ValueError(f"{kind} does not cool")
