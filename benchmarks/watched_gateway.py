"""`segue serve` in its own process, watched while it is attacked: its memory, descriptors and threads, and how long others wait."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.free_port import free_port
from benchmarks.programs import listening, serve_command

LIVE = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


class Waits(threading.Thread):
    """Asks `/health/live` every few milliseconds over one connection; `longest` in seconds."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.longest = 0.0

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=60) as connection:
            while not self._over.wait(0.005):
                began = time.perf_counter()
                connection.sendall(LIVE)
                if not connection.recv(4096):
                    return
                self.longest = max(self.longest, time.perf_counter() - began)

    def end(self) -> float:
        self._over.set()
        self.join(60)
        return self.longest


class WatchedGateway:
    def __init__(self, process: subprocess.Popen[bytes], port: int, home: Path) -> None:
        self.process = process
        self.port = port
        self.home = home

    def status(self, field: str) -> int:
        """A number of /proc: kB for memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    @property
    def megabytes(self) -> float:
        return self.status("VmRSS") / 1024

    @property
    def peak(self) -> float:
        return self.status("VmHWM") / 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def threads(self) -> int:
        return self.status("Threads")

    def alive(self) -> bool:
        return self.process.poll() is None

    @contextlib.contextmanager
    def waits(self) -> Iterator[Waits]:
        waits = Waits(self.port)
        waits.start()
        try:
            yield waits
        finally:
            waits.end()


@contextlib.contextmanager
def watched_gateway(toml: str, environ: Mapping[str, str] | None = None) -> Iterator[WatchedGateway]:
    """A gateway with these settings, its ledger in a directory that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="segue-attacked-") as directory:
        home = Path(directory)
        (home / "attacked.toml").write_text(toml)
        port = free_port()
        env = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "SEGUE_CONFIG": str(home / "attacked.toml"),
            "SEGUE_HOME": directory,
            "HOME": directory,
            **(environ or {}),
        }
        quiet = {"cwd": directory, "env": env, "stderr": subprocess.DEVNULL}
        with listening(serve_command(port), port, **quiet) as process:
            yield WatchedGateway(process, port, home)
