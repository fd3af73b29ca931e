"""What a prompt asks for, as numbers that are seen in a few microseconds. Pure.

A text is read once, word by word. Of one that is longer than `WINDOW` only the head and the tail are read, so no text costs more than
one of that length. The numbers say what kind of work is asked for and how much of it there is, not what the text is about.
"""

from __future__ import annotations

import re
from math import log1p

from segue.routing.vocabulary import HANGUL_TABLE, LATIN_TABLE, Cue

HEAD, TAIL = 1400, 1000
WINDOW = HEAD + TAIL
"""Characters of a text that are read at most."""

HANGUL_WORDS = 1.45
"""English words that say what one Korean word does: the median over the pairs of benchmarks/data/parallel.jsonl."""
USUAL_LETTERS, USUAL_NAMES = 4.4, 0.04
"""Letters of a word and share of names, usual in English prompts: taken for a text mostly in a script that shows neither."""
IDEOGRAPH_WORDS = 0.6
"""English words for one Chinese or Japanese character, which stand without spaces."""

_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|\S")

CUES = tuple(cue for cue in Cue if cue is not Cue.QUESTION)
"""Those that are features; question marks only end sentences."""
DENSE = frozenset({Cue.FACT, Cue.CREATIVE, Cue.CHAT, Cue.TRANSFORM, Cue.EXPLAIN})
"""Cues of light work: a word of these says much in a short prompt and nothing in a long one."""

NAMES = (
    *(cue.name.lower() for cue in CUES),
    "numbers",
    "variables",
    "names",
    "words",
    "letters",
    "variety",
    "code_block",
)
"""The features in the order of `measure`'s list.

A cue is ln(1 + n) of its n words, or for light work n / (words + 10). `numbers` and `variables` (single letters) are ln(1 + n), `words`
too, of the whole text. `names` is the share of words with a capital inside a sentence, `letters` are those of a word on average: plain
words ask for thought, long ones for knowledge. `variety` is the share of different words. `code_block` is 1 where there is one.
"""

_COUNTS = len(Cue)


def measure(text: str) -> list[float]:
    """The features of a text, in the order of `NAMES`."""
    length = len(text)
    read = text if length <= WINDOW else text[:HEAD] + "\n" + text[-TAIL:]
    tokens = _TOKEN.findall(read)
    counts = [0] * _COUNTS
    words, letters, spelt, numbers, variables, names = 0.0, 0, 0, 0, 0, 0
    look = LATIN_TABLE.get
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
            letters += len(token)
            if first.isupper():
                if (cue := look(token.lower())) is not None:
                    counts[cue] += 1
                elif len(token) > 1 and not begins:
                    names += 1
            if len(token) == 1 and token not in "aAI":
                variables += 1
        elif first.isdigit():
            numbers += 1
        begins = False
    density = words + 10.0
    latin = 2 * spelt > words
    values = [counts[cue] / density if cue in DENSE else log1p(counts[cue]) for cue in CUES]
    values += (
        log1p(numbers),
        log1p(variables),
        names / words if latin else USUAL_NAMES,
        log1p(words * length / (len(read) or 1)),
        letters / spelt if latin else USUAL_LETTERS,
        len(set(tokens)) / (len(tokens) or 1),
        float("```" in text),
    )
    return values


def _read_east(token: str, counts: list[int]) -> float:
    """Counts the cue of a word that is not in Latin letters, if it is Korean; gives its length in English words."""
    if not "가" <= token[0] <= "힣":
        return len(token) * IDEOGRAPH_WORDS if token[0].isalpha() else 0.0
    look = HANGUL_TABLE.get
    cue = look(token[:4])
    if cue is None:
        cue = look(token[:3])
        if cue is None and len(token) > 1:
            cue = look(token[:2])
    if cue is not None:
        counts[cue] += 1
    return HANGUL_WORDS
