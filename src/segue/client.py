"""`Segue`: the library's entry. It composes settings, engine, transport and ledger; every face is built on it.

A client is a chain of one or more targets. Synchronous calls run on a loop in a thread of the client's own; asynchronous ones in the
caller's loop, however many there are one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib import import_module
from typing import Any, TypeAlias

from segue.answer import Answer, AnswerStream, assemble
from segue.budgets.admission import BudgetKeeper, budgets_of, store_of, zone_of
from segue.budgets.lease import Budget
from segue.budgets.leases import Budgets, Ticket
from segue.catalog.prices import read_overrides
from segue.catalog.providers import PROVIDERS, Provider
from segue.chat.events import ChatEvent
from segue.chat.messages import Message, system, user
from segue.chat.request import ChatRequest
from segue.errors import ConfigurationError
from segue.failover import relay
from segue.failover.engine import MOST_REMEMBERED, Engine
from segue.failover.hooks import AttemptStart, Listener
from segue.failover.job import Job
from segue.failover.local_upstream import LocalUpstream
from segue.failover.relay import Relay
from segue.failover.upstream import HttpUpstream, Upstream
from segue.health.book import HealthBook
from segue.health.quota import QuotaKey
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.quotas import QuotaKeeper, RefusalKeeper
from segue.ledger.recorder import Recorder
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.monitoring.checks import check
from segue.monitoring.history import History
from segue.monitoring.log import RequestLog
from segue.monitoring.redaction import Redactor, redactor_of
from segue.policy import Policy
from segue.portal import Portal
from segue.router import Router, is_free
from segue.routing import resolve
from segue.routing.target import Target
from segue.settings import Settings, load
from segue.transport.base import Transport
from segue.transport.default import default_transport
from segue.wire.dialects import upstream

FEEDBACK = "feedback:"
"""Under this and its id the ledger keeps what was said of a request's answer."""

Prompt: TypeAlias = str | Sequence[Message]

