"""`Sandbox`: local stand-ins for the providers, on loopback, in their own thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import msgspec

from segue.catalog.providers import PROVIDERS
from segue.routing.resolve import region
from segue.sandbox.answers.replies import ReplyMode
from segue.sandbox.bill import BillEntry
from segue.sandbox.faults import DEFAULT, Fault, parse_fault
from segue.sandbox.provider import HOST, Manner, SimulatedProvider
from segue.settings import DEFAULT_CHAIN, Settings, TargetSettings
from segue.settings_loading import load
from segue.validation import unknown

T = TypeVar("T")

_PATHS = {"openai_chat": "/v1"}
"""What the dialect's base URL has after the address."""
_PATIENCE = 10.0
"""Seconds that a command to the sandbox's thread may take."""


BILL_KEPT = 100_000
"""Entries of the bill that are kept, the latest."""


class Sandbox:
    """Simulated providers that speak the real dialects over real sockets, with faults on demand.

        with Sandbox(faults={"gemini": "cut"}) as box:
            answer = Segue(box.settings()).complete("…")

    Nothing it says is a model's work; text begins with "(simulated)". `faults` maps a provider's name to a fault (see
    `segue.sandbox.faults`). `delay` is in seconds between tokens. `reply` is "prose", "numbered" (`t0 t1 t2 …`) or a function from a
    `ChatRequest` to a text, or to a `Reply` (thinking, text, calls, usage). `seed` decides about faults that have a probability. `port`
    is the first provider's port, the others follow; None takes free ones. Usable with `with` and `async with`.

    Raises `ConfigurationError` for an unknown provider or fault.
    """

    def __init__(
        self,
        *,
        faults: Mapping[str, str] | None = None,
        delay: float = 0.0,
        reply: ReplyMode = "prose",
        seed: int = 0,
        port: int | None = None,
    ) -> None:
        self._faults = {_known(name): parse_fault(fault) for name, fault in (faults or {}).items()}
        self._manner = Manner(delay=delay, reply=reply, seed=seed)
        self._port = port
        self._providers: dict[str, SimulatedProvider] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._bill: deque[BillEntry] = deque(maxlen=BILL_KEPT)

    @property
    def bill(self) -> tuple[BillEntry, ...]:
        """What every request for a generation would have cost, in the order of their ends. What was read to its end is in it."""
        if self._loop is not None and threading.current_thread() is not self._thread:
            self._run(asyncio.sleep(0))  # the end of an answer and its entry are one turn of the sandbox's loop
        return tuple(self._bill)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers that are being simulated."""
        return tuple(self._providers)

    def base_url(self, provider: str) -> str:
        """The address to give an SDK or a target's settings. The provider is started if it is not yet."""
        server = self._serve(provider, TargetSettings())
        return f"http://{HOST}:{server.port}{_PATHS.get(server.dialect, '')}"

    def settings(self, settings: Settings | None = None, *, every: bool = False) -> Settings:
        """The same settings (by default the environment's), with every target pointed here that has neither a key nor an address.

        With `every`, those that have are pointed here too, without their keys.
        """
        settings = settings if settings is not None else load()
        named = (name for chain in settings.chains.values() for name in chain.targets)
        names = dict.fromkeys([*settings.chain, *named, *settings.targets])
        targets = {name: self._simulated(name, settings.target(name), every) for name in names}
        return msgspec.structs.replace(settings, targets=targets)

    def break_provider(self, name: str, fault: str = DEFAULT) -> None:
        """Gives a provider a fault, from its next request on."""
        suffered = parse_fault(fault)
        self._suffer(name, suffered)

    def heal(self, name: str) -> None:
        """Ends a provider's fault."""
        self._suffer(name, None)

    def start(self) -> Sandbox:
        """Starts the thread and the default chain's providers. `with` does so."""
        if self._thread is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="segue-sandbox", daemon=True)
            self._thread.start()
            try:
                for name in DEFAULT_CHAIN:
                    self.base_url(name)
            except BaseException:
                self.close()
                raise
        return self

    def close(self) -> None:
        """Closes all ports and connections, and ends the thread."""
        if self._thread is None or self._loop is None:
            return
        self._run(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()
        self._loop = self._thread = None
        self._providers.clear()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Sandbox:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _simulated(self, name: str, target: TargetSettings, every: bool) -> TargetSettings:
        provider = PROVIDERS.get(target.provider or name)
        own = bool(target.api_key or target.base_url or (provider and provider.keyless))
        if (own and not every) or (provider is None and target.dialect is None):
            return target
        self._serve(name, target)
        return msgspec.structs.replace(
            target,
            base_url=self.base_url(name),
            api_key=type(target.api_key)(""),
            region=region(target, provider),
            simulated=True,
        )

    def _serve(self, name: str, target: TargetSettings) -> SimulatedProvider:
        """The server of that name, started if need be."""
        with self._lock:
            if name not in self._providers:
                self._providers[name] = self._opened(name, target)
            return self._providers[name]

    def _opened(self, name: str, target: TargetSettings) -> SimulatedProvider:
        preset = PROVIDERS.get(target.provider or name)
        dialect = target.dialect or (preset.dialect if preset else None)
        if dialect is None:
            raise unknown(name, "a provider of the sandbox", PROVIDERS)
        anything = "stand-in" if preset and preset.local else None
        models = tuple(dict.fromkeys(filter(None, (target.model, preset.model if preset else None, anything))))
        server = SimulatedProvider(name, target.provider or name, dialect, models, self._manner, self._bill)
        self._run(self._open(server, self._port + len(self._providers) if self._port else 0))
        return server

    async def _open(self, server: SimulatedProvider, port: int) -> None:
        await server.open(port)
        if fault := self._faults.get(server.name):
            await server.suffer(fault)

    def _suffer(self, name: str, fault: Fault | None) -> None:
        if name not in self._providers:
            _known(name)
        self._run(self._serve(name, TargetSettings()).suffer(fault))

    async def _close_all(self) -> None:
        for server in self._providers.values():
            await server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox is not running: use it in a `with` block")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)


def _known(name: str) -> str:
    if name not in PROVIDERS:
        raise unknown(name, "a provider of the sandbox", PROVIDERS)
    return name
