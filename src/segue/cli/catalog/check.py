"""What `segue catalog check` shows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import click

from segue.catalog.staleness import findings, price_list
from segue.cli.display import console, table, write_json
from segue.cli.exit_status import FAILED
from segue.errors import ConfigurationError


def show_check(day: str | None, *, as_json: bool) -> None:
    """Raises `ConfigurationError` for a day that is none."""
    try:
        today = datetime.now(UTC).date() if day is None else date.fromisoformat(day)
    except ValueError:
        raise ConfigurationError(f"--day {day} is no day: use one such as 2026-12-31") from None
    found = findings(today)
    if as_json:
        write_json([finding._asdict() for finding in found])
    elif found:
        shown = table("", "what", "problem", "where to look", prose=("problem",))
        for finding in found:
            shown.add_row(*finding)
        console.print(shown)
    else:
        console.print(f"Nothing is stale on {today}, compared with {price_list()}.")
    if found:
        raise click.exceptions.Exit(FAILED)
