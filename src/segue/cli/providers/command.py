"""`segue providers`: what is set up, and whether it can be reached."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded
from segue.cli.number import Number


@click.command()
@click.option("--timeout", type=Number(min=0.01), default=3.0, help="Seconds to wait for each provider.")
@click.option("--offline", is_flag=True, help="Ask no provider whether it can be reached.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def providers(timeout: float, offline: bool, as_json: bool) -> None:
    """Show each target: key, model, price, whether it can be reached.

    Those with a key are asked for their models list, which costs nothing.
    """
    from segue.cli.providers.survey import show_survey

    show_survey(timeout=None if offline else timeout, as_json=as_json)
