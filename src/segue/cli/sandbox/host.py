"""The sandbox as a server, for other programs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import click

from segue.cli.display import console, table
from segue.cli.simulated import fault_of
from segue.sandbox import Sandbox
from segue.sandbox.faults import DEFAULT, KINDS, OPTIONS_HELP

SDK_VARIABLES = (
    ("OPENAI_BASE_URL", "openai"),
    ("ANTHROPIC_BASE_URL", "claude"),
    ("GOOGLE_GEMINI_BASE_URL", "gemini"),
)
"""What the official SDKs read."""


def host(options: Sequence[str], *, port: int | None, delay: float) -> None:
    """Serves until interrupted."""
    faults = dict(map(fault_of, options))
    with Sandbox(faults=faults, delay=delay, port=port) as box:
        click.echo("simulated: stand-ins answer here, no model does. Ctrl-C ends them.\n")
        for name in box.providers:
            broken = f"   broken: {faults[name] or DEFAULT}" if name in faults else ""
            click.echo(f"{name:8}{box.base_url(name)}{broken}")
        click.echo("\n# for Segue, in segue.toml")
        for name in box.providers:
            click.echo(f'[targets.{name}]\nbase_url = "{box.base_url(name)}"\nsimulated = true')
        click.echo("\n# for the official SDKs, in the environment; they want a key, and any will do")
        for variable, name in SDK_VARIABLES:
            click.echo(f"{variable}={box.base_url(name)}")
        threading.Event().wait()


def show_faults() -> None:
    """The table of faults."""
    shown = table("", "fault", "strikes", "what happens", prose=("what happens",))
    for kind in KINDS.values():
        shown.add_row(kind.name, kind.phase, kind.help)
    console.print(shown)
    console.print(OPTIONS_HELP, soft_wrap=True)
