"""A routing policy: targets in the order of their names."""

from __future__ import annotations

from collections.abc import Sequence

from segue.ext import Candidate, Ordered, Situation


def alphabetical(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    ordered = sorted(candidates, key=lambda candidate: candidate.name)
    return ordered, f"{ordered[0].name} comes first in the alphabet"
