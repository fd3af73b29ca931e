"""`segue drill`: every fault of the sandbox, played to the chain, and what its caller got."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from segue.cli.exit_status import FAILED, guarded

if TYPE_CHECKING:
    from segue.cli.drill.run import Drill, DrillOutcome

NOTICE = (
    "simulated: local stand-ins answer, no model; times are real, costs are what the books would say of real answers"
)

LEGEND = """\
answer: what the caller got, token by token; stand-in: who gave it, or the end of it
next in: from the last that was heard of the broken target to the next one's request
pause: the longest time without text, as the caller saw it
cost: of all attempts; extra: what of it the fault caused; ~: an attempt left no report, and counts with what was sent and delivered
at most: what can have been billed, where that is more than the cost"""


@click.command()
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    help="Play only this one, e.g. cut or cut:after=20; may be repeated.",
)
@click.option("--chain", help="A chain of segue.toml, or targets: claude,openai. Its first is broken.")
@click.option("--quick", is_flag=True, help="Wait a tenth as long for what is silent; all else as the settings say.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def drill(faults: tuple[str, ...], chain: str | None, quick: bool, as_json: bool) -> None:
    """Break the chain's first target in every way there is.

    Shows what the caller gets. Asks no provider. Ends with status 1 if an answer was not whole and exact.
    """
    from segue.cli.display import notes
    from segue.cli.drill.run import Drill
    from segue.cli.progress import Waiting

    exercise = Drill(faults, chain=chain, quick=quick)
    if not as_json:
        notes.print(NOTICE, style="bold")
        notes.print(exercise.timing, style="dim")
    with Waiting() as shown:
        outcomes = exercise.run(lambda done, of: None if as_json else shown.say(f"{done} of {of} faults played"))
    if as_json:
        _print_json(exercise, outcomes)
    else:
        _print_table(outcomes)
    if not all(outcome.survived for outcome in outcomes):
        raise click.exceptions.Exit(FAILED)


def _print_json(exercise: Drill, outcomes: list[DrillOutcome]) -> None:
    import msgspec

    document = {
        "simulated": True,
        "quick": exercise.quick,
        "chain": exercise.chain,
        "cost_without_fault": exercise.usual_cost,
        "survived": sum(outcome.survived for outcome in outcomes),
        "faults": [msgspec.to_builtins(outcome) | {"survived": outcome.survived} for outcome in outcomes],
    }
    from segue.cli.display import write_json

    write_json(document)


def _print_table(outcomes: list[DrillOutcome]) -> None:
    from rich.text import Text

    from segue.cli.display import at_most, console, cost, money, table

    numbers = ("next in", "pause", "seams", "hedges", "cost", "extra", "at most")
    shown = table("", "fault", "answer", "stand-in", *numbers, right=numbers, prose=("answer",))
    shown.padding = (0, 1, 0, 0)
    for outcome in outcomes:
        shown.add_row(
            outcome.fault,
            Text(outcome.verdict, style="" if outcome.survived else "bold red"),
            outcome.target or "no target",
            _time(outcome.switched_in),
            _time(outcome.longest_pause),
            str(outcome.seams),
            str(outcome.hedges),
            cost(outcome.cost, outcome.bound),
            ("" if outcome.bound == outcome.cost else "~") + money(outcome.extra),
            at_most(outcome.cost, outcome.bound),
        )
    console.print(shown)
    for outcome in outcomes:
        if outcome.error:
            console.print(Text(f"{outcome.fault}: {outcome.error}", style="dim"))
    survived = sum(outcome.survived for outcome in outcomes)
    console.print(f"{survived} of {len(outcomes)} faults survived (simulated)")
    console.print(LEGEND, style="dim")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
