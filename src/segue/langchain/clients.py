"""`LLMClient`: a chain of targets as a LangChain chat model. A client of one provider is a chain of one.

Calls are the engine's, with all it does: failing over, hedging, going on in mid-stream. Synchronous ones run on the engine's own
thread, so they work anywhere, also below a running event loop.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, ClassVar, Self, Unpack

import msgspec
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.runnables.utils import AnyConfigurableField
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from segue.catalog.tokens import estimate_request_tokens, estimate_tokens
from segue.chat.messages import Message
from segue.chat.request import ChatRequest
from segue.client import Segue
from segue.errors import ConfigurationError
from segue.langchain import model_metadata, options, results, target_factories
from segue.langchain.backend import Backend, default_backend
from segue.langchain.configurable import Configurable
from segue.langchain.errors import raised
from segue.langchain.messages import Transcript
from segue.langchain.older_options import merged
from segue.langchain.options import ClientOptions, ModelOptions
from segue.langchain.structured import structured
from segue.langchain.tools import engine_choice, engine_tools, offered, structure
from segue.langchain.upstream import LangChainUpstream
from segue.options import CallOptions
from segue.routing.target import Target

_FIELDS = ("model", "temperature", "max_tokens", "timeout", "max_retries", "stop", "base_url", "api_key")
"""Options that are fields, because LangChain's other chat models have them as attributes."""

_INNER = frozenset({"client", "streams", "backend", "engine"})
"""Fields that make a client what it is; `with_options` can't change them."""

_OF_A_CALL = options.PLAIN | {
    "chain",
    "tools",
    "tool_choice",
    "response_format",
    "strict",
    "output",
    "validate",
}

Route = tuple[Segue, CallOptions]


