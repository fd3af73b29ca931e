"""The writer's thread, over a scripted sink."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from segue.ledger.record import Settlement
from segue.ledger.stores.writer import Batch, GroupWriter, State


class FakeSink:
    """Takes batches while `open` is set; `problem` makes it refuse them."""

    location = "nowhere"

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.unstorable = 0
        self.open = threading.Event()
        self.open.set()
        self.batches: list[Batch] = []
        self.closed = False
        self.tidied = 0

    def commit(self, batch: Batch) -> int:
        self.open.wait(10)
        if self.problem is not None:
            raise self.problem
        self.batches.append(batch.copy())
        return self.unstorable

    def tidy(self) -> None:
        self.tidied += 1

    def close(self) -> None:
        self.closed = True

    def abandon(self) -> None:
        self.closed = True

    def written(self) -> list[str]:
        return [name for batch in self.batches for name in (*batch.records, *batch.states)]


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def writer_of(sink: FakeSink, request: pytest.FixtureRequest) -> Callable[..., GroupWriter]:
    def make(**options: Any) -> GroupWriter:
        writer = GroupWriter(sink, **{"gather": 0.001, "retry": (0.01, 0.05), **options})
        request.addfinalizer(writer.close)
        return writer

    return make


def test_no_thread_runs_before_there_is_something_to_write(writer_of: Callable[..., GroupWriter]) -> None:
    before = threading.active_count()
    writer = writer_of()
    assert not writer.settle_down(1)
    assert threading.active_count() == before
    assert writer.close()


def test_what_is_put_together_is_written_together(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)
    for number in range(100):
        writer.put(attempt(f"a{number}"))
    writer.put(State("quota", "{}"))
    assert not writer.settle_down(10)
    assert [len(batch) for batch in sink.batches] == [101]


def test_a_batch_holds_only_what_stands_in_the_end(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)
    writer.put(attempt("a", Settlement.RESERVED))
    writer.put(attempt("a", Settlement.FREE))
    writer.put(attempt("a", Settlement.SETTLED))
    writer.put(State("quota", "1"))
    writer.put(State("quota", "2"))
    writer.settle_down(10)
    (batch,) = sink.batches
    assert [record.settlement for record in batch.records.values()] == [Settlement.FREE]
    assert batch.states == {"quota": "2"}


def test_a_refused_batch_is_kept_in_order_and_grows_until_it_is_taken(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of()
    sink.problem = OSError("no space left")
    for number in range(5):
        writer.put(attempt(f"a{number}"))
        assert list(writer.settle_down(10).records) == [f"a{n}" for n in range(number + 1)]
    assert (writer.status().pending, writer.status().problem) == (5, "no space left")
    sink.problem = None
    assert not writer.settle_down(10)
    assert sink.written() == ["a0", "a1", "a2", "a3", "a4"]
    assert (writer.status().pending, writer.status().problem, writer.status().written) == (0, "", 5)


def test_a_refused_batch_is_tried_again_without_being_asked(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of()
    sink.problem = OSError("for a moment")
    writer.put(attempt("a"))
    writer.settle_down(10)
    sink.problem = None
    for _ in range(1000):
        if sink.batches:
            break
        threading.Event().wait(0.005)
    assert sink.written() == ["a"]


def test_even_an_unexpected_error_does_not_end_the_thread(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of()
    sink.problem = ZeroDivisionError()
    writer.put(attempt("a"))
    assert len(writer.settle_down(10)) == 1
    assert writer.status().problem == "ZeroDivisionError"
    sink.problem = None
    assert not writer.settle_down(10)


def test_beyond_the_bound_the_latest_are_dropped_and_counted_with_one_line_in_the_log(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of(max_pending=10)
    sink.problem = OSError("full")
    for number in range(10):
        writer.put(attempt(f"a{number}"))
    writer.settle_down(10)
    for number in range(10, 25):
        writer.put(attempt(f"a{number}"))
    assert (writer.status().pending, writer.status().dropped) == (10, 15)
    sink.problem = None
    writer.settle_down(10)
    assert sink.written() == [f"a{number}" for number in range(10)]
    writer.put(attempt("later"))
    writer.settle_down(10)
    assert sink.written()[-1] == "later"
    assert sum("entries are dropped" in message for message in caplog.messages) == 1


def test_the_bound_holds_also_while_the_sink_is_busy(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(max_pending=10)
    sink.open.clear()
    for number in range(100):
        writer.put(attempt(f"a{number}"))
    dropped = writer.status().dropped
    sink.open.set()
    assert not writer.settle_down(10)
    assert dropped >= 80
    assert len(sink.written()) + dropped == 100


def test_flushing_gives_up_in_time_when_the_sink_hangs(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of()
    sink.open.clear()
    writer.put(attempt("a"))
    with pytest.raises(TimeoutError, match=r"took no writes for 0\.05 s"):
        writer.settle_down(0.05)
    assert not writer.close(timeout=0.05)
    sink.open.set()
    assert writer.close()
    assert sink.written() == ["a"]


def test_closing_writes_what_is_left_at_once_and_closes_the_sink(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)
    writer.put(attempt("a"))
    assert writer.close()
    assert sink.written() == ["a"]
    assert sink.closed
    assert writer.close()


def test_what_can_not_be_written_at_the_end_is_counted_as_lost(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of()
    sink.problem = OSError("still full")
    writer.put(attempt("a"))
    writer.put(attempt("b"))
    assert not writer.close()
    assert not writer.close()
    assert writer.status().dropped == 2
    assert "entries are dropped, 2 so far: still full" in caplog.messages[-1]


def test_what_the_sink_can_never_store_counts_as_dropped(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)
    sink.unstorable = 2
    for number in range(5):
        writer.put(attempt(f"a{number}"))
    assert not writer.settle_down(10)
    assert (writer.status().written, writer.status().dropped) == (3, 2)


def test_no_log_line_tells_what_was_written(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    writer = writer_of()
    sink.problem = OSError("no space left")
    writer.put(attempt("a", reason="the caller's words", key="team-secret", metadata={"user": "kim@example.com"}))
    writer.settle_down(10)
    writer.close()
    assert caplog.messages
    assert not any(word in caplog.text for word in ("caller's words", "team-secret", "kim@example.com"))


async def test_all_who_wait_are_served_by_one_transaction_at_once(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)

    async def answer(number: int) -> bool:
        writer.put(attempt(f"a{number}"))
        return await writer.written()

    async with asyncio.timeout(10):
        assert await asyncio.gather(*(answer(number) for number in range(100))) == [True] * 100
    assert sorted(sink.written()) == sorted(f"a{number}" for number in range(100))
    assert len(sink.batches) <= 2
    assert writer.status().unconfirmed == 0


async def test_who_waits_has_written_all_that_was_put_before_however_the_threads_meet(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)

    async def answer(number: int) -> None:
        for turn in range(50):
            writer.put(attempt(f"a{number}-{turn}"))
            assert await writer.written()
            assert f"a{number}-{turn}" in sink.written()
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await asyncio.gather(*(answer(number) for number in range(4)))


async def test_those_who_wait_in_one_turn_of_the_loop_share_a_transaction_however_long_it_takes(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=10)

    async def answer(number: int) -> None:
        time.sleep(0.02)  # noqa: ASYNC251 - the thread would have written what was put before
        writer.put(attempt(f"a{number}"))
        assert await writer.written()

    await asyncio.gather(*map(answer, range(4)))
    assert [len(batch) for batch in sink.batches] == [4]


async def test_no_caller_waits_when_there_was_never_anything_to_write(writer_of: Callable[..., GroupWriter]) -> None:
    assert await writer_of().written()


async def test_a_sink_that_hangs_is_waited_for_once_and_until_it_is_back_no_more(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(patience=0.1)
    loop = asyncio.get_running_loop()
    sink.open.clear()
    writer.put(attempt("a"))
    assert not await writer.written()
    before = loop.time()
    assert [await writer.written() for _ in range(20)] == [False] * 20
    assert loop.time() - before < 1.0, "they waited though it was known to hang"
    assert writer.status().unconfirmed == 21
    sink.open.set()
    assert not await asyncio.to_thread(writer.settle_down, 10)
    writer.put(attempt("b"))
    assert await writer.written()
    assert sink.written() == ["a", "b"]


async def test_a_sink_that_refuses_is_not_waited_for(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of(gather=30.0, patience=30.0, retry=(30.0, 30.0))
    sink.problem = OSError("full")
    writer.put(attempt("a"))
    async with asyncio.timeout(10):
        assert [await writer.written() for _ in range(20)] == [False] * 20
    assert (writer.status().unconfirmed, writer.status().problem) == (20, "full")
    assert sum("answers leave before their records are written" in message for message in caplog.messages) == 1


async def test_one_who_no_longer_waits_takes_no_other_along(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of()
    sink.open.clear()
    writer.put(attempt("a"))
    leaving, staying = (asyncio.ensure_future(writer.written()) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    sink.open.set()
    assert await staying
    assert leaving.cancelled()


def test_loops_that_come_and_go_may_all_wait(
    sink: FakeSink, writer_of: Callable[..., GroupWriter], attempt: Any
) -> None:
    writer = writer_of(gather=30.0)

    async def impatient() -> None:
        sink.open.clear()
        writer.put(attempt("left behind"))
        waiting = asyncio.ensure_future(writer.written())
        await asyncio.sleep(0.01)
        waiting.cancel()

    async def patient() -> bool:
        writer.put(attempt("waited for"))
        return await writer.written()

    asyncio.run(impatient())
    sink.open.set()
    assert asyncio.run(patient())
    assert sink.written() == ["left behind", "waited for"]
