"""The command `segue`. One module a command; what a command needs is imported when it runs, so that `--help` is there at once.

Exit status: 0 done, 1 no provider answered (the text says what became of each attempt) or the doctor found a fault, 2 wrong usage or a wrong setting, 130 stopped by
Ctrl-C.
"""

from __future__ import annotations

from typing import Annotated

import typer

from segue import __version__
from segue.cli.catalog.command import catalog
from segue.cli.chat.command import chat
from segue.cli.doctor.command import doctor
from segue.cli.drill.command import drill
from segue.cli.estimate.command import estimate
from segue.cli.keys import keys
from segue.cli.narrow import adapt_streams
from segue.cli.providers.command import providers
from segue.cli.route.command import route
from segue.cli.sandbox.command import sandbox
from segue.cli.serve import serve
from segue.cli.status.command import status
from segue.cli.usage.command import usage

app = typer.Typer(
    name="segue",
    help="LLM calls that carry on when a provider drops out.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (chat, serve, status, providers, doctor, estimate, sandbox, drill, usage):
    app.command()(command)
app.add_typer(keys, name="keys")
app.add_typer(route, name="route")
app.add_typer(catalog, name="catalog")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"segue {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """LLM calls that carry on when a provider drops out."""


def main() -> None:
    """Runs the command line of this process."""
    adapt_streams()
    app(prog_name="segue")
