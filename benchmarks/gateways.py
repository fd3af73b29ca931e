"""LLM gateways side by side in one run: on one core, before one upstream, under one load.

    python -m benchmarks.gateways [--only segue,nginx] [--seconds 5] [--rate 1800] [--python PROGRAM]

The gateway has core 0 to itself; upstream and load share core 1. Three cases: one JSON answer; a stream of twenty chunks at once (both over
16 connections, as fast as answers come); a stream of twenty chunks 5 ms apart (64 connections). Each answer is checked to have its beginning
and end, the first of each connection to have the upstream's text to the letter. CPU is that of the gateway's processes, from /proc; memory is their resident set after the run. Rounds alternate over the gateways, and the median
round counts; a gateway that takes long to start takes part in the first alone. Where its core was idle for more than a tenth of the time,
its requests a second are not its own limit but that of what it waited for: they are marked.

Segue runs with its ledger, keys and metrics on, and streams from upstream even where one JSON answer is asked for; the others run with nothing
of the kind but a key (smg, ferrogw; smg has metrics too), and take the document. nginx only passes bytes on: the floor of any hop; `floor` is
the same in Python. `--rate` adds a case: so many JSON answers a second (half of what Segue can, say), for the time that an answer takes where
the gateway is not at its limit. Requests are due evenly, as far as the loop's timers of a millisecond allow; time counts from when one is due, if all
connections are busy then. `--python`: the interpreter of an environment with Segue's packages, for Segue and `floor`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.free_port import free_port
from benchmarks.gateway_upstream import WORDS
from benchmarks.interpreter import described
from benchmarks.peers import Peer, peers

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds for the answers that are under way when the load ends."""
UNSATURATED = 0.1
"""The share of idle time from which a gateway's core could have done more."""
WARM = 1.0
"""Seconds of load before each measurement."""


class Case(NamedTuple):
    """`rate`: requests a second; 0 is as fast as answers come."""

    name: str
    stream: bool
    prompt: str
    connections: int
    rate: float = 0.0


CASES = (
    Case("JSON", stream=False, prompt="Say twenty words.", connections=16),
    Case("SSE, 20 chunks at once", stream=True, prompt="Say twenty words.", connections=16),
    Case("SSE, 20 chunks 5 ms apart", stream=True, prompt="Say twenty words slowly.", connections=64),
)


class Measure(NamedTuple):
    """Requests a second, CPU µs a request, the share of its core that was idle, milliseconds, MB."""

    rate: float
    cpu: float
    idle: float
    p50: float
    p99: float
    memory: float


class Caller:
    """One keep-alive connection that asks again and again."""

    def __init__(self, port: int, request: bytes, *, stream: bool) -> None:
        self._port = port
        self._stream = stream
        self._request = request
        self.seconds: list[float] = []

    async def run(self, more: Callable[[], bool], due: Iterator[float] | None = None) -> None:
        """Asks while there is `more` to ask, one request after the other, each when the next is `due`."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        while more():
            began = time.perf_counter()
            if due is not None and (at := next(due)) > began:
                await asyncio.sleep(at - began)
                began = time.perf_counter()
            elif due is not None:
                began = at
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await (self._sized(reader, head) if b"content-length:" in head else _chunked(reader))
            marks = (WORDS[0], WORDS[-1], *(["[DONE]"] if self._stream else []))
            if b" 200 " not in head or any(mark.encode() not in body for mark in marks):
                raise RuntimeError(f"no whole answer: {head + body[:500]!r}")
            if not self.seconds and (text := text_of(body, stream=self._stream)) != "".join(WORDS):
                raise RuntimeError(f"another text: {text!r}")
            self.seconds.append(time.perf_counter() - began)
        writer.close()

    async def _sized(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        return await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))


def text_of(body: bytes, *, stream: bool) -> str:
    """The text of a Chat Completions answer."""
    if not stream:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    events = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    choices = [choice for event in events if event != b"[DONE]" for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


def request(peer: Peer, case: Case) -> bytes:
    fields = {"model": peer.model, "stream": case.stream, "messages": [{"role": "user", "content": case.prompt}]}
    body = json.dumps(fields).encode()
    headers = {"host": HOST, "content-type": "application/json", "content-length": str(len(body)), **peer.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {peer.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def callers(peer: Peer, port: int, case: Case) -> list[Caller]:
    asked = request(peer, case)
    return [Caller(port, asked, stream=case.stream) for _ in range(case.connections)]


async def load(peer: Peer, port: int, case: Case, seconds: float) -> list[float]:
    """Asks for so many seconds; returns how long each answer took, in seconds, sorted."""
    asking = callers(peer, port, case)
    began = time.perf_counter()
    due = (began + number / case.rate for number in itertools.count()) if case.rate else None
    async with asyncio.timeout(seconds + PATIENCE):
        await asyncio.gather(*(caller.run(lambda: time.perf_counter() < began + seconds, due) for caller in asking))
    return sorted(second for caller in asking for second in caller.seconds)


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in family(int(child)))]


def cpu(pid: int) -> float:
    """Seconds, user and system, of a process and its children."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def idle(core: int) -> float:
    """Seconds that a core has had nothing to do."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    fields = next(line for line in lines if line.startswith(f"cpu{core} ")).split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    pages = sum(int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1]) for one in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(peer: Peer, port: int, pid: int, case: Case, seconds: float) -> Measure:
    uvloop.run(load(peer, port, case, WARM))
    used, idled, began = cpu(pid), idle(0), time.perf_counter()
    times = uvloop.run(load(peer, port, case, seconds))
    took, used, idled = time.perf_counter() - began, cpu(pid) - used, idle(0) - idled
    count = len(times)
    p50, p99 = times[count // 2] * 1e3, times[int(count * 0.99)] * 1e3
    return Measure(count / took, used / count * 1e6, idled / took, p50, p99, memory(pid))


@contextmanager
def running(command: list[str], core: int, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    def pin() -> None:
        os.sched_setaffinity(0, {core})

    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, preexec_fn=pin, cwd=log.parent)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(peer: Peer, port: int, process: subprocess.Popen[bytes]) -> str:
    """Waits until the gateway gives a whole answer; what was wrong if it never does."""
    until, wrong = time.monotonic() + peer.patience, "does not listen"
    while time.monotonic() < until and process.poll() is None:
        try:
            uvloop.run(load(peer, port, CASES[0]._replace(connections=1), 0.01))
            return ""
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
            time.sleep(0.2)
    return wrong


class NotRunning(Exception):
    """Why a gateway could not be measured."""


@contextmanager
def started(peer: Peer, upstream: int, folder: Path) -> Iterator[tuple[Peer, int, int]]:
    """The gateway as it is asked, its port and its process, once it has given a whole answer. Raises NotRunning if it does not."""
    peer = peer._replace(headers={name: value.format(upstream=upstream) for name, value in peer.headers.items()})
    room = folder / peer.name
    room.mkdir(exist_ok=True)
    try:
        command, env, port = peer.start(upstream, free_port(), room)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotRunning(f"could not be installed: {error}") from error
    log = room / "log.txt"
    with running(command, 0, {**os.environ, **env}, log) as process:
        port = peer.port_of(log, port)
        if wrong := answers(peer, port, process):
            raise NotRunning(f"did not answer: {wrong[:300]}")
        yield peer, port, process.pid


def contend(peer: Peer, upstream: int, cases: Sequence[Case], seconds: float, folder: Path) -> dict[str, Measure]:
    """One gateway's measures by case, without the cases in which it gave no whole answer. Raises NotRunning."""
    found = {}
    with started(peer, upstream, folder) as (asked, port, pid):
        for case in cases:
            try:
                found[case.name] = measure(asked, port, pid, case, seconds)
            except (RuntimeError, OSError, EOFError, ValueError) as error:
                print(f"{peer.name}, {case.name}: {repr(error)[:300]}", file=sys.stderr)
    return found


