"""What becomes of the books when the gateway is killed or MongoDB goes away, under load.

    python -m benchmarks.durability kill [--times 200]        # about ten minutes
    python -m benchmarks.durability outage [--seconds 60]     # about two

`kill` starts `segue serve --sandbox`, lets clients ask it over HTTP, half of them for streams, and ends it with SIGKILL at a random moment;
so many times, with one ledger. An answer counts as arrived when the caller has read its body to the end, and a stream's terminal in
it. In the end every answer that arrived must have its record, settled, and as many attempts as its head stated, none of them twice; and
what was reserved by those that died must be settled at its bound.

`outage` starts a MongoDB (nx-27017, or any command given with --server) and a gateway that ships to it, and stops the database for a
while under load. Every answer that arrived must be in MongoDB in the end, and callers must not have waited for it: the times of the
answers are shown for before, during and after.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.free_port import free_port
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.factory import ledger_of
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.settings import Settings

CLIENTS = 12
START = 60.0
"""Seconds that a gateway may take to be alive."""


class Arrived(msgspec.Struct, frozen=True):
    """An answer that a caller has read whole. `at` and `seconds` are of the monotonic clock."""

    request_id: str
    attempts: int
    streamed: bool
    at: float
    seconds: float


def gateway(home: Path, port: int, **environ: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGUE_", "MONGODB_"))}
    with (home / "gateway.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "segue", "serve", "--sandbox", "--port", str(port), "--grace", "5"],
            env={**kept, "SEGUE_HOME": str(home), **environ},
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )


async def alive(session: aiohttp.ClientSession, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START
    while True:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.get("/health/live") as answer:
                if answer.status == 200:
                    return
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError("the gateway did not start: see gateway.log")
        await asyncio.sleep(0.02)


async def client(session: aiohttp.ClientSession, arrived: list[Arrived], rng: random.Random) -> None:
    """Asks until it is cancelled; what breaks off is not counted."""
    while True:
        streamed = rng.random() < 0.5
        body = {
            "model": "auto",
            "stream": streamed,
            "max_tokens": rng.randint(1, 6),
            "messages": [{"role": "user", "content": "Why is the sky blue?"}],
        }
        began = time.monotonic()
        try:
            async with session.post("/v1/chat/completions", json=body) as answer:
                data = await answer.read()
                head = answer.headers
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(0.005)
            continue
        if answer.status == 200 and (not streamed or data.rstrip().endswith(b"data: [DONE]")):
            now = time.monotonic()
            attempts = int(head["x-segue-attempts"])
            arrived.append(Arrived(head["x-request-id"], attempts, streamed, now, now - began))


@contextlib.asynccontextmanager
async def load(session: aiohttp.ClientSession, arrived: list[Arrived], rng: random.Random) -> Any:
    tasks = [asyncio.create_task(client(session, arrived, rng)) for _ in range(CLIENTS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def kill(home: Path, times: int, seed: int) -> list[Arrived]:
    """Lets so many gateways live and be killed, one after another, over the ledger in `home`."""
    rng = random.Random(seed)
    arrived: list[Arrived] = []
    for life in range(times):
        port = free_port()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            process = gateway(home, port)
            try:
                await alive(session, process)
                async with load(session, arrived, rng):
                    await asyncio.sleep(rng.uniform(0.1, 0.7))
                    process.kill()
                    await asyncio.sleep(0.05)
            finally:
                process.kill()
                process.wait()
        if (life + 1) % 20 == 0:
            print(f"killed {life + 1} times, {len(arrived)} answers arrived", flush=True)
    return arrived


def close_books(home: Path) -> list[AttemptRecord]:
    """All records, once a process that lives has booked what the dead had reserved."""
    store = SqliteStore(home / "ledger.sqlite3")
    store.settle(
        AttemptRecord(
            attempt_id="last",
            request_id="last",
            started=time.time(),
            target="",
            provider="",
            model="",
            outcome="ok",
            settlement=Settlement.FREE,
        )
    )
    assert store.flush()
    records = store.records(limit=None)
    store.close()
    return [record for record in records if record.attempt_id != "last"]


def faults(arrived: list[Arrived], records: list[AttemptRecord]) -> list[str]:
    """What is wrong with the books; nothing, if the promise was kept."""
    wrong = []
    by_request: dict[str, list[AttemptRecord]] = {}
    for record in records:
        by_request.setdefault(record.request_id, []).append(record)
    for answer in arrived:
        mine = by_request.get(answer.request_id, [])
        answered = [record for record in mine if record.outcome == "ok" and record.settlement is Settlement.SETTLED]
        if not answered:
            wrong.append(f"{answer.request_id} arrived and has no settled record")
        elif len(answered) > 1 or len(mine) != answer.attempts:
            wrong.append(f"{answer.request_id} has {len(mine)} records for {answer.attempts} attempts")
    wrong += [f"{record.attempt_id} is still reserved" for record in records if record.settlement == "reserved"]
    wrong += [f"{name} is there {count} times" for name, count in _twice(record.attempt_id for record in records)]
    return wrong


def _twice(names: Iterator[str]) -> Iterator[tuple[str, int]]:
    return ((name, count) for name, count in Counter(names).items() if count > 1)


@contextlib.contextmanager
def database(command: str | None, home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that speaks MongoDB's protocol on `port`, over the data in `home`."""
    arguments = command or (
        f"{sys.executable} -m nx_27017.nx_27017 --data-dir {{data}} --port {{port}}"
        " --log-file {data}/nx.log --pid-file {data}/nx.pid"
    )
    data = home / "mongodb"
    data.mkdir(exist_ok=True)
    process = subprocess.Popen(
        arguments.format(data=data, port=port).split(), cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def outage(
    home: Path, seconds: float, *, around: float, command: str | None
) -> tuple[list[Arrived], dict[str, tuple[float, float]], list[AttemptRecord]]:
    """The answers that arrived, the times of the phases, and what is in MongoDB in the end."""
    port, mongodb_port = free_port(), free_port()
    url = f"mongodb://127.0.0.1:{mongodb_port}/segue"
    arrived: list[Arrived] = []
    marks = [0.0]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        with contextlib.ExitStack() as stack:
            process = None
            server = stack.enter_context(contextlib.ExitStack())
            server.enter_context(database(command, home, mongodb_port))
            await _listening(mongodb_port)
            try:
                process = gateway(home, port, MONGODB_URL=url)
                await alive(session, process)
                async with load(session, arrived, random.Random(1)):
                    marks[0] = time.monotonic()
                    await asyncio.sleep(around)
                    marks.append(time.monotonic())
                    server.close()
                    await asyncio.sleep(seconds)
                    marks.append(time.monotonic())
                    stack.enter_context(database(command, home, mongodb_port))
                    await asyncio.sleep(around)
                    marks.append(time.monotonic())
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.wait, 60)
            finally:
                if process is not None:
                    process.kill()
                    process.wait()
            await _listening(mongodb_port)
            records = await asyncio.to_thread(_shipped, home, url)
    phases = dict(zip(("before", "during", "after"), itertools.pairwise(marks), strict=True))
    return arrived, phases, records


