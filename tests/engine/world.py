"""A world in virtual time: fake providers behind an in-memory transport, one engine with its health, ledger and budget.

`run` gives a coroutine an event loop whose clock jumps to the next timer, so that an hour of trouble takes milliseconds. A request is
asked with `World.ask`; what became of it is an `Outcome`, which `invariants.violations` looks at together with the world.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import looptime
import msgspec

from segue.catalog.prices import UnitPrices
from segue.chat.events import ChatEvent, Finished, FinishReason, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.failure import Failure
from segue.errors import SegueError
from segue.failover.engine import Engine
from segue.failover.fast_path import Carrier, start
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.failover.job import Job
from segue.failover.upstream import HttpUpstream
from segue.health.book import HealthBook
from segue.health.breaker import Permit
from segue.health.target import HealthKeys
from segue.ledger.billing import owed
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.record import AttemptRecord
from segue.ledger.recorder import Recorder
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy
from segue.transport.memory import MemoryExchange, MemoryTransport, Reply
from segue.wire.codec import WireRequest
from segue.wire.dialects import upstream

from .answers import Reference
from .provider import Provider, Service

T = TypeVar("T")

EPOCH = 1_795_000_000.0
"""The wall clock when the virtual clock is 0: 18 November 2026."""

PRICES = {"*": UnitPrices(input=Decimal("0.000001"), output=Decimal("0.000004"))}


class _Loop(looptime.LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """Nothing comes from outside, so no idle turns are needed before time moves on."""

    def __init__(self) -> None:
        super().__init__(start=0.0, noop_cycles=0)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in virtual time, and fails if it leaves a task behind."""
    loop = _Loop()
    try:
        result = loop.run_until_complete(work)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        assert not left, f"left behind: {left}"
        return result
    finally:
        loop.close()


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one request. Moments are the loop's."""

    number: int
    reference: Reference
    job: Job
    relay: Carrier
    began: float
    ended: float = 0.0
    events: list[ChatEvent] = []
    error: SegueError | None = None
    cancelled: bool = False
    starts: list[tuple[float, AttemptStart]] = []
    ends: list[tuple[float, AttemptEnd]] = []
    barred: set[str] = set()
    """Targets that were not to be asked at some moment of it: at its beginning, or when another attempt began or failed."""
    askable: list[tuple[float, str]] = []
    """Failures after which nothing ran, although a target that had not been asked yet could have been: when, and which."""

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ThinkingDelta))

    @property
    def calls(self) -> list[ToolCalled]:
        return [event for event in self.events if isinstance(event, ToolCalled)]

    @property
    def answered(self) -> bool:
        return self.error is None and not self.cancelled

    @property
    def refused(self) -> bool:
        """The answer is a model's refusal."""
        last = self.events[-1] if self.events else None
        return isinstance(last, Finished) and last.reason is FinishReason.CONTENT_FILTER

    @property
    def tried(self) -> list[str]:
        """The targets that were asked, in order."""
        return [start.target.name for _, start in self.starts]


