from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segue.failover.splice import repeat_seam as module
from segue.failover.splice.fences import Context, fence_state
from segue.failover.splice.folding import fold
from segue.failover.splice.phrases import anchor_of
from segue.failover.splice.prefill_seam import PrefillSeam
from segue.failover.splice.repeat_seam import RepeatSeam


def play(seam: PrefillSeam | RepeatSeam, continuation: str, cuts: list[int], flush_after: int | None = None) -> str:
    """Feeds the continuation in pieces of these lengths, over and over; time is up after piece number `flush_after`."""
    shown, at, number = "", 0, 0
    while at < len(continuation):
        size = cuts[number % len(cuts)]
        shown += seam.feed(continuation[at : at + size])
        at += size
        if number == flush_after:
            shown += seam.flush()
        number += 1
    return shown + seam.flush(final=True)


PIECES = [
    "the quick ",
    "brown fox ",
    "jumps over ",
    "a",
    "b",
    " ",
    "\n",
    "\n\n",
    "the ",
    "Über ",
    "0123456789ab",
    "| x | ",
    "“a” ",
]
REPETITIVE = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=5)


@st.composite
def continuations(draw: st.DrawFn) -> tuple[str, str]:
    """A delivered text and a continuation that repeats some stretch of it before it says something else."""
    delivered = draw(REPETITIVE)
    first = draw(st.integers(0, len(delivered)))
    last = draw(st.integers(first, len(delivered)))
    blank = draw(st.sampled_from(["", "", " ", "\n\n"]))
    return delivered, blank + delivered[first:last] + draw(REPETITIVE)


@settings(max_examples=300, deadline=None)
@given(continuations(), CUTS, st.booleans())
def test_what_is_shown_does_not_depend_on_how_the_continuation_arrives(
    texts: tuple[str, str], cuts: list[int], in_code: bool
) -> None:
    delivered, continuation = texts
    whole, pieces = (RepeatSeam(delivered, in_code=in_code, max_chars=1000) for _ in range(2))
    assert play(whole, continuation, [1000]) == play(pieces, continuation, cuts)
    assert whole.error == pieces.error


@settings(max_examples=200, deadline=None)
@given(continuations(), CUTS, st.integers(0, 10), st.booleans())
def test_whenever_time_is_up_nothing_is_lost_but_what_was_delivered_before(
    texts: tuple[str, str], cuts: list[int], flush_after: int, in_code: bool
) -> None:
    delivered, continuation = texts
    seam = RepeatSeam(delivered, in_code=in_code)
    shown = play(seam, continuation, cuts, flush_after)
    if seam.error is None:
        assert continuation.endswith(shown)
        left_out = continuation[: len(continuation) - len(shown)]
        assert fold(left_out).strip('"') in fold(delivered)
        assert seam.trimmed == len(left_out)


def numbered(words: int) -> str:
    """A text in which no stretch of a dozen characters comes twice."""
    return "".join(f"w{number}{'.' if number % 7 else '.' + chr(10) * 2} " for number in range(words))


ANSWERS = st.integers(12, 90).map(numbered)


@settings(max_examples=100, deadline=None)
@given(ANSWERS, st.floats(0, 1), CUTS, st.none() | st.integers(0, 10), st.booleans())
def test_an_exact_continuation_gives_the_reference(
    reference: str, share: float, cuts: list[int], flush_after: int | None, in_code: bool
) -> None:
    cut = round(share * len(reference))
    seam = RepeatSeam(reference[:cut], in_code=in_code)
    assert reference[:cut] + play(seam, reference[cut:], cuts, flush_after) == reference


@settings(max_examples=100, deadline=None)
@given(ANSWERS, st.floats(0, 1), CUTS, st.sampled_from(["", "\n", "\n\n ", "“", "… "]), st.booleans())
def test_a_continuation_that_repeats_the_words_it_was_asked_to_gives_the_reference(
    reference: str, share: float, cuts: list[int], mark: str, in_code: bool
) -> None:
    cut = 12 + round(share * (len(reference) - 12))
    delivered = reference[:cut]
    at = delivered.rindex(anchor_of(delivered))
    seam = RepeatSeam(delivered, in_code=in_code)
    assert delivered + play(seam, mark + reference[at:], cuts) == reference


@settings(max_examples=100, deadline=None)
@given(ANSWERS, st.floats(0, 1), CUTS, st.none() | st.integers(0, 10), st.booleans())
def test_a_continuation_that_starts_over_gives_the_reference(
    reference: str, share: float, cuts: list[int], flush_after: int | None, in_code: bool
) -> None:
    cut = 4 + round(share * (len(reference) - 4))
    delivered = reference[:cut]
    assert delivered + play(RepeatSeam(delivered, in_code=in_code), reference, cuts, flush_after) == reference


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=80), st.floats(0, 1), CUTS, st.booleans())
def test_an_exact_continuation_of_a_prefill_gives_the_reference(
    reference: str, share: float, cuts: list[int], brings_whitespace: bool
) -> None:
    delivered = reference[: round(share * len(reference))]
    shown = delivered.rstrip()
    rest = reference[len(shown) :] if brings_whitespace else reference[len(delivered) :]
    assume(brings_whitespace or not (rest[:1].isspace() and shown != delivered))
    assert delivered + play(PrefillSeam(delivered[len(shown) :]), rest, cuts) == reference


WORDS = ["error", "warning", "info", "started"]


def repetitive_texts(source: random.Random) -> list[str]:
    """Texts that say nearly the same again and again: lists, tables, code, verse, logs, made of four words."""

    def word() -> str:
        return source.choice(WORDS)

    rows = [f"| {word()} | {source.randrange(10)} | {word()} |\n" for _ in range(40)]
    branches = [f"    if {word()} == {source.randrange(5)}:\n        return {word()}\n" for _ in range(30)]
    verses = [f"the {word()} and the {word()} were {word()},\nand on and on, the road goes on,\n" for _ in range(15)]
    return [
        "".join(f"- The {word()} of the {word()} is {word()}.\n" for _ in range(40)),
        "| name | value | state |\n|---|---|---|\n" + "".join(rows),
        "```python\n" + "".join(branches) + "```\n",
        "".join(verses),
        "".join(f"12:00:{line:02d} {word()} {word()} {word()}\n" for line in range(40)),
    ]


def false_trims(cuts: int) -> int:
    """How many exact continuations of repetitive texts, cut at random, are not shown whole."""
    source = random.Random(7)
    wrong = 0
    for _ in range(cuts // 5):
        for text in repetitive_texts(source):
            cut = source.randrange(1, len(text))
            seam = RepeatSeam(text[:cut], in_code=fence_state(text[:cut]) is not Context.PROSE)
            wrong += seam.feed(text[cut:]) + seam.flush(final=True) != text[cut:]
    return wrong


def test_text_is_seldom_taken_for_an_overlap_by_mistake_even_where_it_repeats_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 1 500 exact continuations of texts that hardly say anything new, 13 (0.9 %) are cut short: stretches as long as a line
    that really come twice in a row, which no threshold tells from an overlap."""
    wrong = false_trims(1500)
    assert wrong <= 14
    monkeypatch.setattr(module, "OVERLAP", 8)
    assert false_trims(1500) > wrong


def test_nothing_of_a_repetitive_text_is_lost_where_it_is_given_as_a_prefill() -> None:
    source = random.Random(7)
    for text in repetitive_texts(source) * 20:
        cut = source.randrange(1, len(text))
        taken_back = text[:cut][len(text[:cut].rstrip()) :]
        assert play(PrefillSeam(taken_back), text[cut - len(taken_back) :], [7]) == text[cut:]
