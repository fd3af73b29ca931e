"""`segue estimate`: what questions and a learning path for a résumé would cost at each provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.exit_status import guarded
from segue.cli.narrow import read_input
from segue.errors import ConfigurationError


@guarded
def estimate(
    file: Annotated[str, typer.Argument(help="A résumé, or any prompt; - reads standard input.")],
    guide_prices: Annotated[
        bool, typer.Option("--guide-prices", help="The original guide's count and flat prices, instead of today's.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Estimate what a résumé costs at each provider; sends nothing.

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
