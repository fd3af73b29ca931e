"""A thousand slow streams through the gateway at once, for a minute: does any stall, and what does a stream hold?

    python -m benchmarks.streams [--streams 1000] [--seconds 60]

Three processes: a provider that says a word a second on each stream, `segue serve` before it, and the callers, who note each word's
arrival. A word that is more than a second late has stalled. Memory is the gateway's resident set: with all streams open, less what
it was before them, over their number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.free_port import free_port
from benchmarks.programs import ended, listening, serve_command

HOST = "127.0.0.1"
BEAT = 1.0
"""Seconds between the words of a stream."""
LATE = 1.0
"""Seconds after its time that a word counts as stalled."""

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"data: [DONE]\n\n"


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def read_request(reader: asyncio.StreamReader) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    await reader.readexactly(size)
    return True


async def provide(port: int, words: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await read_request(reader):
                begin = asyncio.get_running_loop().time()
                writer.write(_HEAD)
                for word in range(words):
                    if writer.is_closing():
                        return
                    writer.write(framed(chunk({"content": f" w{word}"})))
                    await asyncio.sleep(begin + BEAT * (word + 1) - asyncio.get_running_loop().time())
                writer.write(framed(chunk({}, "stop") + _END) + b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, HOST, port, backlog=4096)
    await server.serve_forever()


class Caller:
    """One stream. `late` is the most that a word came after its time, counted from the stream's first; `first` its first line, or its error.

    Leaves after `patience` words.
    """

    def __init__(self, words: int, patience: float = math.inf) -> None:
        self.words = words
        self.patience = patience
        self.late = 0.0
        self.whole = False
        self.first = b""

    async def run(self, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        body = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        begin, heard = 0.0, 0
        while line := await reader.readline():
            self.first = self.first or line
            if line.startswith(b'{"error"'):
                self.first = line
            if b'"content":" w' in line:
                now = time.monotonic()
                begin = begin or now
                self.late = max(self.late, now - begin - heard * BEAT)
                heard += 1
                if heard >= self.patience:
                    break
            elif line.startswith(b"data: [DONE]"):
                self.whole = heard == self.words
                break
        writer.close()


def resident(pid: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def call(port: int, pid: int, streams: int, words: int) -> None:
    await Caller(words, patience=2).run(port)  # what is loaded once is loaded now
    before = resident(pid)
    callers = [Caller(words) for _ in range(streams)]
    tasks = [asyncio.create_task(caller.run(port)) for caller in callers]
    await asyncio.sleep(words * BEAT * 0.8)
    during = resident(pid)
    await asyncio.gather(*tasks)
    for line, count in Counter(caller.first.strip().decode() for caller in callers if not caller.whole).items():
        print(f"{count} were cut off and ended with {line[:300] or 'nothing'}")
    whole = sum(caller.whole for caller in callers)
    stalled = sum(caller.late > LATE for caller in callers)
    lates = sorted(caller.late for caller in callers)
    print(f"{streams} streams of {words} words, one each {BEAT:g} s: {whole} whole, {stalled} stalled")
    print(
        f"the latest word of a stream: median {lates[len(lates) // 2] * 1e3:.0f} ms, worst {lates[-1] * 1e3:.0f} ms late"
    )
    print(
        f"memory: {before / 1e6:.0f} MB before, {during / 1e6:.0f} MB with all open: {(during - before) / streams / 1e3:.1f} kB a stream"
    )


def environment(upstream: int, ledger: str) -> dict[str, str]:
    return {
        **os.environ,
        "OPENAI_API_KEY": "benchmark",
        "OPENAI_BASE_URL": f"http://{HOST}:{upstream}/v1",
        "SEGUE_CHAIN": "openai",
        "SEGUE_LEDGER": ledger,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--provide", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    words = int(options.seconds / BEAT)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8 * options.streams), hard), hard))
    if options.provide is not None:
        asyncio.run(provide(options.provide, words))
        return
    upstream, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        provider = [sys.executable, "-m", "benchmarks.streams", "--provide", str(upstream)]
        env = environment(upstream, f"{folder}/ledger.sqlite")
        with (
            ended([*provider, "--seconds", str(options.seconds)]),
            listening(serve_command(port), port, env=env, cwd=folder) as gateway,
        ):
            asyncio.run(call(port, gateway.pid, options.streams, words))


if __name__ == "__main__":
    main()
