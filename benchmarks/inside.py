"""Where the microseconds of the gateway go: its own process, sampled by CPU time while it answers a load.

    python -m benchmarks.inside [--seconds 10]

`segue serve` as `benchmarks.gateways` runs it (ledger, key and metrics on), alone on core 0, with upstream and load on core 1. A signal a
millisecond of CPU time notes whose code runs: the innermost frame of a package below, with what it calls in C or in the standard library.
So a write to a socket counts where it is made, and what belongs to none of them is the event loop with its waiting for and reading of
sockets. The ledger's thread is timed by the system.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop

from benchmarks.free_port import free_port
from benchmarks.gateways import CASES, Case, load, running
from benchmarks.interpreter import described
from benchmarks.peers import new_key, ours
from segue.server.serve import ServeOptions, build, uvicorn_options
from segue.settings_loading import load as load_settings

EVERY = 0.001
"""Seconds of CPU time between samples."""
WARM = 1.0
_OWNER = re.compile(r"/segue/(\w+)|/(uvicorn|prometheus_client)/")

Samples = Counter[str]


def owner(frame: FrameType | None) -> str:
    while frame is not None:
        if found := _OWNER.search(frame.f_code.co_filename):
            return f"segue.{found[1]}" if found[1] else found[2]
        frame = frame.f_back
    return "event loop"


@contextmanager
def sampled() -> Iterator[Samples]:
    samples: Samples = Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: samples.update([owner(frame)]))
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def cpu_of(thread: int) -> float:
    """Seconds, user and system, that a thread of this process has used."""
    fields = Path(f"/proc/self/task/{thread}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ledger_thread() -> int:
    return next(thread.native_id or 0 for thread in threading.enumerate() if thread.name == "segue-ledger")


async def ask(port: int, key: str, case: Case, seconds: float) -> int:
    """Has another process load the gateway; gives how many answers it had."""
    command = [sys.executable, "-m", "benchmarks.inside", "--ask", str(port), key, case.name, str(seconds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    return int(output)


async def look(port: int, key: str, seconds: float) -> None:
    main = threading.main_thread().native_id or 0
    for case in CASES:
        await ask(port, key, case, WARM)
        threads = main, ledger_thread()
        before = [cpu_of(thread) for thread in threads]
        with sampled() as samples:
            count = await ask(port, key, case, seconds)
        own, ledger = (cpu_of(thread) - used for thread, used in zip(threads, before, strict=True))
        print(f"\n{case.name}: {(own + ledger) / count * 1e6:,.0f} µs of CPU a request, {count:,} requests\n")
        print("| where | µs | share |")
        print("| --- | --- | --- |")
        share = own / count * 1e6 / samples.total()
        rows = [(name, found * share) for name, found in samples.items()]
        rows.append(("the ledger's thread", ledger / count * 1e6))
        for name, spent in sorted(rows, key=lambda row: -row[1]):
            print(f"| {name} | {spent:,.0f} | {spent / ((own + ledger) / count * 1e6):.0%} |")


async def serve(upstream: int, folder: Path, seconds: float) -> None:
    key = new_key()
    _, env, port = ours(key).start(upstream, free_port(), folder)
    settings = load_settings(env, directory=str(folder))
    options = ServeOptions(port=port, keys=True)
    server = uvicorn.Server(uvicorn.Config(build(settings, options), **uvicorn_options(options)))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (it has no event for it)
        await asyncio.sleep(0.05)
    await look(port, key, seconds)
    server.should_exit = True
    await serving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--ask", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask is not None:
        port, key, name, seconds = options.ask
        os.sched_setaffinity(0, {1})
        case = next(case for case in CASES if case.name == name)
        print(len(uvloop.run(load(ours(key), int(port), case, float(seconds)))))
        return
    print(described(sys.executable))
    upstream = free_port()
    os.sched_setaffinity(0, {0})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        provider = [sys.executable, "-m", "benchmarks.gateway_upstream", str(upstream)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        with running(provider, 1, env, folder / "upstream.txt"):
            uvloop.run(serve(upstream, folder, options.seconds))


if __name__ == "__main__":
    main()
