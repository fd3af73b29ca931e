from __future__ import annotations

import pytest

from segue.failover.splice.prefill_seam import MOST_BLANKS, PrefillSeam

STEPS = pytest.mark.parametrize("step", [1, 3, 1000])


def run(seam: PrefillSeam, continuation: str, step: int) -> str:
    pieces = [continuation[at : at + step] for at in range(0, len(continuation), step)]
    return "".join(seam.feed(piece) for piece in pieces) + seam.flush(final=True)


REPETITIONS = [
    pytest.param("| a | 1 |\n| a | 1 |\n", "| a | 1 |\n| b | 2 |\n", id="an equal row of a table"),
    pytest.param("| a | b |\n|---|---|\n", "|---|---|\n", id="a table that is nothing but lines"),
    pytest.param(
        "Row, row, row your boat,\n", "Row, row, row your boat,\nGently", id="a refrain that is all there was"
    ),
    pytest.param("and on we go,\nthe sea is wide,\n", "and on we go,\nthe sea is wide,\n", id="a refrain of two lines"),
    pytest.param("- wash the cup\n- dry the cup\n- wash the cup\n", "- dry the cup\n", id="an item of a list"),
    pytest.param("```\n    return a + b  # the sum\n", "    return a + b  # the sum\n```\n", id="a line of code"),
    pytest.param("ho ho ", "ho ho ho", id="a word"),
    pytest.param("x" * 500, "x" * 500, id="one letter for ever"),
    pytest.param("The harbour is old. " * 3, "The harbour is old. " * 9, id="a model that turns in circles"),
]


@pytest.mark.parametrize(("delivered", "continuation"), REPETITIONS)
@STEPS
def test_what_rightly_comes_again_is_shown_again(delivered: str, continuation: str, step: int) -> None:
    taken_back = delivered[len(delivered.rstrip()) :]
    seam = PrefillSeam(taken_back)
    assert run(seam, taken_back + continuation, step) == continuation
    assert seam.error is None
    assert seam.trimmed == len(taken_back)


@pytest.mark.parametrize(
    ("taken_back", "continuation", "shown"),
    [
        pytest.param("", " east", " east", id="nothing was taken back"),
        pytest.param(" ", " east", "east", id="brings the space back"),
        pytest.param(" ", "east", "east", id="leaves it out"),
        pytest.param("\n\n", "\n\nIt", "It", id="brings both line breaks back"),
        pytest.param("\n\n", "\nIt", "It", id="brings one of two back"),
        pytest.param("\n", "\n\nIt", "\nIt", id="makes a paragraph of a line break"),
        pytest.param(" ", "  east", " east", id="gives it back only once"),
        pytest.param(" \n", "It \n", "It \n", id="has it where it is its own"),
    ],
)
@STEPS
def test_whitespace_that_was_taken_back_is_given_back_exactly_once(
    taken_back: str, continuation: str, shown: str, step: int
) -> None:
    seam = PrefillSeam(taken_back)
    assert run(seam, continuation, step) == shown
    assert seam.error is None
    assert seam.trimmed == len(continuation) - len(shown)


@pytest.mark.parametrize(
    ("taken_back", "continuation", "shown"),
    [
        pytest.param(" har", " harbour is", "bour is", id="half a word"),
        pytest.param(" harbour", " harbour is", " is", id="a whole word"),
        pytest.param(" harbour", " harbours", "s", id="a word that proves to be half of one"),
        pytest.param("har", "harbour", "bour", id="half a word behind a mark"),
        pytest.param("\n\nhar", " harbour", "bour", id="with other whitespace before it"),
        pytest.param(" har", "harbour", "bour", id="without the whitespace before it"),
        pytest.param(" har", " har", "", id="and there it ends"),
        pytest.param(" 하", " 하늘은 푸르다", "늘은 푸르다", id="a word of Hangul"),
        pytest.param(" row", " row row row", " row row", id="a word that comes again"),
    ],
)
@STEPS
def test_a_word_that_was_taken_back_is_expected_again_and_cut(
    taken_back: str, continuation: str, shown: str, step: int
) -> None:
    seam = PrefillSeam(taken_back)
    assert run(seam, continuation, step) == shown
    assert seam.error is None


@pytest.mark.parametrize("continuation", [" port", " Harbour", " ha", "", "\n\n", " " * (MOST_BLANKS + 1) + "harbour"])
@STEPS
def test_another_word_in_its_place_is_an_error_and_shows_nothing(continuation: str, step: int) -> None:
    seam = PrefillSeam(" har")
    assert run(seam, continuation, step) == ""
    assert seam.error is not None
    assert seam.feed("bour") == ""


def test_time_sets_no_word_free() -> None:
    seam = PrefillSeam(" har")
    assert seam.feed(" ha") + seam.flush() == ""
    assert not seam.holding
    assert seam.feed("rbour") == "bour"


@pytest.mark.parametrize(
    ("words", "starts_over"),
    [("The old harbour", True), (" The", True), ("It is", False), ("harmony", False)],
    ids=["the answer's first words", "after a space", "other words", "the word that was expected"],
)
def test_a_model_that_starts_over_did_not_take_the_prefill(words: str, starts_over: bool) -> None:
    seam = PrefillSeam(" har")
    run(seam, words, 1)
    assert (seam.error is not None and seam.restarted("The old har")) is starts_over
