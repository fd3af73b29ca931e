"""`segue catalog`: what is known of models and providers, and whether it has aged."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded


@click.group(no_args_is_help=True)
def catalog() -> None:
    """What is known of models and providers."""


@catalog.command()
@click.option("--day", help="As of this day, e.g. 2026-12-31, in place of today.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def check(day: str | None, as_json: bool) -> None:
    """Compare the catalogue with the installed price list and with the date.

    Exit status 1 if anything is stale. CONTRIBUTING.md says how to refresh it.
    """
    from segue.cli.catalog.check import show_check

    show_check(day, as_json=as_json)