class LLMClient(BaseChatModel):
    """A LangChain chat model that goes on when a provider drops out.

    `chain` is the name of a chain of the settings, the name of a target, or names of targets in order; without it, the settings'
    default chain. Beside the fields below it takes any option of `Segue.acomplete`: `deadline`, `fallback`, `effort`, `top_p` … What
    is not set here comes from the settings. The same options can be given to a call, or bound.

    Answers tell in `response_metadata` who gave them and what it took: `target`, `attempts`, `seams`, `cost` and more.

    Raises `ConfigurationError` for an option that does not exist or has a wrong value. What calls raise is Segue's error and LangChain's at
    once, see `segue.langchain.errors`.
    """

    provider: ClassVar[str] = ""
    """The target that a subclass stands for; empty for the default chain."""

    chain: str | tuple[str, ...] | None = None
    model: str | None = None
    """The model of the chain's first target."""
    temperature: float | None = None
    """0 to 2."""
    max_tokens: int | None = None
    timeout: float | None = None
    """Seconds to the first content, for each target."""
    max_retries: int | None = None
    """How often the whole chain is tried again when all that failed was transient."""
    stop: tuple[str, ...] | None = None
    base_url: str | None = None
    api_key: SecretStr | None = Field(default=None, repr=False)
    streaming: bool = False
    """True: `invoke` tells callbacks of tokens as they come."""
    options: dict[str, Any] = Field(default_factory=dict)
    """All other options."""
    client: Any = Field(default=None, exclude=True, repr=False)
    """A LangChain chat model to stand on instead of a target: the original guide's clients have one. `chain` is then its name."""
    streams: bool = Field(default=True, repr=False)
    """False: `client` is asked for whole messages, because its streams name no finish reason."""
    backend: Any = Field(default=None, exclude=True, repr=False)
    """The `Backend` whose engines are used; the process's own by default."""
    engine: Any = Field(default=None, exclude=True, repr=False)
    """A ready `Segue` to use instead."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _adopted: tuple[Any, Segue] | None = PrivateAttr(default=None)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # A client written after the guide has an `__init__` that sets attributes of any name without calling ours; pydantic alone
        # would refuse both.
        made = super().__new__(cls)
        if cls.__init__ is not LLMClient.__init__:
            with contextlib.suppress(ConfigurationError):
                LLMClient.__init__(made)
        return made

    def __init__(self, **given: Unpack[ClientOptions]) -> None:
        fields = options.settled(given, type(self).model_fields, type(self).__name__)
        if fields.get("engine") is None:
            (fields.get("backend") or default_backend).refresh()
        try:
            super().__init__(**fields)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in wrong["loc"])
            raise ConfigurationError(f"{type(self).__name__}: {place} is wrong: {wrong['msg']}") from None
        self._check()

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self).__init__ is LLMClient.__init__ or name.startswith("_") or name in type(self).model_fields:
            super().__setattr__(name, value)
        else:
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        whose = type(self).__name__
        if self.engine is not None and (self.api_key or self.base_url or self.timeout):
            raise ConfigurationError(
                f"{whose}: api_key, base_url and timeout are the engine's own: say them in its settings"
            )
        if (self.api_key or self.base_url) and len(self._names()) != 1:
            raise ConfigurationError(f"{whose}: api_key and base_url belong to one target: name it as the chain")

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """A copy that differs in these options: any that the constructor takes. It shares what is known of the providers' health."""
        fields = options.settled(changes, type(self).model_fields.keys() - _INNER, type(self).__name__)
        if "options" in fields:
            extra = merged(self.options.get("extra"), fields["options"].get("extra"))
            fields["options"] = {**self.options, **fields["options"], **({"extra": extra} if extra else {})}
        copy = self.model_copy(update=fields)
        copy.__dict__.pop("_serialized", None)
        if "profile" not in fields:
            with contextlib.suppress(ConfigurationError):
                copy.profile = copy._resolve_model_profile()
        copy._check()
        return copy

    def __deepcopy__(self, memo: Any = None) -> Self:
        """A copy over the same engine: connections and what is known of providers are not doubled."""
        return self.model_copy()

    # Whom a call goes to.

    @property
    def _backend(self) -> Backend:
        return self.backend if self.backend is not None else default_backend

    def _names(self, chain: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """The targets' names, if they were given; () for a chain of the settings."""
        value = chain or self.chain
        if value is not None and not isinstance(value, str):
            return tuple(value)
        if value is not None:
            settings = self._backend.settings if self.engine is None else self.engine.settings
            return () if value in settings.chains else (value,)
        if self.client is not None:
            return (self._own_name(),)
        return (self.provider,) if self.provider else ()

    def _own_name(self) -> str:
        """The name of the target that `client` is."""
        if self.chain:
            return self.chain if isinstance(self.chain, str) else self.chain[0]
        name = type(self).__name__
        return self.provider or ("model" if name == "LLMClient" else name.removesuffix("Client").lower() or "model")

    def _route(self, wanted: ModelOptions) -> Route:
        """The engine, and what to ask of it: its `chain` is set, and what the engine has by itself is left out."""
        call = wanted.request()
        chain = call.pop("chain", None)
        if chain is None and self.client is not None:
            engine = self._adopt(wanted)
            call.pop("model", None)
            return engine, {**call, "chain": (self._own_name(),)}
        chain = chain or self.chain
        if self.engine is not None:
            return self.engine, {**call, "chain": self._names(chain) or chain}
        backend = self._backend
        names = self._names(chain) or (backend.settings.chain if chain is None else ())
        if not names:
            assert isinstance(chain, str)  # a chain of the settings, by its name: it has its own policy
            engine = backend.engine(backend.settings.chains[chain].targets, wanted.address())
            return engine, {**call, "chain": chain}
        model = call.pop("model", None) if backend.needs_model(names[0]) else None
        address = wanted.address(model)
        return backend.engine(names, address), {**call, "chain": backend.usable(names, address)}

    def missing(self) -> str | None:
        """Why the client can ask no target, in a sentence; None if it can."""
        try:
            self._route(self._configured)
        except ConfigurationError as error:
            return str(error)
        return None

    def _adopt(self, wanted: ModelOptions) -> Segue:
        if self._adopted is None or self._adopted[0] is not self.client:
            model, name = target_factories.prepared(self.client), self._own_name()
            region = self._backend.settings.target(name).region
            target = target_factories.target_of(name, model, streams=self.streams, timeout=self.timeout, region=region)
            self._adopted = self.client, self._backend.adopt(target, LangChainUpstream(model, target))
        own = {"model": wanted.call.get("model"), "api_key": wanted.api_key, "base_url": wanted.base_url}
        for name, value in own.items():
            if value != getattr(self, name):
                raise ConfigurationError(
                    f"{type(self).__name__} stands on a ready model: it can't be given another {name}"
                )
        return self._adopted[1]

    def _targets(self, wanted: ModelOptions) -> tuple[Target, ...]:
        """The targets that a call with these options goes to; () if none can be asked."""
        try:
            segue, call = self._route(wanted)
            chain, model = segue.targets.chain(call["chain"]), call.get("model")
            return (chain if model is None else chain.with_model(model)).targets
        except ConfigurationError:
            return ()

    @property
    def _configured(self) -> ModelOptions:
        """The client's own options."""
        fields = {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}
        return ModelOptions({}).changed({**self.options, **fields})

    def _call(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, given: dict[str, Any]
    ) -> tuple[Segue, tuple[Message, ...], CallOptions]:
        """The engine, the messages and the options of a call."""
        whose = type(self).__name__
        ours = options.named(given, whose)
        if "api_key" in ours:
            raise ConfigurationError(f"{whose}: LangChain traces what a call is given: use with_options(api_key=…)")
        options.refuse_unknown(ours, _OF_A_CALL, whose)
        if stop is not None:
            ours["stop"] = stop
        plain = {n: options.checked(n, v, whose) for n, v in ours.items() if n in options.PLAIN}
        plain["chain"] = options.checked("chain", ours.get("chain"), whose)
        segue, call = self._route(self._configured.changed(plain))
        call |= structure(ours)
        transcript = Transcript(messages)
        if transcript.extra:
            call["extra"] = merged(call.get("extra"), transcript.extra)
        return segue, tuple(transcript.messages), call

    # LangChain's side.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with raised():
            segue, prompt, options = self._call(messages, stop, kwargs)
            return results.result(segue.complete(prompt, **options))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with raised():
            segue, prompt, options = self._call(messages, stop, kwargs)
            return results.result(await segue.acomplete(prompt, **options))

    # The two below leave it to LangChain to tell `run_manager` of tokens; it does so for every chunk, and twice would be once too often.

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with raised():
            segue, prompt, options = self._call(messages, stop, kwargs)
            if _must_be_whole(options):
                yield from results.in_chunks(segue.complete(prompt, **options))
                return
            chunks = results.Chunks()
            with segue.stream(prompt, **options) as stream:
                for event in stream:
                    if (chunk := chunks.feed(event)) is not None:
                        yield chunk
            yield chunks.last(stream.answer)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with raised():
            segue, prompt, options = self._call(messages, stop, kwargs)
            if _must_be_whole(options):
                for chunk in results.in_chunks(await segue.acomplete(prompt, **options)):
                    yield chunk
                return
            chunks = results.Chunks()
            async with segue.stream(prompt, **options) as stream:
                while events := await stream.batch():
                    for event in events:
                        if (piece := chunks.feed(event)) is not None:
                            yield piece
            yield chunks.last(stream.answer)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with functions that it may call.

        `tool_choice` is a function's name, "any" (as "required" and True), "auto" or "none". `kwargs` are options of the calls, such
        as `parallel_tool_calls`. Tools that run at one provider (web search and the like) are offered to targets that speak its
        dialect; the others answer without, and name them in `omitted`.
        """
        bound = offered(tools, strict=strict)
        if engine_choice(tool_choice, [tool["function"]["name"] for tool in bound.functions]) is not None:
            kwargs["tool_choice"] = tool_choice
        if bound.hosted:
            kwargs["extra"] = merged(kwargs.get("extra"), bound.hosted)
        return self.bind(tools=bound.functions, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model with answers that follow a schema: instances of a pydantic class, else dicts.

        `method` is "json_schema" (the provider is held to the schema where it can be), "function_calling" (the answer is a call's
        arguments) or "json_mode" (any JSON; describe the schema in the prompt; it may be None). With the first and the last an answer
        that fails the schema is its target's failure: the next one is asked. `include_raw` gives a dict of `raw`, `parsed` and `parsing_error`.
        `kwargs` are options of the calls.
        """
        return structured(self, schema, method=method, strict=strict, include_raw=include_raw, options=kwargs)

    def configurable_fields(self, **fields: AnyConfigurableField) -> Configurable:
        """The client with fields that a call's `config={"configurable": …}` chooses, through `bind_tools` and
        `with_structured_output` too. Raises `ConfigurationError` for what is no field."""
        options.refuse_unknown(fields, type(self).model_fields.keys() - _INNER, type(self).__name__)
        return Configurable(default=self, fields=fields)

    @property
    def _llm_type(self) -> str:
        return "segue"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What tells one client's answers from another's: it goes to traces and caches, so no key is in it."""
        names = [f"{target.name}/{target.model.id}" for target in self._targets(self._configured)]
        known = {**self._configured.public(), "targets": names}
        return {name: msgspec.to_builtins(value) for name, value in known.items()}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        given: dict[str, Any] = {
            name: kwargs[name] for name in ("model", "temperature", "max_tokens") if name in kwargs
        }
        wanted = self._configured.changed(given)
        return model_metadata.trace(self._targets(wanted), wanted.call, stop)

    def _resolve_model_profile(self) -> ModelProfile | None:
        targets = self._targets(self._configured)
        return model_metadata.profile(targets) if targets else None

    def get_num_tokens(self, text: str) -> int:
        """An estimate, the same for all providers."""
        return estimate_tokens(text)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """An estimate, the same for all providers."""
        functions = engine_tools(tools) if tools else ()
        return estimate_request_tokens(ChatRequest(messages=tuple(Transcript(messages).messages), tools=functions))


class GeminiClient(LLMClient):
    """A chain of one: Gemini, as the settings describe it."""

    provider: ClassVar[str] = "gemini"


class OpenAIClient(LLMClient):
    """A chain of one: OpenAI, as the settings describe it."""

    provider: ClassVar[str] = "openai"


class ClaudeClient(LLMClient):
    """A chain of one: Claude, as the settings describe it."""

    provider: ClassVar[str] = "claude"


def _must_be_whole(value: CallOptions) -> bool:
    """A check looks at whole answers. With a schema the engine holds the answer by itself."""
    return "validate" in value and "output" not in value