_POLICY_FIELDS = frozenset(Policy.__struct_fields__)
_REQUEST_FIELDS = frozenset(ChatRequest.__struct_fields__) - {"messages"}


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
        self._transport = transport or default_transport()
        self.ledger = ledger or ledger_of(self.settings)
        overrides = read_overrides(self.settings.prices)
        self._recorder = Recorder(Bookkeeper(self.ledger, overrides=overrides))
        self._warmed = False
        self._upstreams: dict[tuple[str, str], Upstream] = {}
        quotas = QuotaKeeper(self.ledger)
        redact = redactor_of(self.settings)
        self.history = History(self.ledger, redact)
        self.engine = Engine(
            self._upstream,
            health=HealthBook(self.settings.policy.breaker, on_change=self.history.changed),
            enough=self.settings.policy.stall.enough,
            listeners=(self._recorder, quotas),
        )
        self.history.attach(self.engine)
        self.listen(self.history)
        monitoring = self.settings.monitoring
        if monitoring.log is not None:
            self.listen(RequestLog(redact, bodies=monitoring.log_bodies, cost=self._recorder.cost))
        if monitoring.otel:
            self.listen(_open_telemetry(redact, content=monitoring.otel_bodies))
        for listener in listeners:
            self.listen(listener)
        quotas.attach(self.engine.quota, self.engine.wall)
        RefusalKeeper(self.ledger).attach(self.engine.refusals, self.engine.wall)
        self.router = Router(
            self.engine,
            overrides=overrides,
            is_free=lambda name: is_free(name, self.settings.target(name), providers=self._providers),
        )
        self._portal = Portal()

    def listen(self, listener: Listener) -> None:
        """Tells a listener of all that begins from now on."""
        self.engine.listen(listener)
        if (booked := getattr(listener, "attempt_booked", None)) is not None:
            self._recorder.tell(booked)

    # Calls.

    def complete(self, prompt: Prompt, **options: Any) -> Answer:
        """The whole answer to a prompt: a text, or messages. Blocks; see `acomplete` for the options."""
        return self._portal.run(self.acomplete(prompt, **options))

    async def acomplete(self, prompt: Prompt, **options: Any) -> Answer:
        """The whole answer to a prompt.

        Options are, all by keyword: `chain` (the name of a chain, or names of targets), `model` (for the first target), `system` (a text
        that goes before the prompt), `validate` (says what is wrong with a text, or None: an answer that fails is its target's
        failure), `metadata` (text values for the ledger), any field of `ChatRequest` (`temperature`, `max_tokens`, `tools`, `output` …) and any
        of `Policy` (`deadline`, `fallback`, `policy`, `complexity` …).

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
        self._warm(job.targets)

        async def begin() -> Relay:
            if self.router.concerns(job):
                await self._recorder.caught_up()  # policies decide by prices
            return await self.open(job)

        return AnswerStream(begin, self._answer, self.written, self._portal.run)

    def start(self, job: Job) -> Relay:
        """Begins a job in the running event loop: the engine's own face, for servers. The relay must be read to its end or closed."""
        self._warm(job.targets)
        if self.router.concerns(job):
            job = self.router.routed(job, asyncio.get_running_loop().time())
        return relay.start(self.engine, job)

    async def open(self, job: Job, *, budgets: Sequence[Budget] = ()) -> Relay:
        """Like `start`, once what the job may cost is set aside of these budgets and of those that the settings have.

        Raises `InvalidRequestError` where a budget does not have it: 429 `insufficient_quota`.
        """
        budgets = (*budgets, *budgets_of(self.settings, job.chain))
        if not budgets:
            return self.start(job)
        tokens = self.engine.count_tokens(job.request)
        ticket = await self._admit(budgets, job.targets, tokens, job.request.max_tokens)
        try:
            relay = self.start(job)
        except BaseException:
            self.budgets.cancel(ticket)
            raise
        self.budgets.bind(relay.report.request_id, ticket)
        return relay

    @contextlib.asynccontextmanager
    async def paid(self, start: AttemptStart, budgets: Sequence[Budget] = ()) -> AsyncIterator[None]:
        """The same for a single attempt that is made beside the engine: what it may cost is set aside for the time of the block."""
        budgets = (*budgets, *budgets_of(self.settings, start.chain))
        if not budgets:
            yield
            return
        self.budgets.bind(
            start.request_id, await self._admit(budgets, (start.target,), start.prompt_tokens, start.max_tokens)
        )
        try:
            yield
        finally:
            self.budgets.release(start.request_id)

    async def _admit(
        self, budgets: Sequence[Budget], targets: Sequence[Target], prompt_tokens: int, max_tokens: int | None
    ) -> Ticket:
        self._warm(targets)
        await self._recorder.caught_up()  # what it may cost is known by prices
        return await self.budgets.admit(budgets, targets, prompt_tokens=prompt_tokens, max_tokens=max_tokens)

    @functools.cached_property
    def budgets(self) -> BudgetKeeper:
        """What keeps requests within their budgets; made when the first request has one."""
        holder = Budgets(store_of(self.settings), zone=zone_of(self.settings), wall=self.engine.wall)
        keeper = BudgetKeeper(holder, self._recorder.price_of)
        self.listen(keeper)
        return keeper

    async def written(self) -> None:
        """Waits until what has ended is in the ledger and would survive this process, or until the disk has had its time (see
        `LedgerStore.written`): to be awaited before an answer's end, or an error, is given out."""
        await self._recorder.caught_up()
        await self.ledger.written()

    async def warm_up(self) -> None:
        """Does now, for the default chain, what the first call would have to: reading the price list takes up to a second."""
        self._warm(self.chain(None)[1])
        await self._recorder.caught_up()

    def _warm(self, targets: Sequence[Target]) -> None:
        if not self._warmed:
            self._warmed = True
            models = [(target.provider, target.model.id) for target in targets]
            self._recorder.warm_aside(models, wall=self.engine.wall())

    def job(self, prompt: Prompt, options: dict[str, Any], *, hold: bool) -> Job:
        """The engine's view of a call."""
        rest = {**options}
        chain, targets, policy = self.chain(rest.pop("chain", None))
        if (model := rest.pop("model", None)) is not None:
            targets = (resolve.with_model(targets[0], model), *targets[1:])
            policy = policy.replace(policy="priority")  # who names a model is asked for no order
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
            hold=hold or request.output is not None or validate is not None,
            validate=validate,
            chain=chain,
            metadata=metadata or {},
        )

    async def check_health(self) -> dict[str, str]:
        """Asks each key's provider once for its list of models, which is free: a refused key is known before a request pays for it, and
        one that works again is used again. Gives each target's trouble, "" for none."""
        targets = [self.target(name) for name in self.names if self.usable(name)]
        return await check(self.engine, targets, connect=self.settings.policy.connect)

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
            if not target.simulated:
                self.history.take_up(self.engine.keys(target))
        return self._targets[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The targets there are, usable or not, the default chain's first."""
        given = tuple(self._given or ())
        return given or tuple(dict.fromkeys((*self.settings.chain, *self.settings.targets)))

    def provider_of(self, name: str) -> str:
        """Who bills for a target, usable or not."""
        given = self._given.get(name) if self._given is not None else None
        return given.provider if given is not None else self.settings.target(name).provider or name

    def usable(self, name: str) -> bool:
        """Whether a target can be asked: it was given, or has a key or an address of its own."""
        given = self._given is not None and name in self._given
        return (
            given or name in self._custom or resolve.usable(name, self.settings.target(name), providers=self._providers)
        )

    def chain(self, said: str | Sequence[str] | None) -> tuple[str, tuple[Target, ...], Policy]:
        """A chain's name, its targets, and the policy it runs under. Targets that lack a key are left out.

        `said` is a chain's name, a target's, or targets' names; None is the default chain. Raises `ConfigurationError` if none has a key.
        """
        policy = self.settings.policy
        if said is None and self._given is not None:
            return "default", tuple(self._given.values()), policy
        if said is None:
            name, names = "default", self.settings.chain
        elif isinstance(said, str) and said in self.settings.chains:
            name, names, policy = said, self.settings.chains[said].targets, self.settings.chains[said].policy
        else:
            names = (said,) if isinstance(said, str) else tuple(said)
            name = ">".join(names)
        found = {target: self.target(target) for target in names if said is not None or self.usable(target)}
        usable = tuple(target for name, target in found.items() if self.usable(name))
        if not usable:
            variables = ", ".join(f"{resolve.variable(target)}_API_KEY" for target in names)
            raise ConfigurationError(f"no provider has a key: set one of {variables} (in the environment or in .env)")
        return name, usable, policy

    def _upstream(self, target: Target) -> Upstream:
        if (custom := self._custom.get(target.name)) is not None:
            return custom
        key = (target.name, target.model.id)
        known = self._upstreams.get(key)
        if known is None:
            if len(self._upstreams) >= MOST_REMEMBERED:
                self._upstreams.clear()
            known = self._upstreams[key] = self._made(target)
        return known

    def _made(self, target: Target) -> Upstream:
        if target.lookup:
            return LocalUpstream(target, self._providers, self._transport, self.engine.wall)
        return HttpUpstream(target, upstream(target.dialect), self._transport, self.engine.wall)

    async def _answer(self, relay: Relay, events: Iterable[ChatEvent]) -> Answer:
        await self.written()
        report = relay.report
        simulated = self.target(report.target).simulated
        return assemble(report, events, cost=self._recorder.take_cost(report.request_id), simulated=simulated)

    @property
    def transport(self) -> Transport:
        """What carries requests to providers, for those that are not failed over."""
        return self._transport

    def feedback(self, request_id: str, *, good: bool) -> None:
        """Says whether a request's answer (`Answer.request_id`) was good; the last word counts. For `segue route train`."""
        self.ledger.save(f"{FEEDBACK}{request_id}", {"good": good})

    # Ends.

    async def aclose(self) -> None:
        """Closes connections and writes what is still to be booked."""
        await self._transport.aclose()
        self.history.close()
        if "budgets" in self.__dict__:
            await asyncio.to_thread(self.budgets.close)
        await asyncio.to_thread(self.ledger.flush)

    def close(self) -> None:
        """`aclose` for synchronous callers; ends the client's own thread."""
        self._portal.run(self.aclose())
        self._portal.close()


def _open_telemetry(redact: Redactor, *, content: bool) -> Listener:
    """The listener of the extra `otel`, which not everybody has installed."""
    try:
        module = import_module("segue.monitoring.otel")
    except ImportError as error:
        raise ConfigurationError("SEGUE_OTEL needs OpenTelemetry: pip install 'segue[otel]'") from error
    listener: Listener = module.OpenTelemetry(redact=redact, content=content)
    return listener
