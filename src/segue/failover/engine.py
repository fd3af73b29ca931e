"""What all requests of a process share, and the entry point for each of them.

The engine holds the health book, latencies, quotas and the hedge budget; a `Relay` carries one request. Clock, randomness, ids
and upstreams are passed in, so that a test can run years of failures in a second.
"""

from __future__ import annotations

import logging
import operator
import random
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from segue.catalog.tokens import estimate_request_tokens
from segue.chat.failure import Failure, FailureKind
from segue.chat.request import ChatRequest
from segue.failover.attempt import Attempt
from segue.failover.budget import FOREVER, HedgeBudget
from segue.failover.hooks import AttemptEnd, AttemptStart, Listener, RequestEnd, RequestStart
from segue.failover.job import Job, new_id
from segue.failover.key_probe import KeyProbe
from segue.failover.plan import Entry
from segue.failover.rejected_params import RejectedParams
from segue.failover.stall_timer import Limits, limits
from segue.failover.upstream import Upstream
from segue.failover.waiting import WaitingRoom
from segue.health.book import HealthBook
from segue.health.latency import LatencyBook, LatencyKey
from segue.health.quota import QuotaBook, QuotaKey, QuotaLimits
from segue.health.target import HEALTHY, Availability, HealthKeys
from segue.policy import Policy
from segue.routing import aging
from segue.routing.target import Target

log = logging.getLogger("segue")

MOST_REMEMBERED = 1000
"""Targets whose lifecycle and health names are cached; a caller of the gateway may name any number of models."""

_EPOCH = date(1970, 1, 1).toordinal()

EVENTS = ("request_started", "request_ended", "attempt_started", "attempt_ended")
"""The events of listeners, by the names of their methods."""

QUOTA_PATIENCE = 1.0
"""Seconds that a request waits for a quota's room; a target that needs longer is skipped …"""
QUOTA_MINUTE = 60.0
"""… and one that needs longer than this is not a last resort either: its daily quota is used up."""


