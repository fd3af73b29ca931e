"""Liveness and readiness, for load balancers and for people. Shows no secrets, makes no upstream calls."""

from __future__ import annotations

import asyncio
import math
from typing import Final, Literal, TypeAlias

import msgspec

from segue.errors import ConfigurationError
from segue.health.target import Availability
from segue.runtime import Runtime
from segue.server.exchange import Reply

State: TypeAlias = Literal["ready", "cooling", "off", "no key"]
STATES: Final[tuple[State, ...]] = ("ready", "cooling", "off", "no key")

HEADERS: Final = {"content-type": "application/json", "cache-control": "no-store"}


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a target.

    "ready": may be asked now, at least for a probe. "cooling": not before `recovers_in` seconds. "off": not before something
    is fixed, or a probe passes. "no key": its key is missing.
    """

    target: str
    model: str
    state: State
    reason: str = ""
    recovers_in: float | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    status: Literal["ready", "not ready"]
    reason: str = ""
    targets: tuple[TargetState, ...]


def live() -> Reply:
    """200 as long as the process answers."""
    return 200, HEADERS, b'{"status":"ok"}'


def ready(runtime: Runtime, *, obstacle: str = "", now: float | None = None) -> Reply:
    """200 if one of the default chain's targets may be asked now, else 503; the body lists every target.

    `obstacle` is why no request could be answered anyway. `now` is monotonic seconds, by default the running event loop's.
    """
    found = states(runtime, now=now)
    chain = _default_chain(runtime)
    able = not obstacle and any(state.state == "ready" and state.target in chain for state in found)
    body = Readiness(status="ready" if able else "not ready", reason=obstacle, targets=found)
    return 200 if able else 503, HEADERS, msgspec.json.encode(body)


def states(runtime: Runtime, *, now: float | None = None) -> tuple[TargetState, ...]:
    """Every target's state, the default chain's first."""
    moment = asyncio.get_running_loop().time() if now is None else now
    return tuple(_state(runtime, name, moment) for name in runtime.targets.names)


def _state(runtime: Runtime, name: str, now: float) -> TargetState:
    usable = runtime.targets.usable(name)
    try:
        target = runtime.targets[name]
    except ConfigurationError as error:
        return TargetState(target=name, model="", state="off" if usable else "no key", reason=str(error))
    if not usable:
        reason = f"set {name.upper().replace('-', '_')}_API_KEY"
        return TargetState(target=name, model=target.model.id, state="no key", reason=reason)
    seen = runtime.engine.look(target, 0, now)
    wait = _wait(seen, now)
    state: State = "ready" if not seen.barred else "off" if wait is None else "cooling"
    return TargetState(target=name, model=target.model.id, state=state, reason=seen.reason, recovers_in=wait)


def _wait(seen: Availability, now: float) -> float | None:
    """Seconds to the nearest tenth, None if unknown."""
    if not seen.barred or seen.recovers_at is None or not math.isfinite(seen.recovers_at):
        return None
    return round(max(0.0, seen.recovers_at - now), 1)


def _default_chain(runtime: Runtime) -> frozenset[str]:
    """The names of the targets that a request without a `model` may go to; none where the settings forbid every such request."""
    try:
        return frozenset(target.name for target in runtime.targets.chain(None).targets)
    except ConfigurationError:
        return frozenset()
