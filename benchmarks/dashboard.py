"""What an open dashboard costs the gateway, and what the page costs its browser.

    python -m benchmarks.dashboard [--rate 1000] [--seconds 5] [--rounds 4]        the gateway's CPU with and without
    python -m benchmarks.dashboard --page 600                                      the page's memory over so many seconds

`segue serve` before an upstream that costs next to nothing, each in its own process, as is what asks: requests begin at a fixed rate, of which
the machine gives what it can. Every twentieth goes to a target that refuses connections first. Phases without a dashboard, with one, and with
the most that may watch take turns; CPU is the gateway's own, by /proc. The page's memory is its JavaScript heap after a collection.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.free_port import free_port
from benchmarks.programs import chromium, ended, listening, serve_command

BODY = b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"Say twenty words."}]}'
TICKS = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 64
WATCHERS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--page", type=float, default=0.0)
    parser.add_argument("--ask", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        asyncio.run(_ask(options.ask, options.rate, options.seconds))
        return
    with _gateway() as (port, process):
        if options.page:
            _page(port, options.rate, options.page)
        else:
            _cpu(port, process, options.rate, options.seconds, options.rounds)


@contextlib.contextmanager
def _gateway() -> Iterator[tuple[int, int]]:
    """Its port and process."""
    upstream, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as running:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "SEGUE_LEDGER": f"{home}/ledger.sqlite3",
            "SEGUE_CHAIN": "openai",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "gpt-4.1",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
            "GROQ_API_KEY": "none",
            "GROQ_BASE_URL": "http://127.0.0.1:9/v1",
        }
        Path(home, "segue.toml").write_text('[chains.broken]\ntargets = ["groq", "openai"]\n', encoding="utf-8")
        running.enter_context(ended([sys.executable, "-m", "benchmarks.gateway_upstream", str(upstream)]))
        gateway = running.enter_context(listening(serve_command(port), port, cwd=home, env=environment))
        yield port, gateway.pid


# What asks.


async def _ask(port: int, rate: float, seconds: float) -> None:
    """Requests at a fixed rate over some connections; prints how many were answered."""
    began, answered, number = time.perf_counter(), 0, 0
    waiting: asyncio.Queue[int] = asyncio.Queue()

    async def connection() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            body = BODY % (b"broken" if await waiting.get() % 20 == 0 else b"auto")
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            await reader.readuntil(b"\r\n0\r\n\r\n")
            answered += 1

    running = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    while (now := time.perf_counter() - began) < seconds:
        while number < now * rate and waiting.qsize() < 1000:
            waiting.put_nowait(number)
            number += 1
        number = max(number, int(now * rate))  # what the machine can't give is not made up for
        await asyncio.sleep(0.001)
    for task in running:
        task.cancel()
    print(answered)


def _load(port: int, rate: float, seconds: float) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.dashboard", "--ask", str(port)]
    return [*command, "--rate", str(rate), "--seconds", str(seconds)]


# The gateway's CPU.


def _cpu(port: int, process: int, rate: float, seconds: float, rounds: int) -> None:
    phases = {"no dashboard": 0, "one dashboard": 1, f"{WATCHERS} dashboards": WATCHERS}
    spent: dict[str, list[float]] = {name: [] for name in phases}
    rates: list[float] = []
    _phase(port, process, rate, seconds, 0)
    for _ in range(rounds):
        for name, watchers in phases.items():
            cpu, answered = _phase(port, process, rate, seconds, watchers)
            spent[name].append(1e6 * cpu / answered)
            rates.append(answered / seconds)
    print(f"{statistics.median(rates):.0f} requests a second (of {rate:g} asked for), every twentieth after a failure")
    base = statistics.median(spent["no dashboard"])
    for name, found in spent.items():
        middle = statistics.median(found)
        share = 100 * (middle / base - 1)
        print(f"{name:14} {middle:7.0f} µs of CPU a request  {share:+5.1f} %   ({min(found):.0f} to {max(found):.0f})")


def _phase(port: int, process: int, rate: float, seconds: float, watchers: int) -> tuple[float, int]:
    """The gateway's CPU seconds and the requests that were answered."""
    with contextlib.ExitStack() as watching:
        for _ in range(watchers):
            command = ["curl", "-sN", f"http://127.0.0.1:{port}/dashboard/api/v1/events"]
            watching.enter_context(ended(command))
        time.sleep(0.5)
        before = _used(process)
        answered = int(subprocess.run(_load(port, rate, seconds), stdout=subprocess.PIPE, check=True).stdout)
        return _used(process) - before, answered


def _used(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# The page's memory.


def _page(port: int, rate: float, seconds: float) -> None:
    with chromium() as browser, ended(_load(port, rate, seconds + 5)):
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/dashboard/")
        page.wait_for_selector("#feed li")
        session = page.context.new_cdp_session(page)
        began = time.monotonic()
        while True:
            session.send("HeapProfiler.collectGarbage")
            heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
            nodes = session.send("Memory.getDOMCounters")["nodes"]
            past = time.monotonic() - began
            print(f"after {past:4.0f} s: heap {heap:.2f} MB, {nodes} nodes", flush=True)
            if past >= seconds:
                break
            page.wait_for_timeout(1000 * min(60.0, seconds - past + 0.1))


if __name__ == "__main__":
    main()
