"""What a call costs a program: CPU a call, and what importing takes, beside LangChain's OpenAI model and OpenAI's SDK.

    python -m benchmarks.overhead [--calls 500] [--rounds 5]

Every client asks the same upstream, one call at a time, in its own process; rounds alternate between the clients, so that a noisy
moment hits all of them. CPU is the client process's own (`time.process_time`), the median over the rounds. The upstream runs in
another process, on another core where there is one. Segue streams from it, as it always does; the others take the whole answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.free_port import free_port
from benchmarks.interpreter import described
from benchmarks.programs import listening

PROMPT = "Why is the sky blue?"
WARM = 50
IMPORTS = ("segue", "openai", "langchain_openai")

Call = Callable[[], Awaitable[object]]


def _segue(port: int) -> Any:
    from segue import Segue, load

    environ = {
        "OPENAI_API_KEY": "none",
        "OPENAI_MODEL": "gpt-4.1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "SEGUE_LEDGER": os.environ.get("BENCH_LEDGER", "none"),
    }
    return Segue(load(environ, directory="/"))


def segue_acomplete(port: int) -> Call:
    client = _segue(port)
    return lambda: client.acomplete(PROMPT)


def segue_complete(port: int) -> Call:
    client = _segue(port)

    async def call() -> object:
        return client.complete(PROMPT)

    return call


def openai_sdk(port: int) -> Call:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    return lambda: client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": PROMPT}])


def chat_openai(port: int) -> Call:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4.1", api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    return lambda: model.ainvoke(PROMPT)


def llm_client(port: int) -> Call:
    from segue import OpenAIClient

    model = OpenAIClient(api_key="none", model="gpt-4.1", base_url=f"http://127.0.0.1:{port}/v1")
    return lambda: model.ainvoke(PROMPT)


CLIENTS: dict[str, Callable[[int], Call]] = {
    "Segue.acomplete": segue_acomplete,
    "Segue.complete": segue_complete,
    "segue.OpenAIClient.ainvoke": llm_client,
    "openai AsyncOpenAI": openai_sdk,
    "ChatOpenAI.ainvoke": chat_openai,
}


async def measure(name: str, port: int, calls: int) -> float:
    """CPU milliseconds a call, in this process."""
    call = CLIENTS[name](port)
    for _ in range(WARM):
        await call()
    before = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - before) / calls * 1000


def import_ms(module: str) -> float:
    """Milliseconds that importing a module takes, from `python -X importtime`."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"], capture_output=True, text=True, check=True
    )
    found = re.findall(rf"\|\s+(\d+) \| {module}$", run.stderr, flags=re.MULTILINE)
    return int(found[-1]) / 1000


def _child(name: str, port: int, calls: int) -> float:
    command = [sys.executable, "-m", "benchmarks.overhead", "--child", name, "--port", str(port), "--calls", str(calls)]
    run = subprocess.run([*_on_core(0), *command], capture_output=True, text=True, check=True)
    return float(json.loads(run.stdout))


def _on_core(core: int) -> list[str]:
    several = (os.cpu_count() or 1) > 1
    return ["taskset", "-c", str(core)] if several and os.path.exists("/usr/bin/taskset") else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asyncio.run(measure(options.child, options.port, options.calls))))
        return
    print(described(sys.executable))
    port = free_port()
    upstream = [*_on_core(1), sys.executable, "-m", "benchmarks.upstream", str(port)]
    results: dict[str, list[float]] = {name: [] for name in CLIENTS}
    with listening(upstream, port):
        for _ in range(options.rounds):
            for name in CLIENTS:
                results[name].append(_child(name, port, options.calls))
    base = statistics.median(results["ChatOpenAI.ainvoke"])
    print(f"{'client':30} {'CPU ms a call':>14} {'ChatOpenAI / it':>16}   spread over {options.rounds} rounds")
    for name, values in results.items():
        middle = statistics.median(values)
        print(f"{name:30} {middle:14.3f} {base / middle:15.1f}×   {min(values):.3f} to {max(values):.3f}")
    print()
    for module in IMPORTS:
        times = [import_ms(module) for _ in range(5)]
        print(f"import {module:24} {statistics.median(times):14.1f} ms")


if __name__ == "__main__":
    main()
