"""`segue status`: how the providers fare, now."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded
from segue.cli.number import Number


@click.command()
@click.option("--url", metavar="URL", help="Ask the gateway there how targets stand, as http://127.0.0.1:4000.")
@click.option("--minutes", type=Number(min=1), default=60.0, help="How far back traffic is looked at.")
@click.option("--interval", type=Number(min=0.2), default=2.0, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look once; so does what is not a terminal.")
@click.option("--history", is_flag=True, help="Changes of state, and each hour's failovers and waits, instead.")
@click.option("--hours", type=Number(min=1), default=24.0, help="How far back the history goes; 720 at most.")
@click.option("--json", "as_json", is_flag=True, help="Once, as JSON.")
@guarded
def status(
    url: str | None, minutes: float, interval: float, once: bool, history: bool, hours: float, as_json: bool
) -> None:
    """Show, live, how each target fares.

    Its state, traffic, waits and cost of today, and the last failovers. Seen by what the ledger has: of all processes that share it. Makes no requests, so it costs nothing.
    """
    from segue.cli.status.view import show_history, show_status

    if history:
        show_history(hours, as_json=as_json)
    else:
        show_status(url, span=60 * minutes, interval=interval, once=once, as_json=as_json)
