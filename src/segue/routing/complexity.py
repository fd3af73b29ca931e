"""How much there is to gain from a strong model, judged by the request alone. Pure, and frozen: the weights are data (complexity.json).

The raw score is a weighted sum of the prompt's features (features.py), each measured from its mean in steps of its spread, at most
three of them either way. `calibrated` turns it into the share, 0 to 1, of a reference mix of prompts that score lower: a threshold of
0.6 sends four in ten of such prompts to the strong model. The mix, the data and the command that makes the weights are named in
complexity.json; what they are worth is measured in benchmarks/README.md.

What is scored is the request's task (task.py), not what it brings along. Some requests say nothing of their difficulty: a language that is not
read, a short turn without a cue. Their score is None, "unknown", and routing/policy.py says where they go.

The caller's own word comes first: with `effort` high or max, or a thinking budget of `MUCH_THOUGHT` tokens, a request is hard; with low,
minimal or none it is light. The shape of a request (tools, a conversation, pictures, a schema) is in no labelled data: its few weights are
set by hand.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from importlib.resources import files
from math import log1p
from typing import Any

import msgspec

from segue.chat.request import ChatRequest
from segue.routing.features import NAMES, read
from segue.routing.housekeeping import is_housekeeping
from segue.routing.task import task_of

BOUND = 3.0
TOOLS, PICTURES, TURN, FIELD = 0.1, 0.2, 0.02, 0.05
"""What tools, pictures, and (by their logarithm) earlier messages and a demanded schema's fields add, in standard deviations of the reference
mix. By hand: an earlier turn or a tool alone must not make a light task hard."""
HARD, LIGHT = 0.75, 0.25
"""The least score of a request whose caller wants much thought, and the most of one whose caller wants little."""
MUCH_THOUGHT = 8_000
"""Tokens of thinking, from which on a caller who grants them wants much thought."""
MOST_FIELDS = 400
"""Fields of a schema that are counted at most."""


class Feature(msgspec.Struct, frozen=True):
    """One feature's part in the raw score."""

    name: str
    weight: float
    mean: float
    spread: float


class Weights(msgspec.Struct, frozen=True):
    """`quantiles`: the raw scores at 0, 1, … 100 % of the reference mix, `deviation` their standard deviation."""

    features: tuple[Feature, ...]
    quantiles: tuple[float, ...]
    deviation: float
    made: dict[str, Any] = {}


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature adds to a score, in standard deviations of the reference mix. `more`: the prompt has more of it than is usual."""

    feature: str
    adds: float
    more: bool = True


@lru_cache(maxsize=1)
def weights() -> Weights:
    """The weights that ship; read at the first use."""
    found = msgspec.json.decode((files("segue.routing") / "complexity.json").read_bytes(), type=Weights)
    if tuple(feature.name for feature in found.features) != NAMES:
        raise RuntimeError("complexity.json was made for other features: train it again (benchmarks/README.md)")
    return found


def complexity(text: str) -> float | None:
    """The calibrated score of a task, 0 (light) to 1 (hard); None where the text says nothing of it."""
    values, understood = read(text)
    return calibrated(_raw(values)) if understood else None


def of_request(request: ChatRequest) -> float | None:
    """The calibrated score of a request, 0 (light) to 1 (hard); None where nothing says how hard it is."""
    if is_housekeeping(request):
        return 0.0
    task = task_of(request)
    values, understood = read(task)
    known = weights()
    score = calibrated(_raw(values) + known.deviation * sum(_shape(request).values()))
    wanted = _wanted(request)
    if wanted is None:
        return score if understood else None
    return max(score, HARD) if wanted else min(score, LIGHT)


def explain(request: ChatRequest) -> list[Share]:
    """What each feature adds to the request's score, the weightiest first; those that add nothing are left out."""
    known, task = weights(), task_of(request)
    seen = zip(known.features, read(task).values, strict=True)
    shares = [
        Share(feature=feature.name, adds=_part(feature, value) / known.deviation, more=value > feature.mean)
        for feature, value in seen
    ]
    shares += [Share(feature=name, adds=adds) for name, adds in _shape(request).items()]
    return sorted([share for share in shares if abs(share.adds) >= 0.005], key=lambda share: -abs(share.adds))


def calibrated(raw: float) -> float:
    """The share of the reference mix with a lower raw score."""
    quantiles = weights().quantiles
    above = bisect_right(quantiles, raw)
    if above == 0:
        return 0.0
    if above == len(quantiles):
        return 1.0
    low, high = quantiles[above - 1], quantiles[above]
    return (above - 1 + (raw - low) / (high - low)) / (len(quantiles) - 1)


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[float, float, float], ...]:
    """Each feature's factor, what is then taken off, and the most that is left either way."""
    return tuple(
        (one.weight / one.spread, one.weight * one.mean / one.spread, abs(one.weight) * BOUND)
        for one in weights().features
    )


def _raw(values: list[float]) -> float:
    raw = 0.0
    for value, (factor, less, most) in zip(values, _lines(), strict=True):
        part = value * factor - less
        raw += part if -most <= part <= most else most if part > 0 else -most
    return raw


def _part(feature: Feature, value: float) -> float:
    steps = (value - feature.mean) / feature.spread
    return feature.weight * (BOUND if steps > BOUND else -BOUND if steps < -BOUND else steps)


def _shape(request: ChatRequest) -> dict[str, float]:
    earlier = sum(message.role != "system" for message in request.messages) - 1
    schema = request.output.schema if request.output is not None else None
    return {
        "tools": TOOLS if request.tools else 0.0,
        "pictures": PICTURES if request.needs_images or request.files else 0.0,
        "conversation": TURN * log1p(max(earlier, 0)),
        "schema": FIELD * log1p(_fields(schema)) if schema else 0.0,
    }


def _wanted(request: ChatRequest) -> bool | None:
    """Whether the caller wants much thought (True) or little (False), None if unknown."""
    if request.effort in ("high", "max") or (request.thinking_budget or 0) >= MUCH_THOUGHT:
        return True
    if request.effort in ("low", "minimal", "none") or request.thinking_budget == 0:
        return False
    return None


def _fields(schema: Any) -> int:
    """The named fields of a schema, at most `MOST_FIELDS`."""
    found, open_ones = 0, [schema]
    while open_ones and found < MOST_FIELDS:
        one = open_ones.pop()
        if isinstance(one, dict):
            properties = one.get("properties")
            found += len(properties) if isinstance(properties, dict) else 0
            open_ones += one.values()
        elif isinstance(one, list):
            open_ones += one[:MOST_FIELDS]
    return min(found, MOST_FIELDS)
