"""What a caller's `model` stands for: where its request begins, and along which chain it goes on.

    "" or auto        the default chain
    NAME              a chain of the settings, or a target of them: begins there, and goes on along the default chain
    PROVIDER/MODEL    that model at that target, then the rest of the chain
    MODEL             a model that the catalogue knows at one of the chain's providers: the same

A target that has no key is passed over: a program that asks for one maker's model is served by whoever can. What stands for nothing is
the caller's mistake (404).
"""

from __future__ import annotations

from typing import NamedTuple

from segue.catalog.models import find_model
from segue.client import Segue
from segue.errors import InvalidRequestError
from segue.policy import Policy
from segue.routing.resolve import with_model
from segue.routing.target import Target

AUTO = ("", "auto", "default")

NAMED_AFTER = {"gpt-": "openai", "claude-": "claude", "gemini-": "gemini"}
"""What the makers call their models: a model that is newer than the catalogue goes to its maker."""


class Selection(NamedTuple):
    chain: str
    targets: tuple[Target, ...]
    policy: Policy


def select(segue: Segue, word: str, *, fallback: bool = True) -> Selection:
    """Where a request goes. Without `fallback` to the first target alone.

    Raises `InvalidRequestError` (404, param `model`) for a word that stands for nothing, or without `fallback` for nothing that has a
    key; `ConfigurationError` if no target has one.
    """
    word = word.strip().removeprefix("models/")
    if word in AUTO or word in segue.settings.chains:
        chain, targets, policy = segue.chain(None if word in AUTO else word)
    else:
        name, model = _start(segue, word)
        chain, targets, policy = segue.chain(None)
        if segue.usable(name):
            start = segue.target(name)
            targets = _first(with_model(start, model) if model else start, targets)
            policy = policy.replace(policy="priority")  # who names a target or a model is asked for no order
        elif not fallback:
            raise _unknown(word, f"the target {name} has no key")
    return Selection(chain, targets, policy if fallback else policy.replace(fallback=False))


def _start(segue: Segue, word: str) -> tuple[str, str]:
    """The name of the target that a word begins at, and the model asked of it; "" for the target's own."""
    names = segue.names
    if word in names:
        return word, ""
    name, slash, model = word.partition("/")
    if slash and name in names and model:
        return name, model
    for name in names:
        own = segue.target(name).model.id if segue.usable(name) else ""
        if word == own or find_model(segue.provider_of(name), word).known:
            return name, word
    maker = next((maker for prefix, maker in NAMED_AFTER.items() if word.startswith(prefix)), None)
    for name in names:
        if segue.provider_of(name) == maker:
            return name, word
    raise _unknown(word, "it stands for no model that is known here")


def _first(start: Target, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    return start, *(target for target in targets if target.name != start.name)


def _unknown(word: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"model {word!r}: {why}; use auto, a chain's name, provider/model or a model listed at /v1/models",
        param="model",
        status=404,
        code="model_not_found",
    )
