"""What a prompt asks for, as numbers that are seen in a few microseconds. Pure.

A text is read once, word by word. Of one that is longer than `WINDOW` only the head and the tail are read, so no text costs more than
one of that length. The numbers say what kind of work is asked for and how much of it there is, not what the text is about.
"""

from __future__ import annotations

from math import log1p
from typing import NamedTuple

from segue.routing.classes import class_of, classes_of, tokens_of
from segue.routing.vocabulary import WORK, Cue

HEAD, TAIL = 600, 600
WINDOW = HEAD + TAIL
"""Characters of a text that are read at most. An instruction (task.py) is rarely as long."""

HANGUL_WORDS = 1.45
"""English words that say what one Korean word does: the median over the pairs of benchmarks/data/parallel.jsonl."""
USUAL_LETTERS, USUAL_NAMES = 4.4, 0.04
"""Letters of a word and share of names, usual in English prompts: taken for a text mostly in a script that shows neither."""
IDEOGRAPH_WORDS = 0.6
"""English words for one Chinese or Japanese character, which stand without spaces."""

_SILENT = frozenset({Cue.FACT, Cue.QUESTION, Cue.STOP, Cue.COMMON, Cue.GERMAN})
"""Cues that are no features: newer strong models gain as much on short facts as on hard science, and the others only tell sentences and
languages."""
CUES = tuple(cue for cue in Cue if cue not in _SILENT)
DENSE = frozenset({Cue.BRIEF, Cue.CREATIVE, Cue.CHAT, Cue.TRANSFORM, Cue.EXPLAIN})
"""Cues of light work: a word of these says much in a short prompt and nothing in a long one."""

NAMES = (
    *(cue.name.lower() for cue in CUES if cue not in DENSE),
    *(cue.name.lower() for cue in CUES if cue in DENSE),
    "numbers",
    "variables",
    "names",
    "words",
    "letters",
    "variety",
)
"""The features in the order of `measure`'s list.

A cue is ln(1 + n) of its n words, or for light work n / (words + 10). `numbers` and `variables` (single letters) are ln(1 + n), `words`
too, of the whole text. `names` is the share of words with a capital inside a sentence, `letters` are those of a word on average: plain
words ask for thought, long ones for knowledge. `variety` is the share of different words.
"""

FEW = 10.0
"""Usual words that a text's own are taken together with where a mean of them is taken, so that a short text claims little."""
FEW_WORDS = 12
"""A prompt of fewer words that holds no cue is not understood: "go on" may be anything."""
MOST_MARKS = 0.4
"""The share of numbers and marks in prose, at most; in a log or a table it is more."""
LEAST_KNOWN = 0.08
"""The least share of words of a language that is read which are known, function words included; below it the language is another."""

_CUE_CLASSES = tuple(class_of(cue) for cue in Cue)
_LOGARITHMS = tuple(cue.value for cue in CUES if cue not in DENSE)
_DENSITIES = tuple(cue.value for cue in CUES if cue in DENSE)
_QUESTION, _STOP, _FORMULA, _OPERATOR = Cue.QUESTION.value, Cue.STOP.value, Cue.FORMULA.value, Cue.OPERATOR.value
_COMMON, _GERMAN, _FACT = Cue.COMMON.value, Cue.GERMAN.value, Cue.FACT.value
_WORK_CLASSES = frozenset(class_of(cue) for cue in WORK)
_MARKS = ("0", "-", "'", *(class_of(mark) for mark in (_OPERATOR, _FORMULA, _STOP)))
_PRICE = class_of(_FORMULA) + "0"
"""$80 is no formula."""
_LOG = tuple(log1p(number) for number in range(2 * WINDOW))
"""ln(1 + n); a text has fewer classes than that."""
_BEGINNING = f"{class_of(Cue.QUESTION)}n", f"{class_of(Cue.STOP)}n"
"""A capital after the end of a sentence."""


class Reading(NamedTuple):
    """What was read: `values` in the order of `NAMES`. `understood` is False for a text that says nothing of its difficulty: one in a
    language that is not read, or a short one without a cue."""

    values: list[float]
    understood: bool


def measure(text: str) -> list[float]:
    """The features of a text, in the order of `NAMES`."""
    return read(text).values


class Look(NamedTuple):
    """`works`: a text has a word that asks for work. `prose`: it is not, for the most part, numbers and marks, as logs and tables are."""

    works: bool
    prose: bool


def look(text: str) -> Look:
    """A look at the first `WINDOW` characters."""
    classes = classes_of(tokens_of(text[:WINDOW]))
    return Look(not _WORK_CLASSES.isdisjoint(classes), sum(map(classes.count, _MARKS)) <= MOST_MARKS * len(classes))


def works(text: str) -> bool:
    return look(text).works


def read(text: str) -> Reading:
    """Reads a text, of a long one both ends."""
    length = len(text)
    part = text if length <= WINDOW else text[:HEAD] + "\n" + text[-TAIL:]
    tokens = tokens_of(part)
    classes = classes_of(tokens)
    count = classes.count
    counts = list(map(count, _CUE_CLASSES))
    question, stop, formula, operator = counts[_QUESTION], counts[_STOP], counts[_FORMULA], counts[_OPERATOR]
    numbers, variables, names, foreign = count("0"), count("v"), count("n"), count("f")
    cued_korean, cued_ideographs, ideographs = count("c"), count("j"), count("i")
    korean = count("k") + cued_korean
    marks = count("-") + count("'") + question + stop + formula + operator
    spelt = len(classes) - numbers - marks - korean - cued_korean - ideographs - 2 * cued_ideographs
    words = spelt + HANGUL_WORDS * korean + IDEOGRAPH_WORDS * ideographs
    if variables and "'" in classes:
        variables -= count("'v") + count("v'")  # it's, l'an
    if formula:
        counts[_FORMULA] = formula = formula - count(_PRICE)
    if names:
        names -= count(_BEGINNING[0]) + count(_BEGINNING[1]) + (classes[0] == "n")
    density = words + FEW
    latin = 2 * spelt > words and counts[_GERMAN] <= counts[_COMMON]
    values = [_LOG[counts[cue]] for cue in _LOGARITHMS]
    values += [counts[cue] / density for cue in _DENSITIES]
    values += (
        _LOG[numbers],
        _LOG[max(variables, 0)],
        (names + FEW * USUAL_NAMES) / density if latin else USUAL_NAMES,
        log1p(words * length / (len(part) or 1)),
        (len("".join(tokens)) - marks + FEW * USUAL_LETTERS) / (spelt + numbers + FEW) if latin else USUAL_LETTERS,
        len(set(tokens)) / (len(tokens) or 1),
    )
    known = sum(counts) - question - stop
    cues = known - counts[_COMMON] - counts[_GERMAN] - counts[_FACT]
    if cues or numbers > 1:
        understood = foreign < words / 2 or formula + operator > 0
    else:
        understood = words >= FEW_WORDS and known >= LEAST_KNOWN * words
    return Reading(values, understood)
