"""What a token costs, and what an attempt cost: exact, in US dollars, as `Decimal`.

Unit prices come from the `genai-prices` package, which dates them, or from overrides in the settings, which win. They are
resolved once a model and kept, because resolving takes a thousand times as long as multiplying. The package is imported at the
first look-up only: that takes up to a second. What one version of it has of the catalogue's models stands in `prices.jsonl`, and the names of all
its models in `listed.jsonl`, which take a millisecond: where that very version is installed, they are read instead.

An unknown price is `None`, never zero. Where a model has tiers by prompt length, passing a tier's start makes its price hold for
every token of the request, not just for those above. Tokens of a class without a price are billed as the class
they belong to: cache reads and writes as input, one-hour writes as other writes, reasoning as output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property, lru_cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from segue.catalog.models import ListPrice, find_model, plain_name
from segue.catalog.providers import PROVIDERS, names_of, our_name
from segue.chat.usage import Usage
from segue.errors import ConfigurationError
from segue.validation import unknown

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo as ListedModel
    from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices, TimeOfDateConstraint

_ZERO = Decimal(0)


class UnitPrices(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """US dollars a token. `None`: the class has no separate price (see the module's rule)."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    """Writes with the short lifetime."""
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = _ZERO
    """US dollars a request, beside its tokens."""
    tiers: tuple[tuple[int, UnitPrices], ...] = ()
    """(start, prices), ascending: the last start that the prompt's tokens exceed sets the prices of all tokens."""

    def at(self, prompt_tokens: int) -> UnitPrices:
        """The prices of a request whose prompt has this many tokens."""
        chosen = self
        for start, prices in self.tiers:
            if prompt_tokens > start:
                chosen = prices
        return chosen

    @cached_property
    def dearest(self) -> tuple[Decimal, Decimal]:
        """The most that a token of input, and one of output, costs."""
        inputs = (self.input, self.cache_read, self.cache_write, self.cache_write_1h)
        dearest_input = max(price for price in inputs if price is not None)
        return dearest_input, self.output if self.reasoning is None else max(self.output, self.reasoning)


FREE = UnitPrices(input=_ZERO, output=_ZERO)

Overrides: TypeAlias = Mapping[str, UnitPrices]
"""Prices by `provider/model`, `model`, `provider/*` or `*`, looked for in this order; provider names are ours."""


def cost(usage: Usage, prices: UnitPrices) -> Decimal:
    """US dollars for one attempt's usage."""
    unit = prices.at(usage.prompt_tokens) if prices.tiers else prices
    due = usage.input_tokens * unit.input + usage.output_tokens * unit.output
    if usage.reasoning_tokens and unit.reasoning is not None:
        due += min(usage.reasoning_tokens, usage.output_tokens) * (unit.reasoning - unit.output)
    if usage.cache_read_tokens:
        due += usage.cache_read_tokens * (unit.input if unit.cache_read is None else unit.cache_read)
    if usage.cache_write_tokens or usage.cache_write_1h_tokens:
        write = unit.input if unit.cache_write is None else unit.cache_write
        due += usage.cache_write_tokens * write
        due += usage.cache_write_1h_tokens * (write if unit.cache_write_1h is None else unit.cache_write_1h)
    return due + unit.request if unit.request else due


def price_of(provider: str, model: str, when: date | datetime, overrides: Overrides | None = None) -> UnitPrices | None:
    """The unit prices of a model at a moment, or `None` where they are unknown.

    A `datetime` without a zone is UTC; a plain `date` stands for its noon, UTC, which matters only to the few providers whose
    prices change with the hour. A model that its provider redirects has the prices of the one that answers. A local server's cost
    nothing.
    """
    moment = _moment(when)
    name = our_name(provider)
    for key in (f"{name}/{model}", model, f"{name}/*", "*"):
        if overrides and key in overrides:
            return overrides[key]
    if (preset := PROVIDERS.get(name)) is not None and preset.local:
        return FREE
    info = find_model(provider, model)
    billed = info.billed_as(moment.date())
    listed = _listed(
        names_of(name).price_list or name, plain_name(name, model) if billed == info.id else billed, moment
    )
    return _of_catalogue(info.price) if listed is None and info.price is not None else listed


def dearest_of_family(provider: str, model: str, when: date | datetime) -> UnitPrices | None:
    """The dearest prices among the provider's models whose names begin most alike: a bound for a model without a price.

    `gpt-6.9-sol` is bounded by the dearest of `gpt-6…`, a name that begins like none by the dearest of the provider. None where the price
    list has nothing of the provider.
    """
    name = our_name(provider)
    words = _words(plain_name(name, model))
    prices = _all_listed(names_of(name).price_list or name, _moment(when).date())
    if not prices:
        return None
    alike = max(_alike(words, other) for other in prices)
    family = [units for other, units in prices.items() if _alike(words, other) == alike]
    return max(family, key=lambda units: units.output + units.input)


def listed_models(provider: str) -> tuple[str, ...]:
    """The models of a provider that the price list has, by its own names."""
    name = our_name(provider)
    listed_as = names_of(name).price_list or name
    known = _names().get(listed_as)
    return names_in_list(listed_as) if known is None else known


def read_overrides(tables: Mapping[str, Mapping[str, object]]) -> Overrides:
    """Overrides from settings: a table a key, with dollars a *million* tokens, e.g. `{"input": "0.30", "output": "2.50"}`.

    `input` and `output` are needed; `cache_read`, `cache_write`, `cache_write_1h` and `reasoning` may follow. A number may be a
    string (exact), an int or a float. Anything else raises `ConfigurationError`.
    """
    prices = {key: _read_table(key, table) for key, table in tables.items()}
    return MappingProxyType(prices | {_with_our_name(key): units for key, units in prices.items()})


_MILLION = Decimal(1_000_000)
_CLASSES = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
_MTOK = {name: f"{name}_mtok" for name in _CLASSES} | {"reasoning": "output_reasoning_mtok"}


def _with_our_name(key: str) -> str:
    provider, slash, model = key.partition("/")
    return f"{our_name(provider)}/{model}" if slash else key


def _read_table(key: str, table: Mapping[str, object]) -> UnitPrices:
    where = f"prices.{key}"
    for name in table:
        if name not in _CLASSES:
            raise ConfigurationError(f"{where}: {unknown(name, 'a price', _CLASSES)}")
    if missing := [name for name in ("input", "output") if name not in table]:
        raise ConfigurationError(f"{where} lacks {missing[0]}: give US dollars a million tokens")
    units: dict[str, Any] = {name: _read_price(f"{where}.{name}", value) for name, value in table.items()}
    return UnitPrices(**units)


def _read_price(where: str, value: object) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal("NaN")
    if isinstance(value, bool) or not price.is_finite() or price < 0:
        raise ConfigurationError(f'{where}={value!r} is no price: use US dollars a million tokens, such as "2.50"')
    return price / _MILLION


def _moment(when: date | datetime) -> datetime:
    if not isinstance(when, datetime):
        return datetime.combine(when, time(12), tzinfo=UTC)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _of_catalogue(price: ListPrice) -> UnitPrices:
    table = msgspec.structs.asdict(price)
    return _read_table("catalogue", {name: value for name, value in table.items() if value is not None})


_WORDS = re.compile(r"[a-z]+|\d+")


def _words(model: str) -> tuple[str, ...]:
    """What a model's name is made of: `gpt-6.2-sol` is gpt, 6, 2, sol."""
    return tuple(_WORDS.findall(model.lower()))


def _alike(words: tuple[str, ...], others: tuple[str, ...]) -> int:
    """How many words two names begin with in common."""
    same = (one == other for one, other in zip(words, others, strict=False))
    return sum(takewhile(bool, same))


@lru_cache(maxsize=64)
def _all_listed(provider: str, day: date) -> dict[tuple[str, ...], UnitPrices]:
    """The prices of a provider's models that read and write tokens, by the words of their names."""
    noon = _moment(day)
    found = {_words(model.id): _listed(provider, model.id, noon) for model in _models_of(provider)}
    return {words: units for words, units in found.items() if units is not None and units.input and units.output}


def _models_of(provider: str) -> Sequence[ListedModel]:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  (heavy: see the module's text)

    return next((candidate.models for candidate in get_snapshot().providers if candidate.id == provider), ())


def _listed(provider: str, model: str, moment: datetime) -> UnitPrices | None:
    schedule = _schedule(provider, model)
    for constraint, prices in reversed(schedule):
        if constraint is None or constraint.active(moment):
            return prices
    return schedule[0][1] if schedule else None


class Since(msgspec.Struct, frozen=True, tag="since"):
    """Prices hold from a day on, UTC."""

    day: date

    def active(self, moment: datetime) -> bool:
        return moment.date() >= self.day


class Between(msgspec.Struct, frozen=True, tag="between"):
    """Prices hold from one time of each day until another, both with their zone; past midnight if the second comes first."""

    start: time
    end: time

    def active(self, moment: datetime) -> bool:
        now = moment.timetz()
        if self.end < self.start:
            return now >= self.start or now < self.end
        return self.start <= now < self.end


class Listed(msgspec.Struct, frozen=True):
    """A line of `prices.jsonl`: what a version of the price list has of a model, by the list's name of its provider."""

    version: str
    provider: str
    model: str
    schedule: tuple[tuple[Since | Between | None, UnitPrices | None], ...]


class ListedNames(msgspec.Struct, frozen=True):
    """A line of `listed.jsonl`: all models that a version of the price list has of a provider, by the list's names."""

    version: str
    provider: str
    models: tuple[str, ...]


if TYPE_CHECKING:
    Schedule: TypeAlias = tuple[
        tuple[Since | Between | StartDateConstraint | TimeOfDateConstraint | None, UnitPrices | None], ...
    ]

SNAPSHOT: Final = Path(__file__).with_name("prices.jsonl")
NAMES: Final = Path(__file__).with_name("listed.jsonl")
"""Both written by `python -m tests.catalog.price_snapshot`."""


def _installed() -> str:
    """The version of the price list that is installed."""
    from importlib.metadata import version  # noqa: PLC0415  (13 ms that a command without prices does without)

    return version("genai-prices")


@cache
def _snapshot() -> Mapping[tuple[str, str], Listed]:
    """What the file has, if it is of the installed version."""
    lines = msgspec.json.Decoder(Listed).decode_lines(SNAPSHOT.read_bytes())
    installed = _installed()
    return {(line.provider, line.model): line for line in lines if line.version == installed}


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    """The names that the other file has, likewise."""
    lines = msgspec.json.Decoder(ListedNames).decode_lines(NAMES.read_bytes())
    installed = _installed()
    return {line.provider: line.models for line in lines if line.version == installed}


@lru_cache(maxsize=4096)
def _schedule(provider: str, model: str) -> Schedule:
    """A model's prices, later ones taking precedence while their constraint holds; empty for an unknown model."""
    known = _snapshot().get((provider, model))
    return schedule_in_list(provider, model) if known is None else known.schedule


def names_in_list(provider: str) -> tuple[str, ...]:
    """The models of a provider, by the price list's names, from the list itself."""
    return tuple(model.id for model in _models_of(provider))


def schedule_in_list(provider: str, model: str) -> Schedule:
    """The same, from the price list itself."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  (heavy: see the module's text)

    listed = get_snapshot().providers
    owner = next((candidate for candidate in listed if candidate.id == provider), None)
    found = owner.find_model(model, all_providers=listed) if owner else None
    if found is None:
        return ()
    if not isinstance(found.prices, list):
        return ((None, _unit_prices(found.prices)),)
    return tuple((conditional.constraint, _unit_prices(conditional.prices)) for conditional in found.prices)


def _unit_prices(listed: ModelPrice) -> UnitPrices | None:
    """An empty list of prices may mean *free* or *unknown*: it counts as unknown. An override says free."""
    per_million = {name: price for name, key in _MTOK.items() if (price := listed.__dict__.get(key)) is not None}
    if "input" not in per_million and "output" not in per_million:
        return None
    per_million = {"input": _ZERO, "output": _ZERO} | per_million
    request = (listed.__dict__.get("requests_kcount") or _ZERO) / 1000

    def above(start: int) -> UnitPrices:
        units: dict[str, Any] = {name: _reached(price, start) / _MILLION for name, price in per_million.items()}
        return UnitPrices(**units, request=request)

    starts = sorted({tier.start for price in per_million.values() for tier in getattr(price, "tiers", ())})
    return msgspec.structs.replace(above(-1), tiers=tuple((start, above(start)) for start in starts))


def _reached(price: Decimal | TieredPrices, start: int) -> Decimal:
    """The price that holds just above `start` prompt tokens."""
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= start), price.base)


GUIDE_PRICES: Overrides = MappingProxyType(
    {
        f"{provider}/*": UnitPrices(input=flat, output=flat)
        for provider, flat in (("gemini", _ZERO), ("openai", Decimal("0.0000015")), ("claude", Decimal("0.000003")))
    }
)
"""The original guide's table as overrides: Gemini free, OpenAI $0.0015 and Claude $0.003 a thousand tokens, in or out."""
