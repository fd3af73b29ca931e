"""Prices and costs, held against the calculation of genai-prices itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st
from tests.catalog import price_snapshot
from tests.catalog.price_snapshot import written

from segue.catalog import prices
from segue.catalog.prices import (
    GUIDE_PRICES,
    NAMES,
    SNAPSHOT,
    Between,
    UnitPrices,
    cost,
    price_of,
    read_overrides,
    schedule_in_list,
)
from segue.chat.usage import Usage
from segue.errors import ConfigurationError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
USAGES = [
    Usage(input_tokens=1_000, output_tokens=500),
    Usage(
        input_tokens=100, cache_read_tokens=5_000, cache_write_tokens=700, cache_write_1h_tokens=900, output_tokens=40
    ),
    Usage(input_tokens=300_000, cache_read_tokens=5_000, output_tokens=4_000, reasoning_tokens=1_000),
    Usage(input_tokens=100_000, output_tokens=1),
    Usage(input_tokens=200_000, cache_write_tokens=1, output_tokens=1),
    Usage(input_tokens=272_000, output_tokens=1),
    Usage(cache_read_tokens=272_001),
]
MODELS = [
    ("gemini", "google", "gemini-3.5-flash-lite"),
    ("gemini", "google", "gemini-3.1-pro-preview"),
    ("gemini", "google", "gemini-3.8-flash"),
    ("gemini", "google", "models/gemini-4-argon"),
    ("openai", "openai", "gpt-6-luna"),
    ("openai", "openai", "gpt-5.6-luna"),
    ("openai", "openai", "gpt-4.1-2025-04-14"),
    ("openai", "openai", "gpt-4o-2024-05-13"),
    ("openai", "openai", "o3"),
    ("claude", "anthropic", "claude-sonnet-5-5"),
    ("claude", "anthropic", "claude-haiku-5-5"),
    ("claude", "anthropic", "claude-sonnet-4-5-20250929"),
    ("claude", "anthropic", "claude-opus-4-6"),
    ("deepseek", "deepseek", "deepseek-chat"),
    ("deepseek", "deepseek", "deepseek-v4-flash"),
    ("perplexity", "perplexity", "sonar-pro"),
    ("groq", "groq", "openai/gpt-oss-120b"),
    ("xai", "x-ai", "grok-4"),
    ("openrouter", "openrouter", "google/gemini-2.5-pro"),
]
MOMENTS = [
    datetime(2026, 3, 12, 23, 59, tzinfo=UTC),
    datetime(2026, 3, 13, 2, tzinfo=UTC),
    datetime(2026, 7, 29, 17, tzinfo=UTC),
    datetime(2026, 7, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 8, tzinfo=UTC),
    datetime(2026, 12, 31, 20, tzinfo=timezone(timedelta(hours=-8))),  # 2027 in UTC
]


def listed_total(model: str, provider: str, usage: Usage, moment: datetime) -> Decimal:
    counts = ListedUsage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens + usage.cache_write_1h_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    plain = model.removeprefix("models/")
    return calc_price(counts, plain, provider_id=provider, genai_request_timestamp=moment).total_price


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize(("ours", "theirs", "model"), MODELS, ids=lambda value: value)
def test_a_cost_is_exactly_what_genai_prices_computes(ours: str, theirs: str, model: str, moment: datetime) -> None:
    prices = price_of(ours, model, moment)
    assert prices
    for usage in USAGES:
        assert cost(usage, prices) == listed_total(model, theirs, usage, moment)


def test_the_vendors_names_of_providers_work_too() -> None:
    assert price_of("google", "gemini-3.8-flash", NOON) == price_of("gemini", "gemini-3.8-flash", NOON)
    assert price_of("anthropic", "claude-opus-5-5", NOON) == price_of("claude", "claude-opus-5-5", NOON)


def test_prices_change_on_the_day_they_were_announced_for() -> None:
    before = price_of("gemini", "gemini-3.8-flash", date(2026, 12, 31))
    after = price_of("gemini", "gemini-3.8-flash", date(2027, 1, 1))
    assert before
    assert after
    assert (before.input, after.input) == (Decimal("0.00000075"), Decimal("0.0000015"))


def test_a_naive_moment_is_utc_and_a_date_is_its_noon() -> None:
    night, noon = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 1, 12, tzinfo=UTC)
    by_day = price_of("deepseek", "deepseek-chat", noon)
    assert by_day != price_of("deepseek", "deepseek-chat", night)
    assert by_day == price_of("deepseek", "deepseek-chat", noon.replace(tzinfo=None))
    assert by_day == price_of("deepseek", "deepseek-chat", noon.date())


def test_a_redirected_model_costs_what_the_answering_one_costs() -> None:
    answering = price_of("gemini", "gemini-3.8-flash", date(2026, 12, 1))
    assert price_of("gemini", "gemini-2.5-pro", date(2026, 12, 1)) == answering
    assert price_of("gemini", "gemini-2.5-pro", date(2026, 11, 30)) != answering


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-99"),
        ("no-such-provider", "gpt-6-luna"),
        ("my-openai-proxy", "gpt-6-luna"),
        ("gemini", "gemma-3-27b-it"),  # listed without any price
        ("openai", "whisper-1"),  # priced by the hour
    ],
)
def test_an_unknown_price_is_none_and_never_zero(provider: str, model: str) -> None:
    assert price_of(provider, model, NOON) is None


def test_passing_a_tiers_start_raises_the_price_of_every_token() -> None:
    prices = price_of("openai", "gpt-6-luna", NOON)
    assert prices
    assert prices.at(272_000).input == Decimal("0.0000001")
    assert prices.at(272_001).input == Decimal("0.0000002")
    assert cost(Usage(input_tokens=272_001), prices) == 272_001 * Decimal("0.0000002")
    assert cost(Usage(input_tokens=1, cache_read_tokens=272_000), prices) == (
        Decimal("0.0000002") + 272_000 * Decimal("0.00000002")
    )


COUNTS = st.integers(min_value=0, max_value=2_000_000)
PRICES = st.decimals(min_value=0, max_value=Decimal("0.001"), places=9)
OPTIONAL = st.none() | PRICES
FLAT = st.builds(
    UnitPrices,
    input=PRICES,
    output=PRICES,
    cache_read=OPTIONAL,
    cache_write=OPTIONAL,
    cache_write_1h=OPTIONAL,
    reasoning=OPTIONAL,
)
ANY_USAGE = st.builds(
    lambda thought, **counts: Usage(**counts, reasoning_tokens=min(thought, counts["output_tokens"])),
    COUNTS,
    input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    cache_write_1h_tokens=COUNTS,
    output_tokens=COUNTS,
)


@given(FLAT, ANY_USAGE, ANY_USAGE)
def test_without_tiers_the_cost_of_a_sum_is_the_sum_of_the_costs(prices: UnitPrices, one: Usage, other: Usage) -> None:
    assert cost(one + other, prices) == cost(one, prices) + cost(other, prices)


@given(FLAT, ANY_USAGE)
def test_each_class_costs_its_own_price_or_that_of_the_class_above(prices: UnitPrices, usage: Usage) -> None:
    whole = UnitPrices(
        input=prices.input,
        output=prices.output,
        cache_read=prices.input if prices.cache_read is None else prices.cache_read,
        cache_write=prices.input if prices.cache_write is None else prices.cache_write,
        cache_write_1h=prices.cache_write_1h,
        reasoning=prices.output if prices.reasoning is None else prices.reasoning,
    )
    assert cost(usage, prices) == cost(usage, whole)


def test_with_tiers_two_requests_may_cost_less_than_one_of_their_size() -> None:
    prices = price_of("claude", "claude-haiku-5-5", NOON)
    assert prices
    half = Usage(input_tokens=60_000)
    assert cost(half + half, prices) == 5 * (cost(half, prices) + cost(half, prices))


def test_the_guides_flat_table_is_an_override() -> None:
    thousand = Usage(input_tokens=400, cache_read_tokens=100, output_tokens=500, reasoning_tokens=20)
    for provider, model, dollars in (
        ("gemini", "gemini-2.5-flash", "0"),
        ("openai", "gpt-4.1", "0.0015"),
        ("anthropic", "claude-3-5-sonnet-20241022", "0.003"),
    ):
        prices = price_of(provider, model, NOON, GUIDE_PRICES)
        assert prices
        assert cost(thousand, prices) == Decimal(dollars)
    assert price_of("groq", "openai/gpt-oss-120b", NOON, GUIDE_PRICES) == price_of("groq", "openai/gpt-oss-120b", NOON)


def test_the_most_specific_override_wins_and_all_win_over_the_list() -> None:
    overrides = read_overrides(
        {
            "google/gemini-3.8-flash": {"input": "1", "output": 1},
            "gemini-3.8-flash": {"input": "2", "output": "2"},
            "gemini/*": {"input": "3", "output": "3"},
            "*": {"input": "4", "output": "4"},
        }
    )

    def input_price(provider: str, model: str) -> Decimal:
        prices = price_of(provider, model, NOON, overrides)
        assert prices
        return prices.input * 1_000_000

    assert input_price("gemini", "gemini-3.8-flash") == 1
    assert input_price("openrouter", "gemini-3.8-flash") == 2
    assert input_price("gemini", "gemini-4-argon") == 3
    assert input_price("unknown", "nothing") == 4


def test_an_override_may_name_a_model_that_has_a_vendors_prefix() -> None:
    overrides = read_overrides({"anthropic/claude-x": {"input": "1", "output": "1"}})
    assert price_of("openrouter", "anthropic/claude-x", NOON, overrides)
    assert price_of("claude", "claude-x", NOON, overrides)


def test_the_free_tier_is_an_override_of_zero() -> None:
    free = price_of("gemini", "gemini-3.5-flash-lite", NOON, read_overrides({"gemini/*": {"input": 0, "output": 0}}))
    assert free
    assert cost(Usage(input_tokens=10, output_tokens=10), free) == 0


def test_override_prices_are_dollars_a_million_tokens_and_floats_mean_what_they_show() -> None:
    prices = read_overrides({"m": {"input": 0.3, "output": "2.50", "cache_read": "0.03", "reasoning": 5}})["m"]
    assert (prices.input, prices.output) == (Decimal("0.0000003"), Decimal("0.0000025"))
    assert (prices.cache_read, prices.reasoning) == (Decimal("0.00000003"), Decimal("0.000005"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"input": "1"}, "prices.m lacks output"),
        ({"input": "1", "output": "2", "ouput": "3"}, "prices.m: 'ouput' is not a price: did you mean 'output'?"),
        ({"input": "-1", "output": "2"}, "prices.m.input='-1' is no price"),
        ({"input": "one", "output": "2"}, "prices.m.input='one' is no price"),
        ({"input": True, "output": "2"}, "prices.m.input=True is no price"),
        ({"input": "NaN", "output": "2"}, "prices.m.input='NaN' is no price"),
    ],
)
def test_a_wrong_override_says_which_and_why(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_overrides({"m": table})


def test_the_price_list_is_not_imported_before_the_first_look_up() -> None:
    script = "import sys, segue.catalog.prices, segue.catalog.models as m; print('genai_prices' in sys.modules, m._index.cache_info().currsize)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["False", "0"]


def test_the_prices_at_hand_are_those_of_the_price_list() -> None:
    """Written again with `python -m tests.catalog.price_snapshot`."""
    assert SNAPSHOT.read_bytes() == written(price_snapshot.prices())
    assert NAMES.read_bytes() == written(price_snapshot.names())


@pytest.mark.parametrize("hour", range(24))
def test_prices_that_change_with_the_hour_are_those_of_the_price_list(hour: int) -> None:
    moment = datetime(2026, 12, 1, hour, 30, tzinfo=UTC)
    listed = next(
        units
        for when, units in reversed(schedule_in_list("deepseek", "deepseek-flash"))
        if when is None or when.active(moment)
    )
    assert price_of("deepseek", "deepseek-flash", moment) == listed


def test_no_price_of_the_list_changes_within_a_minute_for_which_the_ledger_keeps_it() -> None:
    lines = [msgspec.json.decode(line) for line in SNAPSHOT.read_bytes().splitlines()]
    times = [
        constraint[name]
        for line in lines
        for constraint, _ in line["schedule"]
        if constraint and constraint["type"] == "between"
        for name in ("start", "end")
    ]
    assert times
    assert all(time.fromisoformat(moment).second == 0 for moment in times), times


@pytest.mark.parametrize(("hour", "active"), [(21, False), (22, True), (1, True), (2, False)])
def test_an_interval_may_pass_midnight(hour: int, active: bool) -> None:
    between = Between(time(22, tzinfo=UTC), time(2, tzinfo=UTC))
    assert between.active(datetime(2026, 12, 1, hour, tzinfo=UTC)) is active


def test_another_version_of_the_price_list_is_read_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_installed", lambda: "0.0.1")
    prices._snapshot.cache_clear()
    try:
        assert prices._snapshot() == {}
        assert prices._schedule.__wrapped__("openai", "gpt-6-luna") == schedule_in_list("openai", "gpt-6-luna")
    finally:
        prices._snapshot.cache_clear()
