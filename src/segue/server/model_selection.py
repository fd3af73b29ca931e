"""What a caller's `model` stands for: where its request begins, and along which chain it goes on.

    "" or auto        the default chain
    NAME              a chain of the settings, or a target of them: begins there, and goes on along the default chain
    PROVIDER/MODEL    that model at that target, then the rest of the chain; the provider may be called by its vendor's name
    MODEL             a model that the catalogue knows at one of the targets' providers: the same

Targets are those of the chain, and every provider that has a key. A target that has none is passed over, and the answer says so
(`x-segue-notice`): a program that asks for one maker's model is served by whoever can. What stands for nothing is the caller's mistake
(404).

Before it is looked up, a word loses what some programs put around it: `models/`, and Claude Code's `[1m]`.
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


def plain_word(word: str) -> str:
    """The word that is looked up."""
    return _WINDOW.sub("", word.strip().removeprefix("models/")).strip()


def select(runtime: Runtime, word: str, *, fallback: bool = True) -> Chain:
    """Where a request goes. Without `fallback` to the first target alone.

    Raises `InvalidRequestError` (404, param `model`) for a word that stands for nothing, or without `fallback` for nothing that has a
    key; `ConfigurationError` if no target has one.
    """
    word = plain_word(word)
    targets = runtime.targets
    if word in AUTO or word in runtime.settings.chains:
        chain = targets.chain(None if word in AUTO else word)
    else:
        name, model = _start(runtime, word)
        chain = targets.chain(None)
        if targets.usable(name):
            chain = chain.starting_with(with_model(targets[name], model) if model else targets[name])
        elif not fallback:
            raise _unknown(word, f"the target {name} has no key")
        else:
            chain = chain.saying(f"{word} was asked for, but {name} has no key here ({key_variable(name)})")
    return chain if fallback else chain.with_policy(fallback=False)


def check_name(word: str) -> None:
    """Raises `InvalidRequestError` for a name that is longer than any model's: it would stay in caches and in the books."""
    if len(word) > LONGEST_NAME:
        raise InvalidRequestError(
            f"model is {len(word)} characters long: use a name of up to {LONGEST_NAME}",
            param="model",
            code="model_name_too_long",
        )


def _start(runtime: Runtime, word: str) -> tuple[str, str]:
    """The name of the target that a word begins at, and the model asked of it; "" for the target's own."""
    targets = runtime.targets
    names = targets.names
    if word in names:
        return word, ""
    vendor, slash, model = word.partition("/")
    if slash and model and vendor in names:
        return vendor, model
    provider = our_name(vendor) if slash else ""
    for name in sorted(names, key=targets.usable, reverse=True):
        of = targets.provider_of(name)
        usable = targets.usable(name)
        if usable and word == targets[name].model.id:
            return name, word
        if of == provider and model and usable:
            return name, model
        if listed(of, word) is not None and (usable or not model):
            return name, word
    routers = [name for name in names if targets.provider_of(name) in _ROUTERS and targets.usable(name)]
    if model and routers:
        return routers[0], word
    return _by_family(runtime, model if provider in map(targets.provider_of, names) else word)


def _by_family(runtime: Runtime, model: str) -> tuple[str, str]:
    """Where a model goes that the catalogue knows by its family or its maker's way of naming only."""
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
    raise _unknown(model, f"did you mean {near!r}?" if near else "it stands for no model that is known here")


def _unknown(word: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"model {word!r}: {why}; use auto, a chain's name, provider/model or a model listed at /v1/models",
        param="model",
        status=404,
        code="model_not_found",
    )
