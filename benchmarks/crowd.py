"""Many slow streams through a gateway at once: is each whole, how late is a chunk, what does a waiting stream hold, what does the crowd cost?

    python -m benchmarks.crowd [--streams 1000] [--seconds 60] [--only segue,nginx] [--python PROGRAM]

The upstream sends a chunk a second on each stream, with the time of its sending in it; the streams begin over one second, so that chunks come
all the time. As in `benchmarks.gateways` the gateway has core 0, upstream and callers share core 1. A chunk's delay is the time from the upstream's
write to the caller's read, both ends' own work included. Memory is the gateway's resident set with all streams open, less what it was after a
warm-up before them, over their number.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httptools
import uvloop

from benchmarks.free_port import free_port
from benchmarks.gateway_upstream import LAST, Provider, chunk_of, framed
from benchmarks.gateways import CASES, HOST, NotRunning, choice, cpu, load, memory, request, running, started
from benchmarks.peers import Peer

BEAT = 1.0
"""Seconds between the chunks of a stream."""
PATIENCE = 15.0
"""Seconds over their time for streams to end."""
SLOW = CASES[-1]
SPARE = 200
"""Descriptors that a process needs beside its streams'."""
_SENT = re.compile(rb" w(\d+)@(\d+\.\d+)")


class Measure(NamedTuple):
    """Streams that were whole, of how many; CPU seconds a minute; bytes a stream; seconds of delay, sorted; how the others ended."""

    whole: int
    streams: int
    cpu: float
    held: float
    delays: list[float]
    others: Counter[bytes]


class Ticking(Provider):
    """A slow answer is `chunks` long, and each chunk says when it was sent."""

    def __init__(self, chunks: int) -> None:
        super().__init__(BEAT)
        self._chunks = chunks

    def _say(self, word: int) -> None:
        if self._transport.is_closing():
            return
        if word == self._chunks:
            self._transport.write(LAST)
            return
        self._transport.write(framed(chunk_of({"content": f" w{word}@{time.monotonic():.6f}"})))
        asyncio.get_running_loop().call_later(self._pace, self._say, word + 1)


class Stream(asyncio.Protocol):
    """A caller's stream: `delays` of its chunks in seconds, `whole` if all came, once and in order; `last` is the last line otherwise."""

    def __init__(self, request: bytes, chunks: int) -> None:
        self._request = request
        self._chunks = chunks
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self._in_order = True
        self.delays: list[float] = []
        self.whole = False
        self.last = b"nothing"
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic()
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.last = line.strip() or self.last
            for number, sent in _SENT.findall(line):
                self._in_order &= int(number) == len(self.delays)
                self.delays.append(self._now - float(sent))

    def on_message_complete(self) -> None:
        self.last = self._rest.strip() or self.last
        self.whole = self._in_order and len(self.delays) == self._chunks and b"[DONE]" in self.last
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def crowd(peer: Peer, port: int, pid: int, streams: int, chunks: int) -> tuple[list[Stream], float]:
    """All streams, ended, and the gateway's memory in MB while all of them were open."""
    loop, asked, begun = asyncio.get_running_loop(), request(peer, SLOW), []
    started = loop.time()
    for number in range(streams):
        await asyncio.sleep(started + BEAT * number / streams - loop.time())
        _, stream = await loop.create_connection(lambda: Stream(asked, chunks), HOST, port)
        begun.append(stream)
    await asyncio.sleep(BEAT * (chunks - 1) - (loop.time() - started))
    held = memory(pid)
    await asyncio.wait([stream.ended for stream in begun], timeout=2 * BEAT + PATIENCE)
    return begun, held


def measure(peer: Peer, port: int, pid: int, streams: int, chunks: int) -> Measure:
    uvloop.run(load(peer, port, CASES[1], 1.0))
    held, used, began = memory(pid), cpu(pid), time.perf_counter()
    all, with_all = uvloop.run(crowd(peer, port, pid, streams, chunks))
    spent = (cpu(pid) - used) / (time.perf_counter() - began) * 60
    whole = sum(stream.whole for stream in all)
    delays = sorted(delay for stream in all for delay in stream.delays)
    others = Counter(stream.last[:200] for stream in all if not stream.whole)
    return Measure(whole, streams, spent, (with_all - held) * 1e6 / streams, delays, others)


def allow_descriptors(streams: int) -> None:
    """Raises the limit of this process, which those it starts inherit. Ends the program if the system does not admit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * streams + SPARE
    if hard < needed:
        raise SystemExit(
            f"{streams} streams need {needed} file descriptors in the gateway; the limit is {hard}. Raise it: ulimit -Hn {needed}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


@contextmanager
def upstream(port: int, chunks: int, folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.crowd", "--provide", str(port), str(chunks)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with running(command, 1, env, folder / "upstream.txt"):
        yield


def compare(chosen: list[Peer], streams: int, seconds: float, port: int, folder: Path) -> None:
    """Measures one gateway after the other, and prints the table."""
    allow_descriptors(streams)
    chunks = max(2, round(seconds / BEAT))
    found: dict[str, Measure] = {}
    failed: dict[str, str] = {}
    with upstream(port, chunks, folder):
        for peer in chosen:
            print(f"{peer.name}: {streams} streams of {chunks} chunks", file=sys.stderr)
            try:
                with started(peer, port, folder) as (asked, at, pid):
                    found[peer.name] = measure(asked, at, pid, streams, chunks)
            except (NotRunning, OSError, RuntimeError) as error:
                failed[peer.name] = str(error) or repr(error)
    show(found, failed)


def show(found: dict[str, Measure], failed: dict[str, str]) -> None:
    ours = found.get("segue")
    print(
        "| gateway | whole | CPU s a minute | its / Segue's | kB a stream | delay of a chunk, ms: p50 / p99 / worst |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for name, one in found.items():
        ratio = f"{one.cpu / ours.cpu:.2f}" if ours and ours.cpu else ""
        at = [one.delays[int(len(one.delays) * share)] * 1e3 for share in (0.5, 0.99)] if one.delays else [0.0, 0.0]
        worst = one.delays[-1] * 1e3 if one.delays else 0.0
        print(
            f"| {name} | {one.whole} of {one.streams} | {one.cpu:.2f} | {ratio} | {one.held / 1e3:.1f} "
            f"| {at[0]:.1f} / {at[1]:.1f} / {worst:.1f} |"
        )
    for name, one in found.items():
        for last, count in one.others.items():
            print(f"\n{name}: {count} ended with {last.decode('utf-8', 'replace')}")
    for name, why in failed.items():
        print(f"\n{name}: {why}")


async def provide(port: int, chunks: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Ticking(chunks), HOST, port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--provide", type=int, nargs=2, metavar=("PORT", "CHUNKS"), help=argparse.SUPPRESS)
    if sys.argv[1:2] == ["--provide"]:
        uvloop.run(provide(*parser.parse_args().provide))
        return
    options, chosen = choice(parser)
    with tempfile.TemporaryDirectory() as temporary:
        compare(chosen, options.streams, options.seconds, free_port(), Path(temporary))


if __name__ == "__main__":
    main()
