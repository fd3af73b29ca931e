"""Free health checks: each provider is asked for its list of models, never for a generation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from segue.chat.failure import Failure, FailureKind
from segue.failover.engine import Engine
from segue.routing.target import Target

REFUSED: Final = frozenset({400, 401})
"""Statuses by which a key itself is refused; a 403 may mean the list alone …"""
_NARROW: Final = ("scope", "permission")
"""… and so may a 401 with these words: OpenAI says "Missing scopes" so of a key that may generate but not list."""


async def check(engine: Engine, targets: Iterable[Target], *, connect: float) -> dict[str, str]:
    """Asks for each target's list of models, one target a key, and tells the health book; gives each target's trouble, "" for none.

    Stand-ins are not asked, nor local servers, which come and go as they please, nor models on this machine, which that would start. `connect` is in seconds. In the engine's event loop.
    """
    by_key: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        if not (target.simulated or target.lookup or target.file):
            keys = engine.keys(target)
            by_key.setdefault((keys.endpoint, keys.credential), []).append(target)
    groups = list(by_key.values())
    failures = await asyncio.gather(*(engine.upstream(group[0]).probe(connect=connect) for group in groups))
    troubles: dict[str, str] = {}
    for group, failure in zip(groups, failures, strict=True):
        if failure is None or tells_of_the_key_or_the_way(failure):
            now = asyncio.get_running_loop().time()
            engine.health.checked(engine.keys(group[0]), failure, now, engine.rng.uniform(-1.0, 1.0))
        troubles |= {target.name: "" if failure is None else f"{failure.kind}: {failure.message}" for target in group}
    return troubles


def tells_of_the_key_or_the_way(failure: Failure) -> bool:
    """Whether a failed check says anything of generations: it does not where the key may just not list models."""
    if failure.kind is FailureKind.AUTH:
        return failure.status in REFUSED and not any(word in failure.message.lower() for word in _NARROW)
    return failure.kind is FailureKind.TRANSPORT
