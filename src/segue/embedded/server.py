"""The process that runs a model: `python -m segue.embedded.server FILE`.

It prints its address as soon as it answers, and ends when its standard input does: with the process that holds the other end, however
that one ends. It imports nothing of Segue but this file. The server is llama.cpp's own, with OpenAI's and Anthropic's paths.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import Any

CONTEXT = 8192
"""Tokens that all running requests share."""
SLOTS = 4
"""Requests that run at a time; more wait."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m segue.embedded.server")
    parser.add_argument("file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--context", type=int, default=CONTEXT)
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--reproducible", action="store_true", help="equal requests have equal answers; slower")
    asked = parser.parse_args()
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    server = _serve(asked)
    print(server.listening_address, flush=True)
    threading.Event().wait()


def _serve(asked: argparse.Namespace) -> Any:
    from xllamacpp import CommonParams, Server  # noqa: PLC0415  # only this process has it loaded

    params = CommonParams()
    params.model.path = asked.file
    params.hostnames = ["127.0.0.1"]
    params.port = asked.port
    params.n_ctx = asked.context
    params.n_parallel = asked.slots
    params.kv_unified = True
    params.warmup = False
    if asked.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    if asked.reproducible:
        # A prompt's tokens one by one, and none from a cache: the sums are then the same ones, however a text is split between
        # prompt and answer.
        params.n_ubatch = 1
        params.cache_prompt = False
        params.cache_ram_mib = 0
    return Server(params)


def _end_with_standard_input() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
