"""Hours add up, and their quantiles are as near to the true ones as they say."""

from __future__ import annotations

from decimal import Decimal
from math import ceil

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from segue.monitoring.hours import Hour, merge, quantile

waits = st.floats(0.0011, 1000.0)


def hour(*found: float, target: str = "gemini", start: int = 3600) -> Hour:
    made = Hour(start=start, target=target)
    for wait in found:
        made.add("ok", wait, wait, Decimal("0.1"))
    return made


@given(st.lists(waits, min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_nine_percent_of_the_true_one(found: list[float], q: float) -> None:
    true = sorted(found)[max(ceil(q * len(found) - 1e-9) - 1, 0)]
    estimate = quantile(hour(*found).first, q)
    assert estimate is not None
    assert abs(estimate / true - 1) < 0.0906


@given(st.lists(st.tuples(waits, st.booleans()), max_size=30))
def test_what_several_processes_saw_adds_up_to_what_one_would_have_seen(found: list[tuple[float, bool]]) -> None:
    parts = [hour(*(wait for wait, first in found if first is which)) for which in (True, False)]
    for part in parts:
        part.add_failover("openai")
    whole = hour(*(wait for wait, _ in found))
    whole.left_for = {"openai": 2}
    assert merge(parts) == [whole]
    assert merge([*parts, hour(target="claude"), hour(start=0)])[-1] == whole
    stand_in = Hour(start=whole.start, target=whole.target, simulated=True)
    assert merge([stand_in, *parts]) == [whole, stand_in]


def test_an_hour_survives_being_written_down() -> None:
    before = hour(0.0, 0.2, 31.5)
    before.add("overload", 0.1, None, None)
    document = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(before, str_keys=True)))
    assert msgspec.convert(document, Hour, str_keys=True) == before
    assert before.attempts == 4
    assert quantile({}, 0.5) is None
