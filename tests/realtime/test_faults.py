"""Every fault in every phase, through the client: three dialects, streamed or whole, at the chain's first place, its first two and all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import cycle

import pytest

from .faults import FAULTS, Fault
from .upstream import Upstream
from .world import ASKING, AT_ONCE, CHAINS, MEASURES, POLICY, world, wrong_answer, wrong_refusal

CASES = [(fault, phase) for fault in FAULTS for phase in fault.phases]
VARIANTS = [("stream", 1), ("stream", 2), ("stream", 3), ("whole", 1), ("whole", 3)]
"""How is asked, and how many of the chain have the fault."""
ALL = 3

HURRIED = POLICY.replace(deadline=2.0)
"""For chains of which nobody answers: the last is waited for until the deadline."""
STAGGER = 0.05
"""Seconds between the starts of many requests, so that none is late because of the others."""


async def strike(fault: Fault, phase: str, chain: Sequence[str], asking: str, broken: int, wait: float = 0.0) -> str:
    """One request; gives what is wrong with what came of it, "" for nothing."""
    await asyncio.sleep(wait)
    upstreams = [Upstream(usual=fault.act(phase)) for _ in range(broken)]
    refused = broken == ALL and phase != "after"
    async with world(*upstreams, chain=chain, policy=HURRIED if refused else POLICY) as here:
        told = await ASKING[asking](here.client)
        outlived = await here.outlived(told.ended)
        wrong = [*(wrong_refusal(told) if refused else wrong_answer(told, chain[0 if phase == "after" else broken]))]
        if outlived > AT_ONCE:
            wrong.append(f"a socket outlived the answer by {outlived * 1000:.0f} ms")
        if unsettled := here.unsettled():
            wrong.append(f"attempts never booked: {unsettled}")
    MEASURES.outlived.append(outlived)
    MEASURES.cases += not wrong
    return f"{fault.name}, {phase}, {chain[0]}, {asking}, {broken} broken: {'; '.join(wrong)}" if wrong else ""


def tell(found: Sequence[str]) -> None:
    wrong = [what for what in found if what]
    assert not wrong, f"{len(wrong)} of {len(found)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize(("fault", "phase"), CASES, ids=[f"{fault.name}-{phase}" for fault, phase in CASES])
async def test_the_caller_gets_the_exact_answer_from_the_next_target_or_an_error(fault: Fault, phase: str) -> None:
    variants = [one for one in VARIANTS if one[1] < ALL or not fault.silent]
    tell(await asyncio.gather(*(strike(fault, phase, chain, *one) for chain in CHAINS for one in variants)))


async def test_a_chain_that_is_silent_as_a_whole_ends_in_an_error_at_the_deadline() -> None:
    silent = [(fault, phase) for fault, phase in CASES if fault.silent and phase != "after"]
    asking = cycle(ASKING)
    cases = [(*case, chain, next(asking), ALL) for case in silent for chain in CHAINS]
    tell(await asyncio.gather(*(strike(*case, wait=place * STAGGER) for place, case in enumerate(cases))))
