"""`segue sandbox`: the stand-ins alone, for other programs to be pointed at."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from segue.cli.standin import fault_of
from segue.cli.status import guarded


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
    """Run local stand-ins of Gemini, OpenAI and Claude until Ctrl-C. They speak the real dialects; no model answers."""
    from segue.sandbox import Sandbox

    if list_faults:
        _show_faults()
        return
    faults = dict(fault_of(said) for said in fault or ())
    with Sandbox(faults=faults, delay=delay, port=port) as box:
        typer.echo("simulated: stand-ins answer here, no model does. Stop with Ctrl-C.\n")
        for name in box.providers:
            broken = f"   (broken: {faults[name] or 'cut'})" if name in faults else ""
            typer.echo(f"{name:8}{box.base_url(name)}{broken}")
        typer.echo("\n# for Segue, in the environment or in .env")
        for name in box.providers:
            typer.echo(f"{name.upper()}_BASE_URL={box.base_url(name)}")
        typer.echo("# for the official SDKs; they want a key, any will do")
        for variable, name in (("GOOGLE_GEMINI_BASE_URL", "gemini"), ("ANTHROPIC_BASE_URL", "claude")):
            typer.echo(f"{variable}={box.base_url(name)}")
        threading.Event().wait()


def _show_faults() -> None:
    from segue.cli.display import console, table
    from segue.sandbox.faults import KINDS, OPTIONS_HELP

    shown = table("", "fault", "strikes", "what happens")
    for kind in KINDS.values():
        shown.add_row(kind.name, kind.phase, kind.help)
    console.print(shown)
    console.print(OPTIONS_HELP)
