"""Every knob of failing over, with its default. Times are in seconds; `None` is no limit.

A `Policy` is set for the process, for a chain or for one call; `replace` makes a changed copy. Where a default's number comes from
is beside it: *agreed* numbers are this project's choice, explained in docs/failover.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec

from segue import plugins
from segue.errors import ConfigurationError
from segue.validation import convert, fields, unknown

MOST = 1e9
"""The greatest number of seconds, and of anything else without its own limit; it excludes infinity."""

PolicyName: TypeAlias = Literal["priority", "cost", "latency", "smart", "weights"]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, description="0 to 1")]
Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=MOST, description="0 or more")]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0.0, le=MOST, description="seconds, more than 0")]
Wait: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=MOST, description="seconds, 0 or more")]
Bounds: TypeAlias = tuple[Wait, Wait]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, description="a whole number from 0")]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, description="a whole number from 1")]


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a target is left alone, and for how long."""

    consecutive: Positive = 3
    """Failures in a row that trip."""
    ratio: Share = 0.5
    """Share of failures in the window that trips, 0 to 1 …"""
    minimum: Positive = 10
    """… once the window holds this many outcomes."""
    window: Seconds = 60.0
    """Seconds that outcomes count."""
    open_for: Annotated[
        tuple[Wait, ...], msgspec.Meta(min_length=1, description="one or more values, each seconds, 0 or more")
    ] = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
    """How long the first, second, … opening in a row lasts; the last one repeats."""
    jitter: Share = 0.2
    """Openings are stretched or shortened by up to this share at random."""
    successes: Positive = 2
    """Successes in a row while half open that close."""


class StallPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long content may be missing before something is done about it."""

    first_hedge: Bounds = (0.8, 10.0)
    """Bounds of the hedge point before content, once it is estimated (p95) from `enough` samples."""
    enough: Positive = 20
    """Samples from which on the timers are estimated from what was seen."""
    first_hedge_unknown: Wait = 3.0
    """Hedge point before content without enough samples …"""
    first_hedge_per_32k: Wait = 1.0
    """… plus this for each 32 000 prompt tokens."""
    first_hedge_reasoning: Wait = 15.0
    """The same for models that reason first."""
    first_give_up: Wait = 10.0
    """Give up before content after this, or 3 × p99 if that is longer."""
    first_give_up_reasoning: Wait = 120.0
    """The same for models that reason first."""
    gap_hedge: Bounds = (1.0, 8.0)
    """Bounds of the hedge point on a gap in text, estimated as 6 × p99 of the gaps seen."""
    gap_give_up: Wait = 10.0
    """Give up on a gap in text after this, or 3 × its hedge point if that is longer."""
    quiet_give_up: Wait = 60.0
    """The same for gaps in tool arguments and in thinking."""
    no_byte: Wait = 180.0
    """Give up when not even a keep-alive byte came for this long."""
    drip_window: Wait = 20.0
    """Text is too slow when a window of this length …"""
    drip_floor: Weight = 40.0
    """… brought fewer characters than this (two characters a second: about half a token)."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the engine may do for one request."""

    policy: str = "priority"
    """In which order the chain's targets are asked: `priority` as written, `cost`, `latency`, `smart`, `weights` (docs/routing.md), or a
    plug-in's."""
    complexity: Share | None = None
    """How hard a request is, 0 to 1, where the caller knows better than the score."""
    strong_share: Share = 0.4
    """The share of requests, 0 to 1, that `smart` takes to be hard and sends to strong targets first."""
    strong: tuple[str, ...] = ()
    """The strong targets; () tells them by their prices."""
    weights: dict[str, Weight] = {}
    """How often `weights` asks each target first, in proportion; 1 for a target that is not named."""
    unknown: Literal["middle", "light", "hard"] = "middle"
    """Where `smart` sends a request that does not tell how hard it is: to the target of middle price first, or as a light or a hard one."""
    score: bool = False
    """True: the complexity and marks of the turns are booked with every request, whatever the policy, for `segue route simulate` and `train`."""
    regions: tuple[str, ...] = ()
    """Only targets whose `region` is one of these are asked, whatever happens; () asks any."""
    fallback: bool = True
    """False: only the first target is asked, also when it breaks off in mid-stream."""
    failover_on_refusal: bool = False
    """True: a target that declines the content is a failed target."""
    deadline: Seconds | None = 120.0
    """Seconds for the whole request, all attempts and waits together."""
    last_share: Share = 0.25
    """The share of the deadline that earlier attempts leave to the last one, 0 to 1."""
    connect: Seconds = 1.0
    """Seconds for the name look-up, the connection and TLS together."""
    hedge: bool = True
    """False: a silent target is never raced, only given up."""
    continuations: Count = 2
    """Seams allowed in one answer; 0 ends a broken stream with an error."""
    rounds: Positive = 3
    """How often the whole chain is tried when all targets rest, or failed with something transient (the guide's three tries)."""
    patience: Wait = 10.0
    """Seconds that a round is waited for at most (the guide's longest wait): if no target recovers by then, the error comes at once."""
    round_wait: Bounds = (4.0, 10.0)
    """Bounds of the exponential wait between rounds (the guide's)."""
    quick_retry: Bounds = (0.05, 0.15)
    """Wait before the quick second try that a bare 500 or 502 of a healthy target gets."""
    seam_chars: Count = 240
    """A continuation's first characters that are held until its overlap is known …"""
    seam_wait: Wait = 1.0
    """… or this long."""
    linger: Wait = 0.5
    """After the stop reason, how long what may follow it (usage, the dialect's last word) is waited for."""
    successor: bool = True
    """True: a retired model's successor is tried in its place."""
    breaker: BreakerPolicy = BreakerPolicy()
    """When a target is left alone."""
    stall: StallPolicy = StallPolicy()
    """How long content may be missing."""

    def replace(self, **changes: Any) -> Policy:
        """A copy with these fields changed. Raises `ConfigurationError` for an unknown field and for a value that is out of range."""
        return msgspec.structs.replace(self, **{name: checked(name, value) for name, value in changes.items()})


def checked(name: str, value: Any, *, strict: bool = True, what: str = "", place: str = "") -> Any:
    """The value of a policy's field; see `validation.convert` for `strict`. `what` stands for the field's name in messages."""
    if (kind := fields(Policy).get(name)) is None:
        raise unknown(name, "a field of Policy", fields(Policy))
    value = convert(what or name, value, kind, strict=strict, place=place)
    if name == "policy" and value not in (own := get_args(PolicyName)):
        known = (*own, *plugins.names("policies"))
        if value not in known:
            raise ConfigurationError(f"{what or name}: {unknown(value, 'a policy', known, place=place)}")
    return value
