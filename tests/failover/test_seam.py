from __future__ import annotations

import pytest

from segue.failover.splice.overlap import Seam, overlap

ANSWER = (
    "The Danube rises in the Black Forest and flows through ten countries before it reaches the Black Sea near Sulina."
)
"""The whole answer that is cut in these tests; long enough for each rule."""


def run(seam: Seam, *pieces: str) -> str:
    return "".join(seam.feed(piece) for piece in pieces) + seam.flush(final=True)


CASES = [
    pytest.param("The Danube ri", "ses in the Black Forest", "ses in the Black Forest", id="exact, in mid-word"),
    pytest.param("It flows", " east.", " east.", id="exact, with its space"),
    pytest.param("", "\n Anything", "\n Anything", id="nothing was delivered"),
    pytest.param(" \n", "Anything", "Anything", id="only whitespace was delivered"),
    pytest.param(
        "rises in the Black Forest",
        "the Black Forest and flows",
        " and flows",
        id="overlap of 16 characters is left out",
    ),
    pytest.param("and so it is twelve chars", "twelve chars and more", " and more", id="overlap of 12 is left out"),
    pytest.param("and so on: eleven char", "eleven char and more", "eleven char and more", id="overlap of 11 is kept"),
    pytest.param(
        "one two three four, one two three four",
        "one two three four and five",
        " and five",
        id="an overlap is left out only once",
    ),
    pytest.param(
        "it rises in the Black Forest\n",
        "in the Black Forest\n\nNext",
        "\nNext",
        id="the overlap has other whitespace behind it",
    ),
    pytest.param(
        "it rises in the Black Forest",
        "\n\nin the Black Forest and flows",
        " and flows",
        id="a line break before the overlap",
    ),
    pytest.param(
        "it rises in the Black Forest ",
        "in the Black Forest and flows",
        "and flows",
        id="the space at the end of the text is not shown again",
    ),
    pytest.param("x" + " " * 12, " " * 12 + "y", "y", id="an overlap of nothing but whitespace"),
    pytest.param(ANSWER[:60], ANSWER, ANSWER[60:], id="begins anew after 60 characters"),
    pytest.param(ANSWER[:30], ANSWER, ANSWER[30:], id="begins anew after 30 characters"),
    pytest.param("The ", "The Danube", "The Danube", id="three letters are too few to be sure"),
    pytest.param("The D", ANSWER, ANSWER[5:], id="begins anew after four letters"),
    pytest.param("o", "ops", "ops", id="one letter repeats by chance"),
    pytest.param("1", "1 apples", "1 apples", id="one digit repeats by chance"),
    pytest.param("----", "----\n", "----\n", id="marks repeat by design"),
    pytest.param("\n\nThe Danube", "The Danube rises", " rises", id="begins anew without the first line breaks"),
    pytest.param("The Danube", "\n\nThe Danube rises", " rises", id="begins anew after line breaks"),
    pytest.param(ANSWER, ANSWER, "", id="begins anew and ends where the text ended"),
    pytest.param(
        ANSWER[:47] + "#", ANSWER[:47] + "!", ANSWER[:47] + "!", id="47 characters of the start are no new beginning"
    ),
    pytest.param(
        ANSWER + " That is all. " + ANSWER,
        ANSWER + " And more.",
        " And more.",
        id="the start comes again at the end: it is an overlap",
    ),
]


@pytest.mark.parametrize(("delivered", "continuation", "shown"), CASES)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_what_is_shown_of_a_continuation(delivered: str, continuation: str, shown: str, step: int) -> None:
    seam = Seam(delivered, in_code=False)
    pieces = [continuation[at : at + step] for at in range(0, len(continuation), step)]
    assert run(seam, *pieces) == shown
    assert seam.settled
    assert seam.error is None
    assert seam.trimmed == len(continuation) - len(shown)


@pytest.mark.parametrize(
    ("continuation", "shown"),
    [("return a + b  # the sum\n", "return a + b  # the sum\n"), ("    return a + b  # the sum\n", "\n")],
)
def test_in_code_an_overlap_counts_from_24_characters_on(continuation: str, shown: str) -> None:
    seam = Seam("def add(a, b):\n    return a + b  # the sum", in_code=True)
    assert run(seam, continuation) == shown


def test_in_code_a_short_text_that_begins_anew_is_recognised_all_the_same() -> None:
    assert run(Seam("def add(a, b", in_code=True), "def add(a, b):\n") == "):\n"


def test_a_new_beginning_that_goes_another_way_is_an_error_and_shows_nothing() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert run(seam, ANSWER[:48], " and then it stops.", " More.") == ""
    assert seam.error is not None
    assert seam.settled


def test_a_new_beginning_that_ends_before_the_delivered_text_does_is_an_error() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert run(seam, ANSWER[:60]) == ""
    assert seam.error is not None


def test_a_new_beginning_is_skipped_although_the_time_of_holding_ended_after_its_first_word() -> None:
    seam = Seam(ANSWER[:90], in_code=False)
    assert seam.feed("The") + seam.flush() == ""
    assert run(seam, ANSWER[3:70], ANSWER[70:]) == ANSWER[90:]


def test_a_new_beginning_that_turns_out_to_be_none_is_let_through_whole() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert seam.feed("The Danube ") + seam.flush() == ""
    assert seam.feed("is also ") == "The Danube is also "
    assert seam.settled


def test_a_repetition_of_the_end_is_left_out_although_the_time_of_holding_ended_within_it() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert seam.feed("Black Sea ") + seam.flush() == ""
    assert run(seam, "near Sulina.", " It is long.") == " It is long."


