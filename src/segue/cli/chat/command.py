"""`segue chat`: one question, answered by the chain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input
from segue.errors import ConfigurationError


@guarded
def chat(
    prompt: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    chain: Annotated[str | None, typer.Option(help="A chain of segue.toml, or targets: claude,openai")] = None,
    model: Annotated[str | None, typer.Option(help="Another model for the first target.")] = None,
    system: Annotated[str | None, typer.Option(help="A system text before the question.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds for the whole request.", min=0.001)] = None,
    no_fallback: Annotated[bool, typer.Option("--no-fallback", help="Ask the first target only.")] = False,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--break",
            metavar="NAME[=FAULT]",
            help="Let stand-ins answer, and break one; see segue sandbox --list-faults.",
        ),
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Let stand-ins answer though a key is set.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Ask the model on this machine, without a key or a network (docs/local.md).")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole answer as JSON, instead of its text as it comes.")
    ] = False,
) -> None:
    """Ask once, and see who answers.

    The answer streams to standard output; each attempt's outcome goes to standard error.
    """
    from segue.catalog.providers import LOCAL
    from segue.cli.chat.run import converse

    question = read_input() if prompt == "-" else prompt
    if not question.strip():
        raise ConfigurationError("there is no question: give it as text, or - to read it from standard input")
    options: dict[str, Any] = {"model": model, "system": system, "deadline": deadline}
    if no_fallback:
        options["fallback"] = False
    options = {name: value for name, value in options.items() if value is not None}
    converse(
        question,
        options,
        chain=LOCAL if local else chain,
        local=local,
        sandbox=sandbox,
        faults=faults or (),
        as_json=as_json,
    )
