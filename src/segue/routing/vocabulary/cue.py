"""What a word speaks of."""

from __future__ import annotations

from enum import IntEnum


class Cue(IntEnum):
    """A kind of work, or of what stands beside it; the value is its place in a list of counts."""

    FACT = 0
    REASON = 1
    PROOF = 2
    SOLVE = 3
    DESIGN = 4
    BUILD = 5
    DEPTH = 6
    EXPERT = 7
    MATH = 8
    QUANTITY = 9
    TIME = 10
    SEQUENCE = 11
    CODE = 12
    LOGIC = 13
    CONSTRAINT = 14
    CHANGE = 15
    NEGATION = 16
    SCENE = 17
    BRIEF = 18
    CREATIVE = 19
    CHAT = 20
    TRANSFORM = 21
    EXPLAIN = 22
    OPERATOR = 23
    FORMULA = 24
    COMMON = 25
    GERMAN = 26
    QUESTION = 27
    STOP = 28


WORK = frozenset(
    {Cue.REASON, Cue.PROOF, Cue.SOLVE, Cue.DESIGN, Cue.BUILD, Cue.EXPLAIN, Cue.TRANSFORM, Cue.CREATIVE, Cue.CHAT}
)
"""Cues of a text that asks for something; the others are common in texts of any kind."""
