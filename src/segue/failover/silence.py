"""What a silence means: an attempt that says nothing is raced, given up, or spared where there is nobody else to ask.

Its watch says how long the silence may last; here that is weighed against what the others can do.
"""

from __future__ import annotations

from segue.chat.failure import Failure, FailureKind
from segue.failover.attempt import Attempt
from segue.failover.attempts import Field
from segue.failover.scheduler import Dispatch
from segue.failover.stall_timer import Action, Phase


def judge(attempt: Attempt, now: float, field: Field, dispatch: Dispatch) -> Failure | None:
    """Lets an attempt's silence speak. Gives the failure that it amounts to, if it does.

    A silence that is to be raced leaves the attempt `overdue`. A probe that lost its race is ended here, by its own books.
    """
    verdict = attempt.watch.check(now)
    before = attempt.watch.phase is Phase.BEFORE
    late = now >= attempt.late_at
    silence = now - attempt.last_content
    if verdict.action is Action.HEDGE:
        attempt.overdue = True
    elif verdict.action is Action.GIVE_UP or late or attempt.spared:
        bounded = attempt.target.timeout is not None and not late
        final = verdict.action is Action.GIVE_UP and (not before or attempt.spared or bounded)
        if attempt.lost:
            field.leave(attempt)
            return None
        if final or field.racers != [attempt] or dispatch.has_another():
            return _stalled(verdict.reason or f"no content for {silence:.1f} s, the rest of the deadline is others'")
        if before:
            attempt.spare()
        else:
            attempt.limit = None
    if attempt.overdue and _is_better_left(attempt, field, dispatch):
        return _stalled(f"silent for {silence:.1f} s, and others find it unwell")
    return None


def _is_better_left(attempt: Attempt, field: Field, dispatch: Dispatch) -> bool:
    """A silent target that has been found unwell meanwhile is not waited for, if there is another: that costs no budget."""
    if attempt.lost or attempt.probe or field.racers != [attempt]:
        return False
    return dispatch.look(attempt.target).barred and dispatch.has_another()


def _stalled(reason: str) -> Failure:
    return Failure(kind=FailureKind.STALL, message=reason)
