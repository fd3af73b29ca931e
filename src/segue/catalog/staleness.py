"""What of the catalogue is stale: compared with a day, and with the price list that is installed.

The price list (`genai-prices`) is maintained by others, so a model that it has and the catalogue lacks is news. Nothing is asked over the
network: what a provider has announced since is found by reading its pages, which the findings name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Final, NamedTuple

from segue.catalog.models import ModelInfo, entries, find_model, lifecycle, listed
from segue.catalog.prices import listed_models, price_of
from segue.catalog.providers import PROVIDERS

FRESH: Final = timedelta(days=90)
"""For how long a line that was checked holds."""
SOON: Final = timedelta(days=30)
"""A default whose model ends within it is to be changed."""

_OTHERS: Final = tuple(
    f"*{kind}*"
    for kind in [
        "tts",
        "audio",
        "image",
        "live",
        "realtime",
        "transcribe",
        "embedding",
        "whisper",
        "voice",
        "omni",
        "robotics",
        "banana",
        "multi-agent",
        "imagine",
        "search",
        "cyber",
        "rosalind",
        "build",
        "oss",
    ]
)
"""Models that are not for conversations, or not for everybody."""
_NOT_NAMES: Final = ("*:*", "*.ft-*", "gemini-flash-*", "gemini-pro-*")
"""What the price list calls models that their makers call otherwise."""


class StaleEntry(NamedTuple):
    """`what` names a provider's model, a preset or the price list; `problem` is what is stale; `source` where to look, "" for none."""

    what: str
    problem: str
    source: str = ""


def findings(today: date) -> list[StaleEntry]:
    """What is stale on a day, the worst first: defaults, news, prices, then lines that were not checked for long."""
    return [*_defaults(today), *_news(today), *_prices(today), *_unchecked(today)]


def price_list() -> str:
    """The price list that is installed, with its version."""
    return f"genai-prices {version('genai-prices')}"


def _defaults(today: date) -> Iterator[StaleEntry]:
    for name, preset in PROVIDERS.items():
        if preset.model is None:
            continue
        info = find_model(name, preset.model)
        if lifecycle(info, today + SOON).status == "retired":
            message = lifecycle(info, today + SOON).message
            yield StaleEntry(f"{name} (default)", f"{message}: give providers.jsonl another model", info.sources[0])


def _news(today: date) -> Iterator[StaleEntry]:
    for provider, preset in PROVIDERS.items():
        for model in listed_models(provider) if preset.tracked else ():
            if not fnmatchcase(model, preset.tracked) or any(
                fnmatchcase(model, other) for other in (*_OTHERS, *_NOT_NAMES)
            ):
                continue
            if listed(provider, model) is None and _lives(find_model(provider, model), today):
                yield StaleEntry(f"{provider}/{model}", f"{price_list()} has it, models.jsonl only its family at most")


def _prices(today: date) -> Iterator[StaleEntry]:
    for info in entries():
        what = f"{info.provider}/{info.id}"
        if info.price is not None and info.id in listed_models(info.provider):
            yield StaleEntry(what, f"{price_list()} has its price now: the one in models.jsonl can go")
        if PROVIDERS[info.provider].tracked and _lives(info, today) and price_of(info.provider, info.id, today) is None:
            yield StaleEntry(what, "it has no price: budgets count it at its family's dearest", info.sources[0])


def _unchecked(today: date) -> Iterator[StaleEntry]:
    for info in entries():
        if info.checked is not None and today - info.checked > FRESH and _lives(info, today):
            yield StaleEntry(
                f"{info.provider}/{info.id}", f"its line was last checked on {info.checked}", info.sources[0]
            )
    for name, preset in PROVIDERS.items():
        if preset.checked is not None and today - preset.checked > FRESH:
            yield StaleEntry(name, f"its preset was last checked on {preset.checked}", preset.sources[0])


def _lives(info: ModelInfo, today: date) -> bool:
    return lifecycle(info, today).status != "retired"
