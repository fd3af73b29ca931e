"""Pictures of the command line for the documentation, made of what the commands really say on a terminal.

    python -m benchmarks.screens          # half a minute; writes docs/img/terminal-*.svg

Nothing is asked of a provider: stand-ins answer, and the screens say so. Times differ from run to run.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.color import ColorType
from rich.console import Console
from rich.style import Style
from rich.text import Text

from segue import Segue
from segue.ledger.stores.sqlite import SqliteStore
from segue.sandbox import Sandbox

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "img"
BIN: Final = Path(sys.executable).parent

CELL, LINE, MARGIN = 7.2, 17.0, 14.0
"""Units of a picture that a character, a line and the margin take."""
GROUND, PLAIN, DIM = "#1d2129", "#d8dee9", "#8b94a3"
COLOURS: Final = (
    "#3b4252", "#ef7f88", "#8fce8a", "#e7c66e", "#7fb2ef", "#c79be8", "#75cdd8", "#d8dee9"
)  # fmt: skip
"""The eight colours of a terminal, as they can be read on `GROUND`."""


def seen(command: Sequence[str | Path], columns: int, environ: dict[str, str]) -> str:
    """What the command writes to a terminal of so many columns, with the sequences that colour it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    process = subprocess.Popen(
        [str(part) for part in command], stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=ROOT
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    process.wait()
    return written.decode()


def lines(written: str) -> list[Text]:
    """The lines as they stand in the end: what a line erased of itself is gone."""
    decoder = AnsiDecoder()
    kept = (line.rstrip("\r").rpartition("\r\x1b[2K")[2] for line in written.split("\n"))
    return [decoder.decode_line(line) for line in kept]


def colour(style: Style) -> str:
    if style.color is not None and style.color.type is ColorType.STANDARD and style.color.number is not None:
        return COLOURS[style.color.number % len(COLOURS)]
    return DIM if style.dim else PLAIN


def spans(line: Text, y: float, console: Console) -> Iterator[str]:
    column = 0
    for segment in line.render(console):
        text, style = segment.text.rstrip("\n"), segment.style or Style()
        width = cell_len(text)
        if text.strip():
            bold = ' font-weight="bold"' if style.bold else ""
            yield (
                f'<text x="{MARGIN + column * CELL:.1f}" y="{y:g}" fill="{colour(style)}"{bold} textLength="{width * CELL:.1f}"'
                f' lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(text)}</text>'
            )
        column += width


def picture(title: str, command: str, shown: Sequence[Text], columns: int) -> str:
    """An SVG of a terminal in which `command` was typed."""
    console = Console(width=columns, color_system="standard", force_terminal=True)
    wrapped = [part for line in shown for part in (line.wrap(console, columns) or [line])]
    rows = [Text(f"$ {command}", style="bold"), *wrapped]
    width, height = 2 * MARGIN + columns * CELL, 2 * MARGIN + len(rows) * LINE
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" font-size="12"'
            ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{GROUND}"/>',
            *(span for number, row in enumerate(rows) for span in spans(row, MARGIN + (number + 0.75) * LINE, console)),
            "</svg>\n",
        )
    )


def traffic(home: Path) -> None:
    """Most goes well; in between Gemini breaks off in mid-answer, and in the end it is down."""
    phases = ((None, 14), ("cut:after=9", 2), (None, 6), ("unavailable", 6))
    with (
        Sandbox(delay=0.002) as box,
        Segue(box.settings(every=True), ledger=SqliteStore(home / "ledger.sqlite3")) as segue,
    ):
        for fault, times in phases:
            if fault is None:
                box.heal("gemini")
            else:
                box.break_provider("gemini", fault)
            for number in range(times):
                segue.complete(f"Question {number}: why is the sky blue?")


def main() -> None:
    """Writes the pictures."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        bare = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ = {**bare, "HOME": directory, "SEGUE_HOME": directory, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
        demo = seen([sys.executable, "examples/demo.py"], 80, environ).partition("$ career-coach")[0]
        drill = seen([BIN / "segue", "drill", "--quick"], 92, environ)
        traffic(home)
        status = seen([BIN / "segue", "status", "--once"], 80, environ)
    for name, title, command, written, columns in (
        (
            "demo",
            "An answer that breaks off at Gemini and is continued by OpenAI, in two colours",
            "make demo",
            demo,
            80,
        ),
        ("drill", "Every fault, and what a caller got", "segue drill --quick", drill, 92),
        ("status", "How the targets fare", "segue status --once", status, 80),
    ):
        shown = lines(written.replace(directory, "~/.local/share/segue"))
        while not shown[-1].plain.strip():
            shown.pop()
        (IMAGES / f"terminal-{name}.svg").write_text(picture(title, command, shown, columns), encoding="utf-8")


if __name__ == "__main__":
    main()
