"""What one streamed request costs each transport: CPU a request, our own beside aiohttp's, in one run.

    python -m benchmarks.transport [--requests 2000] [--rounds 5] [--uvloop]

Both ask the same upstream, one request at a time over a kept connection, and read the answer to its end; rounds alternate between
them, so that a noisy moment hits both. CPU is this process's own (`time.process_time`), the median over the rounds. The upstream
runs in another process and sends its answer's events in one piece.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

import uvloop

from benchmarks.free_port import free_port
from benchmarks.interpreter import described
from segue.transport.aio import AioTransport
from segue.transport.base import Transport
from segue.transport.h1 import H1Transport
from segue.wire.codec import WireRequest

WARM = 200
KINDS: dict[str, type[H1Transport | AioTransport]] = {"h1": H1Transport, "aio": AioTransport}


def _request(port: int) -> WireRequest:
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    return WireRequest(
        method="POST",
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        headers={"Authorization": "Bearer none", "Content-Type": "application/json", "Accept": "text/event-stream"},
        body=json.dumps(body).encode(),
    )


async def _ask(transport: Transport, request: WireRequest, times: int) -> float:
    """CPU seconds a request."""
    start = time.process_time()
    for _ in range(times):
        answer = await transport.send(request, connect=5.0)
        while await answer.read():
            pass
        answer.close()
    return (time.process_time() - start) / times


async def _measure(port: int, requests: int, rounds: int) -> dict[str, float]:
    request = _request(port)
    transports = {name: kind() for name, kind in KINDS.items()}
    measured: dict[str, list[float]] = {name: [] for name in KINDS}
    for transport in transports.values():
        await _ask(transport, request, WARM)
    for _ in range(rounds):
        for name, transport in transports.items():
            measured[name].append(await _ask(transport, request, requests))
    for transport in transports.values():
        await transport.aclose()
    return {name: statistics.median(values) for name, values in measured.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--uvloop", action="store_true", help="on uvloop instead of asyncio's own loop")
    options = parser.parse_args()
    print(described(sys.executable))
    port = free_port()
    upstream = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.upstream", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert upstream.stdout is not None
        upstream.stdout.readline()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if options.uvloop else None) as runner:
            costs = runner.run(_measure(port, options.requests, options.rounds))
    finally:
        upstream.kill()
        upstream.wait()
    for name, seconds in costs.items():
        print(f"{name:4} {seconds * 1e6:7.0f} µs of CPU a request")
    print(f"aio / h1: {costs['aio'] / costs['h1']:.1f}")


if __name__ == "__main__":
    main()
