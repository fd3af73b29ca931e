"""`segue route`: why a request goes where it goes, and what another policy would have cost."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input

route = typer.Typer(name="route", help="Explain and compare the policies that order a chain.", no_args_is_help=True)

Chain = Annotated[str | None, typer.Option(metavar="NAME|A,B,…", help="Another chain of the settings, or targets.")]


@route.command()
@guarded
def explain(
    text: Annotated[str, typer.Argument(help="A prompt; - reads it from standard input.")],
    chain: Chain = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show how hard a prompt is, and whom each policy would ask.

    With what makes it so, and why in that order. Makes no requests.
    """
    from segue.cli.route.explain import show_explanation

    show_explanation(read_input() if text == "-" else text, chain=chain, as_json=as_json)


@route.command()
@guarded
def feedback(
    request_id: Annotated[str, typer.Argument(help="The request's id: Answer.request_id, or the header x-request-id.")],
    good: Annotated[bool, typer.Option("--good/--bad", help="Whether the answer was good.")],
) -> None:
    """Say whether an answer was good; train learns from it."""
    from segue.cli.route.train import take_feedback

    take_feedback(request_id, good=good)


@route.command()
@guarded
def train(
    wanted: Annotated[float, typer.Option(help="The share of answers that are to be good.", min=0.0, max=1.0)] = 0.9,
    days: Annotated[float, typer.Option(help="How far back, in days.", min=0.001)] = 90.0,
    chain: Chain = None,
    only_feedback: Annotated[bool, typer.Option("--only-feedback", help="Leave out what the ledger knows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Learn from your answers where light ends and hard begins.

    From feedback, and from what the ledger knows: turns sent again, complaints and thanks in the next turn, answers that did not fit their schema. Tells the strong_share that is. Needs 20 judged answers of targets that are not strong, to requests that carry a complexity. Nothing is changed: the setting is shown.
    """
    from segue.cli.route.train import show_training

    show_training(wanted=wanted, days=days, chain=chain, only_feedback=only_feedback, as_json=as_json)


@route.command()
@guarded
def simulate(
    days: Annotated[float, typer.Option(help="How far back, in days.", min=0.001)] = 30.0,
    chain: Chain = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what each policy would have cost of late.

    Reckoned for the requests that the ledger has. A request's tokens are taken to be the same at every target, and every target to have been well. The ledger has no prompts: the
    complexity that `smart` needs is what was booked with the request (by `policy = "smart"`, or by `score = true`).
    """
    from segue.cli.route.simulate import show_simulation

    show_simulation(days=days, chain=chain, as_json=as_json)
