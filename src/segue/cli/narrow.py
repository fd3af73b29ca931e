"""Output where the console's character set is narrow, as cp949 or ASCII: what it can't show degrades, and a command never ends for it."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Final

PLAIN: Final = "segue-plain"
"""The error handler's name, for `errors=` of a text stream."""

_PLAIN: Final = str.maketrans("→≤…·–—✓✗“”‘’⟨⟩–•│─╭╮╰╯┃━", "><.---+x\"\"''<>-*|-++++|-")
"""One character for one, so that columns stay straight."""


def adapt_streams() -> None:
    """Lets standard output and error write any text, and nowhere if they are closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # it stays open
    codecs.register_error(PLAIN, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)


def read_input() -> str:
    """All of standard input: UTF-8, else what the console's own encoding makes of it."""
    if sys.stdin is None:  # it is closed
        return ""
    if not hasattr(sys.stdin, "buffer"):
        return sys.stdin.read()
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(sys.stdin.encoding or "utf-8", errors="replace")


def shown_json(text: str, encoding: str | None) -> str:
    """A JSON document that says the same, with what `encoding` can't write escaped."""
    try:
        text.encode(encoding or "utf-8")
        return text
    except UnicodeEncodeError:
        return "".join(one if one.isascii() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(one if one.isascii() else "?" for one in part), error.end