def compare(chosen: list[Peer], cases: Sequence[Case], seconds: float, upstream: int, folder: Path) -> None:
    """Measures the gateways in turn, and prints the tables."""
    found: dict[str, list[dict[str, Measure]]] = {}
    failed: dict[str, str] = {}
    provider = [sys.executable, "-m", "benchmarks.gateway_upstream", str(upstream)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with running(provider, 1, env, folder / "upstream.txt"):
        for round in range(max(peer.rounds for peer in chosen)):
            for peer in chosen:
                if peer.name in failed or round >= peer.rounds:
                    continue
                print(f"round {round + 1}: {peer.name}", file=sys.stderr)
                try:
                    found.setdefault(peer.name, []).append(contend(peer, upstream, cases, seconds, folder))
                except NotRunning as error:
                    failed[peer.name] = str(error)
    show(cases, found, failed)


def median(rounds: list[Measure]) -> Measure:
    """Each of the values' median over the rounds."""
    return Measure(*map(statistics.median, zip(*rounds, strict=True)))


def show(cases: Sequence[Case], found: dict[str, list[dict[str, Measure]]], failed: dict[str, str]) -> None:
    ours = found.get("segue", [])
    for case in cases:
        print(f"\n{case.name}, {case.connections} connections\n")
        print("| gateway | requests/s | Segue's / its | CPU µs a request | its / Segue's | p50 / p99 ms | MB |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        base = [one[case.name] for one in ours if case.name in one]
        for name, every in found.items():
            rounds = [measured[case.name] for measured in every if case.name in measured]
            if not rounds:
                print(f"| {name} | no whole answer | | | | | |")
                continue
            one = median(rounds)
            spread = [measured.cpu for measured in rounds]
            range = f" ({min(spread):,.0f} to {max(spread):,.0f})" if len(rounds) > 1 else ""
            idle = f" ({one.idle:.0%} idle)" if one.idle > UNSATURATED else ""
            faster = lighter = ""
            if base:
                faster, lighter = f"{median(base).rate / one.rate:.2f}", f"{one.cpu / median(base).cpu:.2f}"
            print(
                f"| {name} | {one.rate:,.0f}{idle} | {faster} | {one.cpu:,.0f}{range} | {lighter} | {one.p50:.1f} / {one.p99:.1f} "
                f"| {one.memory:,.0f} |"
            )
    for name, why in failed.items():
        print(f"\n{name}: {why}")


def choice(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, list[Peer]]:
    """The options of a command and the gateways that it is to measure. Keeps this process to core 1 and prints which interpreter runs Segue."""
    parser.add_argument("--only", help="names, with commas")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that Segue runs on")
    options = parser.parse_args()
    all = peers(options.python)
    chosen = [peer for peer in all if options.only is None or peer.name in options.only.split(",")]
    if not chosen:
        parser.error(f"--only: {options.only} is none of {', '.join(peer.name for peer in all)}")
    os.sched_setaffinity(0, {1})
    print(f"Segue on {described(options.python)}")
    return options, chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each case")
    parser.add_argument("--rate", type=float, help="one more case: JSON, so many requests a second")
    options, chosen = choice(parser)
    cases = [*CASES]
    if options.rate:
        cases.append(CASES[0]._replace(name=f"JSON, {options.rate:g} requests a second", rate=options.rate))
    with tempfile.TemporaryDirectory() as temporary:
        compare(chosen, cases, options.seconds, free_port(), Path(temporary))


if __name__ == "__main__":
    main()
