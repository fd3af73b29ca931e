"""What the ledger knows of whether answers were good, without feedback.

| what is seen | taken as | weight |
|---|---|---|
| feedback | what it says | 1 |
| the same turn sent again within half an hour of its answer, by the same key | bad | 0.5 |
| the next turn of the conversation complains | bad | 0.5 |
| an attempt whose answer did not fit its schema or its tools | bad, for that target | 0.5 |
| the next turn thanks | good | 0.5 |
| the next turn goes on, or an answer fits a schema that was demanded | good | 0.25 |

Each request gives one such word, feedback before all, and one for each target whose answer did not fit. An answer that nothing follows says
nothing. A bad word counts twice as much as going on: about every second bad answer is taken without a complaint (an assumption; with some
feedback beside it matters less). A turn that comes more than `A_PROGRAM` times from one key is a program's and says nothing. Attempts that
failed otherwise (limits, overload, silence) say nothing of how hard a request was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from segue.cli.route.simulate import complexity_of
from segue.ledger.record import AttemptRecord
from segue.router import AFTER, CHECKED, TURN
from segue.routing.feedback import Judged

SENT_AGAIN = 1800.0
"""Seconds after an answer, in which the same turn again says that it was bad."""
A_PROGRAM = 3
WEIGHTS = {
    "feedback": 1.0, "sent again": 0.5, "complaint": 0.5, "misfit": 0.5, "thanks": 0.5, "went on": 0.25, "fits": 0.25,
}  # fmt: skip


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was answered: by which target, from when to when, and what is booked of its turn. `complexity` is None where it was unknown."""

    request_id: str
    target: str
    complexity: float | None
    started: float
    ended: float
    key: str
    turn: str
    after: str
    checked: bool


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One word on an answer of `target`. `source` is one of `WEIGHTS`."""

    request_id: str
    target: str
    complexity: float
    good: bool
    source: str

    def judged(self, strong: frozenset[str]) -> Judged:
        return Judged(self.complexity, self.target in strong, self.good, WEIGHTS[self.source])


def answers_of(records: Iterable[AttemptRecord]) -> list[Answered]:
    """The answers, the earliest first."""
    found = []
    for record in records:
        if record.outcome == "ok" and record.shown and not record.simulated:
            booked = record.metadata
            found.append(
                Answered(
                    request_id=record.request_id,
                    target=record.target,
                    complexity=complexity_of(record),
                    started=record.started,
                    ended=record.started + record.seconds,
                    key=record.key,
                    turn=booked.get(TURN, ""),
                    after=booked.get(AFTER, ""),
                    checked=CHECKED in booked,
                )
            )
    return sorted(found, key=lambda one: one.started)


def evidence_of(
    records: Sequence[AttemptRecord], feedback: Mapping[str, Mapping[str, Any]], *, only_feedback: bool = False
) -> list[Evidence]:
    """`feedback` is by request id."""
    answers = answers_of(records)
    words = {} if only_feedback else _words(answers)
    for request_id, word in feedback.items():
        words[request_id] = "feedback", word.get("good") is True
    found = {
        one.request_id: Evidence(
            request_id=one.request_id, target=one.target, complexity=one.complexity, good=good, source=source
        )
        for one in answers
        for source, good in [words.get(one.request_id, ("", False))]
        if source and one.complexity is not None
    }
    return [*found.values(), *([] if only_feedback else _misfits(records))]


def _words(answers: Sequence[Answered]) -> dict[str, tuple[str, bool]]:
    """For each answered request the weightiest word on it, and whether it is good."""
    found: dict[str, tuple[str, bool]] = {one.request_id: ("fits", True) for one in answers if one.checked}
    turns: dict[tuple[str, str], list[Answered]] = defaultdict(list)
    often = Counter((one.key, one.turn) for one in answers)
    for one in answers:
        if not one.turn or often[one.key, one.turn] > A_PROGRAM:
            continue
        before, _, verdict = one.after.partition(" ")
        for earlier in reversed(turns[one.key, before] if before else ()):
            if earlier.ended <= one.started:
                source = {"bad": "complaint", "good": "thanks"}.get(verdict, "went on")
                if found.get(earlier.request_id, ("",))[0] in ("", "fits"):
                    found[earlier.request_id] = source, verdict != "bad"
                break
        for earlier in turns[one.key, one.turn]:
            if earlier.ended <= one.started <= earlier.ended + SENT_AGAIN:
                found[earlier.request_id] = "sent again", False
        turns[one.key, one.turn].append(one)
    return found


def _misfits(records: Iterable[AttemptRecord]) -> list[Evidence]:
    found = {}
    for record in records:
        complexity = complexity_of(record)
        if record.outcome == "invalid" and not record.simulated and complexity is not None:
            found[record.request_id, record.target] = Evidence(
                request_id=record.request_id, target=record.target, complexity=complexity, good=False, source="misfit"
            )
    return list(found.values())
