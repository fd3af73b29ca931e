"""Faults of the sandbox, switched from the gateway's dashboard."""

from __future__ import annotations

from segue.sandbox import Sandbox
from segue.sandbox.faults import KINDS
from segue.server.dashboard.stand_ins import FaultKind
from segue.validation import unknown


class Breakable:
    """Implements `segue.server.dashboard.stand_ins.StandIns`; remembers the faults that were set through it."""

    kinds = tuple(
        FaultKind(name=kind.name, phase=kind.phase, help=kind.help, once=kind.phase != "connect")
        for kind in KINDS.values()
    )

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._broken: dict[str, str] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        return self._box.providers

    def broken(self) -> dict[str, str]:
        return dict(self._broken)

    def break_provider(self, name: str, fault: str) -> None:
        self._check(name)
        self._box.break_provider(name, fault)
        self._broken[name] = fault

    def heal(self, name: str) -> None:
        self._check(name)
        self._box.heal(name)
        self._broken.pop(name, None)

    def _check(self, name: str) -> None:
        if name not in self.providers:  # the sandbox would start one
            raise unknown(name, "a provider that is simulated here", self.providers)
