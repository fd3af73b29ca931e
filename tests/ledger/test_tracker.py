"""The original guide's tracker, used as the guide uses it and as it may be used besides."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from segue.chat.usage import Usage
from segue.errors import ConfigurationError
from segue.guide.tracker import LLMUsageTracker
from segue.ledger.record import Settlement
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import shared_store
from segue.ledger.stores.memory import MemoryStore

NOON = 1_780_056_000.0


def tracker_of(store: LedgerStore, **options: Any) -> LLMUsageTracker:
    return LLMUsageTracker(store, **{"tz": datetime.UTC, "clock": lambda: NOON, **options})


def test_the_guides_code_runs_unchanged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGUE_LEDGER", raising=False)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    tracker = LLMUsageTracker()
    tracker.track_request("gemini", 500, 0.0)
    tracker.track_request("openai", 500, 0.00075)
    tracker.track_request("openai", 800, 0.0012)
    expected = {
        "gemini_requests": 1,
        "gemini_tokens": 500,
        "gemini_cost": 0.0,
        "openai_requests": 2,
        "openai_tokens": 1300,
        "openai_cost": 0.00195,
    }
    assert tracker.get_daily_stats() == expected
    assert tracker.usage_stats == expected
    assert LLMUsageTracker().get_daily_stats() == expected
    shared_store().close()
    assert (tmp_path / "home" / "ledger.sqlite3").exists()


def test_a_fresh_tracker_counts_its_own_process_and_the_ledger_when_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGUE_LEDGER", raising=False)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    assert LLMUsageTracker().usage_stats["claude_requests"] == 0
    assert LLMUsageTracker().usage_stats["claude_cost"] == 0
    another = "from segue import LLMUsageTracker, load; LLMUsageTracker().track_request('claude', 7, 0.5)"
    subprocess.run([sys.executable, "-c", another + "; from segue import Segue; Segue().ledger.close()"], check=True)
    tracker = LLMUsageTracker()
    tracker.track_request("claude", 5, 0.25)
    assert (tracker.get_daily_stats()["claude_requests"], tracker.get_daily_stats()["claude_tokens"]) == (1, 5)
    assert tracker.get_daily_stats(source="auto")["claude_tokens"] == 12
    assert tracker.get_daily_stats(datetime.datetime.now(datetime.UTC).date())["claude_tokens"] == 12
    with pytest.raises(KeyError):
        tracker.usage_stats["claude"]
    shared_store().close()


def test_a_subclass_may_set_its_own_usage_stats_as_the_guide_does() -> None:
    class Counter(LLMUsageTracker):
        def __init__(self) -> None:
            self.usage_stats = {"gemini_requests": 0}

        def track_request(self, provider: str, *_: Any) -> None:  # type: ignore[override]
            self.usage_stats[f"{provider}_requests"] += 1

    counter = Counter()
    counter.track_request("gemini", 10, 0.0)
    assert counter.usage_stats == {"gemini_requests": 1}


async def test_both_calls_may_be_awaited_and_made_tasks(store: LedgerStore) -> None:
    tracker = tracker_of(store)
    await tracker.track_request(provider="gemini", tokens_used=100, cost=0.0)
    await asyncio.create_task(
        tracker.track_request(provider="openai", model="gpt-4.1", input_tokens=1000, output_tokens=100)
    )
    await asyncio.gather(
        tracker.track_request("openai", cost="0.5"), tracker.track_request("openai", cost=Decimal("0.5"))
    )
    rows = await tracker.get_daily_stats()
    assert [
        {name: row[name] for name in ("_id", "provider", "request_count", "total_tokens", "total_cost")} for row in rows
    ] == [
        {"_id": "gemini", "provider": "gemini", "request_count": 1, "total_tokens": 100, "total_cost": 0.0},
        {"_id": "openai", "provider": "openai", "request_count": 3, "total_tokens": 1100, "total_cost": 1.0028},
    ]


def test_both_calls_may_be_given_to_asyncio_run(store: LedgerStore) -> None:
    tracker = tracker_of(store)
    assert asyncio.run(tracker.track_request("gemini", 5, 0.0)) is None
    assert asyncio.run(tracker.get_daily_stats())[0]["total_tokens"] == 5


def test_the_days_mapping_is_plain_json(store: LedgerStore) -> None:
    tracker = tracker_of(store)
    tracker.track_request("gemini", 5, 0.25)
    stats = tracker.get_daily_stats()
    assert json.loads(json.dumps(stats)) == msgspec.json.decode(msgspec.json.encode(stats)) == stats
    assert json.loads(json.dumps(stats.providers)) == stats.providers


def test_a_tracked_request_is_booked_with_all_that_was_given(store: LedgerStore) -> None:
    tracker_of(store).track_request(
        "openai",
        model="gpt-4.1",
        input_tokens=10,
        output_tokens=4,
        seconds=2.0,
        outcome="cancelled",
        request_id="r1",
        metadata={"user": "u"},
    )
    (record,) = store.records()
    assert record.usage == Usage(input_tokens=10, output_tokens=4)
    assert record.cost == Decimal("0.000052")
    assert (record.provider, record.target, record.model, record.outcome) == (
        "openai",
        "openai",
        "gpt-4.1",
        "cancelled",
    )
    assert (record.request_id, record.started, record.seconds) == ("r1", NOON - 2, 2.0)
    assert (record.settlement, record.tracked, record.metadata) == (Settlement.SETTLED, True, {"user": "u"})


@pytest.mark.parametrize(
    "request_",
    [
        {"provider": "openai", "tokens": 500},
        {"provider": "openai", "tokens": 500, "model": "gpt-4.1"},
        {"provider": "openai", "input_tokens": 10},
        {"provider": "openai", "model": "no-such-model", "input_tokens": 10},
    ],
)
def test_a_cost_that_cannot_be_known_is_unpriced_and_not_nothing(request_: dict[str, Any], store: LedgerStore) -> None:
    tracker = tracker_of(store)
    tracker.track_request(**request_)
    assert store.records()[0].cost is None
    assert tracker.get_daily_stats().providers[0]["unpriced"] == 1


def test_a_total_beside_an_output_leaves_the_rest_to_the_input(store: LedgerStore) -> None:
    tracker_of(store).track_request("gemini", 100, 0.0, output_tokens=30)
    assert store.records()[0].usage == Usage(input_tokens=70, output_tokens=30)


@pytest.mark.parametrize(
    "request_",
    [
        {"tokens": -1},
        {"output_tokens": 1 << 62},
        {"input_tokens": -1},
        {"seconds": -1.0},
        {"cost": -0.1},
        {"cost": float("nan")},
    ],
)
def test_nonsense_is_refused(request_: dict[str, Any], store: LedgerStore) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        tracker_of(store).track_request("gemini", **request_)
    assert store.records() == []


def test_the_day_is_the_one_of_the_time_zone_and_past_days_can_be_asked_for(store: LedgerStore) -> None:
    now = [datetime.datetime(2026, 5, 29, 23, 50, tzinfo=ZoneInfo("Asia/Seoul")).timestamp()]
    tracker = tracker_of(store, tz=ZoneInfo("Asia/Seoul"), clock=lambda: now[0])
    tracker.track_request("gemini", 1, 0.0)
    now[0] += 1200
    assert tracker.get_daily_stats() == {}
    tracker.track_request("gemini", 2, 0.0)
    assert tracker.get_daily_stats()["gemini_tokens"] == 2
    for date in ("2026-05-29", datetime.date(2026, 5, 29), datetime.datetime(2026, 5, 29, 18)):
        assert tracker.get_daily_stats(date)["gemini_tokens"] == 1


def test_a_clock_that_goes_back_over_midnight_books_into_the_day_it_shows(store: LedgerStore) -> None:
    now = [NOON]
    tracker = tracker_of(store, clock=lambda: now[0])
    tracker.track_request("gemini", 1, 0.0)
    now[0] -= 86_400
    tracker.track_request("gemini", 2, 0.0)
    assert tracker.get_daily_stats()["gemini_tokens"] == 2
    assert tracker.get_daily_stats("2026-05-29")["gemini_tokens"] == 1


def test_a_request_that_the_engine_booked_and_the_caller_tracked_counts_once(store: LedgerStore, attempt: Any) -> None:
    usage = Usage(input_tokens=90, output_tokens=10)
    store.settle(attempt("g", usage=usage, cost=Decimal("0.5")))
    store.settle(attempt("o", provider="openai", usage=usage, cost=Decimal(2)))
    tracker = tracker_of(store)
    tracker.track_request("openai", 100, 1.0)
    stats = tracker.get_daily_stats()
    assert (stats["gemini_requests"], stats["gemini_cost"]) == (1, 0.5)
    assert (stats["openai_requests"], stats["openai_cost"]) == (1, 1.0)
    assert tracker.get_daily_stats(source="engine")["openai_cost"] == 2.0
    assert "gemini_cost" not in tracker.get_daily_stats(source="tracked")


def test_refused_and_simulated_attempts_are_no_requests(store: LedgerStore, attempt: Any) -> None:
    store.settle(attempt("refused", Settlement.FREE, cost=Decimal(0)))
    store.settle(attempt("simulated", provider="claude", simulated=True))
    store.settle(attempt("real", provider="openai"))
    store.settle(attempt("refused too", Settlement.FREE, provider="openai", cost=Decimal(0)))
    assert tracker_of(store).get_daily_stats() == {"openai_requests": 1, "openai_tokens": 0, "openai_cost": 0.0}


def test_a_tracker_takes_a_path_a_url_or_memory(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite3"
    LLMUsageTracker(path).track_request("gemini", 3, 0.0)
    assert LLMUsageTracker(f"sqlite://{path}").get_daily_stats()["gemini_tokens"] == 3
    assert LLMUsageTracker(str(path)).get_daily_stats()["gemini_tokens"] == 3
    shared_store(path).close()
    assert isinstance(shared_store("none"), MemoryStore)


def test_what_is_no_ledger_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="a dict is no ledger: use a path"):
        LLMUsageTracker({"llm_usage": []})  # type: ignore[arg-type]


def test_a_day_can_be_taken_apart_by_something_else(store: LedgerStore, attempt: Any) -> None:
    for name, model, key in (("a", "x", "key_1"), ("b", "y", "key_1"), ("c", "y", "")):
        store.settle(attempt(name, model=model, key=key, usage=Usage(output_tokens=10), cost=Decimal("0.25")))
    tracker = tracker_of(store)
    assert tracker.get_daily_stats(by="model") == {
        "x_requests": 1,
        "x_tokens": 10,
        "x_cost": 0.25,
        "y_requests": 2,
        "y_tokens": 20,
        "y_cost": 0.5,
    }
    assert [(row["_id"], row["key"], row["request_count"]) for row in tracker.get_daily_stats(by="key").providers] == [
        ("", "", 1),
        ("key_1", "key_1", 2),
    ]
    both = tracker.get_daily_stats(by=("key", "model"))
    assert (both["key_1/y_requests"], both["/y_cost"]) == (1, 0.25)
    assert set(both.providers[0]) >= {"key", "model", "date"}


def test_days_are_added_up_or_kept_apart(store: LedgerStore) -> None:
    now = [NOON]
    tracker = tracker_of(store, clock=lambda: now[0])
    for tokens in (1, 20, 300):
        tracker.track_request("gemini", tokens, 0.5)
        now[0] += 86_400
    whole = tracker.get_daily_stats("2026-05-29", until="2026-05-30")
    assert (whole["gemini_tokens"], whole["gemini_cost"]) == (21, 1.0)
    assert (whole.providers[0]["date"], whole.providers[0]["until"]) == ("2026-05-29", "2026-05-30")
    apart = tracker.get_daily_stats("2026-05-29", until="2026-06-01", by=("day", "provider")).providers
    assert [(row["date"], row["total_tokens"]) for row in apart] == [
        ("2026-05-29", 1),
        ("2026-05-30", 20),
        ("2026-05-31", 300),
    ]


def test_a_tracked_provider_counts_once_on_its_day_however_it_is_taken_apart(store: LedgerStore, attempt: Any) -> None:
    usage = Usage(input_tokens=90, output_tokens=10)
    store.settle(attempt("before", provider="openai", model="m", started=NOON - 86_400, usage=usage, cost=Decimal(4)))
    store.settle(attempt("today", provider="openai", model="m", usage=usage, cost=Decimal(2)))
    tracker = tracker_of(store)
    tracker.track_request("openai", 100, 1.0, model="m")
    for by in ("model", "provider"):
        stats = tracker.get_daily_stats("2026-05-28", until="2026-05-29", by=by).providers
        assert [(row["request_count"], row["total_cost"]) for row in stats] == [(2, 5.0)]


def test_what_can_not_be_taken_apart_or_is_no_span_is_refused(store: LedgerStore) -> None:
    with pytest.raises(ValueError, match="'colour'"):
        tracker_of(store).get_daily_stats(by="colour")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the earlier one first"):
        tracker_of(store).get_daily_stats("2026-05-29", until="2026-05-28")


async def test_a_loop_goes_on_while_the_books_are_read(store: LedgerStore) -> None:
    tracker = tracker_of(store)
    tracker.track_request("gemini", 5, 0.25)
    in_the_loop = threading.current_thread()
    readers: list[threading.Thread] = []

    class Watched:
        def settle(self, record: Any) -> None: ...

        def daily(self, *args: Any, **options: Any) -> Any:
            readers.append(threading.current_thread())
            return store.daily(*args, **options)

    watched: Any = Watched()
    stats = await tracker_of(watched).aget_daily_stats("2026-05-29")
    assert stats == tracker.get_daily_stats()
    assert readers
    assert in_the_loop not in readers


def test_a_day_begins_where_the_settings_say(
    store: LedgerStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGUE_TIMEZONE", "Pacific/Auckland")
    tracker = tracker_of(store, tz=None)
    tracker.track_request("gemini", 5, 0.25)
    assert tracker.get_daily_stats("2026-05-30")["gemini_tokens"] == 5
    assert tracker.get_daily_stats("2026-05-29") == {}
