"""The process that runs a model, as its parent sees it: started when it is first needed, ended with its parent."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

END_WAIT: Final = 2.0
"""Seconds that a process has to end by itself before it is killed."""


class ModelProcessError(Exception):
    """The process ended before it answered; the text is its last output."""


class ModelProcess:
    """Runs `path` on loopback. `options` are those of `segue.embedded.server`. Methods block and may be called from any thread."""

    def __init__(self, path: Path, options: Sequence[str] = ()) -> None:
        self._command = [sys.executable, "-m", "segue.embedded.server", str(path), *options]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._finalizer: weakref.finalize[..., ModelProcess] | None = None

    @property
    def pid(self) -> int | None:
        """The running process; None where there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def address(self) -> str:
        """Where it answers, e.g. http://127.0.0.1:40123; starts it where it doesn't run. Raises `ModelProcessError`."""
        with self._lock:
            if self.pid is None:
                self.close()
                self._start()
            return self._address

    def close(self) -> None:
        """Ends it."""
        if self._finalizer is not None:
            self._finalizer()
        self._process = self._finalizer = None

    def _start(self) -> None:
        with tempfile.TemporaryFile() as errors_file:
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors_file)
            self._finalizer = weakref.finalize(self, _end, process)
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            if not line:
                self._finalizer()
                raise ModelProcessError(_last_words(errors_file))
        self._process, self._address = process, line.strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(END_WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(errors_file: IO[bytes]) -> str:
    errors_file.seek(0)
    lines = [line.strip() for line in errors_file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it printed nothing"])[-1]
