"""What the ledger knows of whether answers were good."""

from __future__ import annotations

from segue.cli.route.evidence import A_PROGRAM, SENT_AGAIN, Evidence, evidence_of
from segue.ledger.record import AttemptRecord, Settlement
from segue.router import AFTER, CHECKED, COMPLEXITY, TURN


def record(
    request_id: str, started: float, *, outcome: str = "ok", target: str = "small", key: str = "k", **noted: str
) -> AttemptRecord:
    return AttemptRecord(
        attempt_id=f"{request_id}/{target}/{outcome}", request_id=request_id, started=started, target=target, provider="p", model="m",
        outcome=outcome, settlement=Settlement.SETTLED, seconds=1.0, shown=outcome == "ok", key=key,
        metadata={COMPLEXITY: "0.400", **noted},
    )  # fmt: skip


def words(*records: AttemptRecord, **feedback: bool) -> list[tuple[str, bool]]:
    noted = {request_id: {"good": good} for request_id, good in feedback.items()}
    return [(one.source, one.good) for one in evidence_of(records, noted)]


def test_a_turn_sent_again_soon_after_its_answer_says_that_the_answer_was_bad() -> None:
    first, again = record("a", 0.0, **{TURN: "11"}), record("b", 60.0, **{TURN: "11"})
    assert words(first, again) == [("sent again", False)]
    assert words(first, record("b", 0.5, **{TURN: "11"})) == []  # before the first was answered
    assert words(first, record("b", 2.0 + SENT_AGAIN, **{TURN: "11"})) == []
    assert words(first, record("b", 60.0, key="other", **{TURN: "11"})) == []


def test_what_a_program_sends_again_and_again_says_nothing() -> None:
    assert words(*(record(str(place), 10.0 * place, **{TURN: "11"}) for place in range(A_PROGRAM + 1))) == []


def test_the_next_turn_complains_thanks_or_goes_on() -> None:
    first = record("a", 0.0, **{TURN: "11"})
    for verdict, found in (("bad", ("complaint", False)), ("good", ("thanks", True)), ("on", ("went on", True))):
        assert words(first, record("b", 60.0, **{TURN: "22", AFTER: f"11 {verdict}"})) == [found]


def test_a_complaint_whose_own_difficulty_is_unknown_counts_too() -> None:
    complaint = record("b", 60.0, **{TURN: "22", AFTER: "11 bad"})
    complaint.metadata.pop(COMPLEXITY)
    assert words(record("a", 0.0, **{TURN: "11"}), complaint) == [("complaint", False)]


def test_an_answer_that_did_not_fit_is_bad_for_its_target_and_the_one_that_did_is_good() -> None:
    tried = record("a", 0.0, outcome="invalid", **{CHECKED: "yes"})
    answer = record("a", 1.0, target="large", **{CHECKED: "yes"})
    found = evidence_of([tried, answer], {})
    assert [(one.target, one.source, one.good) for one in found] == [
        ("large", "fits", True),
        ("small", "misfit", False),
    ]


def test_failures_of_the_provider_say_nothing() -> None:
    assert words(record("a", 0.0, outcome="rate"), record("a", 1.0)) == []


def test_feedback_is_heard_before_any_sign_and_alone_where_that_is_wanted() -> None:
    first, again = record("a", 0.0, **{TURN: "11"}), record("b", 60.0, **{TURN: "11"})
    assert words(first, again, a=True) == [("feedback", True)]
    assert evidence_of([first, again], {"b": {"good": False}}, only_feedback=True) == [
        Evidence(request_id="b", target="small", complexity=0.4, good=False, source="feedback")
    ]
