"""What every `LedgerStore` promises, as tests to inherit.

    class TestMyStore(LedgerStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path)
            yield store
            store.close()

Needs pytest; `pytest.register_assert_rewrite("segue.testing.stores")` in a conftest makes its failures readable.
"""

from __future__ import annotations

import datetime
import threading
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from segue.chat.usage import Usage
from segue.ledger.daily import DailyRow, Dimension, Where
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.store import LedgerStore

NOON = 1_780_056_000.0
"""2026-05-29 12:00 UTC."""
DAY = datetime.date(2026, 5, 29)


def attempt(attempt_id: str, settlement: Settlement = Settlement.SETTLED, **changes: Any) -> AttemptRecord:
    """An attempt to book: of a new request, started at `NOON`, with `changes` to the record's fields."""
    values: dict[str, Any] = {
        "request_id": f"request of {attempt_id}",
        "started": NOON,
        "target": "gemini",
        "provider": "gemini",
        "model": "gemini-3.5-flash-lite",
        "outcome": "pending" if settlement is Settlement.RESERVED else "ok",
    }
    return AttemptRecord(attempt_id=attempt_id, settlement=settlement, **{**values, **changes})


class LedgerStoreContract:
    """Inherit it in a class whose name begins with `Test` and that has a fixture `store`: an empty store, closed afterwards."""

    def test_a_record_comes_back_with_every_field_as_it_was(self, store: LedgerStore) -> None:
        full = AttemptRecord(
            attempt_id="a1",
            request_id="r1",
            started=NOON + 0.123456,
            target="claude-eu",
            provider="claude",
            model="claude-sonnet-5-5",
            outcome="stall",
            settlement=Settlement.ESTIMATED,
            usage=Usage(
                input_tokens=1,
                cache_read_tokens=2,
                cache_write_tokens=3,
                cache_write_1h_tokens=4,
                output_tokens=6,
                reasoning_tokens=5,
            ),
            cost=Decimal("0.1000000000000000000001"),
            bound=Decimal("1E+3"),
            seconds=1.5,
            first_content=0.25,
            status=200,
            reason="no content for 10.0 s · 무응답 \x00",
            chain="fast",
            key="team-a",
            hedge=True,
            continuation=True,
            shown=True,
            simulated=True,
            tracked=True,
            metadata={"user": "u1", "쪽": "è"},
        )
        for name in AttemptRecord.__struct_fields__:
            assert getattr(full, name) not in (None, "", False, {}, 0), f"{name} is not tried"
        store.settle(full)
        assert store.records() == [full]

    def test_the_first_settlement_stands_and_later_ones_are_ignored(self, store: LedgerStore) -> None:
        store.reserve(attempt("a", Settlement.RESERVED, bound=Decimal(1)))
        store.settle(attempt("a", Settlement.ESTIMATED, cost=Decimal("0.5")))
        store.flush()
        store.settle(attempt("a", Settlement.SETTLED, cost=Decimal(9)))
        store.settle(attempt("a", Settlement.FREE))
        store.reserve(attempt("a", Settlement.RESERVED))
        (record,) = store.records()
        assert (record.settlement, record.cost) == (Settlement.ESTIMATED, Decimal("0.5"))

    def test_a_settlement_needs_no_reservation(self, store: LedgerStore) -> None:
        store.settle(attempt("a", Settlement.FREE))
        store.reserve(attempt("a", Settlement.RESERVED))
        assert [record.settlement for record in store.records()] == [Settlement.FREE]

    def test_the_first_reservation_of_an_id_stands(self, store: LedgerStore) -> None:
        store.reserve(attempt("a", Settlement.RESERVED, bound=Decimal(1)))
        store.flush()
        store.reserve(attempt("a", Settlement.RESERVED, bound=Decimal(2)))
        assert [record.bound for record in store.records()] == [Decimal(1)]

    def test_reserving_a_settlement_and_settling_a_reservation_are_errors(self, store: LedgerStore) -> None:
        with pytest.raises(ValueError, match="only a reservation"):
            store.reserve(attempt("a", Settlement.SETTLED))
        with pytest.raises(ValueError, match="still reserved"):
            store.settle(attempt("a", Settlement.RESERVED))
        assert store.records() == []

    def test_a_read_sees_what_was_written_before_without_a_flush(self, store: LedgerStore) -> None:
        for number in range(50):
            store.settle(attempt(f"a{number:02d}"))
            assert len(store.records()) == number + 1
        assert store.daily(DAY, DAY)[0].attempts == 50

    def test_records_are_chosen_by_time_with_the_end_left_out(self, store: LedgerStore) -> None:
        for second in range(5):
            store.settle(attempt(f"a{second}", started=NOON + second))
        ids = [record.attempt_id for record in store.records(NOON + 1, NOON + 4)]
        assert ids == ["a1", "a2", "a3"]
        assert [r.attempt_id for r in store.records(NOON + 3)] == ["a3", "a4"]
        assert [r.attempt_id for r in store.records(until=NOON + 1)] == ["a0"]

    def test_records_come_by_start_then_id_and_can_be_limited_from_either_end(self, store: LedgerStore) -> None:
        for name, started in (("c", 2.0), ("b", 1.0), ("a", 2.0), ("d", 3.0)):
            store.settle(attempt(name, started=started))
        assert [r.attempt_id for r in store.records()] == ["b", "a", "c", "d"]
        assert [r.attempt_id for r in store.records(limit=2)] == ["b", "a"]
        assert [r.attempt_id for r in store.records(limit=2, newest_first=True)] == ["d", "c"]
        assert [r.attempt_id for r in store.records(limit=None, newest_first=True)] == ["d", "c", "a", "b"]

    def test_a_clock_that_goes_back_loses_no_record(self, store: LedgerStore) -> None:
        starts = [NOON, NOON + 1, NOON - 3600, NOON - 3599, NOON + 2]
        for number, started in enumerate(starts):
            store.reserve(attempt(f"a{number}", Settlement.RESERVED, started=started))
            store.settle(attempt(f"a{number}", started=started))
        assert [record.started for record in store.records()] == sorted(starts)
        assert sum(row.attempts for row in store.daily(DAY, DAY)) == len(starts)

    @pytest.mark.parametrize(
        "condition",
        [
            {"provider": "openai"},
            {"model": "gpt-6-luna"},
            {"target": "special"},
            {"outcome": "stall"},
            {"settlement": Settlement.FREE},
            {"request_id": "that one"},
            {"chain": "fast"},
            {"key": "team-a"},
            {"simulated": True},
            {"tracked": True},
        ],
        ids=lambda condition: next(iter(condition)),
    )
    def test_records_and_days_can_be_chosen_by(self, condition: dict[str, Any], store: LedgerStore) -> None:
        assert set(condition) <= set(Where.__struct_fields__)
        store.settle(attempt("other"))
        store.settle(attempt("meant", **{"settlement": Settlement.ESTIMATED, **condition}))
        where = Where(**condition)
        assert [record.attempt_id for record in store.records(where=where)] == ["meant"]
        assert [row.attempts for row in store.daily(DAY, DAY, by=(), where=where)] == [1]

    def test_conditions_hold_together_and_false_is_a_condition(self, store: LedgerStore) -> None:
        store.settle(attempt("a", provider="openai", simulated=True))
        store.settle(attempt("b", provider="openai"))
        store.settle(attempt("c"))
        chosen = store.records(where=Where(provider="openai", simulated=False))
        assert [record.attempt_id for record in chosen] == ["b"]

    def test_a_day_adds_up_what_is_known_and_bounds_what_is_not(self, store: LedgerStore) -> None:
        usage = Usage(input_tokens=10, cache_read_tokens=5, output_tokens=3, reasoning_tokens=1)
        store.settle(
            attempt("settled", request_id="r1", usage=usage, cost=Decimal("0.10"), bound=Decimal(7), seconds=1.5)
        )
        store.settle(
            attempt(
                "estimated",
                Settlement.ESTIMATED,
                request_id="r1",
                usage=usage,
                cost=Decimal("0.20"),
                bound=Decimal("0.50"),
                seconds=0.5,
            )
        )
        store.settle(attempt("unbounded", Settlement.ESTIMATED, cost=Decimal("0.01")))
        store.settle(attempt("free", Settlement.FREE, cost=Decimal(0)))
        store.settle(attempt("unpriced"))
        store.reserve(attempt("reserved", Settlement.RESERVED, bound=Decimal("0.25")))
        store.reserve(attempt("blind", Settlement.RESERVED))
        assert store.daily(DAY, DAY, by=()) == [
            DailyRow(
                day=DAY,
                group={},
                requests=6,
                attempts=7,
                reserved=2,
                estimated=2,
                free=1,
                unpriced=2,
                usage=usage + usage,
                cost=Decimal("0.31"),
                bound=Decimal("0.86"),
                seconds=2.0,
            )
        ]

    def test_sums_of_money_are_exact_where_floats_and_nano_dollars_are_not(self, store: LedgerStore) -> None:
        cached_token = Decimal("0.003625") / 1_000_000  # 3.625 nano-dollars
        for number in range(300):
            store.settle(attempt(f"a{number}", cost=cached_token + Decimal("0.1")))
        (row,) = store.daily(DAY, DAY)
        assert row.cost == row.bound == Decimal("30.0000010875")

    def test_a_sum_may_exceed_what_63_bits_of_pico_dollars_hold(self, store: LedgerStore) -> None:
        for number in range(20):
            store.settle(attempt(f"a{number}", cost=Decimal("9000000.000000000001")))
        assert store.daily(DAY, DAY)[0].cost == Decimal("180000000.00000000002")

    @pytest.mark.parametrize("by", [(), *((name,) for name in get_args(Dimension)), ("provider", "model", "outcome")])
    def test_a_day_is_taken_apart_by(self, by: tuple[Dimension, ...], store: LedgerStore) -> None:
        for number in range(12):
            store.settle(
                attempt(
                    f"a{number}",
                    Settlement.FREE if number % 5 == 0 else Settlement.SETTLED,
                    **{name: f"{name} {number % 3}" for name in get_args(Dimension) if name != "settlement"},
                )
            )
        rows = store.daily(DAY, DAY, by=by)
        assert sum(row.attempts for row in rows) == 12
        assert all(tuple(row.group) == by for row in rows)
        keys = [tuple(row.group.values()) for row in rows]
        assert keys == sorted(set(keys))
        assert len(keys) == (1 if not by else 2 if by == ("settlement",) else 3)

    def test_a_dimension_that_is_none_is_refused_and_never_becomes_sql(self, store: LedgerStore) -> None:
        store.settle(attempt("a"))
        for name in ("cost", "provider; DROP TABLE attempts", ""):
            with pytest.raises(ValueError, match="are not kept by"):
                store.daily(DAY, DAY, by=(name,))  # type: ignore[arg-type]

    def test_days_are_those_of_the_time_zone(self, store: LedgerStore) -> None:
        seoul = ZoneInfo("Asia/Seoul")
        late = datetime.datetime(2026, 5, 29, 23, 30, tzinfo=seoul).timestamp()
        store.settle(attempt("late", started=late))
        store.settle(attempt("early", started=late + 3600))
        in_seoul = store.daily(DAY, DAY + datetime.timedelta(days=1), tz=seoul)
        assert [(row.day, row.attempts) for row in in_seoul] == [(DAY, 1), (DAY + datetime.timedelta(days=1), 1)]
        assert [(row.day, row.attempts) for row in store.daily(DAY, DAY)] == [(DAY, 2)]

    def test_the_day_the_clocks_go_back_has_25_hours(self, store: LedgerStore) -> None:
        berlin, day = ZoneInfo("Europe/Berlin"), datetime.date(2026, 10, 25)
        midnight = datetime.datetime(2026, 10, 25, tzinfo=berlin).timestamp()
        for hour in range(-1, 27):
            store.settle(attempt(f"h{hour:+03d}", started=midnight + 3600 * hour))
        assert [row.attempts for row in store.daily(day, day, tz=berlin)] == [25]
        days = (day - datetime.timedelta(days=1), day + datetime.timedelta(days=1))
        assert [row.attempts for row in store.daily(*days, tz=berlin)] == [1, 25, 2]

    def test_a_long_range_gives_only_days_with_attempts_in_order(self, store: LedgerStore) -> None:
        for age in (0, 400, 1200):
            store.settle(attempt(f"a{age}", started=NOON - age * 86_400))
        rows = store.daily(DAY - datetime.timedelta(days=1500), DAY)
        assert [(DAY - row.day).days for row in rows] == [1200, 400, 0]
        assert store.daily(DAY, DAY - datetime.timedelta(days=1)) == []

    def test_a_state_is_what_was_saved_last(self, store: LedgerStore) -> None:
        assert store.load("quota") is None
        value: dict[str, Any] = {"day": "2026-05-29", "counts": {"gemini": 3}}
        store.save("quota", value)
        value["day"] = "changed by the caller afterwards"
        assert store.load("quota") == {"day": "2026-05-29", "counts": {"gemini": 3}}
        store.save("quota", {"day": "2026-05-30"})
        store.save("other", {})
        store.flush()
        assert store.load("quota") == {"day": "2026-05-30"}
        assert store.load("other") == {}

    def test_states_are_found_by_the_range_of_their_names_and_forgotten_by_it(self, store: LedgerStore) -> None:
        for name in ("b/2", "a", "b/10", "b", "b/é", "c", "b/1"):
            store.save(name, {"name": name})
        store.save("b/1", {"name": "again"})
        assert list(store.states("b/", "b0")) == ["b/1", "b/10", "b/2", "b/é"]
        assert store.states("b/", "b0")["b/1"] == {"name": "again"}
        store.flush()
        store.save("b/3", {})
        store.forget("b/10", "b/é")
        store.save("b/2", {"name": "saved again"})
        assert store.states("b", "b0") == {
            "b": {"name": "b"},
            "b/1": {"name": "again"},
            "b/2": {"name": "saved again"},
            "b/é": {"name": "b/é"},
        }
        assert store.load("b/3") is None
        store.flush()
        assert list(store.states("", "~")) == ["a", "b", "b/1", "b/2", "b/é", "c"]
        assert store.states("b0", "b") == store.states("x", "y") == {}

    def test_after_close_reads_work_and_writes_are_dropped_and_counted(self, store: LedgerStore) -> None:
        store.settle(attempt("before"))
        assert store.close()
        store.settle(attempt("after"))
        store.save("state", {})
        assert [record.attempt_id for record in store.records()] == ["before"]
        assert store.load("state") is None
        assert (store.status().written, store.status().dropped) == (1, 2)
        assert store.close()
        assert store.flush()

    def test_threads_may_write_at_once(self, store: LedgerStore) -> None:
        def write(thread: int) -> None:
            for number in range(200):
                store.reserve(attempt(f"{thread}-{number}", Settlement.RESERVED))
                store.settle(attempt(f"{thread}-{number}", cost=Decimal(1)))
                store.settle(attempt("contended", cost=Decimal(thread)))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        records = store.records(limit=None)
        assert len(records) == 801
        assert {record.settlement for record in records} == {Settlement.SETTLED}
