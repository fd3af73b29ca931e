"""`segue route`: why a request goes where it goes, and what another policy would have cost."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input
from segue.cli.number import Number

of_chain = click.option("--chain", metavar="NAME|A,B,…", help="Another chain of the settings, or targets.")
of_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group(no_args_is_help=True)
def route() -> None:
    """Explain and compare the policies that order a chain."""


@route.command()
@click.argument("text")
@of_chain
@of_json
@guarded
def explain(text: str, chain: str | None, as_json: bool) -> None:
    """Show how hard a prompt is, and whom each policy would ask.

    TEXT is a prompt; - reads it from standard input. Shows what makes it so hard, and why the targets are in that order. Makes no requests.
    """
    from segue.cli.route.explain import show_explanation

    show_explanation(read_input() if text == "-" else text, chain=chain, as_json=as_json)


@route.command()
@click.argument("request_id")
@click.option("--good/--bad", required=True, help="Whether the answer was good.")
@guarded
def feedback(request_id: str, good: bool) -> None:
    """Say whether an answer was good; train learns from it.

    REQUEST_ID is Answer.request_id, or the header x-request-id.
    """
    from segue.cli.route.train import take_feedback

    take_feedback(request_id, good=good)


@route.command()
@click.option("--wanted", type=Number(min=0, max=1), default=0.9, help="The share of answers that are to be good.")
@click.option("--days", type=Number(min=0.001), default=90.0, help="How far back, in days.")
@of_chain
@click.option("--only-feedback", is_flag=True, help="Leave out what the ledger knows.")
@of_json
@guarded
def train(wanted: float, days: float, chain: str | None, only_feedback: bool, as_json: bool) -> None:
    """Learn from your answers where light ends and hard begins.

    From feedback, and from what the ledger knows: turns sent again, complaints and thanks in the next turn, answers that did not fit their schema. Tells the strong_share that is. Needs 20 judged answers of targets that are not strong, to requests that carry a complexity. Nothing is changed: the setting is shown.
    """
    from segue.cli.route.train import show_training

    show_training(wanted=wanted, days=days, chain=chain, only_feedback=only_feedback, as_json=as_json)


@route.command()
@click.option("--days", type=Number(min=0.001), default=30.0, help="How far back, in days.")
@of_chain
@of_json
@guarded
def simulate(days: float, chain: str | None, as_json: bool) -> None:
    """Show what each policy would have cost of late.

    Reckoned for the requests that the ledger has. A request's tokens are taken to be the same at every target, and every target to have been well. The ledger has no prompts: the
    complexity that `smart` needs is what was booked with the request (by `policy = "smart"`, or by `score = true`).
    """
    from segue.cli.route.simulate import show_simulation

    show_simulation(days=days, chain=chain, as_json=as_json)
