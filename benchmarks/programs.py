"""Programs that measurements, pictures and tests start: servers on loopback and the browser, each ended with its block."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STARTING, ENDING = 60.0, 40.0
"""Seconds that a server has until it listens, and until it has ended after SIGTERM."""

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
"""Debian's chromium, or the one that the variable names; None where there is none."""


@contextlib.contextmanager
def ended(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that gets SIGTERM when the block ends, and is killed if that does not end it."""
    process = subprocess.Popen(command, **{"stdout": subprocess.DEVNULL, **options})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def listening(command: Sequence[str], port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server, once it listens at a port of 127.0.0.1. Raises `RuntimeError` if it never does."""
    with ended(command, **options) as process:
        until = time.monotonic() + STARTING
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"nothing listens at port {port}: {' '.join(command)}")
        yield process


def serve_command(port: int, *options: str) -> list[str]:
    """Starts the gateway at a port."""
    return [sys.executable, "-m", "segue", "serve", "--port", str(port), *options]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window."""
    from playwright.sync_api import sync_playwright

    flags = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()
