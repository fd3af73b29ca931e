"""What a caller may put into `model`, as a list in the caller's dialect.

Listed are `auto`, the named chains, and each usable target's model, alone and as `target/model`. Names that are understood but not listed
can be looked up one by one: the names of targets, and the models that the catalogue knows of their providers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from segue.catalog.models import ModelInfo, find_model, lifecycle
from segue.errors import ConfigurationError, InvalidRequestError
from segue.routing.resolve import ANY_MODEL
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.server.exchange import Reply
from segue.wire import models as wire
from segue.wire.dialects import ingress
from segue.wire.models import Listed

HEADERS = {"content-type": "application/json"}


Allowed: TypeAlias = Callable[[str], bool]
"""Whether the caller may use a model, by its id in the list."""


def _all(model: str) -> bool:
    return True


def listing(runtime: Runtime, dialect: str, allowed: Allowed = _all) -> Reply:
    """All models that the caller may use, in the shape of `dialect`."""
    found = [model for model in _listed(runtime) if allowed(model.id)]
    return 200, HEADERS, msgspec.json.encode(wire.many(dialect, found))


def single(runtime: Runtime, dialect: str, name: str, allowed: Allowed = _all) -> Reply:
    """One model, in the shape of `dialect`; 404 in its error shape for an unknown one."""
    word = name.removeprefix("models/")
    found = next((model for model in _listed(runtime) if model.id == word), None) or _find(runtime, word)
    if found is None or not allowed(word):
        return ingress(dialect).error(
            InvalidRequestError(
                f"there is no model {word!r} here: see the list of models",
                param="model",
                status=404,
                code="model_not_found",
            )
        )
    return 200, HEADERS, msgspec.json.encode(wire.one(dialect, found))


def usable_targets(runtime: Runtime) -> Iterator[Target]:
    """The targets that can be asked, the default chain's first. One whose settings are wrong is skipped."""
    for name in runtime.targets.names:
        try:
            if runtime.targets.usable(name):
                yield runtime.targets[name]
        except ConfigurationError:
            continue


def _listed(runtime: Runtime) -> list[Listed]:
    found = [*_chains(runtime)]
    targets = [target for target in usable_targets(runtime) if target.model.id != ANY_MODEL]
    found += [_of_model(target.model, target.model.id) for target in targets]
    found += [_of_model(target.model, f"{target.name}/{target.model.id}") for target in targets]
    return list({model.id: model for model in reversed(found)}.values())[::-1]


def _chains(runtime: Runtime) -> Iterator[Listed]:
    """The chains of which a target can be asked."""
    for name in ("auto", *runtime.settings.chains):
        try:
            targets = runtime.targets.chain(None if name == "auto" else name).targets
        except ConfigurationError:
            continue
        yield _of_chain(name, targets)


def _find(runtime: Runtime, word: str) -> Listed | None:
    """A model that is understood although it is not listed."""
    targets = {target.name: target for target in usable_targets(runtime)}
    if (named := targets.get(word)) is not None:
        return _of_model(named.model, word)
    name, slash, model = word.partition("/")
    if slash and name in targets:
        info = find_model(targets[name].provider, model)
        return _of_model(info, word) if info.known else None
    known = (find_model(target.provider, word) for target in targets.values())
    return next((_of_model(info, word) for info in known if info.known), None)


def _of_chain(name: str, targets: Sequence[Target]) -> Listed:
    """A chain takes at least what each of its targets takes, as far as that is known."""
    windows = [target.model.window for target in targets if target.model.window is not None]
    outputs = [target.model.max_output for target in targets if target.model.max_output is not None]
    title = f"{name} ({', '.join(target.name for target in targets)})"
    return Listed(
        id=name, title=title, owner="segue", window=min(windows, default=None), max_output=min(outputs, default=None)
    )


def _of_model(info: ModelInfo, id: str) -> Listed:
    return Listed(
        id=id,
        title=info.id,
        owner=info.provider,
        released=info.released,
        window=info.window,
        max_output=info.max_output,
        stage=lifecycle(info, datetime.now(UTC).date()).status,
        deprecated=info.deprecated,
        shutdown=info.shutdown,
    )
