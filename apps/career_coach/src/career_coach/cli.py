"""`career-coach RESUME`: the coach at the command line.

The result goes to standard output, everything else to standard error. Exit status: 0 with a result, 1 when a task had no valid answer
from any target, 2 for a setting, an option or a résumé that is wrong, 130 when interrupted.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from career_coach import stand_in
from career_coach.breaking import Broken, faults_of
from career_coach.cleaning import clean
from career_coach.coach import TASKS, Coach
from career_coach.labels import Labels
from career_coach.progress import Progress
from career_coach.prompts import Task
from career_coach.reading import read_resume
from career_coach.render import show
from career_coach.results import Coaching
from career_coach.resume import Resume
from career_coach.wording import CoachError, explained, system_language
from segue import ConfigurationError, Sandbox, Segue, Settings, load

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def coach(
    resume: Annotated[str, typer.Argument(help="The résumé: JSON or text, Korean or English; - for standard input.")],
    only: Annotated[Literal["questions", "path"] | None, typer.Option(help="Ask for one of the two.")] = None,
    language: Annotated[
        Literal["ko", "en"] | None, typer.Option(help="Of the answers; the résumé's by default.")
    ] = None,
    chain: Annotated[
        str | None, typer.Option(help="A chain of segue.toml, or targets with commas between: openai,claude.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(min=0.1, help="Seconds for each of the two.")] = None,
    broken: Broken = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Writes the result as JSON; - to standard output.")
    ] = None,
) -> None:
    """Five interview questions and a learning path for a résumé, from the first provider that answers."""
    tasks: tuple[Task, ...] = TASKS if only is None else (only,)
    labels = Labels(language or system_language())
    try:
        read = read_resume(resume)
        labels = Labels(language or read.language)
        _check_writable(json_file)
        _check_deadline(deadline)
        with ExitStack() as stack:
            progress = Progress(Console(stderr=True), labels, tasks)
            settings = load()
            names = _chain(settings, chain)
            segue, simulated = _client(settings, names, faults_of(broken or ()), progress, stack)
            coached = Coach(segue, language=language, chain=names, deadline=deadline)
            with progress:
                coaching = asyncio.run(_run(segue, coached, read, tasks))
        status = _report(read, coaching, labels, json_file, simulated)
    except (ConfigurationError, CoachError) as error:
        _complain(f"{labels('error')}: {explained(error, labels.language)}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(status)


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console of a narrow character set shows what it can
    app(prog_name="career-coach")


async def _run(segue: Segue, coach: Coach, resume: Resume, tasks: Sequence[Task]) -> Coaching:
    try:
        return await coach.run(resume, tasks)
    finally:
        await segue.aclose()


def _client(
    settings: Settings,
    chain: str | Sequence[str] | None,
    faults: dict[str, str],
    progress: Progress,
    stack: ExitStack,
) -> tuple[Segue, str | None]:
    """The client to ask, and the label that says why its answers are simulated, if they are."""
    segue = Segue(settings, listeners=[progress])
    names = _targets(settings, chain)
    unusable = [name for name in names if segue.targets[name] and not segue.targets.usable(name)]
    if not faults and len(unusable) < len(names):
        if unusable and not isinstance(chain, str | None):
            raise CoachError("no_key", target=unusable[0], variable=f"{unusable[0].upper()}_API_KEY")
        return segue, None
    for name in faults.keys() - set(names):
        raise CoachError("no_target", name=name, targets=", ".join(names))
    sandbox = stack.enter_context(Sandbox(faults=faults, reply=stand_in.reply))
    return Segue(sandbox.settings(settings, every=True), listeners=[progress]), "broken" if faults else "no_key"


def _chain(settings: Settings, option: str | None) -> str | tuple[str, ...] | None:
    """What `--chain` means: the name of a chain, or the names of targets."""
    if option is None or option in settings.chains:
        return option
    names = tuple(name.strip() for name in option.split(",") if name.strip())
    if not names or len(set(names)) != len(names):
        raise CoachError("chain", value=option)
    return names


def _targets(settings: Settings, chain: str | Sequence[str] | None) -> Sequence[str]:
    if chain is None:
        return settings.chain
    return settings.chains[chain].targets if isinstance(chain, str) else chain


def _check_writable(file: str | None) -> None:
    """Raises `CoachError` if the file cannot be written, before anything is paid for."""
    if file is None or file == "-":
        return
    path = Path(file)
    if path.is_dir() or not path.parent.is_dir():
        raise CoachError("directory" if path.is_dir() else "no_directory", file=file)


def _check_deadline(seconds: float | None) -> None:
    if seconds is not None and not math.isfinite(seconds):
        raise CoachError("deadline")


def _report(resume: Resume, coaching: Coaching, labels: Labels, json_file: str | None, simulated: str | None) -> int:
    """Shows and writes the result; returns the exit status."""
    show(Console(stderr=json_file == "-"), resume, coaching, why_simulated=simulated or "no_key")
    if json_file is not None and (coaching.questions is not None or coaching.path is not None):
        narrow = json_file == "-" and not (sys.stdout.encoding or "").lower().startswith("utf")
        _write(json_file, json.dumps(coaching.document(), ensure_ascii=narrow, indent=2) + "\n")
    for task, error in coaching.failures.items():
        _complain(
            f"{labels.titled(task, simulated=simulated is not None)}: {labels('failed')}: {explained(error, labels.language)}"
        )
    return 1 if coaching.failures else 0


def _write(file: str, text: str) -> None:
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CoachError("unwritable", file=file) from error


def _complain(text: str) -> None:
    Console(stderr=True).print(Text(clean(text), style="red"), soft_wrap=True)
