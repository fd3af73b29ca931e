"""A client with three real upstreams, and what must be true of every request that went through it."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec

from segue import Answer, Policy, Segue, SegueError, Settings
from segue.chat.events import ChatEvent, Finished, Started, TextDelta
from segue.ledger.record import Settlement
from segue.ledger.stores.memory import MemoryStore
from segue.policy import StallPolicy
from segue.routing import resolve
from segue.routing.target import Target
from segue.secret import Secret
from segue.settings import TargetSettings
from segue.transport.default import default_transport

from .machine import MACHINE
from .upstream import PROMPT, Upstream, reference

STALL = StallPolicy(
    first_hedge=(0.5, 0.5),
    first_hedge_unknown=0.5,
    first_hedge_reasoning=0.5,
    first_give_up=1.0,
    first_give_up_reasoning=1.0,
    gap_hedge=(0.5, 0.5),
    gap_give_up=1.0,
    quiet_give_up=1.0,
    no_byte=2.0,
    drip_window=1.0,
    drip_floor=20.0,
)
POLICY = Policy(
    deadline=10.0, connect=5.0, rounds=1, quick_retry=(0.01, 0.02), seam_wait=0.05, linger=0.05, stall=STALL
)
"""The defaults made quick: what is seconds there is tenths here."""

AT_ONCE = 0.5
"""Seconds by which the end of a request may be outlived by its sockets. The promise is 0.1, which tests in virtual time hold to; here
other processes may have the machine …"""
PATIENCE = 5.0
"""… and how long they are watched at most, to say by how much it was broken."""

CHAINS = (("gemini", "claude", "openai"), ("openai", "claude", "gemini"), ("claude", "gemini", "openai"))
"""Each begins with another dialect. The second takes a prefill, so it goes on with an answer as it would begin a new one."""
MODELS = {"gemini": "gemini-2.5-flash", "openai": "gpt-4.1-mini", "claude": "claude-sonnet-4-5"}


def target(provider: str, port: int, **changes: Any) -> Target:
    base_url = f"http://127.0.0.1:{port}" + ("/v1" if provider == "openai" else "")
    settings = TargetSettings(base_url=base_url, api_key=Secret("a-key"), model=MODELS[provider], **changes)
    return resolve.target(provider, settings)


class World:
    """`providers` in the chain's order, each with its own `Upstream`."""

    def __init__(self, upstreams: dict[str, Upstream], policy: Policy, **changes: Any) -> None:
        self.upstreams = upstreams
        self.ledger = MemoryStore()
        self.client = Segue(
            Settings(policy=policy),
            targets=[target(name, upstream.port, **changes) for name, upstream in upstreams.items()],
            ledger=self.ledger,
            transport=default_transport(),
        )

    @property
    def unfinished(self) -> list[str]:
        """Who still has a connection whose answer never ended."""
        return [name for name, upstream in self.upstreams.items() for line in upstream.open if line.busy]

    async def outlived(self, since: float) -> float:
        """How many seconds after `since` the last of the sockets was closed that carried an unfinished answer.

        Not counted is the time for which the machine did not let this process run.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.unfinished:  # noqa: ASYNC110 – what is waited for happens in the kernel
                    await asyncio.sleep(0.001)
        assert not self.unfinished, f"{PATIENCE} s after the end these were still connected: {self.unfinished}"
        lines = [line for upstream in self.upstreams.values() for line in upstream.lines if line.busy]
        last = max([since, *(line.closed for line in lines if line.closed is not None)])
        return last - since - MACHINE.held_up(since, last)

    def unsettled(self) -> list[str]:
        records = self.ledger.records(limit=None)
        return [record.target for record in records if record.settlement is Settlement.RESERVED]

    def switches(self) -> list[float]:
        """Seconds from each loud failure to the arrival of the request that followed it."""
        asks = [ask for upstream in self.upstreams.values() for ask in upstream.asks]
        found = []
        for ask in asks:
            if ask.struck is not None and (later := [other.at for other in asks if other.at > ask.struck]):
                found.append(min(later) - ask.struck)
        return found


@contextlib.asynccontextmanager
async def world(
    *first: Upstream, chain: Sequence[str] = CHAINS[0], policy: Policy = POLICY, **changes: Any
) -> AsyncIterator[World]:
    """The upstreams given, then healthy ones, under the chain's names."""
    upstreams = [*first, *(Upstream() for _ in chain[len(first) :])]
    async with contextlib.AsyncExitStack() as stack:
        for upstream in upstreams:
            await stack.enter_async_context(upstream.serving())
        made = World(dict(zip(chain, upstreams, strict=True)), policy, **changes)
        try:
            yield made
        finally:
            await made.client.aclose()


