"""`segue sandbox`: the stand-ins alone, for other programs to be pointed at."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded
from segue.cli.number import Number


@click.command()
@click.option("--port", type=click.IntRange(1, 65000), help="The first port; the other providers take the next ones.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME=FAULT", help="A provider's fault, e.g. gemini=cut:after=20"
)
@click.option("--delay", type=Number(min=0), default=0.02, help="Seconds between tokens.")
@click.option("--list-faults", is_flag=True, help="Show every fault, and end.")
@guarded
def sandbox(port: int | None, faults: tuple[str, ...], delay: float, list_faults: bool) -> None:
    """Run local stand-ins of Gemini, OpenAI and Claude.

    They speak the real dialects on loopback until Ctrl-C; no model answers.
    """
    from segue.cli.sandbox.host import host, show_faults

    if list_faults:
        show_faults()
    else:
        host(faults, port=port, delay=delay)
