"""The engines behind the clients: one for all who ask for the same thing, so that what one learns of a provider, all know.

A `Segue` holds what is worth sharing: health, latencies, quotas and connections. Clients that differ only in what is sent with each
request (model, temperature, tools …) share one; a client with its own key, address or time limit shares one with all others
who have the same. Connections and the ledger are common to all of them.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from segue.catalog.providers import PROVIDERS, Provider
from segue.client import Segue
from segue.errors import ConfigurationError
from segue.failover.upstream import Upstream
from segue.routing import resolve
from segue.routing.target import Target
from segue.secret import Secret
from segue.settings import Settings, TargetSettings
from segue.settings_loading import load
from segue.transport.base import Transport
from segue.transport.default import default_transport

KEPT = 64
"""Engines kept for clients with their own settings; the least recently used is dropped first."""


class Address(NamedTuple):
    """What a client says of a target for itself; None leaves what the settings say.

    `model` is here only for targets that name none, or have a custom upstream, which is made for one model.
    """

    model: str | None = None
    api_key: Secret | None = None
    base_url: str | None = None
    timeout: float | None = None

    def apply(self, settings: TargetSettings) -> TargetSettings:
        return _changed(settings, {n: v for n, v in self._asdict().items() if v is not None})


class ReadyTarget(NamedTuple):
    """A target that answers through a custom upstream."""

    target: Target
    upstream: Upstream


NOWHERE = Address()
"""Says nothing: the settings hold."""

Make = Callable[[TargetSettings, Address, Transport], ReadyTarget]
"""Makes such a target from its settings, to which the client's own address is already applied."""

_Key = tuple[tuple[str, ...], Address]


class _Kept(NamedTuple):
    """An engine, and why it lacks some of the targets that have a custom upstream."""

    engine: Segue
    unmade: dict[str, str]


