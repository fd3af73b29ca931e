"""How a whole request is described once it is over: to its caller and to listeners."""

from __future__ import annotations

from segue.errors import SegueError
from segue.failover.attempts import Report
from segue.failover.delivery import Lead
from segue.failover.hooks import RequestEnd, RequestStart


def sign(report: Report, lead: Lead) -> None:
    """Notes in the report whose answer it is."""
    assert lead.spoke is not None
    target = lead.spoke.target
    report.target = target.name
    report.model = lead.spoke.receipt.model or target.model.id
    report.notices = (target.notice,) if target.notice else ()
    report.seams = lead.splice.seams
    report.usage = lead.splice.usage


def ending(
    start: RequestStart, report: Report, lead: Lead, error: SegueError | None, *, began: float, now: float
) -> RequestEnd:
    """`began` and `now` are on the event loop's clock, as the lead's moments are."""
    speaker, splice = lead.speaker, lead.splice
    return RequestEnd(
        start=start,
        outcome="ok" if report.target else "failed" if error is not None else "cancelled",
        seconds=now - began,
        target=speaker.name if speaker is not None else "",
        model=speaker.model.id if speaker is not None else "",
        first_content=None if lead.first_content is None else lead.first_content - began,
        error=error,
        attempts=tuple(report.attempts),
        seams=splice.seams,
        hedges=report.hedges,
        rounds=report.rounds,
        usage=splice.usage,
        text=splice.delivered,
    )
