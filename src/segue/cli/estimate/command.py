"""`segue estimate`: what questions and a learning path for a résumé would cost at each provider."""

from __future__ import annotations

from pathlib import Path

import click

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input
from segue.errors import ConfigurationError


@click.command()
@click.argument("file")
@click.option("--guide-prices", is_flag=True, help="The original guide's count and flat prices, instead of today's.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def estimate(file: str, guide_prices: bool, as_json: bool) -> None:
    """Estimate what a résumé costs at each provider; sends nothing.

    FILE is a résumé, or any prompt; - reads standard input.
    Counted are career-coach's two calls with their own prompts: one for interview questions, one for a learning path.
    """
    from segue.cli.estimate.quote import show_quotes

    show_quotes(_read(file), guide_prices=guide_prices, as_json=as_json)


def _read(file: str) -> str:
    try:
        return read_input() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"{file!r} can't be read: {reason}; name a text file, or - for standard input"
        ) from error
