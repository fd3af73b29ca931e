"""Where the line between light and hard belongs for one's own traffic: from answers that were judged good or bad. Pure.

Two logistic curves say how likely an answer is good by its request's complexity: one for strong targets, one for the others. Each has an
intercept and a slope and is drawn a little towards "nine in ten are good, whatever the complexity", so that few judgements claim little.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log, log1p
from typing import NamedTuple

import msgspec

FEEDBACK = "feedback:"
"""The ledger keeps the feedback on a request's answer under this prefix and the request's id."""

LEAST_JUDGED, LEAST_OF_A_KIND = 20, 3
"""Judged answers of targets that are not strong, and good and bad ones among them, below which nothing is learned."""
USUAL = log(0.9 / 0.1)
PULL = 0.5
"""Of the prior: as if this many judgements spoke for it."""


class Judged(NamedTuple):
    """An answer: its request's complexity, whether a strong target gave it, and whether it was good. `weight`: 1 for what a person judged, less
    for what is only a sign."""

    complexity: float
    strong: bool
    good: bool
    weight: float = 1.0


class Curve(msgspec.Struct, frozen=True):
    """The chance of a good answer is the logistic function of `intercept` + `slope` · (complexity - 0.5)."""

    intercept: float
    slope: float

    def chance(self, complexity: float) -> float:
        return _logistic(self.intercept + self.slope * (complexity - 0.5))


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """The curves, and how many judged answers each rests on."""

    light: Curve
    strong: Curve
    judged_light: int
    judged_strong: int


class Line(NamedTuple):
    """A setting for `strong_share`, and the share of the requests at hand that it sends to strong targets first; both 0 to 1."""

    strong_share: float
    calls: float


def learn(judged: Iterable[Judged]) -> Learned:
    """Raises `ValueError`, which says what is missing, where there are too few judgements."""
    light: list[Judged] = []
    strong: list[Judged] = []
    for one in judged:
        (strong if one.strong else light).append(one)
    good = sum(one.good for one in light)
    if len(light) < LEAST_JUDGED or min(good, len(light) - good) < LEAST_OF_A_KIND:
        raise ValueError(
            f"there are {len(light)} judged answers of targets that are not strong, {good} of them good: "
            f"{LEAST_JUDGED} are needed, and {LEAST_OF_A_KIND} good and bad ones at least"
        )
    return Learned(light=_fit(light), strong=_fit(strong), judged_light=len(light), judged_strong=len(strong))


def line_for(learned: Learned, complexities: Sequence[float], wanted: float) -> Line | None:
    """Where the line must be, at the highest, for the share `wanted` of all answers to requests of these complexities to be good.

    None if not even strong targets for all of them are enough, or if there are none.
    """
    ordered = sorted(complexities, reverse=True)
    expected = sum(learned.light.chance(complexity) for complexity in ordered)
    for count, complexity in enumerate(ordered):
        if expected >= wanted * len(ordered):
            return Line(1.0 - ordered[count - 1] if count else 0.0, count / len(ordered))
        expected += learned.strong.chance(complexity) - learned.light.chance(complexity)
    return Line(1.0 - ordered[-1], 1.0) if ordered and expected >= wanted * len(ordered) else None


def _fit(judged: Sequence[Judged]) -> Curve:
    """The curve of the greatest penalised likelihood, which is concave: Newton's steps, each halved until it is one upwards."""
    curve = Curve(USUAL, 0.0)
    value = _likelihood(curve, judged)
    for _ in range(50):
        step_a, step_b = _newton(curve, judged)
        size = 1.0
        while size > 1e-9:
            tried = Curve(curve.intercept + size * step_a, curve.slope + size * step_b)
            if (better := _likelihood(tried, judged)) >= value:
                break
            size /= 2
        else:
            break
        gained, curve, value = better - value, tried, better
        if gained < 1e-9:
            break
    return curve


def _likelihood(curve: Curve, judged: Sequence[Judged]) -> float:
    """The logarithm of the penalised likelihood, less a constant."""
    total = -0.5 * PULL * ((curve.intercept - USUAL) ** 2 + curve.slope**2)
    for one in judged:
        odds = curve.intercept + curve.slope * (one.complexity - 0.5)
        total -= one.weight * _log1pexp(-odds if one.good else odds)
    return total


def _newton(curve: Curve, judged: Sequence[Judged]) -> tuple[float, float]:
    """The step for the intercept and for the slope."""
    first, second = PULL * (USUAL - curve.intercept), -PULL * curve.slope
    aa, ab, bb = PULL, 0.0, PULL
    for one in judged:
        at, chance = one.complexity - 0.5, curve.chance(one.complexity)
        missed, weight = one.weight * (one.good - chance), one.weight * chance * (1.0 - chance)
        first, second = first + missed, second + missed * at
        aa, ab, bb = aa + weight, ab + weight * at, bb + weight * at * at
    whole = aa * bb - ab * ab
    return (bb * first - ab * second) / whole, (aa * second - ab * first) / whole


def _log1pexp(x: float) -> float:
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-x)) if x > -700 else 0.0
