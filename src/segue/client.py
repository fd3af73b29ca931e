"""`Segue`: the library's entry. It composes settings, engine, transport and ledger; every face is built on it.

A client is a chain of one or more targets. Synchronous calls run on a loop in a thread of the client's own; asynchronous ones in the
caller's loop, however many there are one after another.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

import msgspec

from segue.catalog.prices import read_overrides
from segue.catalog.providers import PROVIDERS, Provider
from segue.chat.events import ChatEvent, Finished, FinishReason, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.messages import Message, Text, Thinking, ToolCall, system, user
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import AttemptSummary, ConfigurationError
from segue.failover.attempt import HttpUpstream, Upstream
from segue.failover.engine import Engine, Job
from segue.failover.listener import Listener
from segue.failover.relay import Relay
from segue.health.book import HealthBook
from segue.health.quota import QuotaKey
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.quotas import QuotaKeeper
from segue.ledger.recorder import Recorder
from segue.ledger.store import LedgerStore
from segue.ledger.stores.opening import shared_store
from segue.policy import Policy
from segue.routing import resolve
from segue.routing.target import Target
from segue.settings import Settings, load
from segue.transport.aio import AioTransport
from segue.transport.base import Transport
from segue.wire.dialects import upstream

Prompt: TypeAlias = str | Sequence[Message]
T = TypeVar("T")

_POLICY_FIELDS = frozenset(Policy.__struct_fields__)
_REQUEST_FIELDS = frozenset(ChatRequest.__struct_fields__) - {"messages"}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer.

    `target` and `model` say who gave it (who finished it, if there was a seam). `usage` sums what the attempts that spoke reported.
    `cost` is what all attempts of the request cost together, in US dollars; None where a price is unknown. `seams` counts where
    another target went on in mid-text; `omitted` names parameters that the model does not take. `simulated`: a local stand-in spoke,
    no model.
    """

    text: str
    finish_reason: FinishReason
    target: str
    model: str
    request_id: str
    attempts: tuple[AttemptSummary, ...]
    usage: Usage
    cost: Decimal | None
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: tuple[Thinking, ...] = ()
    refusal: str = ""
    seams: int = 0
    hedges: int = 0
    rounds: int = 1
    omitted: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def message(self) -> Message:
        """The answer as a message, to go on with the conversation."""
        text = (Text(self.text),) if self.text else ()
        return Message("assistant", (*self.thinking, *text, *self.tool_calls))


