"""From the engine to the books."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from segue.catalog.models import find_model
from segue.catalog.prices import UnitPrices
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import Usage
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger import recorder as module
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.record import Settlement
from segue.ledger.recorder import Recorder
from segue.ledger.stores.memory import MemoryStore
from segue.routing.target import Target

PRICES = {"gemini/*": UnitPrices(input=Decimal("0.01"), output=Decimal("0.1"))}
TARGET = Target(
    name="g", provider="gemini", dialect="gemini", model=find_model("gemini", "gemini-3.5-flash"), base_url="http://g"
)


def start(attempt: str, request: str = "r") -> AttemptStart:
    return AttemptStart(
        attempt_id=attempt,
        request_id=request,
        target=TARGET,
        chain="default",
        wall=1_780_056_000.0,
        prompt_tokens=10,
        max_tokens=5,
        hedge=False,
        continuation=False,
        metadata={"user": "u"},
    )


def answered(began: AttemptStart) -> AttemptEnd:
    usage = Usage(input_tokens=10, output_tokens=2)
    return AttemptEnd(start=began, outcome="ok", seconds=1.0, usage=usage, usage_is_final=True, status=200, shown=True)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def recorder(store: MemoryStore) -> Recorder:
    return Recorder(Bookkeeper(store, overrides=PRICES))


def test_an_attempt_is_reserved_when_it_starts_and_settled_when_it_ends(recorder: Recorder, store: MemoryStore) -> None:
    began = start("a")
    recorder.attempt_started(began)
    (reserved,) = store.records()
    assert (reserved.settlement, reserved.outcome, reserved.bound) == (Settlement.RESERVED, "pending", Decimal("0.7"))
    recorder.attempt_ended(answered(began))
    (record,) = store.records()
    assert (record.settlement, record.cost, record.shown) == (Settlement.SETTLED, Decimal("0.3"), True)
    assert record.metadata == {"user": "u"}


def test_a_requests_cost_is_that_of_all_its_attempts_and_is_reported_once(recorder: Recorder) -> None:
    for attempt in ("a", "b"):
        recorder.attempt_started(start(attempt))
        recorder.attempt_ended(answered(start(attempt)))
    assert recorder.take_cost("r") == (Decimal("0.6"), Decimal("0.6"))
    assert recorder.take_cost("r") == (0, 0)


def test_an_estimate_and_its_bound_are_two_sums(recorder: Recorder) -> None:
    for attempt in ("a", "b"):
        recorder.attempt_started(start(attempt))
    recorder.attempt_ended(answered(start("a")))
    recorder.attempt_ended(AttemptEnd(start=start("b"), outcome="broken", seconds=0.1, sent=True, text="two words"))
    cost, bound = recorder.take_cost("r")
    assert cost is not None
    assert bound == Decimal("0.3") + Decimal("0.7")
    assert Decimal("0.3") < cost < bound


def test_an_attempt_without_a_price_makes_the_requests_cost_unknown(store: MemoryStore) -> None:
    recorder = Recorder(Bookkeeper(store, overrides={"other/*": PRICES["gemini/*"]}))
    unknown = AttemptStart(
        **{name: getattr(start("a"), name) for name in AttemptStart.__struct_fields__}
        | {
            "target": Target(
                name="x", provider="x", dialect="openai_chat", model=find_model("x", "y"), base_url="http://x"
            )
        }
    )
    recorder.attempt_started(unknown)
    recorder.attempt_ended(answered(unknown))
    assert recorder.take_cost("r") == (None, None)


def test_what_was_refused_costs_nothing_and_keeps_its_reason(recorder: Recorder, store: MemoryStore) -> None:
    began = start("a")
    recorder.attempt_started(began)
    failure = Failure(kind=FailureKind.RATE, message="slow down", status=429)
    recorder.attempt_ended(AttemptEnd(start=began, outcome="rate", seconds=0.1, failure=failure, status=429))
    (record,) = store.records()
    assert (record.settlement, record.cost, record.reason) == (Settlement.FREE, Decimal(0), "slow down")


def test_costs_that_are_not_asked_for_do_not_pile_up(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COSTS_KEPT", 3)
    for number in range(5):
        began = start(f"a{number}", f"r{number}")
        recorder.attempt_started(began)
        recorder.attempt_ended(answered(began))
    assert recorder.take_cost("r0").cost == 0
    assert recorder.take_cost("r4").cost == Decimal("0.3")


async def test_no_caller_waits_for_the_price_list_and_nothing_is_lost_meanwhile(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Bookkeeper(store, overrides=PRICES)
    recorder = Recorder(books)
    reading = threading.Event()
    warm: Callable[..., None] = lambda models, *, wall: reading.wait(5.0) and None  # noqa: E731
    monkeypatch.setattr(books, "warm", warm)
    recorder.warm_aside([("gemini", "gemini-3.5-flash")], wall=0.0)
    recorder.attempt_started(start("a"))
    recorder.attempt_ended(answered(start("a")))
    (record,) = store.records()
    assert (record.settlement, record.bound) == (Settlement.RESERVED, None)
    reading.set()
    await recorder.caught_up()
    (record,) = store.records()
    assert (record.settlement, record.cost) == (Settlement.SETTLED, Decimal("0.3"))
    assert recorder.take_cost("r").cost == Decimal("0.3")


async def test_prices_that_cannot_be_read_hold_no_caller_up(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Bookkeeper):
        def price_of(self, provider: str, model: str, wall: float) -> UnitPrices | None:
            raise ImportError("the price list is gone")

    recorder = Recorder(Broken(MemoryStore()))
    go = threading.Event()
    monkey = recorder._books.warm
    recorder._books.warm = lambda *args, **options: (go.wait(5.0), monkey(*args, **options))  # type: ignore[method-assign,assignment]
    recorder.warm_aside([("gemini", "m")], wall=0.0)
    recorder.attempt_started(start("a"))
    recorder.attempt_ended(AttemptEnd(start=start("a"), outcome="ok", seconds=1.0))
    go.set()
    await asyncio.wait_for(recorder.caught_up(), 5.0)
    assert "the price list is gone" in caplog.text


FORKED = """
import asyncio
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.recorder import Recorder
from segue.ledger.stores.memory import MemoryStore

class Slow(Bookkeeper):
    def warm(self, models, *, wall):
        time.sleep(0.3)

recorder = Recorder(Slow(MemoryStore()))
recorder.warm_aside([], wall=0.0)
if not (child := os.fork()):
    async def wait():
        try:
            await asyncio.wait_for(recorder.caught_up(), 5.0)
            os._exit(0)
        finally:
            os._exit(1)
    asyncio.run(wait())
assert os.waitpid(child, 0)[1] == 0, "the child waits for a thread that it does not have"
"""


def test_a_fork_while_prices_are_read_waits_for_them(python: Any, finished: Any) -> None:
    finished(python(FORKED))
