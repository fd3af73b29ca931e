"""How soon the next target is asked. The values go to the summary; what is judged is only that it happens."""

from __future__ import annotations

import statistics

from .faults import FAULTS
from .upstream import Upstream
from .world import CHAINS, MEASURES, streamed, world, wrong_answer

TIMES = 10


async def test_the_next_target_is_asked_as_soon_as_a_failure_is_seen() -> None:
    """One request at a time, on connections that must first be opened."""
    found: list[float] = []
    for fault in FAULTS[:3]:
        for chain in CHAINS:
            for phase in ("headers", "middle"):
                for _ in range(TIMES):
                    async with world(Upstream(usual=fault.act(phase)), chain=chain) as here:
                        assert not [*wrong_answer(await streamed(here.client), chain[1])]
                        found += here.switches()
    assert len(found) == 3 * len(CHAINS) * 2 * TIMES
    ninth = statistics.quantiles(found, n=10)[-1]
    MEASURES.notes.append(
        f"one at a time, from a loud failure to the next request's arrival, its new connection included: "
        f"median {statistics.median(found) * 1000:.1f} ms, 90 % within {ninth * 1000:.1f} ms, most {max(found) * 1000:.1f} ms"
    )
