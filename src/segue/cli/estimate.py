"""`segue estimate`: what questions and a learning path for a résumé would cost at each provider."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.status import guarded
from segue.errors import ConfigurationError

if TYPE_CHECKING:
    from segue.catalog.prices import Overrides
    from segue.settings import Settings

QUESTIONS_TOKENS = 500
"""Output tokens of five interview questions, as the original guide counts."""
PATH_TOKENS = 800
"""Output tokens of a learning path, by the same count."""


@guarded
def estimate(
    file: Annotated[str, typer.Argument(help="A résumé, or any prompt; - reads standard input.")],
    guide_prices: Annotated[
        bool, typer.Option("--guide-prices", help="The original guide's flat prices instead of today's.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Estimate what a résumé costs at each provider: a call for questions and one for a learning path. Sends nothing."""
    from segue.catalog.prices import GUIDE_PRICES, read_overrides
    from segue.catalog.tokens import estimate_tokens
    from segue.settings import load

    settings = load()
    prompt = estimate_tokens(_read(file))
    prices = GUIDE_PRICES if guide_prices else read_overrides(settings.prices)
    rows = _rows(settings, prompt, prices)
    if as_json:
        import msgspec

        typer.echo(
            msgspec.json.format(msgspec.json.encode({"prompt_tokens": prompt, "targets": rows}), indent=2).decode()
        )
        return
    from segue.cli.display import console, money, table

    console.print(
        f"{prompt} prompt tokens, about; {QUESTIONS_TOKENS} of output for questions, {PATH_TOKENS} for a path"
        + ("; the original guide's prices" if guide_prices else "")
    )
    numbers = ("questions", "path", "both")
    shown = table("", "target", "model", *numbers, right=numbers)
    for row in rows:
        shown.add_row(row["target"], row["model"], *(money(row[name]) for name in numbers))
    console.print(shown)


def _rows(settings: Settings, prompt: int, prices: Overrides) -> list[dict[str, Any]]:
    from datetime import UTC, datetime

    from segue.catalog.prices import cost, price_of
    from segue.chat.usage import Usage
    from segue.routing import resolve

    now = datetime.now(UTC)
    rows = []
    for name in dict.fromkeys([*settings.chain, *settings.targets]):
        try:
            target = resolve.target(name, settings.target(name))
        except ConfigurationError:
            continue
        unit = price_of(target.provider, target.model.id, now, prices)

        def call(output: int, unit: Any = unit) -> Decimal | None:
            return None if unit is None else cost(Usage(input_tokens=prompt, output_tokens=output), unit)

        questions, path = call(QUESTIONS_TOKENS), call(PATH_TOKENS)
        both = None if questions is None or path is None else questions + path
        rows.append({"target": name, "model": target.model.id, "questions": questions, "path": path, "both": both})
    return rows


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{file!r} can't be read: {reason}") from error
