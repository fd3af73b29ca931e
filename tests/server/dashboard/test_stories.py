"""What became of a request, and what its caller felt, from its attempts' records alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from segue.ledger.record import AttemptRecord, Settlement
from segue.monitoring.redaction import Redactor
from segue.server.dashboard.look import look
from segue.server.dashboard.past import balance
from segue.server.dashboard.stories import Felt, felt, row, story

BEGAN = 1_000_000.0
PLAIN = Redactor()


def attempt(target: str, at: float = 0.0, outcome: str = "ok", **fields: Any) -> AttemptRecord:
    """An attempt of the request that began at `BEGAN`; `at` in seconds from there."""
    settled = Settlement.RESERVED if outcome == "pending" else Settlement.SETTLED
    known: dict[str, Any] = {"seconds": 1.0, "settlement": settled, "cost": Decimal("0.01"), "request_id": "r"} | fields
    return AttemptRecord(
        attempt_id=f"{known['request_id']}-{target}-{at}",
        started=BEGAN + at,
        target=target,
        provider=target,
        model=f"{target}-model",
        outcome=outcome,
        **known,
    )


SPOKE: dict[str, Any] = {"first_content": 0.25, "shown": True}

CASES: dict[str, tuple[list[AttemptRecord], Felt]] = {
    "a plain answer": ([attempt("a", **SPOKE)], Felt(kind="nothing", first=0.25)),
    "a failure before content": (
        [attempt("a", outcome="rate", seconds=0.5), attempt("b", 0.5, **SPOKE)],
        Felt(kind="later", first=0.75, delay=0.5),
    ),
    "a hedge that answered": (
        [attempt("a", outcome="cancelled", seconds=3.25), attempt("b", 3.0, hedge=True, **SPOKE)],
        Felt(kind="later", first=3.25, delay=3.0),
    ),
    "a hedge that was not needed": (
        [attempt("a", seconds=5.0, first_content=3.5, shown=True), attempt("b", 3.0, "cancelled", hedge=True)],
        Felt(kind="nothing", first=3.5),
    ),
    "an answer gone on with": (
        [attempt("a", outcome="broken", **SPOKE), attempt("b", 1.0, continuation=True, **SPOKE)],
        Felt(kind="pause", first=0.25, pause=0.25, seams=1),
    ),
    "two seams, of which the longer pause counts": (
        [
            attempt("a", outcome="broken", **SPOKE),
            attempt("b", 1.0, "broken", continuation=True, **SPOKE),
            attempt("c", 2.5, continuation=True, **SPOKE),
        ],
        Felt(kind="pause", first=0.25, pause=0.75, seams=2),
    ),
    "no target answers": (
        [attempt("a", outcome="overload"), attempt("b", 1.0, "transport")],
        Felt(kind="error"),
    ),
    "part of an answer": (
        [attempt("a", outcome="broken", **SPOKE), attempt("b", 1.0, "overload")],
        Felt(kind="broken_off", first=0.25),
    ),
    "a caller who leaves": ([attempt("a", outcome="cancelled", **SPOKE)], Felt(kind="left", first=0.25)),
    "a request on its way": (
        [attempt("a", outcome="stall"), attempt("b", 1.0, "pending", seconds=0.0)],
        Felt(kind="running"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_caller_felt_is_read_off_the_attempts(case: str) -> None:
    attempts, expected = CASES[case]
    assert felt(attempts) == expected


def test_a_row_names_the_first_failure_and_who_answered_and_adds_up_what_is_known() -> None:
    attempts = [
        attempt("a", outcome="money", reason="sk-abcdefgh12345678 has no credit", seconds=0.5),
        attempt("b", 0.5, "stall", cost=None, bound=Decimal("0.04"), settlement=Settlement.ESTIMATED),
        attempt("c", 1.5, key="key_1", chain="fast", **SPOKE),
    ]
    found = row(attempts, PLAIN, BEGAN + 9)
    assert (found.state, found.outcome, found.answered_by, found.model) == ("ok", "money", "c", "c-model")
    assert found.reason == "[redacted] has no credit"
    assert found.targets == ("a", "b", "c")
    assert (found.cost, found.bound) == (Decimal("0.02"), Decimal("0.06"))
    assert found.seconds == 2.5


def test_what_stand_ins_would_cost_is_never_added_to_what_models_cost() -> None:
    mixed = row([attempt("a", outcome="rate", simulated=True), attempt("b", 1.0, **SPOKE)], PLAIN, BEGAN + 9)
    assert (mixed.simulated, mixed.mixed, mixed.cost) == (True, True, Decimal("0.01"))
    alone = row([attempt("a", outcome="rate", simulated=True)], PLAIN, BEGAN + 9)
    assert (alone.simulated, alone.mixed, alone.cost) == (True, False, Decimal("0.01"))


def test_a_request_whose_process_ended_says_so() -> None:
    found = row([attempt("a", outcome="lost", settlement=Settlement.ESTIMATED)], PLAIN, BEGAN + 9)
    assert (found.state, found.outcome) == ("failed", "lost")


def test_a_story_shows_the_waits_in_which_no_attempt_ran() -> None:
    attempts = [
        attempt("a", outcome="rate", seconds=0.5),
        attempt("a", 4.5, metadata={"segue_policy": "cost", "segue_route": "a is cheap"}, **SPOKE),
    ]
    result = story(attempts, PLAIN, BEGAN + 9)
    assert [(wait.at, wait.seconds) for wait in result.waits] == [(0.5, 4.0)]
    assert [(step.at, step.seconds, step.outcome) for step in result.steps] == [(0.0, 0.5, "rate"), (4.5, 1.0, "ok")]
    assert result.end == 5.5


def test_an_attempt_that_runs_lasts_until_now() -> None:
    result = story([attempt("a", outcome="pending", seconds=0.0)], PLAIN, BEGAN + 7)
    assert (result.steps[0].seconds, result.row.state, result.end) == (7.0, "running", 7.0)


def test_the_balance_counts_what_would_have_failed_and_what_the_others_cost() -> None:
    requests = [
        [attempt("a", request_id="plain", **SPOKE)],
        [
            attempt("a", outcome="rate", request_id="late", cost=Decimal(0)),
            attempt("b", 1.0, request_id="late", **SPOKE),
        ],
        [
            attempt(
                "a",
                outcome="broken",
                request_id="seam",
                bound=Decimal("0.05"),
                settlement=Settlement.ESTIMATED,
                **SPOKE,
            ),
            attempt("b", 3.0, request_id="seam", continuation=True, **SPOKE),
        ],
        [
            attempt("a", outcome="cancelled", request_id="raced"),
            attempt("b", 2.0, request_id="raced", hedge=True, **SPOKE),
        ],
        [attempt("a", outcome="overload", request_id="lost")],
        [attempt("a", outcome="cancelled", request_id="left")],
        [attempt("a", outcome="pending", request_id="running")],
    ]
    found = balance([each for attempts in requests for each in attempts])
    assert found is not None
    assert (found.requests, found.answered, found.rescued, found.failed) == (6, 4, 2, 1)
    assert (found.seams, found.hedges) == (1, 1)
    assert (found.delay_p50, found.delay_p95) == (1.0, 3.0)
    # The broken one and the one that lost its race; the rate limit cost nothing.
    assert (found.extra, found.extra_bound) == (Decimal("0.02"), Decimal("0.06"))
    assert found.spent == Decimal("0.08")
    assert balance([]) is None


class Store:
    """A ledger of these attempts."""

    def __init__(self, records: list[AttemptRecord]) -> None:
        self._records = records

    def records(self, **_: Any) -> list[AttemptRecord]:
        return sorted(self._records, key=lambda each: -each.started)

    def states(self, first: str, last: str) -> dict[str, Any]:
        return {}


def test_attempts_of_models_and_of_stand_ins_never_share_a_row() -> None:
    records = [
        attempt("a", request_id="1"),
        attempt("a", 1.0, request_id="2", simulated=True),
        attempt("z", 2.0, request_id="3"),
    ]
    found = look(Store(records), (), frozenset(), PLAIN, BEGAN + 3)  # type: ignore[arg-type]
    assert [(each.target, each.simulated, each.traffic.attempts) for each in found.targets] == [
        ("z", False, 1),
        ("a", True, 1),
        ("a", False, 1),
    ]
    assert [(each.simulated, each.answered, sum(each.begun.values())) for each in found.totals] == [
        (False, 2, 2),
        (True, 1, 1),
    ]
