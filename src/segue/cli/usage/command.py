"""`segue usage`: what was asked, and what it cost."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import guarded
from segue.errors import ConfigurationError


@guarded
def usage(
    since: Annotated[
        str, typer.Option(metavar="7d|DATE", help="The last 7 days, today included, or from 2026-11-01 on.")
    ] = "7d",
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day; today if left out.")] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="What to take apart by: provider, model, target, key, chain, outcome, settlement, day."
        ),
    ] = "provider,model",
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, with exact amounts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with exact amounts.")] = False,
) -> None:
    """Show requests, tokens and costs, as the ledger has them.

    Days begin at midnight in the settings' time zone (SEGUE_TIMEZONE).
    """
    from segue.cli.usage.report import read_books, show_csv, show_json, show_tables

    if as_csv and as_json:
        raise ConfigurationError("it can be shown in one way only: use one of --csv and --json")
    books = read_books(since, until, by)
    show = show_csv if as_csv else show_json if as_json else show_tables
    show(books)
