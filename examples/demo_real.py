"""A real model, two servers, one killed in mid-answer: `make demo-real`.

Two processes of llama.cpp run the small model on this machine (docs/local.md). The first answers, in green, and is killed with SIGKILL
while it speaks; the second goes on, in blue, from a seam that is marked. Then the second is asked for the whole answer, and both
texts are compared.
"""

from __future__ import annotations

import os
import signal
import sys

from rich.console import Console
from rich.text import Text

from segue import Segue
from segue.chat.events import Seam, TextDelta
from segue.embedded.model_file import SMALL_MODEL, model_file
from segue.embedded.process import ModelProcess
from segue.errors import ConfigurationError
from segue.policy import Policy
from segue.settings import Settings, TargetSettings

QUESTION = "Write a short story about a harbour."
TOKENS = 100
KILLED_AT = 180
"""Characters after which the first server is killed."""
console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    try:
        path = model_file(SMALL_MODEL)
    except ConfigurationError as error:
        console.print(f"NOTICE: {error}", style="yellow", markup=False)
        return 0
    console.print("Starting two servers of llama.cpp with SmolLM2-135M …", style="dim")
    first, second = (ModelProcess(path, ["--reproducible", "--threads", "1", "--slots", "1"]) for _ in range(2))
    try:
        return watch(first, second)
    finally:
        first.close()
        second.close()


def watch(first: ModelProcess, second: ModelProcess) -> int:
    settings = Settings(
        chain=("first", "second"),
        targets={
            name: TargetSettings(
                provider="llamacpp", model=SMALL_MODEL, base_url=f"{process.address()}/v1", temperature=0.0
            )
            for name, process in (("first", first), ("second", second))
        },
        policy=Policy(hedge=False),
        ledger="none",
    )
    console.print(f"first: process {first.pid}   second: process {second.pid}\n\n{QUESTION}\n", style="dim")
    with Segue(settings) as segue:
        text = interrupted(segue, first)
        console.print("\nThe same question to the second server alone, without a fault …", style="dim")
        whole = segue.complete(QUESTION, chain=("second",), max_tokens=TOKENS).text
    same = text == whole
    verdict = f"identical, {len(text)} characters" if same else "they differ"
    console.print(f"The two answers: {verdict}.", style="bold green" if same else "bold red")
    return 0 if same else 1


def interrupted(segue: Segue, first: ModelProcess) -> str:
    text, colour = "", "green"
    for event in segue.stream(QUESTION, max_tokens=TOKENS):
        if isinstance(event, Seam):
            console.print(Text(f"[seam: {event.target} goes on]", style="bold magenta"), end="")
            colour = "blue"
        elif isinstance(event, TextDelta):
            text += event.text
            console.print(Text(event.text, style=colour), end="")
        if len(text) >= KILLED_AT and (pid := first.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            first.close()
            console.print(Text(f"[kill -9 {pid}]", style="bold red"), end="")
    console.print()
    return text


if __name__ == "__main__":
    sys.exit(main())
