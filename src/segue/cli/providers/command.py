"""`segue providers`: what is set up, and whether it can be reached."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded


@guarded
def providers(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each provider.", min=0.01)] = 3.0,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider whether it can be reached.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show each target: key, model, price, whether it can be reached.

    Those with a key are asked for their models list, which costs nothing.
    """
    from segue.cli.providers.survey import show_survey

    show_survey(timeout=None if offline else timeout, as_json=as_json)
