"""What judged answers teach, as values."""

from __future__ import annotations

import random
from math import exp, isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.routing.feedback import LEAST_JUDGED, Curve, Judged, Learned, learn, line_for


def history(count: int, seed: int = 1) -> list[Judged]:
    """Light targets are good at 95 % of the lightest requests and at half of the hardest, strong ones at 95 % of all."""
    rng = random.Random(seed)
    judged = []
    for _ in range(count):
        complexity, strong = rng.random(), rng.random() < 0.3
        chance = 0.95 if strong else 1 / (1 + exp(-(2.9 - 2.9 * complexity)))
        judged.append(Judged(complexity, strong, rng.random() < chance))
    return judged


def test_the_curves_find_what_the_answers_were_made_by() -> None:
    learned = learn(history(4000))
    for complexity, expected in ((0.0, 0.95), (0.5, 0.81), (1.0, 0.5)):
        assert learned.light.chance(complexity) == pytest.approx(expected, abs=0.05)
        assert learned.strong.chance(complexity) == pytest.approx(0.95, abs=0.03)


def test_without_a_judged_strong_answer_nine_in_ten_are_taken_to_be_good() -> None:
    learned = learn([one for one in history(300) if not one.strong])
    assert learned.judged_strong == 0
    assert learned.strong.chance(0.9) == pytest.approx(0.9)


def test_the_line_gives_the_wanted_share_of_good_answers() -> None:
    judged = history(3000)
    learned, complexities = learn(judged), [one.complexity for one in judged]
    line = line_for(learned, complexities, 0.9)
    assert line is not None
    hard = [complexity >= 1 - line.strong_share for complexity in complexities]
    assert sum(hard) / len(hard) == pytest.approx(line.calls, abs=0.01)
    curves = [learned.strong if it else learned.light for it in hard]
    expected = sum(curve.chance(one) for curve, one in zip(curves, complexities, strict=True)) / len(complexities)
    assert expected == pytest.approx(0.9, abs=0.005)


def test_the_line_is_at_the_top_where_light_targets_do_and_nowhere_where_nothing_does() -> None:
    curves = Learned(light=Curve(3.0, 0.0), strong=Curve(3.5, 0.0), judged_light=50, judged_strong=5)
    assert line_for(curves, [0.2, 0.9], 0.9) == (0.0, 0.0)
    assert line_for(curves, [0.2, 0.9], 0.97) == pytest.approx((0.8, 1.0))
    assert line_for(curves, [0.2, 0.9], 0.99) is None
    assert line_for(curves, [], 0.5) is None


@pytest.mark.parametrize("bad", [0, 2])
def test_too_few_judgements_or_all_of_a_kind_teach_nothing(bad: int) -> None:
    judged = [Judged(place / 40, False, place >= bad) for place in range(40)]
    with pytest.raises(ValueError, match=f"{40 - bad} of them good: {LEAST_JUDGED} are needed"):
        learn(judged)


@given(
    st.lists(
        st.builds(Judged, st.floats(0, 1), st.booleans(), st.booleans(), st.sampled_from((0.25, 0.5, 1.0))),
        min_size=20,
        max_size=200,
    ),
    st.floats(0, 1),
)
def test_whatever_was_judged_the_curves_are_finite_and_the_line_a_share(judged: list[Judged], wanted: float) -> None:
    judged += [Judged(0.1, False, True)] * 3 + [Judged(0.9, False, False)] * 20
    learned = learn(judged)
    for curve in (learned.light, learned.strong):
        assert isfinite(curve.intercept)
        assert isfinite(curve.slope)
    line = line_for(learned, [one.complexity for one in judged], wanted)
    assert line is None or (0 <= line.strong_share <= 1 and 0 <= line.calls <= 1)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.98])
@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_the_curve_finds_the_share_of_good_answers_however_far_it_is_from_the_usual(share: float, count: int) -> None:
    rng = random.Random(count)
    judged = [Judged(rng.random(), False, rng.random() < share) for _ in range(count)]
    both = [Judged(0.5, False, good) for good in (True, False)] * 3
    assert learn([*judged, *both]).light.chance(0.5) == pytest.approx(share, abs=0.08)