async def _listening(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the database did not start")


def _shipped(home: Path, url: str) -> list[AttemptRecord]:
    """Has the next process ship what is left, and gives what MongoDB then has."""
    close_books(home)
    settings = Settings(ledger=str(home / "ledger.sqlite3"), mongodb_url=Secret(url))
    store = ledger_of(settings)
    give_up = time.monotonic() + 60
    while SqliteStore(home / "ledger.sqlite3").records(limit=1):
        if time.monotonic() > give_up:
            raise RuntimeError(f"it is not shipped: {store.status()}")
        time.sleep(0.1)
    records = store.records(limit=None)
    store.close()
    return [record for record in records if record.attempt_id != "last"]


def times(arrived: list[Arrived], phases: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """A line a phase: how long the answers that ended in it took."""
    for name, (begin, end) in phases.items():
        seconds = sorted(answer.seconds for answer in arrived if begin <= answer.at < end)
        p99 = seconds[int(len(seconds) * 0.99)]
        median = statistics.median(seconds)
        yield (
            f"{name:8}{len(seconds):7} answers, {len(seconds) / (end - begin):6.0f}/s;"
            f" ms: median {median * 1000:6.1f}, p99 {p99 * 1000:6.1f}, most {seconds[-1] * 1000:6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "outage"))
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--server", help="a command, with {data} and {port}, e.g. 'mongod --dbpath {data} --port {port}'"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        if options.what == "kill":
            arrived = asyncio.run(kill(home, options.times, options.seed))
            records = close_books(home)
        else:
            arrived, phases, records = asyncio.run(outage(home, options.seconds, around=15.0, command=options.server))
            print("\n".join(times(arrived, phases)))
        wrong = faults(arrived, records)
    kinds = Counter(record.outcome for record in records)
    streamed = sum(answer.streamed for answer in arrived)
    print(f"{len(arrived)} answers arrived, {streamed} of them streams; {len(records)} records: {dict(kinds)}")
    print("\n".join(wrong[:20]) or "every answer has its record, none twice, nothing is left reserved")
    raise SystemExit(bool(wrong) or not arrived)


if __name__ == "__main__":
    main()
