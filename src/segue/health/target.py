"""The three parts of a target's health, and what they come to."""

from __future__ import annotations

from typing import Final, NamedTuple

from segue.chat.failure import FailureKind
from segue.health.breaker import Breaker, BreakerState, Permit
from segue.health.cooldown import HOPELESS, Cooldown
from segue.health.ramp import Ramp
from segue.policy import BreakerPolicy


class HealthKeys(NamedTuple):
    """Names of a target's endpoint, credential (never the secret itself) and model."""

    endpoint: str
    credential: str
    model: str


class Availability(NamedTuple):
    """What may be done with a target.

    `barred`: not to be asked. `probing`: may be asked once, as a probe. Neither: may be asked freely. `recovers_at` is the monotonic
    moment from which it may be asked again, None if it may now or if no moment is known. `hopeless`: not even as a last resort.
    `gone`: its provider has no such model.
    """

    barred: bool = False
    probing: bool = False
    recovers_at: float | None = None
    reason: str = ""
    hopeless: bool = False
    gone: bool = False


HEALTHY: Final = Availability()
_PROBING: Final = Availability(probing=True, reason="half open")

_COOLING: Final = {
    FailureKind.RATE: "rate-limited",
    FailureKind.MONEY: "out of credit",
    FailureKind.AUTH: "the key is refused",
    FailureKind.MODEL_GONE: "there is no such model",
}


class CredentialHealth:
    __slots__ = ("cooldown", "refused")

    def __init__(self) -> None:
        self.cooldown = Cooldown()
        self.refused: HealthKeys | None = None
        """The target that the key was refused for last: the one a free probe asks."""


class EndpointHealth:
    __slots__ = ("answered", "breaker", "targets")

    def __init__(self, policy: BreakerPolicy) -> None:
        self.breaker = Breaker(policy)
        self.targets: list[TargetHealth] = []
        self.answered = float("-inf")
        """When the last answer came from here, of any model."""

    def is_to_blame(self, now: float) -> bool:
        """Two models are open, and no answer came from here since the second-last of them opened."""
        opened: dict[str, float] = {}
        for target in self.targets:
            if target.breaker.state(now) is BreakerState.OPEN:
                model = target.keys.model
                opened[model] = max(target.breaker.since, opened.get(model, target.breaker.since))
        return len(opened) > 1 and self.answered <= sorted(opened.values())[-2]


class TargetHealth:
    __slots__ = ("breaker", "cooldown", "credential", "endpoint", "keys", "last_resort", "ramp")

    def __init__(
        self, keys: HealthKeys, endpoint: EndpointHealth, credential: CredentialHealth, policy: BreakerPolicy
    ) -> None:
        self.keys = keys
        self.endpoint = endpoint
        self.credential = credential
        self.breaker = Breaker(policy)
        self.cooldown = Cooldown()
        self.ramp = Ramp()
        self.last_resort = float("-inf")
        """When it was last asked as a last resort."""

    @property
    def recorded(self) -> tuple[BreakerState, BreakerState]:
        """The recorded states of the endpoint's breaker and the model's."""
        return self.endpoint.breaker.recorded, self.breaker.recorded

    def shares_trouble(self, now: float) -> bool:
        """Whether another model under the same credential rests too."""
        return any(
            other.credential is self.credential and other.keys.model != self.keys.model and other.cooldown.until(now)
            for other in self.endpoint.targets
        )

    def permit(self, now: float) -> Permit:
        """What a request would be allowed now; looking takes no slot."""
        if self.cooldown.until(now) is not None or self.credential.cooldown.until(now) is not None:
            return Permit.NO
        wishes = (self.endpoint.breaker.would_admit(now), self.breaker.would_admit(now))
        if Permit.NO in wishes or not self.ramp.room:
            return Permit.NO
        return Permit.PROBE if Permit.PROBE in wishes else Permit.YES

    def look(self, now: float) -> Availability:
        permit = self.permit(now)
        if permit is Permit.YES:
            return HEALTHY
        if permit is Permit.PROBE:
            return _PROBING
        until, reason = max(self._obstacles(now))
        return Availability(
            barred=True,
            recovers_at=until if until < float("inf") else None,
            reason=reason,
            hopeless=self.hopeless(now),
            gone=self.cooldown.kind(now) is FailureKind.MODEL_GONE,
        )

    def hopeless(self, now: float) -> bool:
        """Out of money, or the key is refused."""
        return self.cooldown.kind(now) in HOPELESS or self.credential.cooldown.kind(now) in HOPELESS

    def _obstacles(self, now: float) -> list[tuple[float, str]]:
        """Until when each thing stands in the way, and what it is."""
        found: list[tuple[float, str]] = []
        for name, breaker in (("endpoint", self.endpoint.breaker), ("model", self.breaker)):
            if breaker.would_admit(now) is Permit.NO:
                # A probe on its way may end at any moment, so its target is the first to hope for.
                until = breaker.opens_until
                found.append((now, f"{name}: being probed") if until is None else (until, f"{name}: failed too often"))
        for name, cooldown in (("credential", self.credential.cooldown), ("model", self.cooldown)):
            kind, until = cooldown.kind(now), cooldown.until(now)
            if kind is not None and until is not None:
                found.append((until, f"{name}: {_COOLING[kind]}"))
        return found or [(now, "model: recovering, others go first")]
