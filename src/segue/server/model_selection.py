"""What a caller's `model` stands for: the first target of its request, and the chain that follows.

    "" or auto        the default chain
    NAME              a chain of the settings, or a target of them: begins there, and continues along the default chain
    PROVIDER/MODEL    that model at that target, then the rest of the chain; the provider may have its vendor's name
    MODEL             a model that the catalogue knows at one of the targets' providers: the same

Targets are those of the chain, and every provider that has a key. A target without one is skipped, and the answer reports it
(`x-segue-notice`): a program that requests one maker's model is served by any target that can. An unknown name is the caller's mistake
(404).

Before the look-up, additions of some programs are removed from a name: `models/`, and Claude Code's `[1m]`.
"""

from __future__ import annotations

import re
from typing import Final

from segue.catalog.models import LONGEST_NAME, find_model, listed
from segue.catalog.providers import PROVIDERS, our_name
from segue.errors import InvalidRequestError
from segue.routing.resolve import key_variable, with_model
from segue.routing.targets import Chain
from segue.runtime import Runtime
from segue.validation import nearest

AUTO = ("", "auto", "default")

_ROUTERS: Final = ("openrouter",)
"""Providers that take a model by its vendor's name and its own."""
_WINDOW: Final = re.compile(r"\[1m\]$", re.IGNORECASE)


def plain_name(requested: str) -> str:
    """The name that is looked up."""
    return _WINDOW.sub("", requested.strip().removeprefix("models/")).strip()


def select(runtime: Runtime, requested: str, *, fallback: bool = True) -> Chain:
    """The chain of a request; without `fallback` only its first

    target. Raises `InvalidRequestError` (404, param `model`) for an unknown name, or without `fallback` for a target
    without a key; `ConfigurationError` if no target has one.
    """
    requested = plain_name(requested)
    targets = runtime.targets
    if requested in AUTO or requested in runtime.settings.chains:
        chain = targets.chain(None if requested in AUTO else requested)
    else:
        name, model = _start(runtime, requested)
        chain = targets.chain(None)
        if targets.usable(name):
            chain = chain.starting_with(with_model(targets[name], model) if model else targets[name])
        elif not fallback:
            raise _unknown(requested, f"the target {name} has no key")
        else:
            chain = chain.saying(f"{requested} was requested, but {name} has no key here ({key_variable(name)})")
    return chain if fallback else chain.with_policy(fallback=False)


def check_name(requested: str) -> None:
    """Raises `InvalidRequestError` for a name that is longer than any model's: it would stay in caches and in the ledger."""
    if len(requested) > LONGEST_NAME:
        raise InvalidRequestError(
            f"model is {len(requested)} characters long: use a name of up to {LONGEST_NAME}",
            param="model",
            code="model_name_too_long",
        )


def _start(runtime: Runtime, requested: str) -> tuple[str, str]:
    """The target of a name, and the model to request of it; "" for the target's own."""
    targets = runtime.targets
    names = targets.names
    if requested in names:
        return requested, ""
    vendor, slash, model = requested.partition("/")
    if slash and model and vendor in names:
        return vendor, model
    provider = our_name(vendor) if slash else ""
    for name in sorted(names, key=targets.usable, reverse=True):
        of = targets.provider_of(name)
        usable = targets.usable(name)
        if usable and requested == targets[name].model.id:
            return name, requested
        if of == provider and model and usable:
            return name, model
        if listed(of, requested) is not None and (usable or not model):
            return name, requested
    routers = [name for name in names if targets.provider_of(name) in _ROUTERS and targets.usable(name)]
    if model and routers:
        return routers[0], requested
    return _by_family(runtime, model if provider in map(targets.provider_of, names) else requested)


def _by_family(runtime: Runtime, model: str) -> tuple[str, str]:
    """The target of a model that the catalogue knows only by its family or its maker's naming scheme."""
    targets = runtime.targets
    maker = next((name for name, preset in PROVIDERS.items() if model.startswith(preset.names.models or "\0")), None)
    for name in targets.names:
        if find_model(targets.provider_of(name), model).known:
            return name, model
    for name in targets.names:
        if targets.provider_of(name) == maker:
            return name, model
    models = [targets[name].model.id for name in targets.names if targets.usable(name)]
    near = nearest(model, {*targets.names, *runtime.settings.chains, *models}, cutoff=0.75)
    raise _unknown(model, f"did you mean {near!r}?" if near else "no such model is known here")


def _unknown(requested: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"model {requested!r}: {why}; use auto, a chain's name, provider/model or a model listed at /v1/models",
        param="model",
        status=404,
        code="model_not_found",
    )
