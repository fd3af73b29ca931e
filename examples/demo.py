"""What Segue is for, in a minute and without a key: `make demo`.

Local stand-ins answer for Gemini, OpenAI and Claude over real sockets. Gemini breaks off in mid-answer and OpenAI goes on: the text is shown
in two colours, with the cut marked. Then the career coach reads a résumé under the same fault: on a page that is opened in a browser, or in
the terminal where there is none, and with `--terminal`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path

from rich.console import Console
from rich.text import Text

from career_coach.wording import system_language
from segue import Segue
from segue.chat.events import Seam, TextDelta
from segue.ledger.stores.memory import MemoryStore
from segue.sandbox import Sandbox

QUESTION = "Why is the sky blue?"
CUT_AFTER = 12
"""Tokens that Gemini says before it breaks off."""
COLOURS = {"gemini": "green", "openai": "blue", "claude": "magenta"}
console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console of a narrow character set shows what it can
    with (
        Sandbox(faults={"gemini": f"cut:after={CUT_AFTER}"}, delay=0.02) as box,
        Segue(box.settings(every=True), ledger=MemoryStore()) as segue,
    ):
        console.print(f"$ {QUESTION}    (Gemini breaks off after {CUT_AFTER} tokens)\n", style="dim")
        tell(segue)
    resume = Path(__file__).with_name(f"resume_{system_language()}.json")
    if "--terminal" in sys.argv or not has_browser():
        return coach("career-coach", resume, "--only", "questions", "--break", "gemini")
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory, "coach.sqlite3")
        return coach(
            "career-coach-web", "--resume", resume, "--break", "gemini", "--data", data, "--port", "0", "--open"
        )


def has_browser() -> bool:
    """Whether a page can be opened here: a person at a terminal, and a desktop with a browser."""
    desktop = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not (sys.stdout.isatty() and desktop):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def coach(command: str, *arguments: str | Path) -> int:
    root = Path(__file__).parents[1]
    shown = (
        str(each.relative_to(root)) if isinstance(each, Path) and each.is_relative_to(root) else str(each)
        for each in arguments
    )
    console.print(f"\n$ {command} {' '.join(shown)}\n", style="dim")
    try:
        return subprocess.run([Path(sys.executable).with_name(command), *arguments], check=False).returncode
    except KeyboardInterrupt:  # the server has had it too, and ends by itself
        return 0


def tell(segue: Segue) -> None:
    colour = COLOURS["gemini"]
    stream = segue.stream(QUESTION)
    for event in stream:
        if isinstance(event, Seam):
            colour = COLOURS.get(event.target, "white")
            console.print(Text(f" [{event.source} broke off · {event.target} goes on] ", style="bold red"), end="")
        elif isinstance(event, TextDelta):
            console.print(Text(event.text, style=colour), end="")
    answer = stream.answer
    console.print(Text(f"\n\n{len(answer.attempts)} attempts, {answer.seams} seam, one whole answer:", style="bold"))
    for attempt in answer.attempts:
        console.print(f"  {attempt.target:8} {attempt.outcome:8} {attempt.seconds:5.2f} s  {attempt.reason or ''}")


if __name__ == "__main__":
    sys.exit(main())
