"""The outcome of a request: for its caller, and for listeners."""

from __future__ import annotations

import msgspec

from segue.chat.usage import Usage
from segue.errors import AttemptSummary, SegueError
from segue.failover.attempt import Attempt
from segue.failover.hooks import RequestEnd, RequestStart
from segue.routing.policy import Route
from segue.routing.target import Target
from segue.wire.fitting.history import HEALED


class Report(msgspec.Struct, kw_only=True):
    """The outcome of a request; complete once its relay

    is done. `target` and `model` are the last that delivered content. `usage` sums the reports of the attempts that delivered content.
    `omitted` names request fields that were left out because the model does not take them, `healed` what was repaired in the request,
    by the keys of `wire.fitting.history.HEALED`. `notices` are sentences: on the model that answered (it retires soon, or
    it replaces another) and on what was repaired. `route` is why the chain was in this order; None: the configured order.
    """

    request_id: str
    target: str = ""
    model: str = ""
    attempts: list[AttemptSummary] = []
    seams: int = 0
    hedges: int = 0
    rounds: int = 1
    omitted: tuple[str, ...] = ()
    healed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    usage: Usage = Usage()
    route: Route | None = None


def sign(report: Report, leader: Attempt, *, usage: Usage, seams: int = 0) -> None:
    """Writes into the report whose answer it is."""
    target, receipt = leader.target, leader.receipt
    report.target = target.name
    report.model = receipt.model or target.model.id
    report.omitted, report.healed = receipt.omitted, receipt.healed
    notices = (target.notice,) if target.notice else ()
    report.notices = (*notices, *(HEALED.get(what, what) for what in report.healed)) if report.healed else notices
    report.seams = seams
    report.usage = usage


def ending(
    start: RequestStart,
    report: Report,
    speaker: Target | None,
    *,
    began: float,
    now: float,
    first_content: float | None,
    usage: Usage,
    text: str,
    seams: int = 0,
    error: SegueError | None = None,
) -> RequestEnd:
    """`speaker` delivers content, or did last. Moments are on the event loop's clock."""
    return RequestEnd(
        start=start,
        outcome="ok" if report.target else "failed" if error is not None else "cancelled",
        seconds=now - began,
        target=speaker.name if speaker is not None else "",
        model=speaker.model.id if speaker is not None else "",
        first_content=None if first_content is None else first_content - began,
        error=error,
        attempts=tuple(report.attempts),
        seams=seams,
        hedges=report.hedges,
        rounds=report.rounds,
        usage=usage,
        text=text,
    )
