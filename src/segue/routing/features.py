"""What a prompt asks for, as numbers that are seen in a few microseconds. Pure.

A text is read once, word by word. Of one that is longer than `WINDOW` only the head and the tail are read, so no text costs more than
one of that length. The numbers say what kind of work is asked for and how much of it there is, not what the text is about.
"""

from __future__ import annotations

import re
from math import log1p
from typing import NamedTuple

from segue.routing.vocabulary import (
    EAST_FIRST,
    EAST_LENGTHS,
    EAST_TABLE,
    HANGUL_TABLE,
    LATIN_STEMS,
    LATIN_TABLE,
    WORK,
    Cue,
)

HEAD, TAIL = 600, 600
WINDOW = HEAD + TAIL
"""Characters of a text that are read at most. An instruction (task.py) is rarely as long."""

HANGUL_WORDS = 1.45
"""English words that say what one Korean word does: the median over the pairs of benchmarks/data/parallel.jsonl."""
USUAL_LETTERS, USUAL_NAMES = 4.4, 0.04
"""Letters of a word and share of names, usual in English prompts: taken for a text mostly in a script that shows neither."""
IDEOGRAPH_WORDS = 0.6
"""English words for one Chinese or Japanese character, which stand without spaces."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|\S")

_SILENT = frozenset({Cue.FACT, Cue.QUESTION, Cue.STOP, Cue.COMMON, Cue.GERMAN})
"""Cues that are no features: newer strong models gain as much on short facts as on hard science, and the others only tell sentences and
languages."""
CUES = tuple(cue for cue in Cue if cue not in _SILENT)
DENSE = frozenset({Cue.CREATIVE, Cue.CHAT, Cue.TRANSFORM, Cue.EXPLAIN})
"""Cues of light work: a word of these says much in a short prompt and nothing in a long one."""

NAMES = (
    *(cue.name.lower() for cue in CUES),
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

FEW_WORDS = 12
"""A prompt of fewer words that holds no cue is not understood: "go on" may be anything."""
LEAST_KNOWN = 0.08
"""The least share of words of a language that is read which are known, function words included; below it the language is another."""

_COUNTS = len(Cue)


class Reading(NamedTuple):
    """What was read: `values` in the order of `NAMES`. `understood` is False for a text that says nothing of its difficulty: one in a
    language that is not read, or a short one without a cue."""

    values: list[float]
    understood: bool


def measure(text: str) -> list[float]:
    """The features of a text, in the order of `NAMES`."""
    return read(text).values


def works(text: str) -> bool:
    """Whether a text has a word that asks for work."""
    for token in _TOKEN.findall(text[:WINDOW]):
        if token[0] > "\u2fff":
            counts = [0] * _COUNTS
            _read_east(token, counts)
            if any(counts[cue] for cue in WORK):
                return True
        elif _cue(token) in WORK:
            return True
    return False


def read(text: str) -> Reading:
    """Reads a text, of a long one both ends."""
    length = len(text)
    part = text if length <= WINDOW else text[:HEAD] + "\n" + text[-TAIL:]
    tokens = _TOKEN.findall(part)
    counts = [0] * _COUNTS
    words, letters, spelt, numbers, variables, names, foreign = 0.0, 0, 0, 0, 0, 0, 0.0
    look, stem = LATIN_TABLE.get, LATIN_STEMS.get
    begins = True
    for token in tokens:
        first = token[0]
        cue = look(token)
        if cue is not None:
            counts[cue] += 1
            if first.isalpha():
                words += 1.0
                spelt += 1
                letters += len(token)
            else:
                begins = cue >= Cue.QUESTION
                continue
        elif first > "\u2fff":
            words += _read_east(token, counts)
        elif first.isalpha():
            words += 1.0
            spelt += 1
            size = len(token)
            letters += size
            if capital := first.isupper():
                cue = look(token.lower())
            if cue is None and size > 4:
                plain = token.lower() if capital else token
                cue = stem(plain[:6]) or stem(plain[:5])
            if cue is not None:
                counts[cue] += 1
            elif capital and size > 1 and not begins:
                names += 1
            elif first > "\u036f":
                foreign += 1.0
            if size == 1 and token not in "aAIyoàyÀ":
                variables += 1
        elif first.isdigit():
            numbers += 1
        begins = False
    density = words + 10.0
    latin = 2 * spelt > words and counts[Cue.GERMAN] <= counts[Cue.COMMON]
    values = [counts[cue] / density if cue in DENSE else log1p(counts[cue]) for cue in CUES]
    values += (
        log1p(numbers),
        log1p(variables),
        names / words if latin else USUAL_NAMES,
        log1p(words * length / (len(part) or 1)),
        letters / spelt if latin else USUAL_LETTERS,
        len(set(tokens)) / (len(tokens) or 1),
    )
    known = sum(counts) - counts[Cue.QUESTION] - counts[Cue.STOP]
    cues = known - counts[Cue.COMMON] - counts[Cue.GERMAN] - counts[Cue.FACT]
    if cues or numbers > 1:
        understood = foreign < words / 2 or counts[Cue.FORMULA] + counts[Cue.OPERATOR] > 0
    else:
        understood = words >= FEW_WORDS and known >= LEAST_KNOWN * words
    return Reading(values, understood)


def _cue(token: str) -> int | None:
    """The cue of a word in Latin letters, or of a mark."""
    cue = LATIN_TABLE.get(token)
    if cue is None and token[0].isalpha():
        plain = token.lower()
        cue = LATIN_TABLE.get(plain)
        if cue is None and len(plain) > 4:
            cue = LATIN_STEMS.get(plain[:6]) or LATIN_STEMS.get(plain[:5])
    return cue


def _read_east(token: str, counts: list[int]) -> float:
    """Counts the cues of a run of characters that are not in Latin letters; returns its length in English words."""
    if not "가" <= token[0] <= "힣":
        return _read_ideographs(token, counts) if token[0].isalpha() else 0.0
    look = HANGUL_TABLE.get
    cue = look(token[:4])
    if cue is None:
        cue = look(token[:3])
        if cue is None and len(token) > 1:
            cue = look(token[:2])
    if cue is not None:
        counts[cue] += 1
    return HANGUL_WORDS


def _read_ideographs(token: str, counts: list[int]) -> float:
    """Counts the cues anywhere in a run of Japanese or Chinese, the longest first at each place."""
    at, size = 0, len(token)
    while at < size:
        step = 1
        if token[at] in EAST_FIRST:
            for length in EAST_LENGTHS:
                cue = EAST_TABLE.get(token[at : at + length])
                if cue is not None:
                    counts[cue] += 1
                    step = length
                    break
        at += step
    return size * IDEOGRAPH_WORDS
