"""How the weights of the complexity score are made.

    python -m benchmarks.routing --train DIR     writes src/segue/routing/complexity.json

A ridge regression of what a strong model gains over a weak one (its score less the other's) on the prompt's features, over three
sources of equal weight but for our own prompts, which count half. Each source is centred by itself, so that only differences within a
source teach. Weights keep the sign that sense gives them (`SIGNS`) and are drawn towards a small weight of that sign, not towards none:
what the data do not speak of (chat, story-writing) keeps its prior.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.routing_data import JUDGED, Array, Pair, Prompts, llmrouter, mmlu, pairs
from benchmarks.routing_prompts import application_mix, blind_mix, request_of
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.routing.complexity import BOUND, Feature, Weights
from segue.routing.features import NAMES, measure
from segue.routing.task import task_of

LIGHT = frozenset({"brief", "explain", "creative", "chat", "transform", "names", "letters", "variety"})
SIGNS = np.array([-1.0 if name in LIGHT else 1.0 for name in NAMES])
"""Light work lowers the score, as do names and a rich choice of words; everything else raises it."""
HARD_WORK = frozenset({"proof", "design", "build", "depth"})
RIDGE = 16.0
PRIOR = 0.02
WORK_PRIOR = 0.08
"""For the words of hard work, which the labelled data hardly have: MMLU does not ask models to design or to prove."""
EXPERT_PRIOR = 0.05
"""For the terms of a trade: they are common in MMLU, where the weak model knows them too, but work on them is seldom light."""
PRIORS = np.array([WORK_PRIOR if name in HARD_WORK else EXPERT_PRIOR if name == "expert" else PRIOR for name in NAMES])
OWN = 0.5
LIGHT_ONES, HARD_ONES = 3, 2
"""Light and hard requests in the reference mix: most of what applications send is light."""
LEAST_SPREAD = 0.03
"""So that a feature that the data hardly know does not leap."""
TARGET = Path(__file__).parent.parent / "src" / "segue" / "routing" / "complexity.json"


class Lesson(NamedTuple):
    """Features and gains of one source, and its weight."""

    features: Array
    gain: Array
    weight: float


def lesson(prompts: Prompts) -> Lesson:
    return Lesson(features_of([asked_of(text) for text in prompts.text]), prompts.strong - prompts.weak, 1.0)


def own_lesson(taught: list[Pair]) -> Lesson:
    mix = [*application_mix()[0], *blind_mix()[0]]
    requests = [asked_of(text) for pair in taught for text in (pair.en, pair.ko)] + [request_of(asked) for asked in mix]
    gains = [JUDGED[pair.kind] for pair in taught for _ in range(2)] + [1.0 if asked.hard else -1.0 for asked in mix]
    return Lesson(features_of(requests), np.array(gains), OWN)


def taught_and_kept(all_pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Every second of our own prompts teaches; the others are kept for judging."""
    return all_pairs[::2], all_pairs[1::2]


def features_of(requests: list[ChatRequest]) -> Array:
    return np.array([measure(task_of(request)) for request in requests])


def asked_of(text: str) -> ChatRequest:
    return ChatRequest(messages=(user(text),))


def fit(lessons: list[Lesson]) -> Weights:
    """The weights that these sources teach."""
    pool = np.vstack([one.features for one in lessons if one.weight == 1.0])
    mean, spread = pool.mean(axis=0), np.maximum(pool.std(axis=0), LEAST_SPREAD)
    count = len(NAMES)
    gram, goal = RIDGE * np.eye(count), RIDGE * PRIORS * SIGNS
    for one in lessons:
        steps = _steps(one.features, mean, spread)
        steps -= steps.mean(axis=0)
        gain = (one.gain - one.gain.mean()) / (one.gain.std() + 0.05)
        gram += one.weight / len(gain) * steps.T @ steps
        goal += one.weight / len(gain) * steps.T @ gain
    weights = _signed(gram, goal)
    own = lessons[-1]
    scores = _steps(own.features, mean, spread) @ weights
    hard = own.gain > 0
    light_ones, hard_ones = (np.quantile(scores[which], np.linspace(0, 1, 3001)) for which in (~hard, hard))
    mix = np.concatenate([light_ones] * LIGHT_ONES + [hard_ones] * HARD_ONES)
    quantiles = np.maximum.accumulate(np.quantile(mix, np.linspace(0, 1, 101)) + np.arange(101) * 1e-9)
    rows = zip(NAMES, weights, mean, spread, strict=True)
    return Weights(
        features=tuple(Feature(name, *(round(float(value), 6) for value in values)) for name, *values in rows),
        quantiles=tuple(round(float(value), 8) for value in quantiles),
        deviation=round(float(mix.std()), 6),
    )


def score(weights: Weights, features: Array) -> Array:
    """The raw scores of prompts with these features."""
    mean = np.array([feature.mean for feature in weights.features])
    spread = np.array([feature.spread for feature in weights.features])
    return _steps(features, mean, spread) @ np.array([feature.weight for feature in weights.features])


def _steps(features: Array, mean: Array, spread: Array) -> Array:
    return np.clip((features - mean) / spread, -BOUND, BOUND)


def _signed(gram: Array, goal: Array) -> Array:
    """The least-squares solution among weights of the given signs, by coordinate descent."""
    weights = np.zeros(len(goal))
    for _ in range(2000):
        before = weights.copy()
        for place in range(len(goal)):
            free = goal[place] - gram[place] @ weights + gram[place, place] * weights[place]
            best = free / gram[place, place]
            weights[place] = best if best * SIGNS[place] > 0 else 0.0
        if np.abs(weights - before).max() < 1e-10:
            break
    return weights


def make(folder: Path) -> Weights:
    """The weights that ship."""
    taught, _ = taught_and_kept(pairs())
    found = fit([lesson(mmlu(folder)), lesson(llmrouter(folder)), own_lesson(taught)])
    made = {
        "command": "python -m benchmarks.routing --train DIR",
        "data": [
            "lm-sys/RouteLLM (Apache-2.0): MMLU, every second subject; gain of gpt-4-1106-preview over Mixtral-8x7B",
            "ulab-uiuc/LLMRouter (MIT): train and test; mean gain of the nemotron models over those of 7 to 9 billion parameters",
            "benchmarks/data/parallel.jsonl, every second pair, and application_mix.jsonl, every second task: our own, judged by kind",
            "benchmarks/data/blind_mix.jsonl, the half that teaches: written for our own use, judged by its writers",
        ],
        "reference mix": "the application prompts that teach, three light to two hard",
    }
    return msgspec.structs.replace(found, made=made)


def write(folder: Path) -> None:
    """Makes the weights and writes them to where they ship from."""
    TARGET.write_bytes(msgspec.json.format(msgspec.json.encode(make(folder)), indent=1) + b"\n")
