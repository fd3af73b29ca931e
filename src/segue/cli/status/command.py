"""`segue status`: how the providers fare, now."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded


@guarded
def status(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask the gateway there how targets stand, as http://127.0.0.1:4000."),
    ] = None,
    minutes: Annotated[float, typer.Option(help="How far back traffic is looked at.", min=1.0)] = 60.0,
    interval: Annotated[float, typer.Option(help="Seconds between looks.", min=0.2)] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once; so does what is not a terminal.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Changes of state, and each hour's failovers and waits, instead.")
    ] = False,
    hours: Annotated[float, typer.Option(help="How far back the history goes; 720 at most.", min=1.0)] = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="Once, as JSON.")] = False,
) -> None:
    """Show, live, how each target fares.

    Its state, traffic, waits and cost of today, and the last failovers. Seen by what the ledger has: of all processes that share it. Makes no requests, so it costs nothing.
    """
    from segue.cli.status.view import show_history, show_status

    if history:
        show_history(hours, as_json=as_json)
    else:
        show_status(url, span=60 * minutes, interval=interval, once=once, as_json=as_json)