def test_a_repetition_of_the_end_that_proves_too_short_is_let_through_whole() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert seam.feed("Sul") + seam.flush() == ""
    assert run(seam, "ina.", " It is long.") == "Sulina. It is long."


def test_a_repetition_longer_than_the_held_characters_is_left_out_whole() -> None:
    text = "".join(f"{number} " for number in range(2000))
    seam = Seam(text, in_code=False, max_chars=200)
    tail = text[-5000:] + "and done"
    pieces = [tail[at : at + 7] for at in range(0, len(tail), 7)]
    assert run(seam, *pieces) == "and done"


def test_after_the_time_of_holding_a_long_repetition_is_left_out_wherever_it_begins() -> None:
    text = "".join(f"{number} " for number in range(500))
    seam = Seam(text, in_code=False, max_chars=200)
    tail = text[-1000:] + "and done"
    assert seam.feed(tail[:20]) + seam.flush() == ""
    assert run(seam, tail[20:30], tail[30:]) == "and done"


def test_time_that_passed_before_the_first_text_was_no_time_of_holding() -> None:
    text = "".join(f"{number} " for number in range(500))
    seam = Seam(text, in_code=False, max_chars=200)
    tail = text[-1000:] + "and done"
    assert seam.flush() == ""
    assert run(seam, *(tail[at : at + 5] for at in range(0, len(tail), 5))) == "and done"


def test_a_repetition_that_has_reached_the_end_is_settled_without_waiting_for_more() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert seam.feed("the Black Sea near Sulina.") == ""
    assert seam.settled


def test_after_the_time_of_holding_a_chance_likeness_with_the_middle_is_not_waited_for() -> None:
    text = ANSWER + "".join(f" {number}" for number in range(200))
    seam = Seam(text, in_code=False)
    assert seam.feed("Black") == ""
    assert seam.flush() == "Black"
    assert seam.settled


def test_new_text_is_shown_at_once_when_nothing_delivered_is_like_it() -> None:
    seam = Seam(ANSWER, in_code=False)
    assert seam.feed(" Quite") == " Quite"
    assert seam.settled


def test_a_seam_says_that_it_holds_until_its_time_is_over() -> None:
    seam = Seam(ANSWER, in_code=False)
    held = [seam.holding]
    seam.feed("The")
    held.append(seam.holding)
    seam.flush()
    held.append(seam.holding)
    assert held == [False, True, False]
    assert not seam.settled


def test_more_whitespace_than_is_worth_holding_is_let_through() -> None:
    seam = Seam(ANSWER, in_code=False, max_chars=10)
    assert seam.feed(" " * 6) == ""
    assert seam.feed(" " * 6 + "x") == " " * 12 + "x"


@pytest.mark.parametrize(
    ("delivered", "stripped", "continuation", "shown"),
    [
        pytest.param("flows ", " ", " east", "east", id="brings it back"),
        pytest.param("flows ", " ", "east", "east", id="leaves it out"),
        pytest.param("flows.\n\n", "\n\n", "\n\nIt", "It", id="brings both line breaks back"),
        pytest.param("flows.\n\n", "\n\n", "\nIt", "It", id="brings one of two back"),
        pytest.param("flows.\n", "\n", "\n\nIt", "\nIt", id="makes a paragraph of a line break"),
        pytest.param("flows ", " ", "  east", " east", id="gives it back only once"),
        pytest.param(
            "it flows through Vienna ", " ", "flows through Vienna and", "and", id="repeats the end without it"
        ),
        pytest.param("it flows through Vienna ", " ", "flows through Vienna", "", id="repeats the end and stops"),
        pytest.param(ANSWER + "\n", "\n", ANSWER + "\nMore", "More", id="begins anew"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_whitespace_taken_off_for_a_prefill_is_given_back_exactly_once(
    delivered: str, stripped: str, continuation: str, shown: str, step: int
) -> None:
    seam = Seam(delivered, in_code=False, stripped=stripped)
    assert run(seam, *(continuation[at : at + step] for at in range(0, len(continuation), step))) == shown


@pytest.mark.parametrize("stripped", ["x", " "])
def test_what_is_not_whitespace_at_the_end_of_the_text_cannot_have_been_stripped(stripped: str) -> None:
    with pytest.raises(ValueError, match="stripped"):
        Seam("text x", in_code=False, stripped=stripped)


@pytest.mark.parametrize(
    ("text", "continuation", "length"),
    [
        ("", "", 0),
        ("abc", "", 0),
        ("", "abc", 0),
        ("abc", "bcd", 2),
        ("aaa", "aaaa", 3),
        ("abab", "abab", 4),
        ("ab", "c", 0),
    ],
)
def test_the_overlap_is_the_longest_end_that_is_also_a_beginning(text: str, continuation: str, length: int) -> None:
    assert overlap(text, continuation) == length


class CountingStr(str):
    """A text that counts how often one of its characters is looked at by itself."""

    looks = 0

    def __getitem__(self, key: object) -> str:
        if isinstance(key, int):
            CountingStr.looks += 1
            return super().__getitem__(key)
        assert isinstance(key, slice)
        return CountingStr(super().__getitem__(key))


def test_the_search_for_an_overlap_is_linear_where_comparing_each_end_would_be_quadratic() -> None:
    size = 20_000
    CountingStr.looks = 0
    assert overlap(CountingStr("a" * size + "b"), CountingStr("a" * size + "c")) == 0
    assert CountingStr.looks < 10 * size
