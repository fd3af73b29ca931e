"""What a command is waiting for, on standard error, so that no screen stays blank while the network is silent."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

import click

from segue.cli.cleaning import clean

PATIENCE: Final = 1.5
"""Seconds before a line is written if standard error is not a terminal: a log need not list quick steps."""
_ERASE: Final = "\r\x1b[2K"


class Waiting:
    """Says what is waited for. On a terminal at once, in a line that is erased again; elsewhere in a line that stays, if it takes long.

    May be used from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._shown = False
        self._over = False
        self._terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        with self._lock:
            self._forget()
            if self._over:
                return
            if self._terminal:
                self._shown = True
                width = shutil.get_terminal_size().columns - 1
                click.echo(clean(" ".join(text.split()))[:width], err=True, nl=False)
            else:
                self._timer = threading.Timer(PATIENCE, self._write, [text])
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """The wait is over: nothing is written from now on, because it would appear inside an answer."""
        with self._lock:
            self._over = True
            self._forget()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, text: str) -> None:
        with self._lock:
            if self._timer is not None:
                click.echo(clean(text), err=True)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._shown:
            self._shown = False
            click.echo(_ERASE, err=True, nl=False)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Says what is waited for while the block runs."""
    with Waiting() as shown:
        shown.say(text)
        yield
