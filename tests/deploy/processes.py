"""The gateway and what stands before it, as processes of their own directory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
"""Seconds that anything is waited for at most."""


def segue(home: Path, *arguments: str) -> str:
    """What the command writes to its standard output."""
    command = [sys.executable, "-m", "segue", *arguments]
    done = subprocess.run(
        command, cwd=home, env=_environ(home), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return done.stdout.strip()


@contextmanager
def running(command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (home / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=home, env=_environ(home), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


@contextmanager
def gateway(home: Path, port: int, *options: str) -> Iterator[str]:
    """A gateway that asks for keys, once it listens; gives its address."""
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "segue", "serve", "--sandbox", "--keys", "--port", str(port), *options]
    with running(command, home):
        until("the gateway listens", lambda: urllib.request.urlopen(f"http://{address}/health/live").read() != b"")
        yield address


def until(what: str, true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < give_up, f"{what} within {PATIENCE:g} s"
        time.sleep(0.1)


def _environ(home: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "SEGUE_HOME": str(home), "HOME": str(home)}
