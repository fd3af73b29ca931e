"""How much there is to gain from a strong model, judged by the request alone. Pure, and frozen: the weights are data (complexity.json).

The raw score is a weighted sum of the prompt's features (features.py), each measured from its mean in steps of its spread, at most
three of them either way. `calibrated` turns it into the share, 0 to 1, of a reference mix of prompts that score lower: a threshold of
0.6 sends four in ten of such prompts to the strong model. The mix, the data and the command that makes the weights are named in
complexity.json; what they are worth is measured in benchmarks/README.md.

The shape of a request (tools, a conversation, pictures) is in no labelled data: its few weights are set by hand.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from importlib.resources import files
from math import log1p
from typing import Any

import msgspec

from segue.chat.request import ChatRequest
from segue.routing.features import NAMES, measure

BOUND = 3.0
TOOLS, PICTURES, TURN = 0.5, 0.25, 0.1
"""What tools, pictures and each (by its logarithm) earlier message add, in standard deviations of the reference mix. By hand."""
SHORT = 200
"""Characters: a shorter last word of a conversation is read together with the caller's word before it."""


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
        raise RuntimeError("complexity.json was made for other features: make it anew (benchmarks/README.md)")
    return found


def complexity(text: str) -> float:
    """The calibrated score of a prompt, 0 (light) to 1 (hard)."""
    return calibrated(_raw(text))


def of_request(request: ChatRequest) -> float:
    """The calibrated score of a request: of what is asked last, and of the request's shape."""
    return calibrated(_raw(asked(request)) + weights().deviation * sum(_shape(request).values()))


def explain(request: ChatRequest) -> list[Share]:
    """What each feature adds to the request's score, the weightiest first; those that add nothing are left out."""
    known = weights()
    seen = zip(known.features, measure(asked(request)), strict=True)
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


def asked(request: ChatRequest) -> str:
    """What the caller said last; with what was said before, where it is too short to speak for itself."""
    text = ""
    for message in reversed(request.messages):
        if message.role == "user" and (said := message.text):
            text = f"{said}\n{text}" if text else said
            if len(text) >= SHORT or text != said:
                break
    return text


def _raw(text: str) -> float:
    return sum([_part(feature, value) for feature, value in zip(weights().features, measure(text), strict=True)])


def _part(feature: Feature, value: float) -> float:
    steps = (value - feature.mean) / feature.spread
    return feature.weight * (BOUND if steps > BOUND else -BOUND if steps < -BOUND else steps)


def _shape(request: ChatRequest) -> dict[str, float]:
    earlier = sum(message.role != "system" for message in request.messages) - 1
    return {
        "tools": TOOLS if request.tools else 0.0,
        "pictures": PICTURES if request.needs_images else 0.0,
        "conversation": TURN * log1p(max(earlier, 0)),
    }
