"""The protocol through which the dashboard breaks stand-ins; the command line implements it over the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """A fault. `phase` says where in an answer it strikes; `once`: it can be limited to a single request."""

    name: str
    phase: str
    help: str
    once: bool


class StandIns(Protocol):
    """Local stand-ins for providers. `break_provider` and `heal` block for milliseconds."""

    @property
    def providers(self) -> Sequence[str]: ...

    @property
    def kinds(self) -> Sequence[FaultKind]:
        """All faults, in the order of where they strike."""
        ...

    def broken(self) -> dict[str, str]:
        """Each broken provider's fault."""
        ...

    def break_provider(self, name: str, fault: str) -> None:
        """Gives a provider a fault from its next request on. Raises `ConfigurationError` for an unknown provider or fault."""
        ...

    def heal(self, name: str) -> None: ...


class Switchboard(msgspec.Struct, frozen=True, kw_only=True):
    """The providers, the faults, and each broken provider's fault. A fault for a single request stays in `broken` until it is healed."""

    providers: tuple[str, ...]
    kinds: tuple[FaultKind, ...]
    broken: dict[str, str]


def switchboard(stand_ins: StandIns | None) -> Switchboard:
    """Empty without stand-ins."""
    if stand_ins is None:
        return Switchboard(providers=(), kinds=(), broken={})
    return Switchboard(
        providers=tuple(stand_ins.providers), kinds=tuple(stand_ins.kinds), broken=dict(stand_ins.broken())
    )
