"""What becomes of a stream when the provider fails: Segue beside LangChain's `with_fallbacks`, LiteLLM's Router and a bare SDK, in one run.

    python -m benchmarks.failover [--calls 12] [--silent-calls 8] [--outage-calls 40] [--answers]

`--answers` measures only what becomes of answers: whole texts, seams, doubles, time and money. That takes a minute.

All have a chain of the same three local upstreams (OpenAI, Claude, Gemini), of which the first fails, or the first two; all have the
time limits of `limits`. LiteLLM pins much of what it depends on, so it lives in its own environment, benchmarks/.venv, which this
makes from requirements.txt where it is missing. One client runs at a time, so that they do not disturb each other's milliseconds; but for the two
faults that most clients sit out to the end, which all meet at once. What is printed is Markdown; every single call is in
results/failover.json. About five minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import limits
from benchmarks.failover_report import report
from benchmarks.free_port import free_port

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
OTHER = HERE / ".venv"
OTHER_PYTHON = OTHER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

CLIENTS = ("Segue", "LangChain with_fallbacks", "LiteLLM Router", "LiteLLM Router, tuned", "bare SDK")
ALWAYS_REMEMBERS = frozenset({"Segue"})
"""Each fault meets clients without history: each call has a new one of these; the others are reset."""
LOUD = ("refused", "reset", "500", "503", "429", "cut", "early", "error", "empty")
SILENT = ("hang", "headers", "stall")
ENDLESS = ("keepalive", "drip")
ANSWERS = ("cut", "token", "afresh", "stopped")
"""Faults after which it shows what a client makes of half an answer."""
CROWD = 20
"""Callers within a second while everybody is down."""

PACE = 0.15
"""Seconds between the beginnings of two calls."""
PATIENCE = 120.0
"""Seconds after which a client's process is taken for hung."""

Results = list[dict[str, Any]]


