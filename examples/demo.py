"""What Segue is for, in a minute and without a key: `make demo`.

Local stand-ins answer for Gemini, OpenAI and Claude over real sockets. Gemini breaks off in mid-answer and OpenAI goes on: the text is shown
in two colours, with the cut marked. Then the career coach reads a résumé under the same fault.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

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
    console.print("\n$ career-coach examples/resume_ko.json --only questions --break gemini\n", style="dim")
    coach = Path(sys.executable).with_name("career-coach")
    resume = Path(__file__).with_name("resume_ko.json")
    return subprocess.run([coach, resume, "--only", "questions", "--break", "gemini"], check=False).returncode


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
