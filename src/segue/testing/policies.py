"""What every routing policy promises."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

from segue.routing.policy import Candidate, Ordering, Situation

_CANDIDATES = tuple(
    Candidate(name=f"t{number}", cost=cost, price=price, free=free, seconds=seconds, weight=weight, draw=number / 7)
    for number, (cost, price, free, seconds, weight) in enumerate(
        (
            (None, None, None, None, 1.0),
            (Decimal("0.002"), Decimal(3), None, 0.4, 0.0),
            (Decimal(0), Decimal(0), 0.5, 2.5, 5.0),
            (Decimal("0.1"), Decimal(40), None, None, 1.0),
        )
    )
)


def check_policy(ordering: Ordering) -> None:
    """Checks that a policy orders what it is given: each candidate once, none made up, the same for the same values, with a reason.

    Raises `AssertionError` that says what it did instead.
    """
    situations = [
        Situation(complexity=complexity, dearness=dearness, draw=draw)
        for complexity, dearness, draw in product((None, 0.0, 1.0), (0.0, 1.0), (0.0, 0.999))
    ]
    for count, situation in product(range(1, len(_CANDIDATES) + 1), situations):
        given = _CANDIDATES[:count]
        ordered, reason = ordering(given, situation)
        names = [candidate.name for candidate in ordered]
        assert sorted(names) == [candidate.name for candidate in given], f"of {count} candidates it ordered {names}"
        assert reason, "it gives no reason"
        assert (ordered, reason) == ordering(given, situation), "the same values gave another order"
