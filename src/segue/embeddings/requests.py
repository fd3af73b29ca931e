"""Requests for embeddings in their two shapes: which provider has the model, what is sent to it, what it counted.

Most providers with embeddings use OpenAI's shape, Gemini among them; only Gemini uses its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import msgspec

from segue.catalog.embeddings import EMBEDDERS, replacement
from segue.catalog.providers import PROVIDERS, Embedder
from segue.chat.usage import ImpossibleCount, Usage, token_count
from segue.errors import InvalidRequestError
from segue.routing.resolve import key_variable, with_model
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.wire.codec import Call, WireRequest
from segue.wire.gemini.ingress.codec import target as named_by
from segue.wire.gemini.upstream.codec import posting, resource
from segue.wire.lenient import UNREADABLE
from segue.wire.openai.http import auth_headers

Addressed: TypeAlias = tuple[Target, Callable[[], WireRequest]]
"""A target, and what makes the request to send to it: a body may have megabytes, and most are sent to one target only."""

_Fields = dict[str, msgspec.Raw]
_JSON: Final = "application/json"
_UNCHOSEN: Final = ("", "auto", "default")


class OpenAIAsked:
    """`POST /v1/embeddings`."""

    dialect = "openai_chat"
    dialects: Final = (dialect, "openai_responses")
    """The dialects of a target that may have embeddings although its provider is unknown."""

    def __init__(self, body: bytes) -> None:
        self.size = len(body)
        self._fields = _object(body)
        try:
            value = msgspec.json.decode(self._fields["model"], type=str)
        except (KeyError, *UNREADABLE):
            value = ""
        self.model = _checked_name(value)

    def addressed(self, runtime: Runtime) -> list[Addressed]:
        """The targets that have the model. Raises `InvalidRequestError` that names what to set."""
        return [(target, partial(self._request, target, embedder)) for target, embedder in self._choose(runtime)]

    def _request(self, target: Target, embedder: Embedder) -> WireRequest:
        body = msgspec.json.encode({**self._fields, "model": target.model.id})
        headers = {"content-type": _JSON, "accept": _JSON, **auth_headers(_call(target))}
        return WireRequest(method="POST", url=embedder.url(target.base_url), headers=headers, body=body)

    def usage(self, answer: bytes) -> Usage | None:
        """What the provider counted, if it reports it."""
        return _counted(answer, "usage", "prompt_tokens")

    def _choose(self, runtime: Runtime) -> list[tuple[Target, Embedder]]:
        if target := _named(runtime, self.model):
            embedder = EMBEDDERS.get(target.provider)
            if embedder is None and target.provider not in PROVIDERS and target.dialect in self.dialects:
                embedder = Embedder()
            if embedder is None:
                raise InvalidRequestError(
                    f"{target.provider} has no embeddings in OpenAI's shape: use a model of {', '.join(EMBEDDERS)}",
                    param="model",
                    code="embeddings_unsupported",
                )
            return [(target, embedder)]
        maker = _maker(self.model)
        if not maker:
            raise _unknown(self.model, "its provider is unknown: write it as target/model")
        if targets := _targets_of(runtime, maker, self.model):
            return [(target, EMBEDDERS[maker]) for target in targets]
        raise _unknown(self.model, f"it is {maker}'s, which has no key: {_remedy(maker)}")


class GeminiAsked:
    """`POST …/models/{model}:embedContent` or `:batchEmbedContents`, which is what google-genai calls."""

    dialect = "gemini"

    def __init__(self, body: bytes, path: str) -> None:
        model, self._action = named_by(path, ("embedContent", "batchEmbedContents"))
        self.size = len(body)
        self._fields = _object(body)
        self._requests = _requests(self._fields) if self._action == "batchEmbedContents" else []
        self.model = _checked_name(model)

    def addressed(self, runtime: Runtime) -> list[Addressed]:
        """The targets that have the model. Raises `InvalidRequestError` that names what to set."""
        return [(target, partial(self._request, target)) for target in self._choose(runtime)]

    def _request(self, target: Target) -> WireRequest:
        # Each request of a batch must repeat the path's model, and a single one may.
        model = msgspec.Raw(msgspec.json.encode(resource(target.model.id)))
        if self._action == "batchEmbedContents":
            each = [{**request, "model": model} for request in self._requests]
            body = msgspec.json.encode({**self._fields, "requests": each})
        else:
            body = msgspec.json.encode({**self._fields, "model": model})
        return posting(self._action, body, _call(target))

    def usage(self, answer: bytes) -> Usage | None:
        """What the provider counted, if it reports it."""
        return _counted(answer, "usageMetadata", "promptTokenCount")

    def _choose(self, runtime: Runtime) -> list[Target]:
        target = _named(runtime, self.model)
        maker = target.provider if target else _maker(self.model) or self.dialect
        if target is None and maker == self.dialect:
            if targets := _targets_of(runtime, maker, self.model):
                return targets
            raise _unknown(self.model, f"it is taken for {maker}'s, which has no key: {_remedy(maker)}")
        if target is None or target.dialect != self.dialect:
            raise InvalidRequestError(
                f"{maker} has no embeddings in Gemini's shape: use POST /v1/embeddings, or a model of gemini",
                param="model",
                code="embeddings_unsupported",
            )
        return [target]


Asked: TypeAlias = OpenAIAsked | GeminiAsked


def _targets_of(runtime: Runtime, provider: str, model: str) -> list[Target]:
    """The usable targets of a provider, each with this model."""
    targets = runtime.targets
    names = [name for name in targets.names if targets.provider_of(name) == provider and targets.usable(name)]
    return [with_model(targets[name], model) for name in names]


def _object(body: bytes) -> _Fields:
    """The request's fields, each as it was written."""
    try:
        return msgspec.json.decode(body, type=_Fields)
    except UNREADABLE as error:
        raise InvalidRequestError(f"the body is not a JSON object: {error}") from error


