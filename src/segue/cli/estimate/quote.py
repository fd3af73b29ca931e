"""What a text would cost at each target, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.prices import GUIDE_PRICES, Overrides, cost, price_of, read_overrides
from segue.catalog.tokens import estimate_tokens
from segue.chat.usage import Usage
from segue.cli.display import console, money, table, write_json
from segue.errors import ConfigurationError
from segue.routing import resolve
from segue.settings import Settings
from segue.settings_loading import load

QUESTIONS_TOKENS = 500
"""Output tokens of five interview questions, as the original guide counts."""
PATH_TOKENS = 800
"""Output tokens of a learning path, by the same count."""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for a call for questions, for a call for a learning path, and for both; None where the price is unknown."""

    target: str
    model: str
    questions: Decimal | None = None
    path: Decimal | None = None
    both: Decimal | None = None


def show_quotes(text: str, *, guide_prices: bool, as_json: bool) -> None:
    """Prints a row for each target."""
    settings = load()
    prompt_tokens = estimate_tokens(text)
    prices = GUIDE_PRICES if guide_prices else read_overrides(settings.prices)
    quotes = list(quote(settings, prompt_tokens, prices))
    if as_json:
        document = {"prompt_tokens": prompt_tokens, "guide_prices": guide_prices, "targets": quotes}
        write_json(document)
        return
    whose = "; the original guide's prices" if guide_prices else ""
    console.print(
        f"about {prompt_tokens} prompt tokens a call; {QUESTIONS_TOKENS} of output for questions, {PATH_TOKENS} for a "
        f"learning path{whose}",
        soft_wrap=True,
    )
    numbers = ("questions", "path", "both")
    shown = table("", "target", "model", *numbers, right=numbers)
    for row in quotes:
        shown.add_row(row.target, row.model, money(row.questions), money(row.path), money(row.both))
    console.print(shown)


def quote(settings: Settings, prompt_tokens: int, prices: Overrides) -> Iterator[Quote]:
    """One quote for each target that names a model."""
    now = datetime.now(UTC)
    for name in dict.fromkeys([*settings.chain, *settings.targets]):
        try:
            target = resolve.target(name, settings.target(name))
        except ConfigurationError:
            continue
        unit = price_of(target.provider, target.model.id, now, prices)
        if unit is None:
            yield Quote(target=name, model=target.model.id)
            continue
        questions, path = (
            cost(Usage(input_tokens=prompt_tokens, output_tokens=output), unit)
            for output in (QUESTIONS_TOKENS, PATH_TOKENS)
        )
        yield Quote(target=name, model=target.model.id, questions=questions, path=path, both=questions + path)
