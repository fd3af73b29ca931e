from __future__ import annotations

import csv
import datetime
import io
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue.chat.usage import Usage
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.settings_loading import load

from .conftest import Run

NOW = datetime.datetime.now(datetime.UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TODAY = NOW.date()
Book = Callable[..., None]


@pytest.fixture
def store(bare: Path) -> Iterator[LedgerStore]:
    made = ledger_of(load())
    yield made
    made.close()


@pytest.fixture
def book(store: LedgerStore) -> Book:
    def enter(name: str, *, days_ago: float = 0, settlement: Settlement = Settlement.SETTLED, **fields: Any) -> None:
        record = AttemptRecord(
            **{
                "attempt_id": name,
                "request_id": name,
                "started": NOW.timestamp() - days_ago * 86_400,
                "target": "gemini",
                "provider": "gemini",
                "model": "gemini-3.5-flash-lite",
                "outcome": "ok",
                "settlement": settlement,
                **fields,
            }
        )
        (store.reserve if settlement is Settlement.RESERVED else store.settle)(record)

    return enter


def rows_of(run: Run, *arguments: str) -> list[dict[str, Any]]:
    result = run("usage", "--json", *arguments)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


def test_the_table_has_what_each_model_cost_the_dearest_first_and_a_total(run: Run, book: Book) -> None:
    used = Usage(input_tokens=1000, cache_read_tokens=200, output_tokens=50, reasoning_tokens=30)
    book("a", usage=used, cost=Decimal("0.000500"))
    book("b", provider="openai", model="gpt-6-luna", usage=used, cost=Decimal("2.25"))
    book("b2", request_id="b", usage=Usage(), cost=Decimal(0), settlement=Settlement.FREE, outcome="rate")
    result = run("usage")
    assert result.exit_code == 0, result.output
    title, header, *rows = result.stdout.splitlines()
    assert title == f"{TODAY - datetime.timedelta(days=6)} to {TODAY} (UTC)"
    assert header.split() == ["provider", "model", "requests", "attempts", "in", "cached", "out", "reasoning", "cost"]
    assert rows[0].split() == ["openai", "gpt-6-luna", "1", "1", "1,200", "200", "50", "30", "$2.25"]
    assert rows[1].split() == ["gemini", "gemini-3.5-flash-lite", "2", "2", "1,200", "200", "50", "30", "$0.0005"]
    assert rows[2].split() == ["total", "2", "3", "2,400", "400", "100", "60", "$2.25"]
    assert "cached: of the tokens that went in" in result.stdout
    assert "unpriced" not in result.stdout


def test_an_estimate_and_its_bound_are_two_marked_numbers_and_what_has_no_price_is_counted(
    run: Run, book: Book
) -> None:
    book("open", settlement=Settlement.RESERVED, outcome="pending", bound=Decimal("0.25"))
    book("cut", settlement=Settlement.ESTIMATED, outcome="cancelled", cost=Decimal("0.5"), bound=Decimal(1))
    book("unknown", model="mystery")
    shown = run("usage", "--by", "provider").stdout
    assert re.search(r"gemini +3 +3 +0 +0 +~\$0\.5 +≤\$1\.25 +1\n", shown)
    assert "at most: the cost, if all that is estimated or still running" in shown


def test_simulated_and_tracked_ones_stand_apart_and_say_what_they_are(run: Run, book: Book) -> None:
    book("real", cost=Decimal(1))
    book("stand-in", simulated=True, cost=Decimal(5))
    book("by hand", tracked=True, cost=Decimal(1))
    shown = run("usage", "--by", "provider").stdout
    assert shown.count("gemini") == 3
    real, hand, simulated = re.split(r"\n\n", shown.strip())
    assert "simulated" not in real
    assert "$1.00" in real
    assert "booked by hand with track_request; it may be the same requests once more" in hand
    assert "simulated: local stand-ins answered, no model" in simulated
    assert "$5.00" in simulated
    document = json.loads(run("usage", "--json").stdout)
    assert [(total["kind"], total["cost"]) for total in document["totals"]] == [
        ("booked", "1"),
        ("tracked", "1"),
        ("simulated", "5"),
    ]


def test_a_request_with_attempts_in_several_rows_counts_once_in_the_total(run: Run, book: Book) -> None:
    book("a", request_id="r", settlement=Settlement.FREE, outcome="overload")
    book("b", request_id="r", provider="openai", cost=Decimal(1))
    result = json.loads(run("usage", "--json").stdout)
    assert [row["requests"] for row in result["rows"]] == [1, 1]
    assert [(total["requests"], total["attempts"]) for total in result["totals"]] == [(1, 2)]


def test_days_are_chosen_by_number_or_by_date(run: Run, book: Book) -> None:
    for days in range(9):
        book(f"{days}", days_ago=days, cost=Decimal(1))

    def cost(*arguments: str) -> int:
        return sum(int(row["cost"]) for row in rows_of(run, *arguments))

    day = [str(TODAY - datetime.timedelta(days=days)) for days in range(9)]
    assert cost() == cost("--since", "7d") == 7
    assert cost("--since", "1d") == 1
    assert cost("--since", day[8]) == 9
    assert cost("--since", day[4], "--until", day[3]) == 2
    assert cost("--since", "2d", "--until", day[5]) == 2
    by_day = rows_of(run, "--since", "3d", "--by", "day")
    assert [row["day"] for row in by_day] == [day[2], day[1], day[0]]


def test_days_are_those_of_the_settings_time_zone(run: Run, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    book("late", days_ago=1)  # at noon UTC: already the next day in Kiritimati, 14 hours ahead
    monkeypatch.setenv("SEGUE_TIMEZONE", "Pacific/Kiritimati")
    assert [row["day"] for row in rows_of(run, "--by", "day")] == [str(TODAY)]
    assert "(Pacific/Kiritimati)" in run("usage").stdout


def test_columns_are_those_asked_for(run: Run, book: Book) -> None:
    book("a", chain="fast", key="key_1", target="gemini-eu", cost=Decimal(1))
    book("b", outcome="overload", settlement=Settlement.FREE)
    rows = rows_of(run, "--by", "chain, key,target,outcome,day")
    assert [[row[name] for name in ("chain", "key", "target", "outcome", "day")] for row in rows] == [
        ["fast", "key_1", "gemini-eu", "ok", str(TODAY)],
        ["", "", "gemini", "overload", str(TODAY)],
    ]
    assert re.search(r"\n–  +–  +gemini ", run("usage", "--by", "chain,key,target").stdout)


def test_csv_is_exact_and_whole(run: Run, book: Book) -> None:
    used = Usage(input_tokens=3, cache_write_1h_tokens=4, output_tokens=5)
    book("a", usage=used, cost=Decimal("0.000000001234"), seconds=1.25)
    book("b", provider="openai", cost=Decimal("123456.000000000001"))
    result = run("usage", "--csv", "--by", "day,provider")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["cost"] for row in rows] == ["123456.000000000001", "0.000000001234"]
    assert rows[1] == {
        "kind": "booked",
        "day": str(TODAY),
        "provider": "gemini",
        "requests": "1",
        "attempts": "1",
        **dict.fromkeys(("reserved", "estimated", "free", "unpriced"), "0"),
        "input_tokens": "3",
        "cache_read_tokens": "0",
        "cache_write_tokens": "0",
        "cache_write_1h_tokens": "4",
        "output_tokens": "5",
        "reasoning_tokens": "0",
        "cost": "0.000000001234",
        "bound": "0.000000001234",
        "seconds": "1.25",
    }


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=x", "＝1", "=HYPERLINK(0)", '=1","x']
)
def test_no_name_is_a_formula_in_a_spreadsheet(run: Run, book: Book, name: str) -> None:
    book("a", model=name)
    (row,) = csv.DictReader(io.StringIO(run("usage", "--csv").stdout, newline=""))
    assert row["model"] == f"'{name.strip()}"
    assert rows_of(run)[0]["model"] == name