def _requests(fields: _Fields) -> list[_Fields]:
    try:
        return msgspec.json.decode(fields["requests"], type=list[_Fields])
    except (KeyError, *UNREADABLE) as error:
        raise InvalidRequestError("requests must be a list of objects", param="requests") from error


def _checked_name(value: str) -> str:
    """The requested model. None is chosen for a caller."""
    requested = value.strip().removeprefix("models/")
    if requested in _UNCHOSEN:
        reason = "model is missing: name one, because vectors of different models do not mix"
        raise InvalidRequestError(reason, param="model", code="model_required")
    if heir := replacement(requested):
        raise InvalidRequestError(
            f"{requested} was shut down: use {heir}, and embed all texts again, because vectors of different models do not mix",
            param="model",
            status=404,
            code="model_not_found",
        )
    return requested


def _named(runtime: Runtime, requested: str) -> Target | None:
    """The target of `target/model`, with that model; None for a bare model."""
    name, slash, model = requested.partition("/")
    if not (slash and model and name in runtime.targets.names):
        return None
    if not runtime.targets.usable(name):
        raise _unknown(requested, f"the target {name} has no key: {_remedy(name)}")
    return with_model(runtime.targets[name], model)


def _maker(requested: str) -> str:
    """The provider whose models have this name, "" for none."""
    return next((provider for provider, embedder in EMBEDDERS.items() if embedder.knows(requested)), "")


def _call(target: Target) -> Call:
    return Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )


def _counted(answer: bytes, group: str, field: str) -> Usage | None:
    try:
        tokens = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])[group]
        count = token_count(msgspec.json.decode(msgspec.json.decode(tokens, type=_Fields)[field]))
    except (KeyError, ImpossibleCount, *UNREADABLE):
        return None
    return Usage(input_tokens=count) if count else None


def _unknown(requested: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"model {requested!r}: {why}", param="model", status=404, code="model_not_found")


def _remedy(name: str) -> str:
    return f"set {key_variable(name)}"
