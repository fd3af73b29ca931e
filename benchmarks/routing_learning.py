"""How many judged answers `segue route train` needs, and what more of them could teach: curves over 10 to 3,000 labels.

    python -m benchmarks.routing_learning DIR          DIR as in benchmarks/routing.py; a minute

Real labels: a prompt of LLMRouter or MMLU is a request, the mean of its weak models' scores (from 0.5 up: good) stands for a light target's
answer, that of the strong ones for a strong target's. Scores are by weights that did not see the source. The labels are drawn at random, the
rest of the source is the traffic to come. `draws` repetitions; a cell is the mean.

1. *The line*: one label in five is of a strong target's answer. What is wanted is the middle between the weak and the strong models' shares of
   good answers; the line that `train` shows is put to the rest.
2. *Signs instead of feedback*: the same, but the labels are drawn from what a user does: a bad answer is complained of (or sent again) in half
   of the cases, a good one in 3 of 100; each other answer is followed by a turn that goes on. Weights as in segue/cli/route/evidence.py.
3. *The order*: the score's weights are learned again from the labels, drawn towards those that ship. `segue` does not do that; the curve says why.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.routing import Held
from benchmarks.routing_data import Array, Prompts, measures
from benchmarks.routing_train import asked_of, features_of
from segue.cli.route.evidence import WEIGHTS
from segue.routing.complexity import BOUND
from segue.routing.feedback import Judged, learn, line_for

LABELS = (10, 30, 100, 300, 1000, 3000)
STRONG_LABELS = 0.2
COMPLAINED, COMPLAINED_WRONGLY = 0.5, 0.03
FROM = 0.5
"""The mean score from which an answer counts as good."""
SEED = 3
KEPT, FREE = 30.0, 300.0
"""Ridges of the learned order: on the shipped score's factor, and on each feature's own weight. The best of those tried."""


class Source(NamedTuple):
    """A source as traffic: the prompts, their scores by weights that did not see it, and whether each answer is good."""

    name: str
    prompts: Prompts
    score: Array
    light: Array
    strong: Array


class Reached(NamedTuple):
    """Where a learned line led: the share of good answers less the wanted one, and the share of strong calls."""

    off: float
    calls: float


def sources(held: Held) -> list[Source]:
    found = []
    for name, prompts in (("LLMRouter", held.llmrouter), ("MMLU", held.mmlu)):
        light, strong = (scores >= FROM for scores in (prompts.weak, prompts.strong))
        found.append(Source(name, prompts, held.by_source[name.lower()], light.astype(float), strong.astype(float)))
    return found


def lines(source: Source, labels: int, draws: int, *, signs: bool) -> Iterator[Reached | None]:
    """None where too few labels were of a kind for anything to be learned."""
    rng = np.random.default_rng(SEED)
    wanted = float((source.light.mean() + source.strong.mean()) / 2)
    for _ in range(draws):
        order = rng.permutation(len(source.score))
        taught, rest = order[:labels], order[labels:]
        judged = [_label(source, place, rng, signs=signs) for place in taught.tolist()]
        try:
            learned = learn(judged)
        except ValueError:
            yield None
            continue
        line = line_for(learned, source.score[taught].tolist(), wanted)
        share = 1.0 if line is None else line.strong_share
        hard = source.score[rest] >= 1.0 - share
        good = np.where(hard, source.strong[rest], source.light[rest])
        yield Reached(float(good.mean() - wanted), float(hard.mean()))


def _label(source: Source, place: int, rng: np.random.Generator, *, signs: bool) -> Judged:
    strong = bool(rng.random() < STRONG_LABELS)
    good = bool((source.strong if strong else source.light)[place])
    if not signs:
        return Judged(float(source.score[place]), strong, good)
    complained = bool(rng.random() < (COMPLAINED_WRONGLY if good else COMPLAINED))
    weight = WEIGHTS["complaint" if complained else "went on"]
    return Judged(float(source.score[place]), strong, not complained, weight)


def show_lines(source: Source, draws: int, *, signs: bool) -> None:
    kind = "signs" if signs else "feedback"
    for labels in LABELS:
        found = [one for one in lines(source, labels, draws, signs=signs) if one is not None]
        if len(found) < draws / 2:
            print(f"| {source.name} | {kind} | {labels} | too few good or bad ones to learn from | | |")
            continue
        off = np.array([one.off for one in found]) * 100
        calls = np.mean([one.calls for one in found])
        print(
            f"| {source.name} | {kind} | {labels} | {off.mean():+.1f} | {np.quantile(np.abs(off), 0.9):.1f} | {calls:.0%} |"
        )


def orders(source: Source, labels: int, draws: int, *, both: bool) -> Array:
    """APGR on the rest, after the weights were learned again. `both`: each labelled prompt was answered by both targets."""
    rng = np.random.default_rng(SEED)
    raw = features_of([asked_of(text) for text in source.prompts.text])
    steps = np.clip((raw - raw.mean(0)) / np.maximum(raw.std(0), 0.03), -BOUND, BOUND)
    base = (source.score - source.score.mean()) / source.score.std()
    features = np.column_stack([base, steps])
    ridge = np.diag([KEPT, *[FREE] * steps.shape[1]])
    found = []
    for _ in range(draws):
        order = rng.permutation(len(base))
        taught, rest = order[:labels], order[labels:]
        gain = _gain(source.prompts, taught, rng, both=both)
        ahead = 0.1 * base  # what the shipped score claims, in gain
        x = features[taught]
        weights = np.linalg.solve(x.T @ x + ridge, x.T @ (gain - ahead[taught]))
        p = source.prompts
        others = Prompts([], p.group[rest], p.strong[rest], p.weak[rest])
        found.append(measures(features[rest] @ weights + ahead[rest], others).apgr)
    return np.array(found)


def _gain(prompts: Prompts, taught: Array, rng: np.random.Generator, *, both: bool) -> Array:
    """The gain that the labels speak of; with one answer a prompt, each stands for itself alone, which is as right and far noisier."""
    strong, weak = prompts.strong[taught], prompts.weak[taught]
    if both:
        gain: Array = strong - weak
        return gain - gain.mean()
    chosen = rng.random(len(taught)) < 0.5
    mean_strong, mean_weak = (
        strong[chosen].mean() if chosen.any() else 0.0,
        weak[~chosen].mean() if (~chosen).any() else 0.0,
    )
    return 2 * np.where(chosen, strong - mean_strong, mean_weak - weak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    traffic = sources(Held(options.folder))
    print(
        "| traffic | labels are | number | good answers, points off the wanted | off by at most, in 9 of 10 | strong calls |"
    )
    print("|---|---|---|---|---|---|")
    for source in traffic:
        for signs in (False, True):
            show_lines(source, options.draws, signs=signs)
    print("\n| traffic | APGR with the weights that ship | judged | " + " | ".join(map(str, LABELS)) + " |")
    print("|---|---|---|" + "---|" * len(LABELS))
    for source in traffic:
        shipped = measures(source.score, source.prompts).apgr
        for both in (True, False):
            means = [orders(source, labels, max(options.draws // 5, 1), both=both).mean() for labels in LABELS]
            kind = "both answers to a prompt" if both else "one answer to a prompt"
            print(f"| {source.name} | {shipped:.3f} | {kind} | " + " | ".join(f"{one:.3f}" for one in means) + " |")


if __name__ == "__main__":
    main()