class WatchedBook(HealthBook):
    """Notes each request that went to a target which was not to be asked."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy.breaker)
        self.trespasses: list[str] = []
        self.probes: set[str] = set()
        """The attempts that were probes."""
        self.last = Permit.YES
        self._resorted: tuple[HealthKeys, float] | None = None

    def last_resort(self, keys: HealthKeys, now: float) -> bool:
        granted = super().last_resort(keys, now)
        if granted:
            self._resorted = keys, now
        return granted

    def admit(self, keys: HealthKeys, now: float) -> Permit:
        permit = super().admit(keys, now)
        if permit is Permit.NO and (self._resorted is None or self._resorted[0] != keys):
            self.trespasses.append(f"{keys.endpoint} was asked at {now:.2f} although it was barred")
        self._resorted = None
        self.last = permit
        return permit

    def admit_freely(self, keys: HealthKeys, now: float) -> bool:
        granted = super().admit_freely(keys, now)
        if granted:
            self._resorted = None
            self.last = Permit.YES
        return granted


class CountingStore(MemoryStore):
    """Counts the settlements of each attempt, also those that the books ignore."""

    def __init__(self) -> None:
        super().__init__(limit=None)
        self.settlements: dict[str, int] = {}

    def settle(self, record: AttemptRecord) -> None:
        self.settlements[record.attempt_id] = self.settlements.get(record.attempt_id, 0) + 1
        super().settle(record)


class World:
    """Providers by name, in the chain's order, and the engine that asks them."""

    fast_steps = math.inf
    """How many steps a request may take on the fast path."""
    takes = True
    """Whether its reader takes text at once."""

    def __init__(self, *providers: Provider, policy: Policy | None = None, seed: int = 0, enough: int = 20) -> None:
        self.providers = {provider.name: provider for provider in providers}
        self.policy = policy or Policy()
        self.transport = MemoryTransport(self._serve)
        self.store = CountingStore()
        self.health = WatchedBook(self.policy)
        self.outcomes: list[Outcome] = []
        self._beside_probes: set[str] = set()
        self._by_request: dict[str, Outcome] = {}
        self._loop = asyncio.get_running_loop()
        self._ids = iter(range(10**9))
        self._hosts = {f"{name}.test": provider for name, provider in self.providers.items()}
        for provider in providers:
            provider.shown = lambda number: self.outcomes[number].text
        self._recorder = Recorder(Bookkeeper(self.store, overrides=PRICES))
        self.engine = Engine(
            lambda target: HttpUpstream(target, upstream(target.dialect), self.transport, self.wall),
            health=self.health,
            enough=enough,
            listeners=(self._recorder, self),
            wall=self.wall,
            rng=random.Random(seed),
            new_id=lambda: f"id{next(self._ids)}",
            fast_steps=self.fast_steps,
        )

    def wall(self) -> float:
        return EPOCH + self._loop.time()

    async def ask(
        self,
        reference: Reference,
        *,
        hold: bool = False,
        targets: Sequence[str] = (),
        policy: Policy | None = None,
        cancel_after: float | None = None,
        read: Callable[[Outcome], Coroutine[Any, Any, None]] | None = None,
        validate: Callable[[str], str | None] | None = None,
        **options: Any,
    ) -> Outcome:
        """Asks for the reference answer and reads it to its end, or for so many seconds. `read` is awaited after each batch."""
        number = len(self.outcomes)
        names = targets or tuple(self.providers)
        job = Job(
            request=reference.request(number, **options),
            targets=tuple(self.providers[name].target for name in names),
            policy=policy or self.policy,
            hold=hold or reference.output is not None,
            validate=validate,
        )
        relay = start(self.engine, job)
        outcome = Outcome(number=number, reference=reference, job=job, relay=relay, began=self._loop.time())
        self.outcomes.append(outcome)
        self._by_request[relay.report.request_id] = outcome
        self._note_barred(outcome)

        def take(event: ChatEvent) -> Coroutine[Any, Any, None] | None:
            outcome.events.append(event)
            return None if read is None else read(outcome)

        try:
            async with asyncio.timeout(cancel_after):
                while batch := await relay.next(take if self.takes else None):
                    outcome.events += batch
                    if read is not None:
                        await read(outcome)
        except SegueError as error:
            outcome.error = error
        except TimeoutError:
            outcome.cancelled = True
        outcome.ended = self._loop.time()
        return outcome

    async def settle(self) -> None:
        """Lets a tenth of a second pass, by which everything of the requests must be gone, and adds up who did and booked what."""
        await asyncio.sleep(0.1)
        self._services: dict[int, list[Service]] = {}
        for provider in self.providers.values():
            for service in provider.services:
                self._services.setdefault(service.number, []).append(service)
        self._costs: dict[str, dict[str, Decimal]] = {}
        for record in self.store.records(limit=None):
            costs = self._costs.setdefault(record.request_id, {})
            costs[record.target] = costs.get(record.target, Decimal(0)) + (owed(record) or Decimal(0))

    def beside_a_probe(self, attempt_id: str) -> bool:
        """Whether an attempt was started beside a probe, which costs the hedge budget nothing."""
        return attempt_id in self._beside_probes

    def services(self, outcome: Outcome) -> list[Service]:
        """What the providers did for a request."""
        return self._services.get(outcome.number, [])

    def cost(self, outcome: Outcome) -> dict[str, Decimal]:
        """What was booked for a request, by target."""
        return self._costs.get(outcome.relay.report.request_id, {})

    # The engine's listener.

    def attempt_started(self, start: AttemptStart) -> None:
        outcome = self._by_request[start.request_id]
        self._note_barred(outcome)
        outcome.starts.append((self._loop.time(), start))
        ended = {end.start.attempt_id for _, end in outcome.ends}
        if any(
            other.attempt_id in self.health.probes and other.attempt_id not in ended for _, other in outcome.starts[:-1]
        ):
            self._beside_probes.add(start.attempt_id)
        if self.health.last is Permit.PROBE:
            self.health.probes.add(start.attempt_id)

    def attempt_ended(self, end: AttemptEnd) -> None:
        now = self._loop.time()
        outcome = self._by_request[end.start.request_id]
        outcome.ends.append((now, end))
        self._note_barred(outcome)
        if (
            isinstance(end.failure, Failure)
            and len(outcome.starts) == len(outcome.ends)
            and (name := self._waiting(outcome, now))
        ):
            outcome.askable.append((now, name))

    def _note_barred(self, outcome: Outcome) -> None:
        now, tokens = self._loop.time(), self.engine.count_tokens(outcome.job.request)
        for target in outcome.job.targets:
            if self.engine.look(target, tokens, now).barred:
                outcome.barred.add(target.name)

    def _waiting(self, outcome: Outcome, now: float) -> str:
        """The first target of a request's chain that has not been asked for it and might be."""
        tokens = self.engine.count_tokens(outcome.job.request)
        for target in outcome.job.targets if outcome.job.policy.fallback else ():
            if target.name not in outcome.tried and not self.engine.look(target, tokens, now).barred:
                return target.name
        return ""

    def _serve(self, wire: WireRequest) -> Reply:
        host = wire.url.split("/")[2]
        exchange: MemoryExchange = self.transport.requests[-1]
        return self._hosts[host].answer(wire, exchange, self._loop.time())
