"""The registry: clients by name, and the chain that falls back from one to the next.

    registry.register("groq", "groq")                       # a preset: an OpenAI-compatible provider, only its key is needed
    registry.register("local", Provider(dialect="openai_chat", base_url="http://127.0.0.1:8000/v1", model="…", keyless=True))
    registry.register("bedrock", ChatBedrock(...))          # any LangChain chat model, or a class or function that makes one
    registry.register("mine", MyClient)                     # a client in the original guide's manner
    registry.register("x", MyCodec)                         # a codec class for a custom dialect

What is registered stands behind the preferred ones in the fallback chain, in the order of registration.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Unpack

from langchain_core.language_models import BaseChatModel

from segue.catalog.providers import PROVIDERS, Provider
from segue.errors import ConfigurationError
from segue.langchain.backend import Backend, default_backend
from segue.langchain.clients import ClaudeClient, GeminiClient, LLMClient, OpenAIClient
from segue.langchain.options import ClientOptions
from segue.langchain.target_factories import from_codec, from_model, is_codec
from segue.settings import DEFAULT_CHAIN, Settings
from segue.validation import unknown

log = logging.getLogger("segue")

preferred_order: Final[list[str]] = list(DEFAULT_CHAIN)
"""The original guide's order. Change the list, and the fallback chain follows it; unchanged, the settings' chain goes first."""

_OWN_CLIENTS: Final[dict[str, type[LLMClient]]] = {
    "gemini": GeminiClient,
    "openai": OpenAIClient,
    "claude": ClaudeClient,
}
_OF_A_TARGET: Final = ("model", "temperature", "max_tokens", "timeout", "base_url")


class _Made:
    """Something that a class or function makes when it is first needed, once."""

    def __init__(self, make: Callable[..., Any], *, streams: bool) -> None:
        self.make = make
        self.streams = streams
        self._lock = threading.Lock()
        self._made: Any = None

    def __call__(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self.make()
            return self._made


class LLMRegistry:
    """Clients by name. `settings` default to the environment's.

    Clients that are not available (no key, unknown name) are None, as in the guide; the log says what they lack.
    """

    def __init__(self, settings: Settings | None = None, *, backend: Backend | None = None) -> None:
        self.backend = backend or Backend(settings)
        self._classes: dict[str, type[LLMClient]] = dict(_OWN_CLIENTS)
        self._models: dict[str, _Made] = {}
        self._order: list[str] = []
        self._clients: dict[str, tuple[Settings, LLMClient]] = {}

    def register(self, name: str, client: Any, *, streams: bool = True) -> None:
        """Makes a client known by a name, in place of what had that name.

        `client` is the name of a preset, a `Provider`, a client class, a LangChain chat model (or a class or function that makes one),
        anything else with `ainvoke`, or a codec class. `streams=False` is for models whose streams name no finish reason: they are
        asked for whole messages. Raises `ConfigurationError` for anything else.
        """
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError("a client needs a name")
        add = self._adding(name, client, streams)
        self._forget(name)
        add()
        self._order.append(name)

    def _adding(self, name: str, client: Any, streams: bool) -> Callable[[], None]:
        """What registers the client; nothing is done yet."""
        kind = client if isinstance(client, type) else None
        if isinstance(client, str):
            if client not in PROVIDERS:
                raise unknown(client, "a preset", PROVIDERS)
            return lambda: self.backend.add_preset(name, client)
        if isinstance(client, Provider):
            return lambda: self.backend.add_provider(name, client)
        if is_codec(client):
            return lambda: self.backend.add_target(name, from_codec(name, client))
        if kind is not None and issubclass(kind, LLMClient) and not _stands_alone(kind):
            return lambda: self._register_class(name, kind)
        if kind is None and callable(getattr(client, "ainvoke", None)):
            return lambda: self._register_model(name, _Made(lambda: client, streams=streams))
        if callable(client):
            return lambda: self._register_model(name, _Made(client, streams=streams))
        raise ConfigurationError(
            f"a {type(client).__name__} can't be registered: give a preset's name, a Provider, a client class, a LangChain chat model "
            "or a codec class"
        )

    def create_client(self, name: str, **options: Any) -> LLMClient | None:
        """A new client with these options (any that `LLMClient` takes), or None if there is none of that name or it lacks something.

        Raises `ConfigurationError` for an option that does not exist or has a wrong value.
        """
        self.backend.refresh()
        if (made := self._models.get(name)) is not None:
            reason = None if options else self.backend.missing(name)
            client = self._create_from(name, made, options) if reason is None else None
        else:
            client = self._create(name, options)
            reason = self._unknown(name) if client is None else client.missing()
        if reason is not None:
            log.warning("%s", reason)
            return None
        return client

    def get_client(self, name: str) -> LLMClient | None:
        """The client of that name, the same one each time; None as with `create_client`."""
        settings = self.backend.refresh()
        known = self._clients.get(name)
        if known is None or known[0] != settings:
            client = self.create_client(name)
            if client is None:
                return None
            known = self._clients[name] = settings, client
        return known[1]

    def get_client_with_fallback(
        self, preferred_order: Sequence[str] | None = None, **options: Unpack[ClientOptions]
    ) -> LLMClient:
        """The chain of all available clients, as one client.

        `preferred_order` names the only ones to use, in order; without it they are those of the preferred order, then what was
        registered. Where none is available, it is the first call that raises `ConfigurationError`, which says what is missing.
        """
        self.backend.refresh()
        wanted = self._fallback_order() if preferred_order is None else list(preferred_order)
        names = tuple(name for name in wanted if self.why_not(name) is None)
        options["chain"], options["backend"] = names or tuple(wanted), self.backend
        return LLMClient(**options)

    def get_available_clients(self) -> list[str]:
        """The names of all clients that can be asked, the preferred ones first."""
        self.backend.refresh()
        return [name for name in self._names() if self.why_not(name) is None]

    def why_not(self, name: str) -> str | None:
        """What keeps a client from being available, in a sentence; None if nothing does."""
        return self.backend.missing(name) if self.backend.knows(name) else self._unknown(name)

    def _create(self, name: str, options: dict[str, Any]) -> LLMClient | None:
        """A client, whether it can ask a target or not; None if there is none of that name."""
        if name in self.backend.settings.chains:
            return LLMClient(chain=name, backend=self.backend, **options)
        if not self.backend.knows(name):
            return None
        return self._classes.get(name, LLMClient)(chain=(name,), backend=self.backend, **options)

    def _create_from(self, name: str, made: _Made, options: dict[str, Any]) -> LLMClient:
        """A client over a model. Options go to the class that makes it, if it is one; those of a ready model to the calls."""
        if not isinstance(made.make, type) or not options:
            ready = made()
            own = isinstance(ready, LLMClient) and not options
            return ready if own else LLMClient(chain=(name,), backend=self.backend, **options)
        client = made.make(**options)
        if isinstance(client, LLMClient):
            return client
        return LLMClient(chain=(name,), client=client, streams=made.streams, backend=self.backend)

    def _unknown(self, name: str) -> str:
        return f"{unknown(name, 'a known client', tuple(self._names()))}; others must be registered first"

    def _fallback_order(self) -> list[str]:
        changed = preferred_order != list(DEFAULT_CHAIN)
        return list(dict.fromkeys([*(preferred_order if changed else self.backend.settings.chain), *self._order]))

    def _names(self) -> Iterable[str]:
        return dict.fromkeys([*self._fallback_order(), *self.backend.settings.targets])

    def _forget(self, name: str) -> None:
        self.backend.remove(name)
        self._models.pop(name, None)
        self._clients.pop(name, None)
        self._classes.pop(name, None)
        if name in _OWN_CLIENTS:
            self._classes[name] = _OWN_CLIENTS[name]
        if name in self._order:
            self._order.remove(name)

    def _register_class(self, name: str, kind: type[LLMClient]) -> None:
        """A client of a known provider: a separate target, with the class's settings."""
        fields = {field: kind.model_fields[field].default for field in _OF_A_TARGET}
        changes = {field: value for field, value in fields.items() if value is not None}
        self.backend.add_preset(name, kind.provider, **changes)
        self._classes[name] = kind

    def _register_model(self, name: str, made: _Made) -> None:
        self._models[name] = made
        self.backend.add_target(name, from_model(name, lambda: _answering(made()), streams=made.streams))


def _stands_alone(kind: type[LLMClient]) -> bool:
    """Whether a client class may answer by itself, or hold a model: it overrides a method or `__init__`, or has no provider."""
    own = ("__init__", "ainvoke", "invoke", "astream", "_agenerate", "_generate", "_astream")
    return not kind.provider or any(getattr(kind, name) is not getattr(LLMClient, name) for name in own)


def _answering(made: Any) -> Any:
    """What a chain asks: the model that a client of the guide's holds, unless the client has its own way of asking it."""
    if (
        isinstance(made, LLMClient)
        and isinstance(made.client, BaseChatModel)
        and type(made).ainvoke is LLMClient.ainvoke
    ):
        return made.client
    return made


registry = LLMRegistry(backend=default_backend)
"""The ready one."""
