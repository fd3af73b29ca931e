"""What a text would cost at each target, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.prices import FREE, GUIDE_PRICES, Overrides, cost, price_of, read_overrides
from segue.catalog.tokens import estimate_tokens
from segue.chat.usage import Usage
from segue.cli.display import console, money, table, write_json
from segue.cli.tier import Tier, note, tier_of
from segue.errors import ConfigurationError
from segue.routing import resolve
from segue.settings import Settings
from segue.settings_loading import load

QUESTIONS_TOKENS = 500
"""Output tokens of five interview questions, as the original guide counts."""
PATH_TOKENS = 800
"""Output tokens of a learning path, by the same count."""
QUESTIONS_PROMPT = 1070
"""Tokens that `career_coach` sends beside the résumé for questions: instructions and schema, in English 1,036, in Korean 1,111 …"""
PATH_PROMPT = 1120
"""… and for a learning path, 1,095 and 1,143. By `catalog.tokens`; tests/career_coach/test_prompts.py counts them again."""


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for a call for questions, for a call for a learning path, and for both; None where the price is unknown."""

    target: str
    model: str
    questions: Decimal | None = None
    path: Decimal | None = None
    both: Decimal | None = None
    tier: Tier | None = None


def show_quotes(text: str, *, guide_prices: bool, as_json: bool) -> None:
    """Prints a row for each target."""
    settings = load()
    prompt_tokens = estimate_tokens(text)
    prices = GUIDE_PRICES if guide_prices else read_overrides(settings.prices)
    own = (0, 0) if guide_prices else (QUESTIONS_PROMPT, PATH_PROMPT)
    quotes = list(quote(settings, prompt_tokens, own, prices))
    if as_json:
        document = {
            "prompt_tokens": prompt_tokens,
            "coach_prompt_tokens": dict(zip(("questions", "path"), own, strict=True)),
            "guide_prices": guide_prices,
            "targets": quotes,
        }
        write_json(document)
        return
    asked = (
        f"about {prompt_tokens} prompt tokens a call; {QUESTIONS_TOKENS} of output for questions, {PATH_TOKENS} for a "
        "learning path; the original guide's count and prices"
        if guide_prices
        else f"tokens: the text has about {prompt_tokens}; the coach adds {own[0]} for questions and {own[1]} for a learning "
        f"path, and {QUESTIONS_TOKENS} and {PATH_TOKENS} are answered"
    )
    console.print(asked)
    numbers = ("questions", "path", "both")
    shown = table("", "target", "model", *numbers, right=numbers)
    for row in quotes:
        shown.add_row(row.target, row.model, money(row.questions), money(row.path), money(row.both))
    console.print(shown)
    for row in quotes:
        if value := note(row.tier, money(row.both)):
            console.print(f"{row.target}: {value}", style="dim")


def quote(settings: Settings, prompt_tokens: int, own: tuple[int, int], prices: Overrides) -> Iterator[Quote]:
    """One quote for each target that names a model. `own` are the tokens that are sent beside the text, for questions and for a path."""
    now = datetime.now(UTC)
    for name in dict.fromkeys([*settings.chain, *settings.targets]):
        try:
            value = settings.target(name)
            target = resolve.target(name, value)
        except ConfigurationError:
            continue
        tier = None if prices is GUIDE_PRICES else tier_of(target, value)
        on_free = tier is not None and tier.tier == "free"
        unit = FREE if on_free else price_of(target.provider, target.model.id, now, prices)
        if unit is None:
            yield Quote(target=name, model=target.model.id, tier=tier)
            continue
        questions, path = (
            cost(Usage(input_tokens=prompt_tokens + more, output_tokens=output), unit)
            for more, output in zip(own, (QUESTIONS_TOKENS, PATH_TOKENS), strict=True)
        )
        yield Quote(
            target=name, model=target.model.id, questions=questions, path=path, both=questions + path, tier=tier
        )
