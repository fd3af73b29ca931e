"""Both stores against a model that keeps every record, and against each other."""

from __future__ import annotations

import datetime
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.chat.usage import Usage
from segue.ledger.daily import DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import LedgerStore
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore

DAY = datetime.date(2026, 10, 25)
START = datetime.datetime(2026, 10, 24, 12, tzinfo=datetime.UTC).timestamp()

money = st.none() | st.decimals(min_value=0, max_value=1_000_000, places=12, allow_nan=False)
tokens = st.integers(0, 10**9)
words = st.sampled_from(["gemini", "openai", "Claude", "é", "한국어", ""])

records = st.builds(
    AttemptRecord,
    attempt_id=st.sampled_from([f"a{number}" for number in range(8)]),
    request_id=st.just(""),
    started=st.just(0.0),
    target=words,
    provider=words,
    model=words,
    outcome=st.sampled_from(["ok", "stall", "cancelled"]),
    settlement=st.sampled_from(Settlement),
    usage=st.builds(Usage, input_tokens=tokens, cache_read_tokens=tokens, output_tokens=tokens),
    cost=money,
    bound=money,
    seconds=st.floats(0, 600),
    simulated=st.booleans(),
    metadata=st.dictionaries(words, words, max_size=2),
)

starts = st.floats(START, START + 3 * 86_400)
identities = st.fixed_dictionaries({f"a{n}": st.tuples(st.sampled_from(["r1", "r2", "r3"]), starts) for n in range(8)})


def with_identity(booked: list[AttemptRecord], identities: dict[str, tuple[str, float]]) -> list[AttemptRecord]:
    """An attempt's request and start are the same in all its records."""
    return [
        msgspec.structs.replace(record, request_id=request_id, started=started)
        for record in booked
        for request_id, started in [identities[record.attempt_id]]
    ]


histories = st.builds(with_identity, st.lists(records, max_size=20), identities)


def write(store: LedgerStore, record: AttemptRecord) -> None:
    (store.reserve if record.settlement is Settlement.RESERVED else store.settle)(record)


def expected(booked: list[AttemptRecord]) -> list[AttemptRecord]:
    """Of each id: its first settlement, or else its first reservation."""
    kept = []
    for name in {record.attempt_id for record in booked}:
        mine = [record for record in booked if record.attempt_id == name]
        kept.append(next((record for record in mine if record.settlement is not Settlement.RESERVED), mine[0]))
    return sorted(kept, key=lambda record: (record.started, record.attempt_id))


def comparable(rows: list[DailyRow]) -> list[dict[str, Any]]:
    """Seconds are floats, and stores add them in different orders."""
    return [{name: getattr(row, name) for name in row.__struct_fields__ if name != "seconds"} for row in rows]


@settings(max_examples=60, deadline=None)
@given(
    booked=histories,
    flush_after=st.sets(st.integers(0, 20)),
    by=st.lists(st.sampled_from(get_args(Dimension)), max_size=3, unique=True),
    zone=st.sampled_from([datetime.UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Seoul"), None]),
    where=st.builds(Where, provider=st.none() | words, simulated=st.none() | st.booleans()),
)
def test_stores_keep_what_the_model_keeps_and_add_it_up_alike(
    booked: list[AttemptRecord],
    flush_after: set[int],
    by: list[Dimension],
    zone: datetime.tzinfo | None,
    where: Where,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        memory, sqlite = MemoryStore(), SqliteStore(Path(directory) / "ledger.sqlite3", gather=0.0)
        for number, record in enumerate(booked):
            write(memory, record)
            write(sqlite, record)
            if number in flush_after:
                assert sqlite.flush()
        kept = expected(booked)
        assert memory.records() == sqlite.records() == kept
        chosen = [record for record in kept if where.provider in (None, record.provider)]
        chosen = [record for record in chosen if where.simulated in (None, record.simulated)]
        assert memory.records(where=where) == sqlite.records(where=where) == chosen
        days = (DAY - datetime.timedelta(days=1), DAY + datetime.timedelta(days=1))
        rows = memory.daily(*days, by=by, tz=zone, where=where)
        others = sqlite.daily(*days, by=by, tz=zone, where=where)
        sqlite.close()
    assert comparable(rows) == comparable(others)
    assert [row.seconds for row in rows] == pytest.approx([row.seconds for row in others])


@settings(max_examples=60, deadline=None)
@given(booked=histories)
def test_daily_sums_add_up_to_the_records(booked: list[AttemptRecord]) -> None:
    store = MemoryStore()
    for record in booked:
        write(store, record)
    kept = store.records()
    rows = store.daily(DAY - datetime.timedelta(days=2), DAY + datetime.timedelta(days=3), by=("provider", "outcome"))
    assert sum(row.attempts for row in rows) == len(kept)
    assert sum((row.cost for row in rows), Decimal(0)) == sum((record.cost or 0 for record in kept), Decimal(0))
    assert sum(row.usage.total_tokens for row in rows) == sum(record.usage.total_tokens for record in kept)
