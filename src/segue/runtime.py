"""The composition root: settings become an engine, a ledger, budgets, a router and targets, which all faces share.

The library (`Segue`), the LangChain clients and the gateway hold one `Runtime` each and build their jobs through `Runtime.job`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from importlib import import_module

from segue import validation
from segue.answer import Answer, assemble
from segue.budgets.admission import BudgetKeeper, budgets_of, store_of, zone_of
from segue.budgets.lease import Budget
from segue.budgets.leases import Budgets, Ticket
from segue.catalog.prices import read_overrides
from segue.catalog.providers import PROVIDERS, Provider
from segue.chat.events import ChatEvent
from segue.chat.request import ChatRequest
from segue.embedded.upstream import EmbeddedUpstream
from segue.errors import ConfigurationError
from segue.failover import fast_path, hooks
from segue.failover.budget import FOREVER
from segue.failover.engine import Engine
from segue.failover.fast_path import Carrier
from segue.failover.hooks import AttemptStart, Listener, RequestCheck
from segue.failover.job import Job
from segue.failover.local_upstream import LocalUpstream
from segue.failover.upstream import HttpUpstream, Upstream
from segue.failover.upstreams import Upstreams
from segue.health.book import HealthBook
from segue.ledger.bookkeeper import Bookkeeper
from segue.ledger.quotas import QuotaKeeper, RefusalKeeper
from segue.ledger.recorder import Recorder, RequestCost
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.monitoring.checks import check
from segue.monitoring.history import History
from segue.monitoring.log import RequestLog
from segue.monitoring.redaction import Redactor, redactor_of
from segue.router import Router
from segue.routing import resolve
from segue.routing.feedback import FEEDBACK
from segue.routing.target import Target
from segue.routing.targets import Chain, Targets
from segue.settings import Settings
from segue.transport.base import Transport
from segue.transport.default import default_transport
from segue.wire.dialects import upstream


class Runtime:
    """What all requests of one client, or of one gateway, share. See `Segue` for the parameters.

    Raises `ConfigurationError` when a setting is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        targets: Sequence[Target] | None = None,
        providers: Mapping[str, Provider] | None = None,
        upstreams: Mapping[str, Upstream] | None = None,
        ledger: LedgerStore | None = None,
        listeners: Iterable[Listener] = (),
        transport: Transport | None = None,
    ) -> None:
        for name, policy in (
            ("policy", settings.policy),
            *((f"chains.{n}", c.policy) for n, c in settings.chains.items()),
        ):
            validation.check(policy, name)
        self.settings = settings
        self._providers = PROVIDERS if providers is None else providers
        custom = upstreams or {}
        self.targets = Targets(
            settings, providers=self._providers, ready=targets, custom=custom, on_made=self._target_made
        )
        self.transport = transport or default_transport()
        self.ledger = ledger or ledger_of(settings)
        overrides = read_overrides(settings.prices)
        free = {name for name, value in settings.targets.items() if resolve.on_free_tier(value)}
        self._recorder = Recorder(Bookkeeper(self.ledger, overrides=overrides, free=free))
        self._warmed = False
        quotas = QuotaKeeper(self.ledger)
        redact = redactor_of(settings)
        self.history = History(self.ledger, redact)
        self._upstreams = Upstreams(custom, self._made)
        self.engine = Engine(
            self._upstreams.of,
            health=HealthBook(settings.policy.breaker, on_change=self.history.changed),
            enough=settings.policy.stall.enough,
            listeners=(self._recorder, quotas),
            limits_of=lambda target: resolve.quota(target, settings.target(target.name)),
            fast_steps=FOREVER if settings.fast_path else 0,
        )
        self.history.attach(self.engine)
        self._checks: list[RequestCheck] = []
        named = map(hooks.made, settings.hooks)
        for listener in (self.history, *_monitors(settings, redact, self._recorder), *named, *listeners):
            self.listen(listener)
        quotas.attach(self.engine.quota, self.engine.wall)
        RefusalKeeper(self.ledger).attach(self.engine.refusals, self.engine.wall)
        self.router = Router.of_settings(self.engine, settings, overrides=overrides, providers=self._providers)

    def listen(self, listener: Listener) -> None:
        """Calls the listener for every request and attempt that begins from now on; one that checks requests checks them."""
        self.engine.listen(listener)
        if isinstance(listener, RequestCheck):
            self._checks.append(listener)
        if (booked := getattr(listener, "attempt_booked", None)) is not None:
            self._recorder.tell(booked)

    # Requests.

    def job(
        self,
        request: ChatRequest,
        chain: Chain,
        *,
        whole: bool,
        validate: Callable[[str], str | None] | None = None,
        metadata: Mapping[str, str] | None = None,
        dialect: str = "",
    ) -> Job:
        """The engine's view of a request, from whichever face it comes. `whole`: its caller wants one answer, not a stream.
        `dialect` is the one in which the caller wrote it, if in any.

        Raises what a hook that checks requests raises.
        """
        metadata = dict(metadata or {})
        for hook in self._checks:
            request = hook.check_request(request, metadata)
        return Job(
            request=request,
            targets=chain.targets,
            policy=chain.policy,
            hold=whole,
            validate=validate,
            chain=chain.name,
            metadata=metadata,
            dialect=dialect,
        )

    def start(self, job: Job) -> Carrier:
        """Begins a job in the running event loop, without budgets. The relay must be read to its end or closed."""
        self._warm(job.targets)
        if self.router.concerns(job):
            job = self.router.routed(job, asyncio.get_running_loop().time())
        return fast_path.start(self.engine, job)

    async def open(self, job: Job, *, budgets: Sequence[Budget] = ()) -> Carrier:
        """Begins a job once what it may cost is set aside of these budgets and of those in the settings.

        Raises `InvalidRequestError` (429 `insufficient_quota`) if a budget does not have it.
        """
        if self.router.concerns(job):
            self._warm(job.targets)
            await self._recorder.caught_up()  # policies decide by prices
        budgets = (*budgets, *budgets_of(self.settings, job.chain))
        if not budgets:
            return self.start(job)
        tokens = self.engine.count_tokens(job.request)
        ticket = await self._admit(budgets, job.targets, tokens, job.request.max_tokens)
        try:
            begun = self.start(job)
        except BaseException:
            self.budgets.cancel(ticket)
            raise
        self.budgets.bind(begun.report.request_id, ticket)
        return begun

    @contextlib.asynccontextmanager
    async def paid(self, start: AttemptStart, budgets: Sequence[Budget] = ()) -> AsyncIterator[None]:
        """Sets aside, for the time of the block, what a single attempt beside the engine may cost."""
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
        """Keeps requests within their budgets; made when the first request has one."""
        holder = Budgets(store_of(self.settings), zone=zone_of(self.settings), wall=self.engine.wall)
        keeper = BudgetKeeper(holder, self._recorder.ceiling_of)
        self.listen(keeper)
        return keeper

    async def written(self) -> None:
        """Waits until what has ended is in the ledger and would survive this process, at most as long as `LedgerStore.written` does.

        To be awaited before an answer's end, or an error, is returned.
        """
        if self._recorder.behind:
            await self._recorder.caught_up()
        await self.ledger.written()

    async def answer(self, relay: Carrier, events: Iterable[ChatEvent]) -> Answer:
        """The whole answer of a relay that was read to its end, once it is in the ledger."""
        await self.written()
        report = relay.report
        simulated = self.targets[report.target].simulated
        return assemble(report, events, cost=self._recorder.take_cost(report.request_id), simulated=simulated)

    def take_cost(self, request_id: str) -> RequestCost:
        """What a request's attempts cost together; to be asked for once, after `written`."""
        return self._recorder.take_cost(request_id)

    async def warm_up(self) -> None:
        """Does now, for the default chain, what the first call would have to: reading the price list takes up to a second."""
        self._warm(self.targets.chain(None).targets)
        await self._recorder.caught_up()

    def _warm(self, targets: Sequence[Target]) -> None:
        if not self._warmed:
            self._warmed = True
            models = [(target.provider, target.model.id) for target in targets]
            self._recorder.warm_aside(models, wall=self.engine.wall())

    async def check_health(self) -> dict[str, str]:
        """Lists the models at each key's provider, which is free. Returns each target's problem, "" for none.

        A refused key is so known before a request pays for it, and one that works again is used again.
        """
        targets = [self.targets[name] for name in self.targets.names if self.targets.usable(name)]
        return await check(self.engine, targets, connect=self.settings.policy.connect)

    def feedback(self, request_id: str, *, good: bool) -> None:
        """Notes whether a request's answer was good; the last word counts."""
        self.ledger.save(f"{FEEDBACK}{request_id}", {"good": good})

    def _target_made(self, target: Target) -> None:
        if not target.simulated:
            self.history.take_up(self.engine.keys(target))

    def _made(self, target: Target) -> Upstream:
        if target.file:
            return EmbeddedUpstream(target, self.transport, self.engine.wall)
        if target.lookup:
            return LocalUpstream(target, self._providers, self.transport, self.engine.wall)
        return HttpUpstream(target, upstream(target.dialect), self.transport, self.engine.wall)

    async def aclose(self) -> None:
        """Closes connections, ends models on this machine, and writes what is still to be booked."""
        await self.transport.aclose()
        for made in self._upstreams.made:
            if isinstance(made, EmbeddedUpstream):
                await asyncio.to_thread(made.close)
        self.history.close()
        if "budgets" in self.__dict__:
            await asyncio.to_thread(self.budgets.close)
        await asyncio.to_thread(self.ledger.flush)


def _monitors(settings: Settings, redact: Redactor, recorder: Recorder) -> Iterable[Listener]:
    """The listeners that the settings ask for."""
    monitoring = settings.monitoring
    if monitoring.log is not None:
        yield RequestLog(redact, bodies=monitoring.log_bodies, cost=recorder.cost)
    if monitoring.otel:
        try:
            module = import_module("segue.monitoring.otel")
        except ImportError as error:
            raise ConfigurationError("SEGUE_OTEL needs OpenTelemetry: pip install 'segue-llm[otel]'") from error
        yield module.OpenTelemetry(redact=redact, content=monitoring.otel_bodies)
