"""The drill itself: one request for each fault, each with its own client and stand-ins, so that none learns from another.

What is measured is what a caller sees. The moment at which a fault struck is taken for the last that was heard of the broken target:
the text that came before, or its request where no text came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import msgspec

from segue.chat.events import TextDelta
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.client import Segue
from segue.errors import ConfigurationError, InvalidRequestError, LLMServiceUnavailableError
from segue.failover.hooks import AttemptEnd, AttemptStart
from segue.ledger.stores.memory import MemoryStore
from segue.policy import Policy, StallPolicy
from segue.sandbox import Sandbox
from segue.sandbox.answers.replies import reply_to
from segue.sandbox.faults import KINDS, parse_fault
from segue.settings import Settings
from segue.settings_loading import load

PROMPT = "Count."
RIGHT = reply_to(ChatRequest(messages=(user(PROMPT),)), "numbered").text
"""Numbered tokens: what is missing or comes twice is seen."""
PACE = 0.002
"""Seconds between the tokens of a stand-in."""
NEXT_AFTER = 0.3
"""Seconds after which the next fault is begun though one is still waited out: only those that are silent take longer."""
QUICK = 0.1
"""What `--quick` multiplies the timers of silence by."""


class DrillOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one fault.

    `switched_in` is in seconds from the last that was heard of the broken target to the request that another answered, None if none
    was needed; `longest_pause` the longest time without text in the caller's stream. `cost` is in US dollars, for all attempts
    together, `extra` what of it the fault caused; `bound` is the most that can have been billed, higher where an attempt left no report.
    """

    fault: str
    help: str
    whole: bool
    exact: bool
    target: str = ""
    switched_in: float | None = None
    longest_pause: float | None = None
    seconds: float = 0.0
    seams: int = 0
    hedges: int = 0
    attempts: list[str] = []
    cost: Decimal | None = None
    extra: Decimal | None = None
    bound: Decimal | None = None
    error: str = ""

    @property
    def survived(self) -> bool:
        return self.whole and self.exact

    @property
    def verdict(self) -> str:
        if self.survived:
            return "whole, exact"
        return "NOT EXACT" if self.whole else "AN ERROR"


class _Watch:
    """A listener that notes when each attempt was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        self.attempts: list[str] = []

    def attempt_started(self, start: AttemptStart) -> None:
        self.sent.append((time.perf_counter(), start.target.name))

    def attempt_ended(self, end: AttemptEnd) -> None:
        self.attempts.append(f"{end.start.target.name}: {end.outcome}")


class Drill:
    """`faults` are names or writings of the sandbox's faults, all if there are none. Raises `ConfigurationError` for others."""

    def __init__(self, faults: Sequence[str], *, chain: str | None, quick: bool) -> None:
        self.quick = quick
        self._faults = {name: parse_fault(name).kind.help for name in faults or KINDS}
        self._settings = _settings(chain, quick=quick)
        self.chain = self._settings.chain
        if len(self.chain) < 2:
            raise ConfigurationError(f"a chain of one has nothing to go on with: name more than {self.chain[0]!r}")
        self.usual_cost: Decimal | None = None

    @property
    def timing(self) -> str:
        """What to say of how long it takes."""
        pace = "a tenth of the usual patience with silence" if self.quick else "the usual patience with silence"
        ways = "1 way" if len(self._faults) == 1 else f"{len(self._faults)} ways"
        return f"{' → '.join(self.chain)}, {self.chain[0]} breaks in {ways}; {pace}"

    def run(self, progress: Callable[[int, int], None]) -> list[DrillOutcome]:
        """Plays all faults. `progress` is called with how many are done, and of how many."""
        return asyncio.run(self._run(progress))

    async def _run(self, progress: Callable[[int, int], None]) -> list[DrillOutcome]:
        healthy = await self._play("")
        self.usual_cost = healthy.cost
        running: list[asyncio.Task[DrillOutcome]] = []
        for name in self._faults:
            task = asyncio.create_task(self._play(name))
            running.append(task)
            task.add_done_callback(lambda _: progress(sum(one.done() for one in running), len(self._faults)))
            await asyncio.wait([task], timeout=NEXT_AFTER)
        return [await task for task in running]

    async def _play(self, fault: str) -> DrillOutcome:
        watch, ledger = _Watch(), MemoryStore()
        async with Sandbox(delay=PACE, reply="numbered") as box:
            settings = await asyncio.to_thread(box.settings, self._settings, every=True)
            if fault:
                await asyncio.to_thread(box.break_provider, self.chain[0], fault)
            client = Segue(settings, ledger=ledger, listeners=[watch])
            try:
                return await self._ask(client, watch, fault)
            finally:
                await client.aclose()

    async def _ask(self, client: Segue, watch: _Watch, fault: str) -> DrillOutcome:
        texts: list[tuple[float, str]] = []
        began = time.perf_counter()
        answer, error = None, ""
        stream = client.stream(PROMPT, chain=self.chain)
        try:
            async for event in stream:
                if isinstance(event, TextDelta):
                    texts.append((time.perf_counter(), event.text))
            answer = stream.answer
        except (LLMServiceUnavailableError, InvalidRequestError) as raised:
            error = str(raised)
        ended = time.perf_counter()
        target = answer.target if answer is not None else ""
        moments = [began, *(at for at, _ in texts), ended]
        records = client.ledger.records(limit=None)
        cost = _sum([record.cost for record in records])
        return DrillOutcome(
            fault=fault,
            help=self._faults.get(fault, ""),
            whole=answer is not None and answer.finish_reason == "stop",
            exact="".join(text for _, text in texts) == RIGHT,
            target=target,
            switched_in=self._switched_in(watch, texts, target),
            longest_pause=max(later - sooner for sooner, later in pairwise(moments)),
            seconds=ended - began,
            seams=answer.seams if answer is not None else 0,
            hedges=answer.hedges if answer is not None else 0,
            attempts=watch.attempts,
            cost=cost,
            extra=None if cost is None or self.usual_cost is None else max(Decimal(0), cost - self.usual_cost),
            bound=_sum([record.most for record in records]),
            error=error,
        )

    def _switched_in(self, watch: _Watch, texts: Sequence[tuple[float, str]], target: str) -> float | None:
        if target in ("", self.chain[0]):
            return None
        asked = next(at for at, name in watch.sent if name == target)
        heard = [at for at, name in watch.sent if name != target and at < asked]
        heard += [at for at, _ in texts if at < asked]
        return asked - max(heard)


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """What the books say of all attempts; None where a price is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _settings(chain: str | None, *, quick: bool) -> Settings:
    """The user's, with the chain that is asked for as the default one."""
    settings = load()
    policy = settings.policy
    names = settings.chain
    if chain is not None and chain in settings.chains:
        names, policy = settings.chains[chain].targets, settings.chains[chain].policy
    elif chain is not None:
        names = tuple(name.strip() for name in chain.split(",") if name.strip())
    return msgspec.structs.replace(settings, chain=names, policy=_hurried(policy) if quick else policy)


def _hurried(policy: Policy) -> Policy:
    """The same patience in proportion, a tenth of it."""
    stall = policy.stall
    timers = {
        name: getattr(stall, name) for name in StallPolicy.__struct_fields__ if name not in ("enough", "drip_floor")
    }
    shorter = {
        name: tuple(QUICK * one for one in value) if isinstance(value, tuple) else QUICK * value
        for name, value in timers.items()
    }
    return policy.replace(stall=msgspec.structs.replace(stall, **shorter))
