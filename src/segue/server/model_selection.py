"""What a caller's `model` stands for: where its request begins, and along which chain it goes on.

    "" or auto        the default chain
    NAME              a chain of the settings, or a target of them: begins there, and goes on along the default chain
    PROVIDER/MODEL    that model at that target, then the rest of the chain
    MODEL             a model that the catalogue knows at one of the chain's providers: the same

A target that has no key is passed over: a program that asks for one maker's model is served by whoever can. What stands for nothing is
the caller's mistake (404).
"""

from __future__ import annotations

from segue.catalog.models import find_model
from segue.errors import InvalidRequestError
from segue.routing.resolve import with_model
from segue.routing.targets import Chain
from segue.runtime import Runtime

AUTO = ("", "auto", "default")

NAMED_AFTER = {"gpt-": "openai", "claude-": "claude", "gemini-": "gemini"}
"""What the makers call their models: a model that is newer than the catalogue goes to its maker."""


def select(runtime: Runtime, word: str, *, fallback: bool = True) -> Chain:
    """Where a request goes. Without `fallback` to the first target alone.

    Raises `InvalidRequestError` (404, param `model`) for a word that stands for nothing, or without `fallback` for nothing that has a
    key; `ConfigurationError` if no target has one.
    """
    word = word.strip().removeprefix("models/")
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
    return chain if fallback else chain.with_policy(fallback=False)


def _start(runtime: Runtime, word: str) -> tuple[str, str]:
    """The name of the target that a word begins at, and the model asked of it; "" for the target's own."""
    names = runtime.targets.names
    if word in names:
        return word, ""
    name, slash, model = word.partition("/")
    if slash and name in names and model:
        return name, model
    for name in names:
        own = runtime.targets[name].model.id if runtime.targets.usable(name) else ""
        if word == own or find_model(runtime.targets.provider_of(name), word).known:
            return name, word
    maker = next((maker for prefix, maker in NAMED_AFTER.items() if word.startswith(prefix)), None)
    for name in names:
        if runtime.targets.provider_of(name) == maker:
            return name, word
    raise _unknown(word, "it stands for no model that is known here")


def _unknown(word: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"model {word!r}: {why}; use auto, a chain's name, provider/model or a model listed at /v1/models",
        param="model",
        status=404,
        code="model_not_found",
    )