def test_a_name_is_no_markup(run: Run, book: Book) -> None:
    book("a", model="[red]m[/red]")
    assert "[red]m[/red]" in run("usage").stdout


def test_an_empty_ledger_is_reported_with_its_place(run: Run, bare: Path) -> None:
    result = run("usage", "--since", "1d")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"Nothing is booked for {TODAY} (UTC) in {bare / 'ledger.sqlite3'}.\n"
    assert run("usage", "--csv").stdout.startswith("kind,provider,model,requests,")
    assert rows_of(run) == []
    assert not (bare / "ledger.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "soon"), "use a date such as 2026-11-28, or a number of days such as 7d"),
        (("--since", "0d"), "no day"),
        (("--until", "7d"), "--until '7d' is no day"),
        (("--since", "2026-11-28", "--until", "2026-11-27"), "use --since before --until"),
        (("--since", "2001-01-01"), "3660 days at most"),
        (("--since", "9999d", "--until", "0002-01-01"), "no day"),
        (("--by", "colour"), "use provider, model, target"),
        (("--by", ""), "nothing to take apart by"),
        (("--csv", "--json"), "one of --csv and --json"),
    ],
)
def test_a_mistake_is_reported_with_what_to_do(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("usage", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_with_mongodb_the_sums_are_those_of_all_machines(
    run: Run, bare: Path, mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URL", mongodb_url)
    for machine in ("one", "two"):
        monkeypatch.setenv("SEGUE_LEDGER", str(bare / f"{machine}.sqlite3"))
        store = ledger_of(load())
        store.settle(
            AttemptRecord(
                attempt_id=machine,
                request_id=machine,
                started=NOW.timestamp(),
                target="gemini",
                provider="gemini",
                model="m",
                outcome="ok",
                settlement=Settlement.SETTLED,
                cost=Decimal("0.1"),
            )
        )
        assert store.close()
    monkeypatch.setenv("SEGUE_LEDGER", str(bare / "three.sqlite3"))
    assert [(row["model"], row["requests"], row["cost"]) for row in rows_of(run)] == [("m", 2, "0.2")]
    ledger_of(load()).close()
