"""Breaking a provider, where stand-ins answer: the seam to the sandbox, which is built above the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class FaultKind(msgspec.Struct, frozen=True, kw_only=True):
    """A way to break. `phase` says where it strikes; `once`: it can be had for a single request."""

    name: str
    phase: str
    help: str
    once: bool


class StandIns(Protocol):
    """Local stand-ins for providers. Breaking and healing wait for the sandbox's thread, for milliseconds."""

    @property
    def providers(self) -> Sequence[str]: ...

    @property
    def kinds(self) -> Sequence[FaultKind]:
        """All ways to break, in the order of where they strike."""
        ...

    def broken(self) -> dict[str, str]:
        """Each broken provider's fault."""
        ...

    def break_provider(self, name: str, fault: str) -> None:
        """Gives a provider a fault from its next request on. Raises `ConfigurationError`, which tells what there is."""
        ...

    def heal(self, name: str) -> None: ...


class Switchboard(msgspec.Struct, frozen=True, kw_only=True):
    """Which providers can be broken, in which ways, and which are. A fault that strikes only once stays named until it is healed or replaced."""

    providers: tuple[str, ...]
    kinds: tuple[FaultKind, ...]
    broken: dict[str, str]


def switchboard(stand_ins: StandIns | None) -> Switchboard:
    """Empty where models answer."""
    if stand_ins is None:
        return Switchboard(providers=(), kinds=(), broken={})
    return Switchboard(
        providers=tuple(stand_ins.providers), kinds=tuple(stand_ins.kinds), broken=dict(stand_ins.broken())
    )
