"""The targets of one runtime by name, and the chains that they make. Pure: settings in, targets out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from segue.catalog.providers import Provider
from segue.errors import ConfigurationError
from segue.policy import Policy
from segue.routing import resolve
from segue.routing.target import Target
from segue.settings import Settings
from segue.validation import nearest


class Chain(NamedTuple):
    """Where a request may go, in order, and under which policy."""

    name: str
    targets: tuple[Target, ...]
    policy: Policy

    def starting_with(self, target: Target) -> Chain:
        """The same chain from this target on. A caller who names a target or a model asks for no other order."""
        rest = (other for other in self.targets if other.name != target.name)
        return self._replace(targets=(target, *rest)).with_policy(policy="priority")

    def with_model(self, model: str) -> Chain:
        """The same chain with this model at its first target."""
        return self.starting_with(resolve.with_model(self.targets[0], model))

    def saying(self, notice: str) -> Chain:
        """The same chain, whose answers say this too."""
        return self._replace(targets=tuple(resolve.with_notice(target, notice) for target in self.targets))

    def with_policy(self, **changes: Any) -> Chain:
        """The same chain under a policy with these fields, which were checked, changed."""
        return self._replace(policy=msgspec.structs.replace(self.policy, **changes)) if changes else self


CHAINS_MOST: Final = 256
"""Chains that are remembered; a caller may name any."""


class Targets:
    """`ready` targets replace those of the settings and are the default chain, in their order; None: the settings' are used.

    `custom` names those with a custom upstream, which need no key. `on_made` is called once with each target made from settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        providers: Mapping[str, Provider],
        ready: Sequence[Target] | None = None,
        custom: Collection[str] = (),
        on_made: Callable[[Target], None] = lambda target: None,
    ) -> None:
        self._settings = settings
        self._providers = providers
        self._ready = {target.name: target for target in ready} if ready is not None else None
        self._custom = custom
        self._on_made = on_made
        self._made: dict[str, Target] = {}
        self._chains: dict[str | tuple[str, ...] | None, Chain] = {}

    def __getitem__(self, name: str) -> Target:
        """The target of that name. Raises `ConfigurationError` if it is unknown or lacks a setting."""
        if self._ready is not None and name in self._ready:
            return self._ready[name]
        if name not in self._made:
            self._made[name] = resolve.target(name, self._settings.target(name), providers=self._providers)
            self._on_made(self._made[name])
        return self._made[name]

    def _is_ready(self, name: str) -> bool:
        return self._ready is not None and name in self._ready

    @property
    def names(self) -> tuple[str, ...]:
        """All targets, usable or not, the default chain's first."""
        return tuple(self._ready or ()) or tuple(dict.fromkeys((*self._settings.chain, *self._settings.targets)))

    def provider_of(self, name: str) -> str:
        """The provider that bills for a target, usable or not."""
        ready = self._ready.get(name) if self._ready is not None else None
        return ready.provider if ready is not None else self._settings.target(name).provider or name

    def usable(self, name: str) -> bool:
        """Whether a target can be asked: it is ready, or has a key or its own address."""
        if name in self._custom or self._is_ready(name):
            return True
        return resolve.usable(name, self._settings.target(name), providers=self._providers)

    def described(self, name: str) -> bool:
        """Whether there is such a target, usable or not."""
        if self._is_ready(name):
            return True
        return resolve.described(name, self._settings.target(name), providers=self._providers)

    def chain(self, value: str | Sequence[str] | None) -> Chain:
        """The chain that `value` stands for: a chain's name, a target's, targets' names, or None for the default chain.

        Targets that lack a key are left out; of a chain that was named, the answers then say so. Raises `ConfigurationError` if none has a
        key, and for one that does not exist.
        """
        key = value if value is None or isinstance(value, str) else tuple(value)
        if (known := self._chains.get(key)) is None:
            if len(self._chains) >= CHAINS_MOST:
                self._chains.clear()
            known = self._chains[key] = self._chain(key)
        return known

    def _chain(self, value: str | tuple[str, ...] | None) -> Chain:
        policy = self._settings.policy
        if value is None and self._ready is not None:
            return Chain("default", tuple(self._ready.values()), policy)
        if value is None:
            name, names = "default", self._settings.chain
        elif isinstance(value, str) and value in self._settings.chains:
            name, names, policy = value, self._settings.chains[value].targets, self._settings.chains[value].policy
        else:
            names = (value,) if isinstance(value, str) else value
            if isinstance(value, str) and not self.described(value) and (near := nearest(value, self._settings.chains)):
                raise ConfigurationError(f"{value!r} is not a chain or a target: did you mean {near!r}?")
            name = ">".join(names)
        found = {
            target: self[target]
            for target in names
            if value is not None or self.usable(target) or not self.described(target)
        }
        usable = tuple(target for name, target in found.items() if self.usable(name))
        if not usable:
            variables = ", ".join(map(resolve.key_variable, names))
            raise ConfigurationError(
                f"no provider has a key: set one of {variables} (in the environment or in .env); to try Segue without one: "
                "Segue(sandbox=True), `segue chat --sandbox` or `segue serve --sandbox`"
            )
        chain = Chain(name, usable, policy)
        if value is None or len(usable) == len(found):
            return chain
        missing = (name for name in names if not self.usable(name))
        reasons = " and ".join(f"{name} has no key ({resolve.key_variable(name)})" for name in missing)
        return chain.saying(f"{reasons}, and was left out of the chain")
