"""Requests for embeddings in their two shapes: whose model is asked for, what goes to its provider, what the provider counted.

OpenAI's shape is spoken by most who have embeddings, Gemini among them; Gemini's own is Gemini's alone.
"""

from __future__ import annotations

from typing import Final

import msgspec

from segue.catalog.embeddings import EMBEDDERS, replacement
from segue.catalog.providers import PROVIDERS, Embedder
from segue.chat.usage import Usage
from segue.errors import InvalidRequestError
from segue.routing.resolve import with_model
from segue.routing.target import Target
from segue.runtime import Runtime
from segue.wire.codec import Call, WireRequest
from segue.wire.gemini.ingress.codec import target as named_by
from segue.wire.gemini.upstream.codec import posting, resource
from segue.wire.lenient import UNREADABLE
from segue.wire.openai.http import auth_headers

_Fields = dict[str, msgspec.Raw]
_JSON: Final = "application/json"
_UNCHOSEN: Final = ("", "auto", "default")


class OpenAIAsked:
    """`POST /v1/embeddings`."""

    dialect = "openai_chat"
    spoken_with: Final = (dialect, "openai_responses")
    """The dialects of a target that may have embeddings though nothing is known of its provider."""

    def __init__(self, body: bytes) -> None:
        self.size = len(body)
        self._fields = _object(body)
        try:
            said = msgspec.json.decode(self._fields["model"], type=str)
        except (KeyError, *UNREADABLE):
            said = ""
        self.word = _word(said)

    def addressed(self, runtime: Runtime) -> tuple[Target, WireRequest]:
        """Who has the model, and what to send. Raises `InvalidRequestError` that says what to set."""
        target, embedder = self._choose(runtime)
        body = msgspec.json.encode({**self._fields, "model": target.model.id})
        headers = {"content-type": _JSON, "accept": _JSON, **auth_headers(_call(target))}
        return target, WireRequest(method="POST", url=embedder.url(target.base_url), headers=headers, body=body)

    def usage(self, answer: bytes) -> Usage | None:
        """What the provider counted, if it says."""
        return _counted(answer, "usage", "prompt_tokens")

    def _choose(self, runtime: Runtime) -> tuple[Target, Embedder]:
        if target := _named(runtime, self.word):
            embedder = EMBEDDERS.get(target.provider)
            if embedder is None and target.provider not in PROVIDERS and target.dialect in self.spoken_with:
                embedder = Embedder()
            if embedder is None:
                raise InvalidRequestError(
                    f"{target.provider} has no embeddings in OpenAI's shape: use a model of {', '.join(EMBEDDERS)}",
                    param="model",
                    code="embeddings_unsupported",
                )
            return target, embedder
        maker = _maker(self.word)
        if not maker:
            raise _unknown(self.word, "its provider is not known: write it as target/model")
        for name in runtime.targets.names:
            if runtime.targets.provider_of(name) == maker and runtime.targets.usable(name):
                return with_model(runtime.targets[name], self.word), EMBEDDERS[maker]
        raise _unknown(self.word, f"it is {maker}'s, which has no key: {_remedy(maker)}")


class GeminiAsked:
    """`POST …/models/{model}:embedContent` or `:batchEmbedContents`, which is what google-genai calls."""

    dialect = "gemini"

    def __init__(self, body: bytes, path: str) -> None:
        model, self._action = named_by(path, ("embedContent", "batchEmbedContents"))
        self.size = len(body)
        self._fields = _object(body)
        self._requests = _requests(self._fields) if self._action == "batchEmbedContents" else []
        self.word = _word(model)

    def addressed(self, runtime: Runtime) -> tuple[Target, WireRequest]:
        """Who has the model, and what to send. Raises `InvalidRequestError` that says what to set."""
        target = self._choose(runtime)
        # Each request of a batch must repeat the path's model, and a single one may.
        model = msgspec.Raw(msgspec.json.encode(resource(target.model.id)))
        if self._action == "batchEmbedContents":
            each = [{**request, "model": model} for request in self._requests]
            body = msgspec.json.encode({**self._fields, "requests": each})
        else:
            body = msgspec.json.encode({**self._fields, "model": model})
        return target, posting(self._action, body, _call(target))

    def usage(self, answer: bytes) -> Usage | None:
        """What the provider counted, if it says."""
        return _counted(answer, "usageMetadata", "promptTokenCount")

    def _choose(self, runtime: Runtime) -> Target:
        target = _named(runtime, self.word)
        maker = target.provider if target else _maker(self.word) or self.dialect
        if target is None and maker == self.dialect:
            for name in runtime.targets.names:
                if runtime.targets.provider_of(name) == maker and runtime.targets.usable(name):
                    return with_model(runtime.targets[name], self.word)
            raise _unknown(self.word, f"it is taken for {maker}'s, which has no key: {_remedy(maker)}")
        if target is None or target.dialect != self.dialect:
            raise InvalidRequestError(
                f"{maker} has no embeddings in Gemini's shape: ask POST /v1/embeddings, or use a model of gemini",
                param="model",
                code="embeddings_unsupported",
            )
        return target


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


def _word(said: str) -> str:
    """The model asked for. None is chosen for a caller."""
    word = said.strip().removeprefix("models/")
    if word in _UNCHOSEN:
        reason = "model is missing: name one, for vectors of different models do not mix"
        raise InvalidRequestError(reason, param="model", code="model_required")
    if heir := replacement(word):
        raise InvalidRequestError(
            f"{word} was shut down: use {heir}, and embed again what was embedded, for vectors of different models do not mix",
            param="model",
            status=404,
            code="model_not_found",
        )
    return word


def _named(runtime: Runtime, word: str) -> Target | None:
    """The target of `target/model`, with that model; None for a bare model."""
    name, slash, model = word.partition("/")
    if not (slash and model and name in runtime.targets.names):
        return None
    if not runtime.targets.usable(name):
        raise _unknown(word, f"the target {name} has no key: {_remedy(name)}")
    return with_model(runtime.targets[name], model)


def _maker(word: str) -> str:
    """The provider that a model's name is known to be of, "" for none."""
    return next((provider for provider, embedder in EMBEDDERS.items() if embedder.knows(word)), "")


def _call(target: Target) -> Call:
    return Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )


def _counted(answer: bytes, group: str, field: str) -> Usage | None:
    try:
        tokens = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])[group]
        count = msgspec.json.decode(msgspec.json.decode(tokens, type=_Fields)[field], type=int)
    except (KeyError, *UNREADABLE):
        return None
    return Usage(input_tokens=count) if count > 0 else None


def _unknown(word: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"model {word!r}: {why}", param="model", status=404, code="model_not_found")


def _remedy(name: str) -> str:
    return f"set {name.upper().replace('-', '_')}_API_KEY"
