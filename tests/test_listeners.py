"""What listeners get of a request, by the real engine over simulated providers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from segue import LLMServiceUnavailableError, Sandbox
from segue.client import Segue
from segue.failover.hooks import AttemptEnd, AttemptStart, RequestEnd, RequestStart
from segue.ledger.record import AttemptRecord
from segue.settings_loading import load


class Watcher:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def request_started(self, start: RequestStart) -> None:
        self.heard.append(start)

    def request_ended(self, end: RequestEnd) -> None:
        self.heard.append(end)

    def attempt_started(self, start: AttemptStart) -> None:
        self.heard.append(start)

    def attempt_ended(self, end: AttemptEnd) -> None:
        self.heard.append(end)

    def attempt_booked(self, end: AttemptEnd, record: AttemptRecord) -> None:
        self.heard.append(record)

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.heard if type(each) is kind]


class Broken(Watcher):
    def request_started(self, start: RequestStart) -> None:
        raise RuntimeError("watching goes wrong")

    request_ended = attempt_booked = request_started  # type: ignore[assignment]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def segue(box: Sandbox, watcher: Watcher) -> Segue:
    for name in box.providers:
        box.heal(name)
    settings = box.settings(load({"SEGUE_LEDGER": "none", "SEGUE_CHAIN": "gemini,openai"}, directory="/nonexistent"))
    return Segue(settings, listeners=[Broken(), watcher])


async def test_a_request_is_reported_from_its_start_to_its_end_with_its_attempts_between(
    segue: Segue, watcher: Watcher, box: Sandbox
) -> None:
    await segue.warm_up()
    box.break_provider("gemini", "unavailable")
    answer = await segue.acomplete("Hello", metadata={"who": "me"})
    await segue.aclose()
    start, *between, end = watcher.heard
    assert isinstance(start, RequestStart)
    assert isinstance(end, RequestEnd)
    assert (start.request_id, start.chain, start.target.name) == (answer.request_id, "default", "gemini")
    assert (start.request.messages[0].text, start.metadata) == ("Hello", {"who": "me"})
    assert (end.start, end.outcome, end.target, end.error) == (start, "ok", "openai", None)
    assert (end.text, end.usage) == (answer.text, answer.usage)
    assert end.attempts == answer.attempts
    assert end.first_content is not None
    assert 0 < end.first_content <= end.seconds
    assert [each.after for each in watcher.of(AttemptStart)] == ["", "gemini"]
    kinds = [type(each) for each in between]
    assert kinds.count(AttemptStart) == kinds.count(AttemptEnd) == kinds.count(AttemptRecord) == len(answer.attempts)
    booked = watcher.of(AttemptRecord)
    assert [record.attempt_id for record in booked] == [attempt.attempt_id for attempt in answer.attempts]
    assert sum((record.cost for record in booked), Decimal(0)) == answer.cost


async def test_a_reader_who_leaves_has_cancelled_and_one_who_is_refused_has_the_error(
    segue: Segue, watcher: Watcher, box: Sandbox
) -> None:
    box.break_provider("gemini", "freeze")
    stream = segue.stream("Hello")
    await stream.batch()
    await stream.aclose()
    await stream.aclose()
    for name in ("gemini", "openai"):
        box.break_provider(name, "auth")
    with pytest.raises(LLMServiceUnavailableError) as caught:
        await segue.acomplete("Hello")
    await segue.aclose()
    left, refused = watcher.of(RequestEnd)
    assert (left.outcome, left.target, left.error) == ("cancelled", "gemini", None)
    assert (refused.outcome, refused.target, refused.error) == ("failed", "", caught.value)
    assert [attempt.outcome for attempt in refused.attempts] == ["auth", "auth"]
