"""Every fault in every phase, through the client: three dialects, streamed or whole, at the chain's first place, its first two and all."""

from __future__ import annotations

import asyncio

import pytest

from .faults import FAULTS, Fault
from .upstream import Upstream
from .world import ASKING, AT_ONCE, MEASURES, MODELS, POLICY, world, wrong_answer, wrong_refusal

CASES = [(fault, phase) for fault in FAULTS for phase in fault.phases]
HURRIED = POLICY.replace(deadline=2.0)
"""For chains of which nobody answers: the last is waited for until the deadline."""


async def strike(fault: Fault, phase: str, *, start: str, asking: str, broken: int) -> str:
    """One request; gives what is wrong with what came of it, "" for nothing."""
    upstreams = [Upstream(usual=fault.act(phase)) for _ in range(broken)]
    names = [*MODELS, *MODELS][[*MODELS].index(start) :]
    refused = broken == len(MODELS) and phase != "after"
    async with world(upstreams, start=start, policy=HURRIED if refused else POLICY) as here:
        told = await ASKING[asking](here.client)
        outlived = await here.outlived(told.ended)
        MEASURES.outlived.append(outlived)
        if not fault.silent and phase != "after":
            MEASURES.switches += here.switches()
        wrong = [*(wrong_refusal(told) if refused else wrong_answer(told, names[0 if phase == "after" else broken]))]
        if outlived > AT_ONCE:
            wrong.append(f"a socket outlived the answer by {outlived * 1000:.0f} ms")
        if unsettled := here.unsettled():
            wrong.append(f"attempts never booked: {unsettled}")
    MEASURES.cases += not wrong
    return f"{start} {asking} {broken} broken: {'; '.join(wrong)}" if wrong else ""


@pytest.mark.parametrize(("fault", "phase"), CASES, ids=[f"{fault.name}-{phase}" for fault, phase in CASES])
async def test_the_caller_gets_the_exact_answer_from_the_next_target(fault: Fault, phase: str) -> None:
    found = await asyncio.gather(
        *(
            strike(fault, phase, start=start, asking=asking, broken=broken)
            for start in MODELS
            for asking in ASKING
            for broken in (1, 2, 3)
        )
    )
    wrong = [what for what in found if what]
    assert not wrong, f"{len(wrong)} of {len(found)}:\n" + "\n".join(wrong)
