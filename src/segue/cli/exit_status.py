"""How a command ends: errors become one text on standard error and an exit status."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import click

from segue.cli.cleaning import clean
from segue.errors import ConfigurationError, SegueError

P = ParamSpec("P")

FAILED = 1
MISUSED = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, ending as the package's text says, without a traceback for what is not a defect."""

    @functools.wraps(command)
    def guard(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ConfigurationError as error:
            raise _end(MISUSED, error) from error
        except SegueError as error:
            raise _end(FAILED, error) from error
        except KeyboardInterrupt as error:
            raise _end(INTERRUPTED) from error
        except BrokenPipeError as error:
            _drop_output()
            raise _end(BROKEN_PIPE) from error

    return guard


@contextmanager
def output_checked() -> Iterator[None]:
    """Ends the process with a sentence where its output can't be written, as on a full disk; silently where its reader is gone."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        _drop_output()
        click.echo(f"segue: the output can't be written: {error.strerror}; make room, or write it elsewhere", err=True)
        sys.exit(FAILED)


def _drop_output() -> None:
    """Nothing more may be written at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(status: int, error: Exception | None = None) -> click.exceptions.Exit:
    if error is not None:
        notes = getattr(error, "__notes__", ())
        click.echo(clean("\n".join((f"segue: {error}", *notes))), err=True)
    return click.exceptions.Exit(status)
