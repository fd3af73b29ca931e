"""Warnings that wait until an answer has been shown: on a terminal they would stand amid its text."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from segue.cli.cleaning import clean


class _First(logging.Handler):
    """Keeps the first message of each logger; what follows repeats it as it goes on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.setdefault(record.name, record.getMessage())


@contextmanager
def held_warnings() -> Iterator[None]:
    """Shows what Segue warns of after the block instead of within it, unless logs are handled already."""
    log = logging.getLogger("segue")
    if log.hasHandlers():
        yield
        return
    first = _First()
    log.addHandler(first)
    try:
        yield
    finally:
        log.removeHandler(first)
        for message in first.messages.values():
            click.echo(clean(message), err=True)