async def on_each_chain(case: Callable[[tuple[str, ...]], Awaitable[None]]) -> None:
    """The same on all chains, beside each other. The first thing that is wrong is raised, with the chain it is wrong on."""

    async def run(chain: tuple[str, ...]) -> None:
        try:
            await case(chain)
        except BaseException as error:
            error.add_note(f"on the chain {' → '.join(chain)}")
            raise

    async with asyncio.TaskGroup() as group:
        for chain in CHAINS:
            group.create_task(run(chain))


class Heard(msgspec.Struct, kw_only=True):
    """What a caller got, and when the last of it."""

    events: list[ChatEvent]
    answer: Answer | None
    error: SegueError | None
    ended: float

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


async def streamed(client: Segue, prompt: str = PROMPT, **options: Any) -> Heard:
    events: list[ChatEvent] = []
    stream = client.stream(prompt, **options)
    answer, error = None, None
    try:
        async for event in stream:
            events.append(event)
        answer = stream.answer
    except SegueError as raised:
        error = raised
    return Heard(events=events, answer=answer, error=error, ended=asyncio.get_running_loop().time())


async def whole(client: Segue, prompt: str = PROMPT, **options: Any) -> Heard:
    answer, error = None, None
    try:
        answer = await client.acomplete(prompt, **options)
    except SegueError as raised:
        error = raised
    events: list[ChatEvent] = []
    if answer is not None:
        events = [Started(), TextDelta(answer.text), Finished(answer.finish_reason)]
    return Heard(events=events, answer=answer, error=error, ended=asyncio.get_running_loop().time())


ASKING: dict[str, Callable[..., Any]] = {"stream": streamed, "whole": whole}


def wrong_answer(heard: Heard, by: str, prompt: str = PROMPT) -> Iterator[str]:
    """What is wrong, if the caller should have the whole answer, exactly, once, and from `by`.

    A machine that stops for half a second makes a healthy target silent for long enough to be raced: then, and only then, the next one
    may have answered in its place.
    """
    if heard.error is not None or heard.answer is None:
        yield f"raised {heard.error!r} after {heard.text!r}"
        return
    answer, right = heard.answer, reference(prompt)
    if heard.text != right or answer.text != right:
        yield f"the text is {heard.text!r}"
    raced = any(attempt.target == by and attempt.outcome in ("stall", "cancelled") for attempt in answer.attempts)
    if answer.target != by and not raced:
        yield f"it is from {answer.target}, not from {by}"
    if answer.finish_reason != "stop":
        yield f"it ends with {answer.finish_reason}"
    kinds = [type(event) for event in heard.events]
    if [kinds.count(Started), kinds.count(Finished)] != [1, 1] or (kinds[0], kinds[-1]) != (Started, Finished):
        yield f"the events are {kinds}"


def wrong_refusal(heard: Heard, prompt: str = PROMPT) -> Iterator[str]:
    """What is wrong, if the caller should have an error, and before it nothing but the beginning of the answer."""
    if heard.error is None:
        yield f"no error, but {heard.text!r}"
    if not reference(prompt).startswith(heard.text) or heard.text != getattr(heard.error, "delivered", ""):
        yield f"shown was {heard.text!r}, and {heard.error!r} says otherwise"
    if any(isinstance(event, Finished) for event in heard.events):
        yield "the answer ends as if it were whole"


class Measures:
    """What was measured, for the summary."""

    def __init__(self) -> None:
        self.cases = 0
        self.outlived: list[float] = []
        self.cancelled: list[float] = []
        self.notes: list[str] = []

    def lines(self) -> list[str]:
        if not self.cases:
            return self.notes
        pieces = [f"{self.cases} faulty requests over real sockets answered as they should be"]
        for what, values in (
            ("last socket closed after an answer's end", self.outlived),
            ("last socket closed after a caller left", self.cancelled),
        ):
            if values:
                pieces.append(f"{what}: median {_ms(statistics.median(values))}, most {_ms(max(values))}")
        return pieces + self.notes


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


MEASURES = Measures()
