"""The checks have teeth: with one safeguard of the engine switched off at a time, a small part of the matrix or of the rules fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from segue.chat.events import Failed, Finished, FinishReason
from segue.failover.attempt import Attempt
from segue.failover.attempts import Attempts
from segue.failover.relay import Relay
from segue.failover.splice.partial_answer import PartialAnswer
from segue.failover.splice.repeat_seam import RepeatSeam
from segue.failover.splice.splice import Splice
from segue.failover.stall_timer import Watch
from segue.health.target import HEALTHY, TargetHealth
from segue.ledger.recorder import Recorder

from .answers import REFERENCES
from .cases import play, possible
from .faults import act
from .histories import live
from .invariants import violations, violations_of
from .provider import Provider, Strike
from .world import World, run

pytestmark = pytest.mark.long

Switch = Callable[[pytest.MonkeyPatch], None]


def trims_nothing(patch: pytest.MonkeyPatch) -> None:
    """The seam passes everything on."""
    patch.setattr(RepeatSeam, "feed", lambda self, text: text)
    patch.setattr(RepeatSeam, "flush", lambda self, *, final=False: "")


def takes_bytes_for_content(patch: pytest.MonkeyPatch) -> None:
    """Keep-alives count as progress."""
    patch.setattr(Watch, "received", Watch.resume)


def believes_any_end(patch: pytest.MonkeyPatch) -> None:
    """A stream that just ends counts as a whole answer."""

    def receive(self: Relay, attempt: Attempt, event: Any) -> None:
        if isinstance(event, Failed) and attempt is self._delivery.attempt:
            event = Finished(FinishReason.STOP)
        original(self, attempt, event)

    original = Relay._receive
    patch.setattr(Relay, "_receive", receive)


def believes_an_empty_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PartialAnswer, "verdict", lambda self, finish, validate: None)


def forgets_to_settle(patch: pytest.MonkeyPatch) -> None:
    """Failed attempts are never booked."""

    def ended(self: Recorder, end: Any) -> None:
        if end.outcome in ("ok", "cancelled"):
            original(self, end)

    original = Recorder.attempt_ended
    patch.setattr(Recorder, "attempt_ended", ended)


def lets_losers_run(patch: pytest.MonkeyPatch) -> None:
    """A hedge's loser is booked but not stopped."""

    def stop(self: Attempt) -> None:
        self.over = True

    patch.setattr(Attempt, "stop", stop)


def asks_the_open(patch: pytest.MonkeyPatch) -> None:
    """The breaker is not checked before asking."""
    patch.setattr(TargetHealth, "look", lambda self, now: HEALTHY)


def keeps_going_on(patch: pytest.MonkeyPatch) -> None:
    """Structured output and whole answers are not held back."""
    original = Splice.__init__

    def init(self: Splice, *, hold: bool, **options: Any) -> None:
        original(self, hold=False, **options)

    patch.setattr(Splice, "__init__", init)


def counts_the_first_prompt_only(patch: pytest.MonkeyPatch) -> None:
    """A continuation is booked with the original prompt's tokens."""
    original = Attempts.start

    def start(self: Attempts, entry: Any, part: Any, **options: Any) -> None:
        original(self, entry, part._replace(tokens=self._tokens), **options)

    patch.setattr(Attempts, "start", start)


def gives_again(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes over gives its caller again what the fast path has given."""
    original = Relay.adopt
    patch.setattr(
        Relay, "adopt", lambda self, attempt, batches, arrived, _: original(self, attempt, batches, arrived, 0)
    )


def forgets_what_arrived(patch: pytest.MonkeyPatch) -> None:
    """A relay that takes over does not know what the fast path has read."""
    original = Relay.adopt
    patch.setattr(Relay, "adopt", lambda self, attempt, batches, _, given: original(self, attempt, batches, (), given))


def cases(fault: str, *phases: str, mode: str = "stream") -> Callable[[], Iterable[str]]:
    def found() -> Iterable[str]:
        for case in possible()[0]:
            if case.fault == fault and case.phase in phases and case.mode == mode:
                yield from play(case)[1]

    return found


def silent_race() -> list[str]:
    """A silent target and the one that wins against it."""

    async def story() -> list[str]:
        world = World(
            Provider("a", "openai_chat", act, lambda number, now: Strike("hang", "headers")),
            Provider("b", "claude", act),
        )
        outcome = await world.ask(REFERENCES["prose"])
        await world.settle()
        return [*violations(world, outcome), *violations_of(world)]

    try:
        return run(story())
    except AssertionError as left_behind:
        return [str(left_behind)]


def downtime() -> list[str]:
    """A target that is down for long."""

    async def story() -> list[str]:
        down = Provider("a", "openai_chat", act, lambda number, now: Strike("unavailable", "headers"))
        world = World(down, Provider("b", "claude", act))
        for _ in range(6):
            await world.ask(REFERENCES["prose"])
            await asyncio.sleep(0.1)
        await world.settle()
        return [*violations_of(world)]

    return run(story())


MUTATIONS: list[tuple[Switch, Callable[[], Iterable[str]]]] = [
    (trims_nothing, cases("replayed tail", "mid-word")),
    (trims_nothing, cases("silent restart", "mid-word")),
    (takes_bytes_for_content, cases("pings", "preamble")),
    (believes_any_end, cases("eof", "mid-word")),
    (believes_an_empty_answer, cases("empty stop", "headers")),
    (forgets_to_settle, cases("unavailable", "headers")),
    (lets_losers_run, silent_race),
    (asks_the_open, downtime),
    (keeps_going_on, cases("eof", "mid-word", mode="hold")),
    (counts_the_first_prompt_only, cases("eof", "mid-word")),
    (gives_again, cases("eof", "mid-word")),
    (forgets_what_arrived, cases("eof", "mid-word")),
]


@pytest.mark.parametrize(
    ("switch", "subset"), MUTATIONS, ids=[f"{switch.__name__}-{n}" for n, (switch, _) in enumerate(MUTATIONS)]
)
def test_a_safeguard_that_is_switched_off_is_missed(
    switch: Switch, subset: Callable[[], Iterable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [*subset()], "the subset holds as long as nothing is switched off"
    switch(monkeypatch)
    assert [*subset()]


@pytest.mark.parametrize(("switch", "subset"), MUTATIONS[:-2], ids=[f"{n}" for n in range(len(MUTATIONS) - 2)])
def test_it_is_missed_without_the_fast_path_too(
    switch: Switch, subset: Callable[[], Iterable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(World, "fast_steps", 0)
    test_a_safeguard_that_is_switched_off_is_missed(switch, subset, monkeypatch)


def test_random_histories_miss_the_breaker_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asks_the_open(monkeypatch)
    assert any(live(seed)[1] for seed in range(40))
