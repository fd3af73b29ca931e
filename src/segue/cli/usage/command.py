"""`segue usage`: what was asked, and what it cost."""

from __future__ import annotations

import click

from segue.cli.exit_status import guarded
from segue.errors import ConfigurationError


@click.command()
@click.option(
    "--since", default="7d", metavar="7d|DATE", help="The last 7 days, today included, or from 2026-11-01 on."
)
@click.option("--until", metavar="DATE", help="The last day; today if left out.")
@click.option(
    "--by",
    default="provider,model",
    metavar="A,B",
    help="What to take apart by: provider, model, target, key, chain, outcome, settlement, day.",
)
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with exact amounts.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with exact amounts.")
@guarded
def usage(since: str, until: str | None, by: str, as_csv: bool, as_json: bool) -> None:
    """Show requests, tokens and costs, as the ledger has them.

    Days begin at midnight in the settings' time zone (SEGUE_TIMEZONE).
    """
    from segue.cli.usage.report import read_books, show_csv, show_json, show_tables

    if as_csv and as_json:
        raise ConfigurationError("it can be shown in one way only: use one of --csv and --json")
    books = read_books(since, until, by)
    show = show_csv if as_csv else show_json if as_json else show_tables
    show(books)
