"""`segue catalog`: what is known of models and providers, and whether it has aged."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded

catalog = typer.Typer(help="What is known of models and providers.", no_args_is_help=True, rich_markup_mode=None)


@catalog.callback()
def root() -> None:
    """What is known of models and providers."""


@catalog.command()
@guarded
def check(
    day: Annotated[str | None, typer.Option(help="As of this day, e.g. 2026-12-31, in place of today.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Compare the catalogue with the installed price list and with the date.

    Exit status 1 if anything is stale. CONTRIBUTING.md says how to refresh it.
    """
    from segue.cli.catalog.check import show_check

    show_check(day, as_json=as_json)
