"""The inputs on which a backtracking pattern is slowest, made from the pattern itself.

A repetition that can begin at every position, or that overlaps what follows it, costs the square of the text's length once the rest of
the pattern does not match. So for each unbounded repetition the attack is what leads to it, then what it repeats, many times, then a
character that nothing matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

LONG = 16
"""Repetitions of at most this many are taken for bounded."""
NOTHING = "\x00"
"""A character that ends no pattern."""
COMMON = "a0 -.:\n\"'`</A가"
_CATEGORIES = {
    op.CATEGORY_DIGIT: ["0"],
    op.CATEGORY_NOT_DIGIT: ["a"],
    op.CATEGORY_SPACE: [" ", "\n"],
    op.CATEGORY_NOT_SPACE: ["a", "0", "-"],
    op.CATEGORY_WORD: ["a", "0", "_"],
    op.CATEGORY_NOT_WORD: [" ", "-", "."],
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


class Attack(NamedTuple):
    prefix: str
    unit: str
    suffix: str

    def text(self, size: int) -> str:
        return self.prefix + self.unit * (size // len(self.unit)) + self.suffix


def attacks(pattern: re.Pattern[Any]) -> list[Attack]:
    """Attacks on the pattern, without repetitions."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source)
    found: list[Attack] = []
    for prefix, unit in _pumps(tree, ""):
        found += [Attack(prefix, unit, NOTHING), Attack(prefix, unit, ""), Attack("", prefix + unit, NOTHING)]
        found += [Attack("", prefix, NOTHING), Attack(prefix, unit + prefix, NOTHING)]
    for unit in (_shortest(tree), *_beginnings(tree)):
        found += [Attack("", unit, NOTHING), Attack("", unit[:-1], NOTHING)]
    found += [Attack("", character, NOTHING) for character in COMMON]
    return list(dict.fromkeys(attack for attack in found if attack.unit))


def _pumps(tree: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """For each unbounded repetition what leads to it, and what it repeats."""
    for kind, detail in tree:
        if kind in _REPEATS:
            _, most, body = detail
            if most is op.MAXREPEAT or most >= LONG:
                yield from ((prefix, unit) for unit in _units(body))
        for inner in _inner(kind, detail):
            yield from _pumps(inner, prefix)
        prefix += _example(kind, detail)


def _inner(kind: Any, detail: Any) -> list[Any]:
    if kind is op.BRANCH:
        return list(detail[1])
    if kind is op.SUBPATTERN:
        return [detail[3]]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [detail[1]]
    if kind is op.ATOMIC_GROUP:
        return [detail]
    return [detail[2]] if kind in _REPEATS else []


def _units(body: Any) -> list[str]:
    if len(body) == 1:
        kind, detail = body[0]
        if kind is op.IN:
            return _members(detail)
        if kind is op.ANY:
            return ["a", " ", "-"]
        if kind is op.BRANCH:
            return [_shortest(branch) for branch in detail[1]]
        if kind is op.SUBPATTERN:
            return _units(detail[3])
    return [_shortest(body)]


def _members(items: Any) -> list[str]:
    """A few characters of a class."""
    found: list[str] = []
    negated = False
    for kind, detail in items:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            found.append(chr(detail))
        elif kind is op.RANGE:
            found += [chr(detail[0]), chr(detail[1])]
        elif kind is op.CATEGORY:
            found += _CATEGORIES[detail]
    if negated:
        return [character for character in COMMON if character not in found][:5]
    return list(dict.fromkeys(found))[:6]


def _shortest(tree: Any) -> str:
    return "".join(_example(kind, detail) for kind, detail in tree)


def _example(kind: Any, detail: Any) -> str:
    """A short text that the node matches."""
    if kind is op.LITERAL:
        return chr(detail)
    if kind is op.NOT_LITERAL:
        return "b" if detail == ord("a") else "a"
    if kind is op.ANY:
        return "a"
    if kind is op.IN:
        return _members(detail)[0]
    if kind is op.BRANCH:
        return _shortest(detail[1][0])
    if kind in _REPEATS:
        return _shortest(detail[2]) * max(detail[0], 1)
    return _shortest(_inner(kind, detail)[0]) if kind in (op.SUBPATTERN, op.ATOMIC_GROUP) else ""


def _beginnings(tree: Any) -> Iterator[str]:
    """The shortest text of each alternative."""
    for kind, detail in tree:
        for inner in _inner(kind, detail):
            if kind is op.BRANCH:
                yield _shortest(inner)
            yield from _beginnings(inner)
