"""Every fault in every phase, through the client: three dialects, streamed or whole, at the chain's first place, its first two and all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import cycle
from typing import TypeAlias

import pytest

from .faults import FAULTS, Fault
from .machine import Lateness
from .upstream import Upstream
from .world import ASKING, AT_ONCE, CHAINS, MEASURES, POLICY, world, wrong_answer, wrong_refusal

LOUD = [(fault, phase) for fault in FAULTS if not fault.silent for phase in fault.phases]
SILENT = [fault for fault in FAULTS if fault.silent]
VARIANTS = [("stream", 1), ("stream", 2), ("stream", 3), ("whole", 1), ("whole", 3)]
"""How is asked, and how many of the chain have the fault."""
ALL = 3
SAMPLING = 2
"""One in so many of a loud fault's requests is made outside the long run: another half of them for each fault."""

HURRIED = POLICY.replace(deadline=2.0)
"""For chains of which no target answers: the last is waited for until the deadline."""
STAGGER = 0.03
"""Seconds between the starts of many requests, so that none is late because of the others."""
TRIES = 3
TOO_LATE = 0.2
"""Seconds that a loop may be late in all for its complaints to be believed."""

Case: TypeAlias = tuple[Fault, str, Sequence[str], str, int]
"""What `strike` takes."""


async def strike(fault: Fault, phase: str, chain: Sequence[str], asking: str, broken: int, wait: float = 0.0) -> str:
    """One request; gives what is wrong with what came of it, "" for nothing."""
    await asyncio.sleep(wait)
    upstreams = [Upstream(usual=fault.act(phase)) for _ in range(broken)]
    refused = broken == ALL and phase != "after"
    async with world(*upstreams, chain=chain, policy=HURRIED if refused else POLICY) as here:
        outcome = await ASKING[asking](here.client)
        outlived = await here.outlived(outcome.ended)
        wrong = [
            *(wrong_refusal(outcome) if refused else wrong_answer(outcome, chain[0 if phase == "after" else broken]))
        ]
        if outlived > AT_ONCE:
            wrong.append(f"a socket outlived the answer by {outlived * 1000:.0f} ms")
        if unsettled := here.unsettled():
            wrong.append(f"attempts never booked: {unsettled}")
    MEASURES.outlived.append(outlived)
    MEASURES.cases += not wrong
    return f"{fault.name}, {phase}, {chain[0]}, {asking}, {broken} broken: {'; '.join(wrong)}" if wrong else ""


async def all_well(cases: Sequence[Case], *, stagger: float = 0.0) -> None:
    """Asks beside each other, and says what is wrong.

    On a loop that is late an upstream is slower than it means to be, and may well be given up: what complains then is asked again.
    """
    for _ in range(TRIES):
        async with Lateness() as late:
            found = await asyncio.gather(*(strike(*case, wait=place * stagger) for place, case in enumerate(cases)))
        wrong = [what for what in found if what]
        if not wrong or late.seconds < TOO_LATE:
            break
        cases = [case for case, what in zip(cases, found, strict=True) if what]
    assert not wrong, f"{len(wrong)} of {len(found)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize(("fault", "phase"), LOUD, ids=[f"{fault.name}-{phase}" for fault, phase in LOUD])
async def test_the_caller_gets_the_exact_answer_from_the_next_target_or_an_error(fault: Fault, phase: str) -> None:
    every = [(fault, phase, chain, *one) for chain in CHAINS for one in VARIANTS]
    await all_well(every[LOUD.index((fault, phase)) % SAMPLING :: SAMPLING])


@pytest.mark.long
@pytest.mark.parametrize(("fault", "phase"), LOUD, ids=[f"{fault.name}-{phase}" for fault, phase in LOUD])
async def test_so_does_every_caller_of_every_chain(fault: Fault, phase: str) -> None:
    await all_well([(fault, phase, chain, *one) for chain in CHAINS for one in VARIANTS])


@pytest.mark.parametrize("fault", SILENT, ids=[fault.name for fault in SILENT])
async def test_the_caller_gets_the_exact_answer_from_the_next_target_although_one_is_silent(fault: Fault) -> None:
    variants = [one for one in VARIANTS if one[1] < ALL]
    cases = [(fault, phase, chain, *one) for phase in fault.phases for chain in CHAINS for one in variants]
    await all_well(cases, stagger=STAGGER)


async def test_a_chain_that_is_silent_as_a_whole_ends_in_an_error_at_the_deadline() -> None:
    silent = [(fault, phase) for fault in SILENT for phase in fault.phases if phase != "after"]
    asking = cycle(ASKING)
    cases = [(*case, chain, next(asking), ALL) for case in silent for chain in CHAINS]
    await all_well(cases, stagger=STAGGER)
