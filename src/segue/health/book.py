"""The health of every target: which may be asked now, and what an attempt's end says of it.

A target is a model, asked with a credential, at an endpoint; each of the three has its own health:

- A *model* (under its credential and endpoint) has a breaker and a cooldown.
- A *credential* has a cooldown.
- An *endpoint* has a breaker. It opens on its own failures (DNS, connect, TLS: `TRANSPORT` with scope ENDPOINT), and when two of
  its models are open. The latter not if any answer came from there since the second-last of them opened: then the address works
  and the fault is the models' own. With only one model known, an endpoint's failing and its model's come to the same.

What counts where:

| failure                             | model's breaker | endpoint's breaker | cooldown of                               |
|-------------------------------------|-----------------|--------------------|-------------------------------------------|
| overload, broken, transport         | 1               |                    |                                           |
| stall                               | ½               |                    |                                           |
| transport with scope ENDPOINT       |                 | 1                  |                                           |
| rate, money                         |                 |                    | the model if scope MODEL, else credential |
| auth                                |                 |                    | the credential                            |
| model gone                          |                 |                    | the model                                 |
| capability, policy, caller, invalid |                 |                    |                                           |

HTTP 402 may mean one model alone, too dear for what is left, and a caller may have chosen it for that: the credential rests once a second of
its models rests too.

A target may be asked if nothing of it is cool and no breaker forbids it. Where a breaker is half open the request is its probe, and
takes its slot; a failure that counts nothing for that breaker gives the slot back. Every attempt that was admitted ends in exactly
one of `succeeded`, `failed`, `unproven` and `release`; `started` is the `now` at which it was admitted (breaker.py says why it matters).
Its first content may be reported before, by `proved`: for a probe that is the success, so that those who wait for its target need not
wait for the whole of its answer. `proven` says at its end that it was.

After a rest of any kind a target gets its requests back gradually (ramp.py).

An `invalid` answer is reported again, as broken, once another target has answered the same request with one that fits.

When nothing may be asked, one attempt a second may still go to a target as a last resort, unless it is out of money or its key is
refused: luck can't help there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from segue.chat.failure import Failure, FailureKind, Scope
from segue.health.breaker import BreakerState, Permit
from segue.health.cooldown import COOLS
from segue.health.target import Availability, CredentialHealth, EndpointHealth, HealthKeys, TargetHealth
from segue.policy import BreakerPolicy

WEIGHT: Final = {
    FailureKind.OVERLOAD: 1.0,
    FailureKind.BROKEN: 1.0,
    FailureKind.TRANSPORT: 1.0,
    FailureKind.STALL: 0.5,
}
"""What a failure weighs against a breaker; kinds that are missing weigh nothing."""

LAST_RESORT_EVERY: Final = 1.0
MOST_TARGETS: Final = 2000
"""Targets whose health is kept; with more, those that have not failed lately are forgotten. A caller of the gateway may name any number of models."""
READY: Final = "ready"
"""The state of what is not cooling; the other states are those of a breaker and the failure kinds that cool."""

OnChange: TypeAlias = Callable[[HealthKeys, Scope, str, str, str, float], None]
"""Receives a change: the keys of the attempt that brought it, what changed, from which state to which, why, and when."""


class HealthBook:
    """The health of all targets of a process. `now` is monotonic seconds, `jitter` a number in [-1, 1]."""

    __slots__ = ("_credentials", "_endpoints", "_on_change", "_policy", "_targets")

    def __init__(self, policy: BreakerPolicy, *, on_change: OnChange | None = None) -> None:
        self._policy = policy
        self._on_change = on_change
        self._targets: dict[HealthKeys, TargetHealth] = {}
        self._endpoints: dict[str, EndpointHealth] = {}
        self._credentials: dict[tuple[str, str], CredentialHealth] = {}

    def look(self, keys: HealthKeys, now: float) -> Availability:
        """What may be done with a target; looking changes nothing."""
        return self._target(keys).look(now)

    def breakers(self, keys: HealthKeys, now: float) -> tuple[BreakerState, BreakerState]:
        """The states of the breakers of a target's endpoint and of its model; looking changes nothing."""
        target = self._target(keys)
        return target.endpoint.breaker.state(now), target.breaker.state(now)

    def healthy(self, keys: HealthKeys) -> bool:
        """No failure since the last success. Such a target is due a quick second try after a bare 500 or 502.

        To be asked before that failure is reported.
        """
        target = self._target(keys)
        return target.breaker.sound and target.endpoint.breaker.sound

    def admit(self, keys: HealthKeys, now: float) -> Permit:
        """May a request go to this target now? PROBE takes the probe's slot; see the module's text for who gives it back."""
        target = self._target(keys)
        permit = target.permit(now)
        if permit is not Permit.NO:
            target.ramp.admitted()
        if permit is Permit.PROBE:
            before = target.recorded
            target.endpoint.breaker.admit(now)
            target.breaker.admit(now)
            self._tell_breakers(target, before, "", now)
        return permit

    def admit_freely(self, keys: HealthKeys, now: float) -> bool:
        """`admit` where it would say YES; else False, and no probe's slot is taken."""
        target = self._target(keys)
        if target.permit(now) is not Permit.YES:
            return False
        target.ramp.admitted()
        return True

    def room(self, keys: HealthKeys, now: float) -> int:
        """How many requests may go to a target now."""
        target = self._target(keys)
        permit = target.permit(now)
        return 0 if permit is Permit.NO else 1 if permit is Permit.PROBE else target.ramp.room

    def proved(self, keys: HealthKeys, now: float, *, started: float) -> bool:
        """An admitted attempt has shown content. True if that was a probe's success: then `proven` is to be passed at its end."""
        target = self._target(keys)
        target.ramp.proved(started)
        probed = [one for one in (target.endpoint.breaker, target.breaker) if one.probing]
        if probed:
            before = target.recorded
            for breaker in probed:
                breaker.succeeded(now, started=started)
            self._tell_breakers(target, before, "answered", now)
        return bool(probed)

    def release(self, keys: HealthKeys, *, started: float | None = None, proven: bool = False) -> None:
        """An admitted attempt ended without a verdict: cancelled, or never sent."""
        target = self._target(keys)
        target.ramp.ended(started)
        if not proven:
            target.endpoint.breaker.release(started=started)
            target.breaker.release(started=started)

    def unproven(self, keys: HealthKeys, now: float, jitter: float = 0.0, *, started: float | None = None) -> None:
        """A probe lost its race before it showed anything. It is no failure, but who hangs would else be probed by every request."""
        target = self._target(keys)
        target.ramp.ended(started)
        before = target.recorded
        target.endpoint.breaker.unproven(now, jitter, started=started)
        target.breaker.unproven(now, jitter, started=started)
        self._tell_breakers(target, before, "the probe showed nothing", now)

    def succeeded(self, keys: HealthKeys, now: float, *, started: float | None = None, proven: bool = False) -> None:
        """A target gave a whole answer."""
        target = self._target(keys)
        before = target.recorded
        target.ramp.ended(started)
        target.endpoint.answered = now
        if not proven:
            target.endpoint.breaker.succeeded(now, started=started)
            target.breaker.succeeded(now, started=started)
        target.cooldown.succeeded(now)
        target.credential.cooldown.succeeded(now)
        self._tell_breakers(target, before, "answered", now)

    def failed(
        self,
        keys: HealthKeys,
        failure: Failure,
        now: float,
        jitter: float = 0.0,
        *,
        started: float | None = None,
        proven: bool = False,
    ) -> None:
        """A target's attempt failed; the module's table says what that counts."""
        target = self._target(keys)
        before = target.recorded
        weight = WEIGHT.get(failure.kind)
        if weight is None:
            self.release(keys, started=started, proven=proven)
            if failure.kind in COOLS:
                self._cool(target, failure, now)
            return
        target.ramp.ended(started)
        target.ramp.failed()
        if failure.kind is FailureKind.TRANSPORT and failure.scope is Scope.ENDPOINT:
            if target.endpoint.breaker.failed(now, weight, jitter, started=started):
                self._rest(target.endpoint.targets, now)
            target.breaker.release(started=started)
        else:
            target.endpoint.breaker.release(started=started)
            if target.breaker.failed(now, weight, jitter, started=started):
                self._rest([target], now)
                if target.endpoint.is_to_blame(now):
                    target.endpoint.breaker.trip(now, jitter)
                    self._rest(target.endpoint.targets, now)
        self._tell_breakers(target, before, f"{failure.kind}: {failure.message}", now)

    def _rest(self, targets: Iterable[TargetHealth], now: float) -> None:
        for target in targets:
            target.ramp.rest(now)

    def last_resort(self, keys: HealthKeys, now: float) -> bool:
        """May a request go although the target is open? True takes the turn: at most one a second for each target."""
        target = self._target(keys)
        if now - target.last_resort < LAST_RESORT_EVERY or target.hopeless(now):
            return False
        target.last_resort = now
        return True

    def due_probes(self, now: float) -> list[HealthKeys]:
        """One target of each credential whose key was refused and whose next free probe (a list of models) is due.

        It stays due until `probed` tells how that ended.
        """
        return [
            credential.refused
            for credential in self._credentials.values()
            if credential.refused is not None and (at := credential.cooldown.probe_at) is not None and at <= now
        ]

    def probed(self, keys: HealthKeys, now: float, *, passed: bool) -> None:
        """A free probe of a target's credential ended: its key works again, or the next probe waits longer."""
        cooldown = self._target(keys).credential.cooldown
        if not cooldown.needs_probe:
            return
        if passed:
            cooldown.clear(FailureKind.AUTH)
            self._tell(keys, Scope.CREDENTIAL, FailureKind.AUTH, READY, "the free probe passed", now)
        else:
            cooldown.probe_failed(now)

    def checked(self, keys: HealthKeys, failure: Failure | None, now: float, jitter: float = 0.0) -> None:
        """A free check (a list of models) outside any request ended; None: it passed.

        It tells of the key and of the way to the address, and of nothing else: a provider may list its models while every generation
        fails, and may fail to list them while it answers. So only a refused key and an address that can't be reached count.
        """
        target = self._target(keys)
        if failure is None or target.credential.cooldown.needs_probe:
            self.probed(keys, now, passed=failure is None)
        elif failure.kind is FailureKind.AUTH:
            self._cool(target, failure, now)
        elif failure.kind is FailureKind.TRANSPORT and failure.scope is Scope.ENDPOINT:
            before = target.recorded
            target.endpoint.breaker.failed(now, WEIGHT[FailureKind.TRANSPORT], jitter, started=now)
            self._tell_breakers(target, before, f"{failure.kind}: {failure.message}", now)

    def share_open(self, targets: Iterable[HealthKeys], now: float) -> float:
        """The share of these targets, 0 to 1, that are not to be asked; 0 of none."""
        looks = [self.look(keys, now).barred for keys in targets]
        return sum(looks) / len(looks) if looks else 0.0

    def _target(self, keys: HealthKeys) -> TargetHealth:
        target = self._targets.get(keys)
        if target is None:
            if len(self._targets) >= MOST_TARGETS:
                self._forget()
            endpoint = self._endpoints.get(keys.endpoint)
            if endpoint is None:
                endpoint = self._endpoints[keys.endpoint] = EndpointHealth(self._policy)
            credential = self._credentials.setdefault((keys.endpoint, keys.credential), CredentialHealth())
            target = self._targets[keys] = TargetHealth(keys, endpoint, credential, self._policy)
            endpoint.targets.append(target)
        return target

    def _forget(self) -> None:
        """Forgets the models whose breakers have nothing to tell, and if these are few, the older half of all."""
        kept = {keys: target for keys, target in self._targets.items() if not target.breaker.sound}
        if len(kept) > MOST_TARGETS // 2:
            kept = dict([*kept.items()][-MOST_TARGETS // 2 :])
        self._targets = kept
        for endpoint in self._endpoints.values():
            endpoint.targets[:] = [target for target in endpoint.targets if target.keys in kept]

    def _cool(self, target: TargetHealth, failure: Failure, now: float) -> None:
        kind, scope = failure.kind, failure.scope
        of_model = kind is FailureKind.MODEL_GONE or (scope is Scope.MODEL and kind is not FailureKind.AUTH)
        if failure.status == 402 and not target.shares_trouble(now):
            of_model = True
        if kind is FailureKind.AUTH:
            target.credential.refused = target.keys
        cooldown = target.cooldown if of_model else target.credential.cooldown
        if of_model:
            self._rest([target], now)
        else:
            self._rest((one for one in target.endpoint.targets if one.credential is target.credential), now)
        if cooldown.cool(kind, now, failure.retry_after):
            self._tell(target.keys, Scope.MODEL if of_model else Scope.CREDENTIAL, READY, kind, failure.message, now)

    def _tell_breakers(
        self, target: TargetHealth, before: tuple[BreakerState, BreakerState], reason: str, now: float
    ) -> None:
        if self._on_change is None:
            return
        for scope, old, new in zip((Scope.ENDPOINT, Scope.MODEL), before, target.recorded, strict=True):
            if old is not new:
                why = "time to probe" if new is BreakerState.HALF_OPEN else reason
                self._tell(target.keys, scope, old, new, why, now)

    def _tell(self, keys: HealthKeys, scope: Scope, old: str, new: str, reason: str, now: float) -> None:
        if self._on_change is not None:
            self._on_change(keys, scope, old, new, reason, now)
