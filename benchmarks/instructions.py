"""Instructions a request of the gateway, which a busy machine does not change: `segue serve` under valgrind's callgrind.

    python -m benchmarks.instructions [--beside CHECKOUT] [--requests 400] [--python PROGRAM]

The cases are those of `benchmarks.gateways` with ledger, key and metrics on; user-mode instructions of all threads of the gateway's process,
after a warm-up. The slow stream's chunks come 0.2 s apart, over fewer connections, since valgrind slows the gateway
some fifty times: at the pace of `benchmarks.gateways` many chunks would be read at once. What the system does for the gateway is not in it.
`--beside` counts the code of another checkout too, with the same packages and the same load. The floor is `benchmarks.floor`, a pass-through in
Python that promises nothing. It needs Debian's package valgrind.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.free_port import free_port
from benchmarks.gateways import CASES, Case, answers, callers, running
from benchmarks.interpreter import described
from benchmarks.peers import Peer, Started, floor, ours

PACE = 0.2
"""Seconds between the chunks of a slow stream."""
SLOW_CONNECTIONS = 8
SLOW_SHARE = 10
"""One slow stream is asked for where so many requests of the other cases are."""
PATIENCE = 180.0
"""Seconds until the gateway answers: it starts slowly under valgrind."""
ROOT = Path(__file__).parent.parent


class Gateway:
    """`segue serve` under callgrind."""

    def __init__(self, pid: int, out: Path) -> None:
        self._pid = pid
        self._out = out

    def say(self, *words: str) -> None:
        """Has callgrind carry out a command of its monitor."""
        command = ["vgdb", "--wait=30", f"--pid={self._pid}", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def counted(self) -> int:
        """The instructions since the last dump."""
        before = set(self._out.parent.glob(f"{self._out.name}.*"))
        self.say("dump")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for path in set(self._out.parent.glob(f"{self._out.name}.*")) - before:
                if found := re.search(r"^totals: (\d+)", path.read_text("utf-8", "replace"), re.MULTILINE):
                    return int(found[1])
            time.sleep(0.1)
        raise RuntimeError("callgrind wrote no dump")


def gateway_of(python: str, checkout: Path, folder: Path) -> Peer:
    """`segue serve` with a checkout's code, and a key of its ring."""
    environ = {"PYTHONPATH": str(checkout / "src"), "SEGUE_KEYS": str(folder / "keys")}
    create = [python, "-m", "segue", "keys", "create", "benchmark"]
    made = subprocess.run(create, env={**os.environ, **environ}, check=True, capture_output=True, text=True)
    peer = ours(made.stdout.strip(), python)

    def start(upstream: int, port: int, folder: Path) -> Started:
        command, env, port = peer.start(upstream, port, folder)
        return command, {**env, **environ}, port

    return peer._replace(start=start)


@contextmanager
def serving(peer: Peer, upstream: int, folder: Path) -> Iterator[tuple[Gateway, int]]:
    command, env, port = peer.start(upstream, free_port(), folder)
    out = folder / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
    env = {**os.environ, **env, "PYTHONHASHSEED": "0"}
    with running([*valgrind, *command], 0, env, folder / "log.txt") as process:
        if wrong := answers(peer._replace(patience=PATIENCE), port, process):
            raise RuntimeError(f"{wrong}\n{(folder / 'log.txt').read_text('utf-8', 'replace')}")
        yield Gateway(process.pid, out), port


async def ask(peer: Peer, port: int, case: Case, requests: int) -> None:
    left = iter(range(requests))
    await asyncio.gather(*(caller.run(lambda: next(left, None) is not None) for caller in callers(peer, port, case)))


def count(gateway: Gateway, peer: Peer, port: int, case: Case, requests: int) -> float:
    """Instructions a request."""
    uvloop.run(ask(peer, port, case, requests // 4))
    gateway.say("instrumentation", "on")
    uvloop.run(ask(peer, port, case, requests))
    gateway.say("instrumentation", "off")
    return gateway.counted() / requests


def measure(peer: Peer, requests: int, folder: Path) -> dict[str, float]:
    """Instructions a request by case."""
    upstream = free_port()
    provider = [sys.executable, "-m", "benchmarks.gateway_upstream", str(upstream), str(PACE)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = {}
    with running(provider, 1, env, folder / "upstream.txt"), serving(peer, upstream, folder) as (gateway, port):
        count(gateway, peer, port, CASES[0], requests)  # prices and more are read beside the first requests
        for case in CASES:
            slow = "apart" in case.name
            asked = case._replace(connections=SLOW_CONNECTIONS) if slow else case
            found[case.name] = count(gateway, peer, port, asked, requests // SLOW_SHARE if slow else requests)
    return found


def show(counts: dict[str, dict[str, float]]) -> None:
    """The first row is the measure of the others."""
    ours = next(iter(counts.values()))
    print("| 1,000 instructions a request | " + " | ".join(case.name for case in CASES) + " |")
    print("| --- |" + " --- |" * len(CASES))
    for name, found in counts.items():
        cells = (f"{found[case] / 1e3:,.0f} ({found[case] / ours[case]:.3f})" for case in ours)
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, action="append", default=[], help="another checkout")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter of an environment with Segue's packages"
    )
    options = parser.parse_args()
    if not (shutil.which("valgrind") and shutil.which("vgdb")):
        parser.error("Debian's package valgrind is not there")
    print(f"{described(options.python)}, {options.requests} requests\n")
    counts = {}
    for checkout in [ROOT, *(path.resolve() for path in options.beside), None]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            peer = gateway_of(options.python, checkout, folder) if checkout else floor(options.python)
            print(checkout or peer.name, file=sys.stderr)
            counts[checkout.name if checkout else peer.name] = measure(peer, options.requests, folder)
    show(counts)


if __name__ == "__main__":
    main()