class Engine:
    """Shared by all requests of a process, in any number of event loops one after another.

    `enough` samples make an estimate of a target's usual waits (`StallPolicy.enough`). `limits_of` is called once for each model
    that is asked of a target: a successor has its own quota. `fast_steps` is how many steps a request may take on the fast path, 0 for none.
    """

    def __init__(
        self,
        upstream: Callable[[Target], Upstream],
        *,
        health: HealthBook,
        enough: int = 20,
        listeners: Sequence[Listener] = (),
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        new_id: Callable[[], str] = new_id,
        limits_of: Callable[[Target], QuotaLimits | None] = lambda target: None,
        fast_steps: float = FOREVER,
    ) -> None:
        self.upstream = upstream
        self.limits_of = limits_of
        self.health = health
        self.latency = LatencyBook(enough=enough)
        self.quota = QuotaBook()
        self.budget = HedgeBudget()
        self._listening: dict[str, list[Callable[[Any], None]]] = {name: [] for name in EVENTS}
        self._reports_requests = False
        for listener in listeners:
            self.listen(listener)
        self.wall = wall
        self.rng = rng or random.Random()
        self.new_id = new_id
        self.refusals = RejectedParams()
        self.waiting = WaitingRoom()
        self.fast_steps = fast_steps
        self._key_probe = KeyProbe(self.health, self.keys, upstream)
        self._aged: dict[int, tuple[Target, tuple[int, bool], Target]] = {}
        self._warned: set[tuple[str, str]] = set()
        self._keys: dict[tuple[str, str, str], HealthKeys] = {}
        self._names: dict[HealthKeys, str] = {}

    # ---- queries of a relay

    def current(self, targets: tuple[Target, ...], policy: Policy) -> tuple[Target, ...]:
        """The targets on this day, the same tuple where nothing has changed."""
        day = int(self.wall() // 86400)
        found = []
        for target in targets:
            known = self._aged.get(id(target))
            if known is None or known[0] is not target or known[1] != (day, policy.successor):
                known = self._age(target, day, policy.successor)
            found.append(known[2])
        return targets if all(map(operator.is_, found, targets)) else tuple(found)

    def _age(self, target: Target, day: int, replace: bool) -> tuple[Target, tuple[int, bool], Target]:
        """The target on a day: its model or the successor; a notice on the model is logged once."""
        aged = aging.current(target, date.fromordinal(_EPOCH + day), replace=replace)
        if aged.notice and (target.name, aged.notice) not in self._warned:
            self._warned.add((target.name, aged.notice))
            log.warning("%s: %s", target.name, aged.notice)
        if len(self._aged) >= MOST_REMEMBERED:
            self._aged.clear()
        known = self._aged[id(target)] = (target, (day, replace), aged)
        return known

    def keys(self, target: Target) -> HealthKeys:
        """The names under which a target's health is kept."""
        known = (target.name, target.model.id, target.base_url)
        if (keys := self._keys.get(known)) is None:
            if len(self._keys) >= MOST_REMEMBERED:
                self._keys, self._names = {}, {}
            keys = self._keys[known] = HealthKeys(target.endpoint, target.credential, target.model.id)
            if (limits := self.limits_of(target)) is not None:
                self.quota.configure(QuotaKey(keys.credential, keys.model), limits)
            self._names.setdefault(keys, target.name)
        return keys

    def name_of(self, keys: HealthKeys) -> str:
        """A target whose health is kept under these names; "" if none was used yet, or not recently."""
        return self._names.get(keys, "")

    def look(self, target: Target, tokens: int, now: float) -> Availability:
        """Whether a request of so many tokens may go to a target now: its health and its quota."""
        keys = self.keys(target)
        availability = self.health.look(keys, now)
        if availability.barred:
            return availability
        wait = self.quota_wait(target, tokens, now)
        if wait > QUOTA_PATIENCE:
            spent = wait > QUOTA_MINUTE
            return Availability(barred=True, recovers_at=now + wait, reason="its free quota is used up", hopeless=spent)
        return availability if availability.probing else HEALTHY

    def healthy(self, target: Target) -> bool:
        """Whether a target has not failed since its last answer."""
        return self.health.healthy(self.keys(target))

    def quota_wait(self, target: Target, tokens: int, now: float) -> float:
        """Seconds until a request of so many tokens fits the target's quota; reserves nothing."""
        keys = self.keys(target)
        if self.quota.free:
            return 0.0
        return self.quota.wait(QuotaKey(keys.credential, keys.model), tokens, now, self.wall())

    def reserve(self, target: Target, tokens: int, now: float) -> float:
        """Takes room in the target's quota; returns the seconds to wait first, 0.0 when taken."""
        keys = self.keys(target)
        if self.quota.free:
            return 0.0
        return self.quota.reserve(QuotaKey(keys.credential, keys.model), tokens, now, self.wall())

    def admit_freely(self, target: Target, tokens: int, now: float) -> bool:
        """Whether a target can be asked now, without a wait and not as a probe; then its health has admitted the request, and its
        quota has room for it."""
        keys = self.keys(target)
        if not self.quota.free:
            availability = self.look(target, tokens, now)
            if availability.barred or availability.probing or self.reserve(target, tokens, now) > 0.0:
                return False
        return self.health.admit_freely(keys, now)

    def limits(self, target: Target, request: ChatRequest, tokens: int, policy: Policy, key: LatencyKey) -> Limits:
        """An attempt's timers, from the measured waits of its target."""
        return limits(
            target.stall or policy.stall,
            p95_first=self.latency.first(key, 0.95),
            p99_first=self.latency.first(key, 0.99),
            p99_gap=self.latency.gap(key, 0.99),
            prompt_tokens=tokens,
            reasoning=target.model.deliberates(request.effort, request.thinking_budget),
            streams=target.streams,
            timeout=target.timeout,
        )

    def count_tokens(self, request: ChatRequest) -> int:
        return estimate_request_tokens(request)

    def successor(self, target: Target) -> Target | None:
        """The same target with its model's successor."""
        return aging.successor(target, date.fromordinal(_EPOCH + int(self.wall() // 86400)))

    # ---- reports of a relay

    def request_started(self, job: Job, request_id: str) -> RequestStart | None:
        """Starts the probes that are due for the job's targets; returns what the listeners were called with, None if none listens."""
        self._key_probe.start_due(job.targets, connect=job.policy.connect)
        if not self._reports_requests:
            return None
        start = RequestStart(
            request_id=request_id,
            request=job.request,
            target=job.targets[0],
            chain=job.chain,
            wall=self.wall(),
            hold=job.hold,
            metadata=job.metadata,
        )
        self._notify("request_started", start)
        return start

    def listen(self, listener: Listener) -> None:
        """Adds a listener after the present ones, for everything that begins from now on."""
        for name, calls in self._listening.items():
            if (call := getattr(listener, name, None)) is not None:
                calls.append(call)
        self._reports_requests = bool(self._listening["request_started"] or self._listening["request_ended"])

    def request_ended(self, end: RequestEnd) -> None:
        self._notify("request_ended", end)

    def began(self, start: AttemptStart) -> None:
        self._notify("attempt_started", start)

    def ended(self, end: AttemptEnd) -> None:
        self._notify("attempt_ended", end)

    def proved(self, attempt: Attempt, now: float) -> None:
        """The attempt has shown its first content."""
        keys = attempt.keys
        attempt.proven = self.health.proved(keys, now, started=attempt.began)
        self._call_waiting(keys, now, well=True)

    def answered(self, attempt: Attempt, now: float) -> None:
        """The attempt gave a whole answer."""
        if attempt.proven is None:
            self.proved(attempt, now)
        keys = attempt.keys
        self.health.succeeded(keys, now, started=attempt.began, proven=bool(attempt.proven))
        self.budget.success()
        self._call_waiting(keys, now, well=True)
        self._observe(attempt, now)

    def failed(self, attempt: Attempt, failure: Failure, now: float) -> None:
        """The attempt failed; updates its target's health and quota."""
        keys = attempt.keys
        jitter = self.rng.uniform(-1.0, 1.0)
        self.health.failed(keys, failure, now, jitter, started=attempt.began, proven=bool(attempt.proven))
        self._call_waiting(keys, now)
        if failure.quota is not None:
            self.quota.learn(
                QuotaKey(keys.credential, keys.model), failure.quota, failure.retry_after, now, self.wall()
            )
        self._observe(attempt, now)

    def surpassed(self, attempt: Attempt, now: float) -> None:
        """The attempt's answer did not fit the request, and another target's did: the target is at fault, not the request."""
        failure = Failure(kind=FailureKind.BROKEN, message="its answer did not fit the request, another target's did")
        self.health.failed(attempt.keys, failure, now, self.rng.uniform(-1.0, 1.0), started=attempt.began)

    def released(self, attempt: Attempt, now: float) -> None:
        """The attempt ended without a verdict on its target's health."""
        keys = attempt.keys
        self.health.release(keys, started=attempt.began, proven=bool(attempt.proven))
        self._call_waiting(keys, now)
        self._observe(attempt, now)

    def unproven(self, attempt: Attempt, now: float) -> None:
        """The attempt was a probe, and others had answered before it showed anything."""
        self.health.unproven(attempt.keys, now, self.rng.uniform(-1.0, 1.0), started=attempt.began)

    def learned(self, entry: Entry) -> None:
        """The attempt without the refused fields succeeded: they are left out from now on, unless only their values were refused."""
        if lasting := entry.omit - entry.passing:
            self.refusals.learn(entry.target, lasting)

    def _call_waiting(self, keys: HealthKeys, now: float, *, well: bool = False) -> None:
        if self.waiting:
            self.waiting.call(keys, lambda: self.health.room(keys, now), well=well)

    def _observe(self, attempt: Attempt, now: float) -> None:
        key = attempt.latency_key
        if attempt.first_content is not None:
            self.latency.observe_first(key, attempt.first_content)
        for gap in attempt.gaps:
            self.latency.observe_gap(key, gap)
        if attempt.usage is not None and attempt.usage.prompt_tokens and not self.quota.free:
            keys = attempt.keys
            difference = attempt.usage.prompt_tokens - attempt.start.prompt_tokens
            self.quota.adjust(QuotaKey(keys.credential, keys.model), difference, now, reserved_at=attempt.began)

    def _notify(self, method: str, event: Any) -> None:
        for call in self._listening[method]:
            try:
                call(event)
            except Exception:
                log.exception("a listener failed in %s", method)