class AnswerStream:
    """An answer as it comes: iterate over its events, with `for` or `async for`, then read `answer`.

    Leave it early only through `close()`, `aclose()` or a `with` block: that is what stops the provider.
    """

    def __init__(self, client: Segue, start: Callable[[], Relay]) -> None:
        self._client = client
        self._start = start
        self._relay: Relay | None = None
        self._events: list[ChatEvent] = []
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises `RuntimeError` before the stream has ended."""
        if self._answer is None:
            raise RuntimeError("the answer is not whole yet: read the stream to its end first")
        return self._answer

    async def batch(self) -> list[ChatEvent]:
        """The events that have come since, at least one; [] at the end. The fastest way to read."""
        if self._relay is None:
            self._relay = self._start()
        events = await self._relay.next()
        self._events += events
        if events and isinstance(events[-1], Finished):
            self._answer = self._client._answer(self._relay, self._events)
        return events

    async def __aiter__(self) -> AsyncIterator[ChatEvent]:
        try:
            while events := await self.batch():
                for event in events:
                    yield event
        finally:
            await self.aclose()

    def __iter__(self) -> Iterator[ChatEvent]:
        try:
            while events := self._client._run(self.batch()):
                yield from events
        finally:
            self.close()

    async def aclose(self) -> None:
        """Stops the answer, and waits until its connections are closed."""
        if self._relay is not None:
            self._relay.close()
            await self._relay.closed()

    def close(self) -> None:
        """`aclose` for synchronous readers."""
        if self._relay is not None:
            self._client._run(self.aclose())

    async def __aenter__(self) -> AnswerStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Segue:
    """LLM calls that carry on when a provider drops out.

    `settings` default to the environment's. `targets` replaces the settings' targets by ready ones, in the chain's order. `ledger` is
    where attempts are booked, by default where the settings say. `listeners` are told of every attempt. `transport` is for tests.

    Raises `ConfigurationError` when a setting is wrong, and when a call finds no target with a key.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        targets: Sequence[Target] | None = None,
        providers: dict[str, Provider] | None = None,
        upstreams: dict[str, Upstream] | None = None,
        ledger: LedgerStore | None = None,
        listeners: Iterable[Listener] = (),
        transport: Transport | None = None,
    ) -> None:
        self.settings = settings if settings is not None else load()
        self._providers = PROVIDERS if providers is None else providers
        self._given = {target.name: target for target in targets} if targets is not None else None
        self._targets: dict[str, Target] = {}
        self._custom = upstreams or {}
        self._transport = transport or AioTransport()
        self.ledger = ledger or shared_store(self.settings.ledger)
        self._books = Bookkeeper(self.ledger, overrides=read_overrides(self.settings.prices))
        self._recorder = Recorder(self._books)
        self._warmed = False
        self._upstreams: dict[tuple[str, str], Upstream] = {}
        quotas = QuotaKeeper(self.ledger)
        self.engine = Engine(
            self._upstream,
            health=HealthBook(self.settings.policy.breaker),
            enough=self.settings.policy.stall.enough,
            listeners=(self._recorder, quotas, *listeners),
        )
        quotas.attach(self.engine.quota, self.engine.wall)
        self._portal = _Portal()

    # Calls.

    def complete(self, prompt: Prompt, **options: Any) -> Answer:
        """The whole answer to a prompt: a text, or messages. Blocks; see `acomplete` for the options."""
        return self._run(self.acomplete(prompt, **options))

    async def acomplete(self, prompt: Prompt, **options: Any) -> Answer:
        """The whole answer to a prompt.

        Options are, all by keyword: `chain` (the name of a chain, or names of targets), `model` (for the first target), `system` (a text
        that goes before the prompt), `validate` (says what is wrong with a text, or None: an answer that fails is its target's
        failure), `metadata` (text values for the ledger), any field of `ChatRequest` (`temperature`, `max_tokens`, `tools`, `output` …) and any
        of `Policy` (`deadline`, `fallback` …).

        Raises `InvalidRequestError` for a request that no target can serve, `LLMServiceUnavailableError` when all targets failed.
        """
        stream = self._open(prompt, options, hold=True)
        try:
            while await stream.batch():
                pass
        except BaseException:
            await stream.aclose()
            raise
        return stream.answer

    def stream(self, prompt: Prompt, **options: Any) -> AnswerStream:
        """The answer as it comes, to be read with `for` or `async for`. Takes the options of `acomplete`."""
        return self._open(prompt, options, hold=False)

    def _open(self, prompt: Prompt, options: dict[str, Any], *, hold: bool) -> AnswerStream:
        job = self.job(prompt, options, hold=hold)
        if not self._warmed:
            self._warmed = True
            models = [(target.provider, target.model.id) for target in job.targets]
            self._books.warm_aside(models, wall=self.engine.wall())
        return AnswerStream(self, lambda: self.engine.start(job))

    def job(self, prompt: Prompt, options: dict[str, Any], *, hold: bool) -> Job:
        """The engine's view of a call."""
        rest = {**options}
        chain, targets, policy = self._chain(rest.pop("chain", None))
        if (model := rest.pop("model", None)) is not None:
            targets = (resolve.with_model(targets[0], model), *targets[1:])
        before = rest.pop("system", None)
        validate, metadata = rest.pop("validate", None), rest.pop("metadata", None)
        knobs = {name: rest.pop(name) for name in _POLICY_FIELDS & rest.keys()}
        if unknown := rest.keys() - _REQUEST_FIELDS:
            raise TypeError(f"{sorted(unknown)[0]!r} is no option: see Segue.acomplete")
        messages = (user(prompt),) if isinstance(prompt, str) else tuple(prompt)
        if before:
            messages = (system(before), *messages)
        request = ChatRequest(messages=messages, **rest)
        return Job(
            request=request,
            targets=targets,
            policy=policy.replace(**knobs) if knobs else policy,
            hold=hold or request.output is not None,
            validate=validate,
            chain=chain,
            metadata=metadata or {},
        )

    # Targets.

    def target(self, name: str) -> Target:
        """The target of that name. Raises `ConfigurationError` if it is unknown or lacks a setting."""
        if self._given is not None and name in self._given:
            return self._given[name]
        if name not in self._targets:
            settings = self.settings.target(name)
            target = self._targets[name] = resolve.target(name, settings, providers=self._providers)
            if (limits := resolve.quota(target, settings)) is not None:
                self.engine.quota.configure(QuotaKey(target.credential, target.model.id), limits)
        return self._targets[name]

    def usable(self, name: str) -> bool:
        """Whether a target can be asked: it was given, or has a key or an address of its own."""
        given = self._given is not None and name in self._given
        return (
            given or name in self._custom or resolve.usable(name, self.settings.target(name), providers=self._providers)
        )

    def _chain(self, said: str | Sequence[str] | None) -> tuple[str, tuple[Target, ...], Policy]:
        """A chain's name, its targets, and the policy it runs under. Targets of the default chain that lack a key are left out."""
        policy = self.settings.policy
        if isinstance(said, str) and said in self.settings.chains:
            named = self.settings.chains[said]
            return said, tuple(self.target(name) for name in named.targets), named.policy
        if said is not None:
            names = (said,) if isinstance(said, str) else tuple(said)
            return ">".join(names), tuple(self.target(name) for name in names), policy
        if self._given is not None:
            return "default", tuple(self._given.values()), policy
        names = tuple(name for name in self.settings.chain if self.usable(name))
        if not names:
            variables = ", ".join(f"{name.upper()}_API_KEY" for name in self.settings.chain)
            raise ConfigurationError(f"no provider has a key: set one of {variables} (in the environment or in .env)")
        return "default", tuple(self.target(name) for name in names), policy

    def _upstream(self, target: Target) -> Upstream:
        if (custom := self._custom.get(target.name)) is not None:
            return custom
        key = (target.name, target.model.id)
        known = self._upstreams.get(key)
        if known is None:
            known = HttpUpstream(target, upstream(target.dialect), self._transport, self.engine.wall)
            self._upstreams[key] = known
        return known

    def _answer(self, relay: Relay, events: Iterable[ChatEvent]) -> Answer:
        report = relay.report
        text: list[str] = []
        thinking: list[Thinking] = []
        calls: list[ToolCall] = []
        finished = Finished(FinishReason.STOP)
        for event in events:
            match event:
                case TextDelta(piece):
                    text.append(piece)
                case ThinkingDelta():
                    _add_thinking(thinking, event)
                case ToolCalled(call=call):
                    calls.append(call)
                case Finished():
                    finished = event
        return Answer(
            text="".join(text),
            finish_reason=finished.reason,
            target=report.target,
            model=report.model,
            request_id=report.request_id,
            attempts=tuple(report.attempts),
            usage=report.usage,
            cost=self._recorder.take_cost(report.request_id),
            tool_calls=tuple(calls),
            thinking=tuple(thinking),
            refusal=finished.refusal,
            seams=report.seams,
            hedges=report.hedges,
            rounds=report.rounds,
            omitted=report.omitted,
            simulated=self.target(report.target).simulated,
        )

    # Ends.

    async def aclose(self) -> None:
        """Closes connections and writes what is still to be booked."""
        await self._transport.aclose()
        await asyncio.to_thread(self.ledger.flush)

    def close(self) -> None:
        """`aclose` for synchronous callers; ends the client's own thread."""
        self._run(self.aclose())
        self._portal.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._portal.run(work)


class _Portal:
    """A loop in a thread of its own, for synchronous calls; started by the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="segue", daemon=True).start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _add_thinking(blocks: list[Thinking], piece: ThinkingDelta) -> None:
    """Joins pieces to blocks: a signature or an encrypted text ends one."""
    if blocks and not blocks[-1].signature and not blocks[-1].redacted:
        last = blocks.pop()
        piece = ThinkingDelta(last.text + piece.text, piece.signature, piece.redacted, piece.dialect)
    blocks.append(Thinking(text=piece.text, signature=piece.signature, redacted=piece.redacted, dialect=piece.dialect))
