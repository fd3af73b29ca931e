"""`segue chat`: one question, answered by the chain."""

from __future__ import annotations

from typing import Any

import click

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input
from segue.cli.number import Number
from segue.errors import ConfigurationError


@click.command()
@click.argument("prompt", nargs=-1, required=True)
@click.option("--chain", help="A chain of segue.toml, or targets: claude,openai")
@click.option("--model", help="Another model for the first target.")
@click.option("--system", help="A system text before the question.")
@click.option("--deadline", type=Number(min=0.001), help="Seconds for the whole request.")
@click.option("--no-fallback", is_flag=True, help="Ask the first target only.")
@click.option(
    "--break",
    "faults",
    multiple=True,
    metavar="NAME[=FAULT]",
    help="Let stand-ins answer, and break one; see segue sandbox --list-faults.",
)
@click.option("--sandbox", is_flag=True, help="Let stand-ins answer though a key is set.")
@click.option(
    "--local", is_flag=True, help="Ask the model on this machine, without a key or a network (docs/local.md)."
)
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON, instead of its text as it comes.")
@guarded
def chat(
    prompt: tuple[str, ...],
    chain: str | None,
    model: str | None,
    system: str | None,
    deadline: float | None,
    no_fallback: bool,
    faults: tuple[str, ...],
    sandbox: bool,
    local: bool,
    as_json: bool,
) -> None:
    """Ask once, and see who answers.

    PROMPT is the question; - reads it from standard input. The answer streams to standard output; each attempt's
    outcome goes to standard error.
    """
    from segue.catalog.providers import LOCAL
    from segue.cli.chat.run import converse

    question = read_input() if prompt == ("-",) else " ".join(prompt)
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
        faults=faults,
        as_json=as_json,
    )
