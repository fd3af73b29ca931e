"""Whether targets answer. What it needs is loaded only where one is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from segue.catalog.providers import PROVIDERS
from segue.embedded.model_file import problem_with
from segue.failover.local_upstream import LocalUpstream
from segue.routing.target import Target
from segue.transport.base import Transport, TransportError
from segue.transport.default import default_transport
from segue.wire.codec import Call
from segue.wire.dialects import upstream


def ask_all(targets: Sequence[Target], timeout: float) -> list[tuple[str | None, float]]:
    """What is wrong with each target, or None, and how many seconds it took to know. All are asked at once."""

    async def ask(target: Target, transport: Transport) -> tuple[str | None, float]:
        began = time.monotonic()
        problem = await _unreachable(target, transport, timeout)
        return problem, time.monotonic() - began

    async def run() -> list[tuple[str | None, float]]:
        transport = default_transport()
        try:
            return list(await asyncio.gather(*(ask(target, transport) for target in targets)))
        finally:
            await transport.aclose()

    return asyncio.run(run())


async def _unreachable(target: Target, transport: Transport, timeout: float) -> str | None:
    """Why the models list did not come, or None; a model on this machine has none, but must be there."""
    if target.file:
        return problem_with(target.file)
    if len(target.lookup) > 1:
        failure = await LocalUpstream(target, PROVIDERS, transport, time.time).probe(connect=timeout)
        return failure.message if failure is not None else None
    codec = upstream(target.dialect)
    call = Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )
    try:
        async with asyncio.timeout(timeout):
            answer = await transport.send(codec.list_models(call), connect=timeout)
            try:
                if 200 <= answer.status < 300:
                    return None
                failure = codec.failure(answer.status, answer.headers, await answer.read(), wall=time.time())
                return f"{failure.kind} (HTTP {answer.status}): {failure.message}"
            finally:
                answer.close()
    except TimeoutError:
        return f"silent for {timeout:g} s"
    except TransportError as error:
        return error.message
