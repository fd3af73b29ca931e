"""How the gateway ends: by SIGTERM with its books closed and its streams ended by an error event, by SIGHUP not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from benchmarks.free_port import free_port

from segue import Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


class Serving(NamedTuple):
    process: subprocess.Popen[bytes]
    address: str
    home: Path
    log: Path


@contextmanager
def serving(box: Sandbox, home: Path, *options: str) -> Iterator[Serving]:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environ |= {"SEGUE_HOME": str(home), "SEGUE_CHAIN": "openai", "OPENAI_API_KEY": "k", "SEGUE_LOG": "text"}
    environ |= {"OPENAI_BASE_URL": box.base_url("openai"), "SEGUE_LEDGER": str(home / "ledger.sqlite3")}
    log = home / "log"
    with log.open("wb") as written:
        command = [sys.executable, "-m", "segue", "serve", "--port", str(port), *options]
        process = subprocess.Popen(command, cwd=home, env=environ, stdout=written, stderr=written)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                httpx.get(f"{address}/health/live", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Serving(process, address, home, log)
    finally:
        process.kill()
        process.wait(30)


ASK = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


def test_sigterm_closes_the_ledger(box: Sandbox, tmp_path: Path) -> None:
    with serving(box, tmp_path) as gateway:
        assert httpx.post(f"{gateway.address}/v1/chat/completions", json=ASK, timeout=30).status_code == 200
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait(30)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["ledger.sqlite3", "log"], "a file of a process that lives, or of a journal, was left"
    with sqlite3.connect(f"file:{tmp_path / 'ledger.sqlite3'}?mode=ro&immutable=1", uri=True) as books:
        [(count,)] = books.execute("SELECT COUNT(*) FROM attempts").fetchall()
    books.close()
    assert count == 1


@pytest.mark.parametrize(
    ("path", "body", "end"),
    [
        ("/v1/chat/completions", {**ASK, "stream": True}, '"error"'),
        ("/v1/responses", {"model": "auto", "input": "Hi", "stream": True}, "event: response.failed"),
        ("/v1/messages", {**ASK, "max_tokens": 99, "stream": True}, "event: error"),
        ("/v1beta/models/auto:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "Hi"}]}]}, '"error"'),
    ],
)
def test_a_stream_at_the_end_of_the_grace_ends_with_its_dialects_error(
    box: Sandbox, tmp_path: Path, path: str, body: dict[str, object], end: str
) -> None:
    box.break_provider("openai", "drip:seconds=0.5")
    with serving(box, tmp_path, "--grace", "1") as gateway:
        written = ""
        with httpx.stream("POST", gateway.address + path, json=body, timeout=30) as answer:
            for text in answer.iter_text():
                if not written:
                    gateway.process.send_signal(signal.SIGTERM)
                written += text
        gateway.process.wait(30)
    assert end in written
    assert "the gateway stopped before the answer was complete" in written


def test_sighup_ends_nothing_and_is_logged(box: Sandbox, tmp_path: Path) -> None:
    with serving(box, tmp_path) as gateway:
        gateway.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while "SIGHUP" not in gateway.log.read_text() and time.monotonic() < until:
            time.sleep(0.02)
        assert httpx.get(f"{gateway.address}/health/live", timeout=30).status_code == 200
        assert "SIGHUP is ignored: restart segue serve" in gateway.log.read_text()
