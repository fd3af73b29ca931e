"""The order in which targets are asked, for one request. Pure: the health of targets is looked up through a function, `now` is passed in.

The chain is walked in rounds. In a round every target is in the queue once, in the chain's order:

- A target that is unhealthy (breaker open, cooling down, quota used up) or unfit for the request stays queued and is skipped; it costs
nothing.
- A failure may put the same target back at the front: the quick second try after a short failure, a try without a parameter or a
  prefill it refused, or its successor if the model is gone. Each happens once per target.
- A context that was too long for one model excludes those with an equal or smaller window. A refusal that names no field counts as
  that only if the prompt may have filled the window.

When none in the queue can be asked, the next round begins as soon as one recovers: one with a transient failure or one that was skipped
because it cools down, after the stated time, else after an exponential wait; while rounds, patience and deadline last. Otherwise,
if nothing was sent yet, the target that recovers first gets one last-resort attempt, never one without money or key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from segue.chat.failure import Failure, FailureKind
from segue.failover.budget import FOREVER, round_wait
from segue.failover.rejected_params import lasts
from segue.health.target import Availability
from segue.policy import Policy
from segue.routing.dialect import NO_RESPONSES
from segue.routing.fitness import Need, unfit
from segue.routing.resolve import with_notice
from segue.routing.target import Target
from segue.wire.codec import BETAS

TRANSIENT = frozenset(
    {FailureKind.RATE, FailureKind.OVERLOAD, FailureKind.TRANSPORT, FailureKind.BROKEN, FailureKind.STALL}
)

OMITTABLE = frozenset(
    {
        "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls",
        "effort", "thinking_budget", "thinking", "tools.reasoning_effort", "max_tokens", "max_completion_tokens", "stop", "user", "strict",
        "stream_options", "signature", "tool_choice", "output", "system", "logprobs", "top_logprobs", "logit_bias", "metadata", "store",
        "service_tier", "verbosity", "include", NO_RESPONSES,
    }
)  # fmt: skip
"""Request fields that a target may refuse: they are left out, or expressed differently where the codec can (the limit by its other
name, a schema and a forced tool call as an instruction, the system text in the first turn). `thinking` is earlier turns' reasoning.
`responses` is not a field: it is the Responses API, which an address does not offer."""


SOON = 0.2
"""Seconds that a quick second try is waited for before others are asked."""
STRETCH = 0.2
"""The greatest random extension of a stated wait, as a share of it."""


class Entry(msgspec.Struct, kw_only=True):
    """A place in the queue.

    `tried` counts its transient failures. `not_before` is a moment, 0 for now; `stated` the one that the target itself named; `passing` are
    those fields of `omit` that other requests may still have; `prefill` and `take_back` are the ways in which it may continue an answer;
    `retried`: it is a second try of the same target; `resort`: the target is to be asked although it is excluded.
    """

    target: Target
    tried: int = 0
    not_before: float = 0.0
    stated: float = 0.0
    omit: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    prefill: bool = True
    take_back: bool = True
    retried: bool = False
    resort: bool = False


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A target that was skipped, and why. `unfit`: it can't take this request at all."""

    target: Target
    reason: str
    recovers_at: float | None = None
    unfit: bool = False


Look = Callable[[Target], Availability]
_replace = msgspec.structs.replace