class Backend:
    """`settings` default to the environment's, which is looked at again whenever a client is made. `transport` is for tests."""

    def __init__(self, settings: Settings | None = None, *, transport: Transport | None = None) -> None:
        self._fixed = settings
        self._settings: Settings | None = settings
        self._transport = transport
        self._providers = dict(PROVIDERS)
        self._presets: dict[str, tuple[str, dict[str, Any]]] = {}
        self._makes: dict[str, Make] = {}
        self._engines: OrderedDict[_Key, _Kept] = OrderedDict()
        self._lock = threading.RLock()

    # What there is.

    @property
    def settings(self) -> Settings:
        with self._lock:
            return self._settings or self.refresh()

    def refresh(self) -> Settings:
        """Reads the environment again; if it has changed, clients made from now on use the new settings."""
        with self._lock:
            if self._fixed is None:
                presets = [preset for preset, _ in self._presets.values()]
                added = self._providers.keys() - PROVIDERS.keys()
                fresh = self._with_presets(_load((*self._presets, *presets, *self._makes, *added)))
                if fresh != self._settings:
                    self._settings = fresh
                    self._engines.clear()
            assert self._settings is not None
            return self._settings

    def add_preset(self, name: str, preset: str, **changes: Any) -> None:
        """The name stands for one of `PROVIDERS`, with these changes to its `TargetSettings`."""
        with self._lock:
            self.remove(name)
            self._presets[name] = preset, changes
            self._reset()

    def add_provider(self, name: str, provider: Provider) -> None:
        with self._lock:
            self.remove(name)
            self._providers[name] = provider
            self._reset()

    def add_target(self, name: str, make: Make) -> None:
        with self._lock:
            self.remove(name)
            self._makes[name] = make
            self._reset()

    def remove(self, name: str) -> None:
        """Forgets what was added under this name."""
        with self._lock:
            self._presets.pop(name, None)
            self._makes.pop(name, None)
            self._providers.pop(name, None)
            if name in PROVIDERS:
                self._providers[name] = PROVIDERS[name]
            self._reset()

    def needs_model(self, name: str) -> bool:
        """Whether a model must be part of the target's address: it is made for one, or has no default."""
        settings = self.settings.target(name)
        preset = self._providers.get(settings.provider or name)
        return name in self._makes or (settings.model is None and (preset is None or preset.model is None))

    def knows(self, name: str) -> bool:
        """Whether a target of this name can be described at all, with or without a key."""
        described = name in self._makes or name in self._presets or name in self._providers
        return described or name in self.settings.targets

    def missing(self, name: str, address: Address = NOWHERE) -> str | None:
        """What a target lacks to be asked, or None if it lacks nothing."""
        return _lack(self._keep((name,), address), name)

    def usable(self, names: Sequence[str], address: Address = NOWHERE) -> tuple[str, ...]:
        """The names without those of targets that lack something. Raises `ConfigurationError`, which says what, if none is left."""
        kept = self._keep(tuple(names), address)
        for name in names:
            if name not in kept.unmade and not kept.engine.targets.described(name):
                kept.engine.targets[name]  # raises: a misspelt name is not passed over
        reasons = {name: _lack(kept, name) for name in names}
        left = tuple(name for name, reason in reasons.items() if reason is None)
        if not left:
            raise ConfigurationError("; ".join(filter(None, reasons.values())))
        return left

    # Engines.

    def engine(self, names: Iterable[str] = (), address: Address = NOWHERE) -> Segue:
        """The engine for requests to these targets, under this address; the common one where none is given."""
        return self._keep(tuple(names), address).engine

    def _keep(self, names: tuple[str, ...], address: Address) -> _Kept:
        key = (names, address) if any(address) else ((), NOWHERE)
        with self._lock:
            if (kept := self._engines.get(key)) is None:
                kept = self._engines[key] = self._made(*key)
                while len(self._engines) > KEPT:
                    self._engines.popitem(last=False)
            self._engines.move_to_end(key)
            return kept

    def adopt(self, target: Target, upstream: Upstream) -> Segue:
        """An engine for one ready target that is in no registry."""
        return Segue(
            self.settings,
            targets=[target],
            upstreams={target.name: upstream},
            transport=self._common_transport(),
            ledger=self.engine().ledger,
        )

    def _made(self, names: tuple[str, ...], address: Address) -> _Kept:
        settings = self.settings
        if names:
            own = {name: address.apply(settings.target(name)) for name in names}
            settings = msgspec.structs.replace(settings, targets={**settings.targets, **own})
        transport = self._common_transport()
        ready: dict[str, ReadyTarget] = {}
        unmade: dict[str, str] = {}
        for name, make in self._makes.items():
            try:
                ready[name] = make(settings.target(name), address if name in names else NOWHERE, transport)
            except Exception as error:  # a model without its key must not keep the others from answering
                unmade[name] = str(error) or type(error).__name__
        engine = Segue(
            settings,
            providers=self._providers.copy(),
            targets=[one.target for one in ready.values()] or None,
            upstreams={name: one.upstream for name, one in ready.items()},
            transport=transport,
            ledger=self.engine().ledger if names else None,
        )
        return _Kept(engine, unmade)

    def _common_transport(self) -> Transport:
        if self._transport is None:
            self._transport = default_transport()
        return self._transport

    def _reset(self) -> None:
        self._engines.clear()
        if self._fixed is None:
            self._settings = None
        else:
            self._settings = self._with_presets(self._fixed)

    def _with_presets(self, settings: Settings) -> Settings:
        """A preset under another name is that provider, as its settings describe it where there are none for the name."""
        targets: dict[str, TargetSettings] = {}
        for name, (preset, changes) in self._presets.items():
            value = {"provider": preset} | changes | _set_fields(settings.target(name))
            targets[name] = _changed(settings.target(preset), value)
        return msgspec.structs.replace(settings, targets={**settings.targets, **targets}) if targets else settings


def _changed(settings: TargetSettings, fields: dict[str, Any]) -> TargetSettings:
    """With these fields changed. Another address may be in another region, and its region is unknown unless that is set too."""
    moved = {"region": None} if "base_url" in fields else {}
    return msgspec.structs.replace(settings, **(moved | fields))


def _lack(kept: _Kept, name: str) -> str | None:
    if name in kept.unmade:
        return f"{name} can't be used: {kept.unmade[name]}"
    targets = kept.engine.targets
    try:
        if targets.usable(name) or not targets.described(name):
            targets[name]  # raises for what it lacks
            return None
    except ConfigurationError as error:
        return str(error)
    return f"{name} has no key: set {resolve.variable(name)}_API_KEY (in the environment or in .env)"


def _set_fields(settings: TargetSettings) -> dict[str, Any]:
    """The fields that are set."""
    unset = TargetSettings()
    fields = {name: getattr(settings, name) for name in TargetSettings.__struct_fields__}
    return {name: value for name, value in fields.items() if value != getattr(unset, name)}


def _load(more: Iterable[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """The environment's settings, with those of targets that stand in no chain: variables are read for the names in the chain only."""
    settings = load(environ)
    missing = [name for name in dict.fromkeys(more) if name not in settings.targets]
    if not missing:
        return settings
    all_of_them = load({**environ, "SEGUE_CHAIN": ",".join((*settings.chain, *missing))})
    return msgspec.structs.replace(all_of_them, chain=settings.chain)


default_backend = Backend()
"""Behind the ready `registry` and every client that is made without one."""
