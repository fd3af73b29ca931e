"""`segue sandbox`: the stand-ins alone, for other programs to be pointed at."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded


@guarded
def sandbox(
    port: Annotated[
        int | None, typer.Option(help="The first port; the other providers take the next ones.", min=1, max=65000)
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FAULT", help="A provider's fault, e.g. gemini=cut:after=20")
    ] = None,
    delay: Annotated[float, typer.Option(help="Seconds between tokens.", min=0.0)] = 0.02,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="Show every fault, and end.")] = False,
) -> None:
    """Run local stand-ins of Gemini, OpenAI and Claude.

    They speak the real dialects on loopback until Ctrl-C; no model answers.
    """
    from segue.cli.sandbox.host import host, show_faults

    if list_faults:
        show_faults()
    else:
        host(fault or (), port=port, delay=delay)
