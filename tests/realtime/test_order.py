"""Who is asked next, where it depends on what the caller has been shown."""

from __future__ import annotations

from .faults import reset
from .upstream import Upstream, answering
from .world import streamed, whole, world, wrong_answer

CHAIN = ("gemini", "openai", "claude")
"""Of the last two only Claude, in this model, continues the beginning of its turn."""


async def test_an_answer_that_was_shown_in_part_goes_first_to_a_target_that_takes_a_prefill() -> None:
    async with world(Upstream(usual=answering("middle", reset)), chain=CHAIN) as here:
        assert not [*wrong_answer(await streamed(here.client), "claude")]


async def test_an_answer_of_which_nothing_was_shown_starts_over_in_the_chains_order() -> None:
    async with world(Upstream(usual=answering("preamble", reset)), chain=CHAIN) as here:
        assert not [*wrong_answer(await streamed(here.client), "openai")]


async def test_a_held_answer_that_broke_off_starts_over_in_the_chains_order() -> None:
    async with world(Upstream(usual=answering("middle", reset)), chain=CHAIN) as here:
        assert not [*wrong_answer(await whole(here.client), "openai")]