class Plan:
    """The queue of one request."""

    def __init__(
        self, targets: Iterable[Target], need: Need, policy: Policy, *, successor: Callable[[Target], Target | None]
    ) -> None:
        self._policy = policy
        self._targets = tuple(targets) if policy.fallback else tuple(targets)[:1]
        self._need = need
        self._successor = successor
        self._queue = [Entry(target=target) for target in self._targets]
        self._again: dict[str, Entry] = {}
        self._second_tries: list[tuple[str, str]] = []
        self._sent = 0
        self.round = 1

    def next(
        self,
        look: Look,
        *,
        providers: Collection[str] = (),
        prefer: Callable[[Target], bool] | None = None,
        now: float = FOREVER,
    ) -> Entry | None:
        """Takes the first in the queue that can be asked, or None.

        Targets of `providers` are left out (a hedge goes to another provider), and those whose moment is after `now`; those that `prefer`
        picks come first.
        """
        entry = self.peek(look, providers=providers, prefer=prefer, now=now)
        if entry is not None:
            self.take(entry)
        return entry

    def take(self, entry: Entry) -> None:
        """Takes an entry that `peek` gave."""
        self._queue.remove(entry)
        self._sent += 1

    def peek(
        self,
        look: Look,
        *,
        providers: Collection[str] = (),
        prefer: Callable[[Target], bool] | None = None,
        now: float = FOREVER,
    ) -> Entry | None:
        """The entry that `next` would take."""
        first = None
        for entry in self._queue:
            target = entry.target
            if entry.not_before > now + SOON or target.provider in providers or unfit(target, self._need):
                continue
            if (availability := look(target)).barred:
                if availability.gone and (self._succeed(target) or self._give_notice(target)):
                    return self.peek(look, providers=providers, prefer=prefer, now=now)
                continue
            if prefer is None or prefer(target):
                return entry
            first = first or entry
        return first

    def skipped(self, look: Look) -> list[Skipped]:
        """The queued targets that can't be asked, and why."""
        found = []
        for entry in self._queue:
            reason = unfit(entry.target, self._need)
            if reason is not None:
                found.append(Skipped(target=entry.target, reason=reason, unfit=True))
            elif (availability := look(entry.target)).barred:
                at = None if availability.gone else availability.recovers_at
                found.append(Skipped(target=entry.target, reason=availability.reason, recovers_at=at))
        return found

    def put_back(self, entry: Entry) -> None:
        """An attempt ended without a verdict, because another was faster: its target can be asked again, at its old position."""
        order = [target.name for target in self._targets]
        place = order.index(entry.target.name)
        after = [order.index(other.target.name) > place for other in self._queue]
        self._queue.insert(after.index(True) if True in after else len(after), entry)

    def give_back(self, entry: Entry) -> None:
        """An entry that was taken was not sent."""
        self._sent -= 1
        self.put_back(_replace(entry, resort=False))

    def failed(self, entry: Entry, failure: Failure, now: float, *, healthy: bool, pause: float = 0.0) -> None:
        """Records that an attempt failed and queues what follows

        from it. `healthy`: the target was healthy until now; `pause` is the wait before a quick second try, in seconds.
        """
        target, kind = entry.target, failure.kind
        if kind in TRANSIENT and failure.should_retry is not False:
            at = now + (failure.retry_after or 0.0)
            self._again[target.name] = _replace(
                entry, tried=entry.tried + 1, not_before=at, stated=at, retried=False, resort=False
            )
        if kind is FailureKind.CAPABILITY:
            self._adapt(entry, failure)
        elif kind is FailureKind.MODEL_GONE:
            _ = self._succeed(target) or self._give_notice(target)
        elif _is_blip(failure) and healthy and self._once(target, "blip"):
            self._queue.insert(0, _replace(entry, not_before=now + pause, retried=True))

    def last_resort(self, look: Look, now: float) -> Entry | None:
        """Takes the target to try although none is healthy: the one that recovers first. None if something was sent already."""
        if self._sent:
            return None
        candidates = [
            (availability.recovers_at or now, order, entry)
            for order, entry in enumerate(self._queue)
            if not unfit(entry.target, self._need) and not (availability := look(entry.target)).hopeless
        ]
        if not candidates:
            return None
        entry = min(candidates, key=lambda candidate: candidate[:2])[2]
        self.take(entry)
        return _replace(entry, resort=True)

    def next_round(self, look: Look, now: float, *, until: float, jitter: float) -> float | None:
        """Queues the transient failures again. Returns the moment at which one can be asked, or None if none can before

        `until`. Targets that cool down are waited for whether they failed in this request or were skipped. None is asked before the
        time it stated, which `jitter` (0 to 1) extends by up to a fifth.
        """
        if self._policy.rounds == 1:
            return None
        due = [
            _replace(entry, not_before=at)
            for entry in self._again.values()
            if entry.tried < self._policy.rounds and (at := self._due(entry, look, now, jitter)) is not None
        ]
        waiting = {entry.target.name for entry in due}
        self._queue = [entry for entry in self._queue if entry.target.name not in waiting]
        moments = [entry.not_before for entry in due] + self._recoveries(look, now, jitter)
        first = min(moments, default=None)
        if first is None or first >= until or first > now + self._policy.patience:
            return None
        self._queue += sorted(due, key=lambda entry: entry.not_before)
        self._again.clear()
        self.round = max([self.round, *(entry.tried + 1 for entry in due)])
        return first

    def recovery(self, look: Look, now: float) -> float | None:
        """The earliest moment at which a queued target may be asked that can't be now; None if there is none."""
        return min(self._recoveries(look, now, 0.0), default=None)

    def hoped_for(self, look: Look) -> list[Target]:
        """The queued targets that may be asked sooner or later."""
        return [
            entry.target
            for entry in self._queue
            if not (unfit(entry.target, self._need) or look(entry.target).hopeless)
        ]

    def recovered(self, is_it: Callable[[Target], bool], now: float) -> None:
        """A queued target has answered another request: it can be asked now, unless it stated a wait itself."""
        for entry in self._queue:
            if entry.not_before > now >= entry.stated and is_it(entry.target):
                self._queue.remove(entry)
                self._queue.insert(0, _replace(entry, not_before=0.0))
                return

    def _due(self, entry: Entry, look: Look, now: float, jitter: float) -> float | None:
        """When a target with a transient failure may be asked again; None if not at all."""
        availability = look(entry.target)
        if availability.hopeless:
            return None
        stated = max(entry.stated, (availability.recovers_at or 0.0) if availability.barred else 0.0)
        if stated > now:
            return _stretched(stated, now, jitter)
        return now + round_wait(entry.tried, self._policy.round_wait, jitter)

    def _recoveries(self, look: Look, now: float, jitter: float) -> list[float]:
        """When those in the queue may be asked that can't be now."""
        moments = []
        for entry in self._queue:
            if unfit(entry.target, self._need):
                continue
            availability = look(entry.target)
            if not availability.barred:
                moments += [entry.not_before] if entry.not_before > now else []
            elif availability.recovers_at is not None and not availability.hopeless:
                recovers_at = max(now, availability.recovers_at)
                moments.append(max(entry.not_before, _stretched(recovers_at, now, jitter)))
        return moments

    def _adapt(self, entry: Entry, failure: Failure) -> None:
        target = entry.target
        if failure.prefill_rejected and failure.status is None and self._once(target, "take_back"):
            self._queue.insert(0, _replace(entry, take_back=False, retried=True))
        elif failure.prefill_rejected and self._once(target, "prefill"):
            self._queue.insert(0, _replace(entry, prefill=False, retried=True))
        elif failure.param is not None and _is_omittable(failure.param) and failure.param not in entry.omit:
            omit = entry.omit | {failure.param}
            passing = entry.passing if lasts(failure) else entry.passing | {failure.param}
            self._queue.insert(0, _replace(entry, omit=omit, passing=passing, retried=True))
        elif failure.param is None and (window := target.model.window) and self._may_fill(window):
            self._need = _replace(self._need, window=max(self._need.window, window + 1))

    def _may_fill(self, window: int) -> bool:
        """Whether a refusal that names no field can be due to the prompt's length: the real prompt may be twice its estimate."""
        return 2 * self._need.prompt_tokens > window

    def _succeed(self, target: Target) -> bool:
        """Puts the successor of a model that is gone first in the queue; returns whether there is one."""
        allowed = self._policy.successor and self._policy.fallback
        if not allowed or (heir := self._successor(target)) is None:
            return False
        in_chain = any(other.model.id == heir.model.id and other.base_url == heir.base_url for other in self._targets)
        if in_chain or not self._once(heir, "heir"):
            return False
        self._queue.insert(0, Entry(target=heir))
        return True

    def _give_notice(self, target: Target) -> bool:
        """Adds a notice to the remaining targets that they answer for a model that is gone; returns whether there are any."""
        if not self._once(target, "gone"):
            return False
        notice = f"{target.name} has no model {target.model.id}"
        self._queue = [
            entry if entry.target is target else _replace(entry, target=with_notice(entry.target, notice))
            for entry in self._queue
        ]
        return True

    def _once(self, target: Target, what: str) -> bool:
        key = (target.name + "#" + target.model.id, what)
        if key in self._second_tries:
            return False
        self._second_tries.append(key)
        return True


def _stretched(at: float, now: float, jitter: float) -> float:
    """A stated moment, up to a fifth of the wait later, so that the waiting requests do not all come together."""
    return at + max(0.0, at - now) * STRETCH * jitter


def _is_omittable(param: str) -> bool:
    return param in OMITTABLE or param.startswith(BETAS)


def _is_blip(failure: Failure) -> bool:
    return (
        failure.kind is FailureKind.OVERLOAD
        and failure.status in (500, 502)
        and failure.retry_after is None
        and failure.should_retry is not False
    )
