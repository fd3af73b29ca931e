"""What the caller of one request is shown: the leading attempt's events, through the splice.

No clock and no tasks here; `now` is passed in. The relay decides who leads, and what follows when the leader breaks off.
"""

from __future__ import annotations

import msgspec

from segue.chat.events import (
    ChatEvent,
    Finished,
    FinishReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import Failure, FailureKind
from segue.failover.attempt import SAME_READ, Attempt
from segue.failover.budget import FOREVER
from segue.failover.check import Check
from segue.failover.splice.partial_answer import is_content
from segue.failover.splice.splice import Next, Splice
from segue.policy import Policy
from segue.routing.target import Target


class Delivery:
    """The leading attempt and the

    answer so far. `attempt` leads now, `last_leader` was the last to deliver content; both None before there is content, which first came
    at `first_content`. `out` is what the caller has not taken yet. `finished` is the last stop reason: with it the answer is complete, and
    what follows is waited for until `linger_until`. `doubtful`: content came after a stop reason, so that the stop reasons of this attempt
    prove little. `seam_until` is when text that a seam withholds is delivered anyway. `tools`: the model may call some, so that a
    provisional end proves nothing.
    """

    __slots__ = (
        "_policy",
        "_tools",
        "attempt",
        "doubtful",
        "finished",
        "first_content",
        "last_leader",
        "linger_until",
        "out",
        "seam_until",
        "splice",
    )

    def __init__(self, policy: Policy, *, hold: bool, check: Check, tools: bool = False) -> None:
        self._policy = policy
        self._tools = tools
        self.splice = Splice(hold=hold, continuations=policy.continuations, seam_chars=policy.seam_chars, check=check)
        self.attempt: Attempt | None = None
        self.last_leader: Attempt | None = None
        self.first_content: float | None = None
        self.out: list[ChatEvent] = []
        self.finished: Finished | None = None
        self.doubtful = False
        self.seam_until = FOREVER
        self.linger_until = FOREVER

    @property
    def speaker(self) -> Target | None:
        """The attempt that delivers content, or did last; None before there is content."""
        return self.last_leader.target if self.last_leader is not None else None

    @property
    def goes_on(self) -> bool:
        """Whether the next attempt continues an answer."""
        return self.last_leader is not None and self.splice.on_break() is Next.CONTINUE

    def take(self, attempt: Attempt, now: float) -> None:
        """The attempt has content: it leads from here on."""
        if self.last_leader is None:
            self.first_content = now
        elif attempt.start.continuation:
            self.splice.continue_with(
                self.last_leader.target.name,
                attempt.target.name,
                prefill=attempt.prefill,
                taken_back=attempt.taken_back,
            )
        else:
            self.splice.restart(self.last_leader.target.name, attempt.target.name)
        self.attempt = self.last_leader = attempt

    def lose(self) -> Next:
        """The leader is gone. Returns how the answer can go on."""
        self.attempt = self.finished = None
        self.doubtful = False
        self.seam_until = self.linger_until = FOREVER
        return self.splice.on_break()

    def deliver(self, attempt: Attempt, event: UpstreamEvent, now: float) -> Failure | None:
        """Takes an event of the leader. Returns what is wrong with it, if anything."""
        if isinstance(event, Finished):
            return self._stop(attempt, event, now)
        if self.finished is not None:
            self._go_on(attempt, event, self.finished, now)
        splice = self.splice
        if type(event) is TextDelta and splice.pass_on(event):
            attempt.shown = True
            self.out.append(event)
            return None
        shown = splice.feed(event)
        if splice.failure is not None:
            self.out += shown
            return splice.failure
        if shown:
            attempt.shown = True
            self.out += [event for event in shown if not isinstance(event, UsageReport)]
        if not splice.holding:
            self.seam_until = FOREVER
        elif self.seam_until == FOREVER:
            self.seam_until = now + self._policy.seam_wait
        return None

    def close(self) -> Failure | None:
        """Ends the answer with its last stop reason. Returns what is wrong with the whole of it, if anything."""
        assert self.finished is not None
        shown = self.splice.feed(msgspec.structs.replace(self.finished, provisional=False))
        if shown and self.last_leader is not None:
            self.last_leader.shown = True
        self.out += [event for event in shown if not isinstance(event, (UsageReport, Finished))]
        return self.splice.failure

    def flush(self) -> Failure | None:
        """Delivers what a seam withholds. Returns what is wrong with it, if anything."""
        self.seam_until = FOREVER
        self.out += self.splice.flush()
        return self.splice.failure

    def finish_tools(self) -> Finished:
        """Ends the turn with the tool calls that were shown; the caller runs them and comes back."""
        *shown, finished = self.splice.finish_tools()
        self.out += shown
        assert isinstance(finished, Finished)
        return finished

    def _stop(self, attempt: Attempt, event: Finished, now: float) -> Failure | None:
        """Handles a stop reason. Returns a failure if it is a refusal after which another target is to be asked."""
        refused = event.reason is FinishReason.CONTENT_FILTER
        if refused and self._policy.failover_on_refusal and not self.splice.delivered:
            return Failure(kind=FailureKind.POLICY, message="the model declined to answer")
        if event.provisional and self._tools:
            return None  # a call may still follow
        self.finished = event
        if event.provisional or self.doubtful:
            self.linger_until = now + _pause(attempt)
        elif attempt.came_at_once and now - attempt.last_content <= SAME_READ:
            # It may be the first of several chunks that have a stop reason each.
            self.linger_until = now + max(self._policy.linger, attempt.watch.limits.hedge_gap or 0.0)
        else:
            self.linger_until = now + self._policy.linger
        return None

    def _go_on(self, attempt: Attempt, event: UpstreamEvent, finished: Finished, now: float) -> None:
        """Handles what follows a stop reason: usage and the like, or more of the answer."""
        if finished.provisional and isinstance(event, (TextDelta, ThinkingDelta, ToolCallDelta)):
            self.finished = None
            self.linger_until = FOREVER
        elif is_content(event):
            self.doubtful = True
            self.linger_until = now + _pause(attempt)


def _pause(attempt: Attempt) -> float:
    """Seconds that an answer may pause where its end is uncertain."""
    return attempt.watch.limits.give_up_gap or FOREVER