def set_up() -> None:
    """Makes LiteLLM's environment, or brings it up to its requirements."""
    made_from = OTHER / "made_from"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if made_from.exists() and made_from.read_text() == wanted:
        return
    print(f"installing LiteLLM and what it needs into {OTHER.relative_to(HERE.parent)} …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(OTHER)], check=True)
    pip = [str(OTHER_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--requirement", str(REQUIREMENTS)], check=True)
    made_from.write_text(wanted)


class Process:
    """A helper that answers each line on its stdin with a line of JSON."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HERE.parent,
        )

    def read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return json.loads(line)

    def ask(self, order: Any = None) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.read()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Bench:
    """The upstreams and the clients' processes."""

    def __init__(self, clients: Sequence[str]) -> None:
        self.upstreams = Process(sys.executable, "-m", "benchmarks.faulty")
        self.ports: list[int] = self.upstreams.read()
        self.closed = free_port()
        self._names = clients
        self._pool = ThreadPoolExecutor(len(clients))
        self.clients: dict[str, Process] = {}

    def start(self, *, remembers: bool) -> None:
        """Gives every client a new process, and lets it load what it loads at its first calls; the last of them goes well."""
        for process in self.clients.values():
            process.close()
        for name in self._names:
            python = str(OTHER_PYTHON) if name.startswith("LiteLLM") else sys.executable
            self.clients[name] = Process(python, "-m", "benchmarks.contenders", name)
        self.run(self._names, ("503",), 1, broken=2, remembers=remembers)
        self.run(self._names, ("none",), 1, remembers=remembers)

    def run(self, clients: Sequence[str], faults: Sequence[str], calls: int, **options: Any) -> dict[str, Results]:
        """So many calls into each of the faults by each of the clients, all at once, with what the upstreams saw of them."""
        ports = [self.closed, *self.ports[1:]] if faults == ("refused",) else self.ports
        order = {"ports": ports, "faults": faults, "calls": calls, "pace": PACE, "broken": 1, "remembers": False}
        order |= options
        futures = {}
        for place, name in enumerate(clients):
            own = {"start": 1000 * place, "shared": order["remembers"] or name not in ALWAYS_REMEMBERS}
            futures[name] = self._pool.submit(self.clients[name].ask, order | own)
        found: dict[str, Results] = {name: future.result(PATIENCE) for name, future in futures.items()}
        notes = self.upstreams.ask()
        for results in found.values():
            for one in results:
                mine = [note for note in notes if (note["fault"], note["number"]) == (one["fault"], one["number"])]
                one["asks"], one["broken"] = mine, order["broken"]
        return found

    def each(self, faults: Sequence[str], calls: int, **options: Any) -> dict[str, Results]:
        """The same, one client after the other."""
        return {name: self.run((name,), faults, calls, **options)[name] for name in self.clients}

    def close(self) -> None:
        for process in (*self.clients.values(), self.upstreams):
            process.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def measure_answers(bench: Bench, calls: int) -> dict[str, dict[str, Results]]:
    """Results by fault and client, of those that leave half an answer and of an outage of everybody."""
    tell("starting")
    bench.start(remembers=False)
    found = {}
    for fault in ANSWERS:
        tell(fault)
        found[fault] = bench.each((fault,), calls)
    tell("an outage of everybody")
    found["outage"] = {}
    for name in bench.clients:
        bench.start(remembers=True)
        crowd = bench.run((name,), ("outage",), CROWD, broken=3, remembers=True, pace=1.0 / CROWD)
        found["outage"][name] = crowd[name]
    return found


def measure(bench: Bench, options: argparse.Namespace) -> dict[str, dict[str, Results]]:
    """Results by scenario and client."""
    tell("starting")
    bench.start(remembers=False)
    names = tuple(bench.clients)
    found: dict[str, dict[str, Results]] = {}
    for fault in LOUD:
        tell(fault)
        found[fault] = bench.each((fault,), options.calls)
    tell("503, twice")
    found["twice"] = bench.each(("503",), options.calls, broken=2)
    tell(", ".join(SILENT))
    by_client = bench.each(SILENT, options.silent_calls)
    tell(", ".join(ENDLESS))
    endless = bench.run(names, ENDLESS, options.silent_calls)
    for faults, together in ((SILENT, by_client), (ENDLESS, endless)):
        for fault in faults:
            found[fault] = {name: [one for one in together[name] if one["fault"] == fault] for name in names}
    for fault in ("503", "hang"):
        tell(f"an outage: {fault}")
        bench.start(remembers=True)
        found["healthy"] = bench.each(("none",), options.calls, remembers=True)
        found[f"down, {fault}"] = bench.each((fault,), options.outage_calls, remembers=True)
    return found


def tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    code = "from importlib.metadata import version; print(version('litellm'))"
    litellm = subprocess.run([str(OTHER_PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    packages = ("segue", "langchain-core", "langchain-openai", "langchain-anthropic", "langchain-google-genai")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "load": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages} | {"litellm": litellm},
        "limits": {name.lower(): getattr(limits, name) for name in ("CONNECT", "SILENCE", "CALLER", "DRIP")},
        "calls": vars(options),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=12, help="into each loud fault, by each client")
    parser.add_argument("--silent-calls", type=int, default=8, help="into each silent fault, by each client")
    parser.add_argument("--outage-calls", type=int, default=40, help="while a target is down, by each client")
    parser.add_argument("--answers", action="store_true", help="only what becomes of answers")
    options = parser.parse_args()
    set_up()
    began = time.monotonic()
    bench = Bench(CLIENTS)
    try:
        found = {} if options.answers else measure(bench, options)
        found |= measure_answers(bench, options.calls)
    finally:
        bench.close()
    under = conditions(options) | {"seconds": round(time.monotonic() - began)}
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "failover.json").write_text(json.dumps({"conditions": under, "results": found}, indent=1))
    print(report(found, under))


if __name__ == "__main__":
    main()
