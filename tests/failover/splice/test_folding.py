from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.failover.splice.folding import fold, overlap, unfolded


def test_whitespace_and_kinds_of_quotes_make_no_difference() -> None:
    assert fold("He says: “It’s\u00a0«fine»”.\n") == fold('He says : "It\'s "fine" " .')


@given(st.text(alphabet="ab \n\u00a0\u200b“”", max_size=30), st.integers(0, 40))
def test_what_is_folded_is_found_in_the_text_it_came_from(text: str, count: int) -> None:
    end = unfolded(text, count)
    assert fold(text[:end]) == fold(text)[:count]
    assert end == 0 or end == len(text) or fold(text[end - 1])


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
