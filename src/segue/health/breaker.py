"""A circuit breaker: three states, one table, no clock.

CLOSED lets everything through and counts. It trips when the failures since the last success weigh `consecutive` (3), or when a
failure finds at least `minimum` (10) outcomes in the last `window` (60 s) and failures weighing `ratio` (half) of them. A stall
is passed in with weight 0.5: silence is weaker evidence than an error.

OPEN lets nothing through for a while: 2, 5, 15, 30, 60, 120, 300 s for the first, second, … opening in a row, each stretched or
shortened by up to 20 % so that a fleet does not come back in step. It becomes HALF_OPEN by the passing of time alone.

HALF_OPEN lets one real request at a time through, the probe. `successes` (2) in a row close; any failure, however light, opens
again for the next length. A probe that was cancelled, or whose result says nothing of the target's health, gives its slot back; one
that was overtaken before it showed anything is followed by the same wait again, or a target that hangs would be probed by all.

Attempts outlive states: a stream begun before a trip may end long after it. The caller says when the attempt was admitted
(`started`, the `now` it gave to `admit`), and an outcome whose attempt is older than the present state is *late* and changes
nothing. Without `started`, an outcome while OPEN is late, and one while HALF_OPEN is the probe's if a probe is out. An attempt
started while OPEN is a last resort (see book.py): its failure tells nothing new, its success counts like a probe's.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

from segue.health.outcomes import OutcomeWindow
from segue.policy import BreakerPolicy


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit(Enum):
    """Whether a request may go now: freely, as the one probe, or not at all."""

    YES = "yes"
    PROBE = "probe"
    NO = "no"


class _Event(Enum):
    TRIPPED = 1
    ELAPSED = 2
    GOT_THROUGH = 3
    PROBE_FAILED = 4
    RECOVERED = 5


_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN

_NEXT: Final[dict[tuple[BreakerState, _Event], BreakerState]] = {
    (_CLOSED, _Event.TRIPPED): _OPEN,
    (_OPEN, _Event.ELAPSED): _HALF_OPEN,
    (_OPEN, _Event.GOT_THROUGH): _HALF_OPEN,
    (_HALF_OPEN, _Event.PROBE_FAILED): _OPEN,
    (_HALF_OPEN, _Event.TRIPPED): _OPEN,
    (_HALF_OPEN, _Event.RECOVERED): _CLOSED,
}


class Breaker:
    """One thing's breaker. `now` is monotonic seconds and never runs backwards; `jitter` is a number in [-1, 1]."""

    __slots__ = ("_openings", "_policy", "_probe_out", "_run", "_since", "_state", "_successes", "_until", "_window")

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._state = _CLOSED
        self._since = float("-inf")  # when the present state began
        self._until = 0.0  # when OPEN ends
        self._openings = 0  # in a row, without a closing between them
        self._run = 0.0  # weight of the failures since the last success
        self._successes = 0  # in a row, while half open
        self._probe_out = False
        self._window = OutcomeWindow(policy.window)

    @property
    def opens_until(self) -> float | None:
        """The moment probing begins, while open; else None."""
        return self._until if self._state is _OPEN else None

    @property
    def probing(self) -> bool:
        """Half open, and the probe is out."""
        return self._state is _HALF_OPEN and self._probe_out

    @property
    def sound(self) -> bool:
        """Closed, and without a failure since the last success."""
        return self._state is _CLOSED and not self._run

    @property
    def recorded(self) -> BreakerState:
        """The state as of the last call that acted: OPEN that has run out is still OPEN here."""
        return self._state

    @property
    def since(self) -> float:
        """When the recorded state began; minus infinity for the first."""
        return self._since

    def state(self, now: float) -> BreakerState:
        """The state at `now`; looking changes nothing."""
        return _HALF_OPEN if self._state is _OPEN and now >= self._until else self._state

    def would_admit(self, now: float) -> Permit:
        """What `admit` would answer; looking takes no slot."""
        state = self._state
        if state is _CLOSED:
            return Permit.YES
        if state is _OPEN:
            return Permit.PROBE if now >= self._until else Permit.NO
        return Permit.NO if self._probe_out else Permit.PROBE

    def admit(self, now: float) -> Permit:
        """May a request go now? PROBE takes the slot, which an outcome or `release` gives back."""
        if self._state is _CLOSED:
            return Permit.YES
        self._pass_time(now)
        permit = self.would_admit(now)
        if permit is Permit.PROBE:
            self._probe_out = True
        return permit

    def release(self, *, started: float | None = None) -> None:
        """An attempt ended without a verdict (cancelled, or it says nothing of this target's health)."""
        if self._state is _HALF_OPEN and not self._is_late(started):
            self._probe_out = False

    def unproven(self, now: float, jitter: float = 0.0, *, started: float | None = None) -> None:
        """A probe lost its race before it showed anything: the next one waits for as long as this one had to."""
        if self._state is _HALF_OPEN and not self._is_late(started):
            self._openings -= 1
            self._open(_Event.PROBE_FAILED, now, jitter)

    def succeeded(self, now: float, *, started: float | None = None) -> None:
        """An attempt gave a whole answer."""
        self._pass_time(now)
        if self._is_late(started):
            return
        if self._state is _CLOSED:
            self._run = 0.0
            self._window.record(now)
            return
        if self._state is _OPEN:
            self._move(_Event.GOT_THROUGH, now)
        self._probe_out = False
        self._successes += 1
        if self._successes >= self._policy.successes:
            self._openings = 0
            self._move(_Event.RECOVERED, now)

    def failed(self, now: float, weight: float = 1.0, jitter: float = 0.0, *, started: float | None = None) -> bool:
        """An attempt failed in a way that counts; `weight` > 0 says how much (a stall 0.5). True if this opened the breaker."""
        self._pass_time(now)
        if self._state is _OPEN or self._is_late(started):
            return False
        if self._state is _HALF_OPEN:
            self._open(_Event.PROBE_FAILED, now, jitter)
            return True
        self._run += weight
        self._window.record(now, weight)
        if self._is_too_much(now):
            self._open(_Event.TRIPPED, now, jitter)
            return True
        return False

    def trip(self, now: float, jitter: float = 0.0) -> None:
        """Open on evidence from elsewhere (the endpoint's, when two of its models fail). Already open: nothing happens."""
        self._pass_time(now)
        if self._state is not _OPEN:
            self._open(_Event.TRIPPED, now, jitter)

    def _is_too_much(self, now: float) -> bool:
        if self._run >= self._policy.consecutive:
            return True
        count, weight = self._window.totals(now)
        return count >= self._policy.minimum and weight >= self._policy.ratio * count

    def _is_late(self, started: float | None) -> bool:
        if self._state is _CLOSED:
            return started is not None and started < self._since
        if self._state is _OPEN:
            return started is None or started <= self._since
        return not self._probe_out if started is None else started < self._since

    def _pass_time(self, now: float) -> None:
        if self._state is _OPEN and now >= self._until:
            self._move(_Event.ELAPSED, self._until)

    def _open(self, event: _Event, now: float, jitter: float) -> None:
        lengths = self._policy.open_for
        length = lengths[min(self._openings, len(lengths) - 1)]
        self._openings += 1
        self._until = now + length * (1.0 + self._policy.jitter * jitter)
        self._move(event, now)

    def _move(self, event: _Event, moment: float) -> None:
        """Every state starts without a past: no run, no successes, no probe, an empty window."""
        self._state = _NEXT[self._state, event]
        self._since = moment
        self._run = 0.0
        self._successes = 0
        self._probe_out = False
        self._window.clear()
