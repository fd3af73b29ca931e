"""The words and marks that tell what kind of work a text asks for, in seven languages.

Each belongs to one `Cue`. Most name kinds of work (proving, designing, translating, writing a story), not topics that were hard for some
model: what a model finds hard changes from model to model, what is asked for does not. A word that ends in `*` stands for all that begin with
it. Korean words are stems: a word of a text belongs to the longest stem that it begins with, up to four syllables; stems of one syllable
have to be the whole word. Japanese and Chinese words are found anywhere, as those languages write no spaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import combining, normalize

from segue.routing.vocabulary.chinese import CHINESE
from segue.routing.vocabulary.cue import WORK as WORK
from segue.routing.vocabulary.cue import Cue as Cue
from segue.routing.vocabulary.english import ENGLISH
from segue.routing.vocabulary.french import FRENCH
from segue.routing.vocabulary.german import GERMAN
from segue.routing.vocabulary.japanese import JAPANESE
from segue.routing.vocabulary.korean import KOREAN
from segue.routing.vocabulary.spanish import SPANISH

FUNCTION_WORDS: dict[Cue, str] = {
    Cue.COMMON: (
        "the of to is a an and in it this that for on with you my your be are was i me we can do does will at from by as or if have has "
        "el la los las de que un una en por para con le les des du et est une dans pour sur avec il je tu vous ce cette se lo al del su y o"
    ),
    Cue.GERMAN: "der die das und ist ein eine einen einem einer zu mit den dem des für auf von ich du wir es im bei aus sich auch noch am",
}
"""They tell whether a language is read at all; German writes its nouns with a capital, so there capitals say nothing of names."""

MARKS: dict[Cue, str] = {
    Cue.OPERATOR: "= + * / ^ < > ≤ ≥ ≠ × ÷ ± % → ⇒ ∧ ∨ ¬ ∀ ∃ ∈ ∪ ∩ ∼ ~ ≡ ⊃ |",
    Cue.FORMULA: "\\ $ √ ∑ ∫ π ∞ θ λ μ σ Δ α β ω °",
    Cue.QUESTION: "? ？",
    Cue.STOP: ". ! 。",
}


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def table(*languages: dict[Cue, str]) -> dict[str, int]:
    """From each whole word to its cue's value; the first cue that names a word keeps it."""
    found: dict[str, int] = {}
    for word, cue in _entries(languages):
        if not word.endswith("*"):
            found.setdefault(word, cue)
    return found


def stems(*languages: dict[Cue, str]) -> dict[str, int]:
    """From each `word*` to its cue's value; the first cue that names it keeps it."""
    found: dict[str, int] = {}
    for word, cue in _entries(languages):
        if word.endswith("*"):
            found.setdefault(word[:-1], cue)
    return found


def _entries(languages: tuple[dict[Cue, str], ...]) -> Iterator[tuple[str, int]]:
    """All words, then, as many write them so, the same without accents."""
    entries = [(word, cue.value) for words in languages for cue, line in words.items() for word in line.split()]
    yield from entries
    for word, cue in entries:
        if not word.isascii() and word < "\u0250":
            yield plain(word), cue


def plain(word: str) -> str:
    """A word without its accents; umlauts are spelt out, as in "loesen"."""
    spelt = word.translate(_UMLAUTS)
    return "".join(one for one in normalize("NFD", spelt) if not combining(one))


_EUROPEAN = (SPANISH, GERMAN, FRENCH)
LATIN_TABLE = table(ENGLISH, MARKS, FUNCTION_WORDS, *_EUROPEAN)
LATIN_STEMS = stems(ENGLISH, *_EUROPEAN)
HANGUL_TABLE = {word[:4]: cue for word, cue in table(KOREAN).items()}
EAST_WORDS = table(JAPANESE, CHINESE)
