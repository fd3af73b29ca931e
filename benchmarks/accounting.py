"""What accounting costs: CPU a call with each kind of ledger, beside the same call without any.

    python -m benchmarks.accounting [--calls 400] [--rounds 5]

Each contender asks the same upstream (another process, on another core where there is one) in its own process; rounds alternate between
them. CPU is all of the process's, its writer's and shipper's threads included. `one by one` is the dearest case, since every call waits for a
separate transaction; `32 at once` share transactions, as a gateway's callers do. Latency is the wall time of a call, one by one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.durability import database
from benchmarks.free_port import free_port
from benchmarks.interpreter import described
from benchmarks.overhead import PROMPT, WARM, _on_core
from benchmarks.programs import listening

CONTENDERS = ("nothing is booked", "memory", "SQLite", "SQLite and MongoDB")
AT_ONCE = 32


def client(name: str, port: int, mongodb: int, home: str) -> Any:
    from segue import Segue, load

    environ = {
        "SEGUE_CHAIN": "openai",
        "OPENAI_API_KEY": "none",
        "OPENAI_MODEL": "gpt-4.1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "SEGUE_LEDGER": f"{home}/ledger.sqlite3" if name.startswith("SQLite") else "none",
    }
    if "MongoDB" in name:
        environ["MONGODB_URL"] = f"mongodb://127.0.0.1:{mongodb}/{Path(home).name}"
    segue = Segue(load(environ, directory="/"))
    if name == "nothing is booked":
        segue.runtime.engine._listening = {event: [] for event in segue.runtime.engine._listening}
    return segue


async def measure(name: str, port: int, mongodb: int, calls: int) -> dict[str, float]:
    """CPU microseconds a call, one by one and at once, and milliseconds of waiting a call."""
    with tempfile.TemporaryDirectory() as home:
        segue = client(name, port, mongodb, home)

        async def several(count: int) -> None:
            for _ in range(count):
                await segue.acomplete(PROMPT)

        await several(WARM)
        await asyncio.to_thread(segue.ledger.flush)
        cpu, wall = time.process_time(), time.perf_counter()
        await several(calls)
        waited = time.perf_counter() - wall
        await asyncio.to_thread(segue.ledger.flush)  # what is to be shipped is part of the price
        alone = time.process_time() - cpu
        await asyncio.gather(*(several(2) for _ in range(AT_ONCE)))
        await asyncio.to_thread(segue.ledger.flush)
        each = max(1, calls // AT_ONCE)
        cpu = time.process_time()
        await asyncio.gather(*(several(each) for _ in range(AT_ONCE)))
        await asyncio.to_thread(segue.ledger.flush)
        together = time.process_time() - cpu
        await segue.aclose()
        return {
            "one": alone / calls * 1e6,
            "many": together / (each * AT_ONCE) * 1e6,
            "ms": waited / calls * 1e3,
        }


def child(name: str, port: int, mongodb: int, calls: int) -> dict[str, float]:
    numbers = ["--port", str(port), "--mongodb", str(mongodb), "--calls", str(calls)]
    command = [sys.executable, "-m", "benchmarks.accounting", "--child", name, *numbers]
    run = subprocess.run([*_on_core(0), *command], capture_output=True, text=True, check=True)
    return dict(json.loads(run.stdout))


@contextmanager
def upstream(port: int) -> Iterator[None]:
    with listening([*_on_core(1), sys.executable, "-m", "benchmarks.upstream", str(port)], port):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--mongodb", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asyncio.run(measure(options.child, options.port, options.mongodb, options.calls))))
        return
    print(described(sys.executable))
    port, mongodb = free_port(), free_port()
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as home, upstream(port), database(None, Path(home), mongodb):
        time.sleep(2.0)
        for _ in range(options.rounds):
            for name in CONTENDERS:
                results[name].append(child(name, port, mongodb, options.calls))
    base = {key: statistics.median(run[key] for run in results[CONTENDERS[0]]) for key in ("one", "many")}
    print("| ledger | CPU µs a call, one by one | more than without | 32 at once | more | ms a call |")
    print("|---|---|---|---|---|---|")
    for name, runs in results.items():
        one, many, ms = (statistics.median(run[key] for run in runs) for key in ("one", "many", "ms"))
        more = f"{one - base['one']:+.0f} ({one / base['one'] - 1:+.0%})"
        more_at_once = f"{many - base['many']:+.0f} ({many / base['many'] - 1:+.0%})"
        print(f"| {name} | {one:.0f} | {more} | {many:.0f} | {more_at_once} | {ms:.2f} |")


if __name__ == "__main__":
    main()
