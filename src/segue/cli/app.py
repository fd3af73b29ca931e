"""The command `segue`. One module a command; what a command needs is imported when it runs, so that `--help` is there at once.

Exit status: 0 done, 1 no provider answered (the text says what became of each attempt) or the doctor found a fault, 2 wrong usage or a wrong setting, 130 stopped by
Ctrl-C.
"""

from __future__ import annotations

import click

from segue import __version__
from segue.cli.catalog.command import catalog
from segue.cli.chat.command import chat
from segue.cli.doctor.command import doctor
from segue.cli.drill.command import drill
from segue.cli.estimate.command import estimate
from segue.cli.exit_status import output_checked
from segue.cli.keys import keys
from segue.cli.narrow import adapt_streams
from segue.cli.providers.command import providers
from segue.cli.route.command import route
from segue.cli.sandbox.command import sandbox
from segue.cli.serve import serve
from segue.cli.status.command import status
from segue.cli.usage.command import usage


class _InOrder(click.Group):
    """Lists its commands as they were added, the most used first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is None:
        return
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(ctx.command, {}, "segue", "_SEGUE_COMPLETE").source())
    ctx.exit()


@click.group(
    cls=_InOrder,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, prog_name="segue", message="%(prog)s %(version)s", help="Show the version.")
@click.option(
    "--completion",
    type=click.Choice(["bash", "zsh", "fish"]),
    callback=_completion,
    expose_value=False,
    is_eager=True,
    help='Print the completion of a shell: eval "$(segue --completion bash)".',
)
def app() -> None:
    """LLM calls that carry on when a provider drops out."""


for command in (chat, serve, status, providers, doctor, estimate, sandbox, drill, usage, keys, route, catalog):
    app.add_command(command)


def main() -> None:
    """Runs the command line of this process."""
    adapt_streams()
    with output_checked():
        app(prog_name="segue")
