"""When local stand-ins answer for providers, and how their faults are set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from segue.errors import ConfigurationError
from segue.routing.resolve import described, usable
from segue.settings import Settings
from segue.validation import unknown

NO_KEY = "simulated: no API key is set, local stand-ins answer"
ON_DEMAND = "simulated: local stand-ins answer, as --sandbox or --break asks"


def fault_of(text: str) -> tuple[str, str]:
    """NAME[=FAULT] as a provider and its fault."""
    name, _, fault = text.partition("=")
    return name.strip(), fault.strip()


def chain_names(settings: Settings, chain: str | None) -> tuple[str, ...]:
    """The targets that `--chain` names: those of a chain of the settings, or a list."""
    if chain is None:
        return settings.chain
    if chain in settings.chains:
        return settings.chains[chain].targets
    return tuple(name.strip() for name in chain.split(",") if name.strip())


@contextmanager
def ready(
    settings: Settings, names: Sequence[str], *, forced: bool, faults: Sequence[str], delay: float
) -> Iterator[tuple[Settings, str]]:
    """The settings to use, and a sentence about them: "" where providers answer.

    Stand-ins answer if they are `forced`, if there are `faults`, which nothing else can be given, or if no target can be used.
    Raises `ConfigurationError` for a fault of a target that is not among `names`.
    """
    from segue.sandbox import Sandbox

    broken = dict(map(fault_of, faults))
    there = all(described(name, settings.target(name)) for name in names)  # else the chain is what is wrong
    for name in broken:
        if there and name not in names:
            raise ConfigurationError(f"--break: {unknown(name, 'a target of the chain', names)}")
    forced = forced or bool(broken)
    if not forced and any(usable(name, settings.target(name)) for name in names):
        yield settings, ""
        return
    with Sandbox(delay=delay) as box:
        simulated = box.settings(settings, every=forced)
        for name, fault in broken.items():
            box.break_provider(name, fault)
        yield simulated, ON_DEMAND if forced else NO_KEY
