from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.failover.splice.fences import Context, FenceTracker, fence_state

CASES = [
    ("", Context.PROSE),
    ("Plain words.\n", Context.PROSE),
    ("Use `x` and ``y``", Context.PROSE),
    ("``` is inline ``` here\n", Context.PROSE),
    ("Code:\n```python\nx = 1", Context.CODE),
    ("Code:\n```", Context.CODE),
    ("```\nx\n```\nDone", Context.PROSE),
    ("```\r\nx\r\n```\r\nDone", Context.PROSE),
    ("```\nx\n```", Context.CODE),
    ("````\n```\nx\n```\n", Context.CODE),
    ("````\n```\nx\n````\n", Context.PROSE),
    ("~~~\n```\n", Context.CODE),
    ("~~~ a `b` c\nx\n", Context.CODE),
    ("```\nx\n``` not an end\n", Context.CODE),
    ("1. Step\n   ```sh\n   ls\n", Context.CODE),
    ("- ```sh\n  ls\n", Context.CODE),
    ("> ```\n> x\n> ```\nwords\n", Context.PROSE),
    ("| a | b |", Context.TABLE),
    ("| a | b |\n", Context.TABLE),
    ("| a | b |\n|---|---|\n| 1 |", Context.TABLE),
    ("a | b\n--|--\n1 ", Context.TABLE),
    ("| a | b |\n\nAfter", Context.PROSE),
    ("```\na | b\n```\nAfter", Context.PROSE),
]


@pytest.mark.parametrize(("text", "state"), CASES)
def test_the_context_at_the_end_of_a_text(text: str, state: Context) -> None:
    assert fence_state(text) is state


@given(st.lists(st.sampled_from(["```", "~~~~", "`", "|", "\n", " ", "x", "- ", "> ", "py", "\r\n"]), max_size=40))
def test_the_context_does_not_depend_on_how_the_text_is_cut_into_pieces(pieces: list[str]) -> None:
    whole, by_piece, by_character = FenceTracker(), FenceTracker(), FenceTracker()
    whole.feed("".join(pieces))
    for piece in pieces:
        by_piece.feed(piece)
        for character in piece:
            by_character.feed(character)
    assert whole.state is by_piece.state is by_character.state


def test_a_line_without_end_is_not_kept_whole() -> None:
    tracker = FenceTracker()
    for _ in range(1000):
        tracker.feed("word " * 20)
    kept = sum(len(value) for value in vars(tracker).values() if isinstance(value, str))
    assert kept < 1000
    tracker.feed("\n```\n")
    assert tracker.state is Context.CODE
