"""How a whole request is described to listeners once it is over."""

from __future__ import annotations

from segue.errors import SegueError
from segue.failover.field import Report
from segue.failover.listener import RequestEnd, RequestStart
from segue.failover.splice import Splice
from segue.routing.target import Target


def ending(
    start: RequestStart,
    report: Report,
    splice: Splice,
    speaker: Target | None,
    error: SegueError | None,
    seconds: float,
    first_content: float | None,
) -> RequestEnd:
    """`speaker` is who spoke last; times are in seconds from the request's start."""
    return RequestEnd(
        start=start,
        outcome="ok" if report.target else "failed" if error is not None else "cancelled",
        seconds=seconds,
        target=speaker.name if speaker is not None else "",
        model=speaker.model.id if speaker is not None else "",
        first_content=first_content,
        error=error,
        attempts=tuple(report.attempts),
        seams=splice.seams,
        hedges=report.hedges,
        rounds=report.rounds,
        usage=splice.usage,
        text=splice.delivered,
    )
