"""`LLMClient`: a chain of targets as a LangChain chat model. A client of one provider is a chain of one.

Calls are the engine's, with all it does: failing over, hedging, going on in mid-stream. Synchronous ones run on the engine's own
thread, so they work anywhere, also below a running event loop.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

import msgspec
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from segue.catalog.tokens import estimate_request_tokens, estimate_tokens
from segue.chat.messages import Message
from segue.chat.request import ChatRequest
from segue.client import Segue
from segue.errors import ConfigurationError
from segue.langchain import answer, options, structured, targets
from segue.langchain.backend import Backend, address_of, default_backend
from segue.langchain.convert import Transcript
from segue.langchain.tools import engine_choice, engine_tools, openai_tool, structure
from segue.langchain.upstream import LangChainUpstream
from segue.routing.target import Target

_SAID = ("model", "temperature", "max_tokens", "timeout", "max_retries", "stop", "base_url", "api_key")
"""Options that are fields, because LangChain's other chat models have them as attributes."""

_INNER = frozenset({"client", "backend", "engine", "options"})
"""Fields that make a client what it is; `with_options` can't change them."""

_OF_A_CALL = options.PLAIN | {
    "api_key",
    "chain",
    "tools",
    "tool_choice",
    "response_format",
    "strict",
    "output",
    "validate",
}

_TRACED = {"claude": "anthropic", "gemini": "google_genai"}
"""LangChain's names of providers, by which its tracers find prices."""


class LLMClient(BaseChatModel):
    """A LangChain chat model that goes on when a provider drops out.

    `chain` is the name of a chain of the settings, the name of a target, or names of targets in order; without it, the settings'
    default chain. Beside the fields below it takes any option of `Segue.acomplete`: `deadline`, `fallback`, `effort`, `top_p` … What
    is not said here is what the settings say.

    Raises `ConfigurationError` for an option that does not exist or has a wrong value.
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
    """A LangChain chat model to stand on instead of a target: the original guide's clients have one."""
    backend: Any = Field(default=None, exclude=True, repr=False)
    """The `Backend` whose engines are used; the process's own by default."""
    engine: Any = Field(default=None, exclude=True, repr=False)
    """A ready `Segue` to use instead."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _adopted: tuple[Any, Segue] | None = PrivateAttr(default=None)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # A client written after the guide sets attributes in its `__init__` without calling ours, which pydantic would refuse.
        made = super().__new__(cls)
        if cls.__init__ is not LLMClient.__init__:
            with contextlib.suppress(ConfigurationError):
                LLMClient.__init__(made)
        return made

    def __init__(self, **given: Any) -> None:
        fields = self._settle(given, type(self).model_fields.keys() | options.PLAIN)
        try:
            super().__init__(**fields)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in wrong["loc"])
            raise ConfigurationError(f"{type(self).__name__}: {place} is wrong: {wrong['msg']}") from None
        if self.engine is None:
            self._backend.refresh()
        self._check()

    def _check(self) -> None:
        if (self.api_key or self.base_url) and len(self._names_said()) != 1:
            raise ConfigurationError(
                f"{type(self).__name__}: api_key and base_url belong to one target: name it as the chain"
            )

    @classmethod
    def _settle(cls, given: dict[str, Any], known: Any) -> dict[str, Any]:
        """Checked values by field; what is no field goes to `options`."""
        whose = cls.__name__
        fields: dict[str, Any] = {}
        rest = dict(given.pop("options", None) or {})
        for name, value in options.named(given).items():
            options.refuse_unknown((name,), known, whose)
            if name in _SAID:
                fields[name] = options.checked(name, value, whose)
            elif name in cls.model_fields:
                fields[name] = value
            else:
                rest[name] = value
        options.refuse_unknown(rest, options.PLAIN, whose)
        if rest:
            fields["options"] = {name: options.checked(name, value, whose) for name, value in rest.items()}
        if "chain" in fields:
            fields["chain"] = _chain(fields["chain"])
        return fields

    def with_options(self, **changes: Any) -> Self:
        """A copy that differs in these options: any that the constructor takes. It shares what is known of the providers' health."""
        known = (type(self).model_fields.keys() | options.PLAIN) - _INNER
        fields = self._settle(changes, known)
        if "options" in fields:
            fields["options"] = {**self.options, **fields["options"]}
        copy = self.model_copy(update=fields)
        copy.__dict__.pop("_serialized", None)
        if "profile" not in fields:
            with contextlib.suppress(Exception):
                copy.profile = copy._resolve_model_profile()
        copy._check()
        return copy

    # Whom a call goes to.

    def _names_said(self, chain: str | tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The targets' names, as far as they were said; () for a chain of the settings."""
        said = chain or self.chain
        if isinstance(said, tuple):
            return said
        if said is not None:
            settings = self._backend.settings if self.engine is None else self.engine.settings
            return () if said in settings.chains else (said,)
        if self.client is not None:
            return (self._own_name(),)
        return (self.provider,) if self.provider else ()

    @property
    def _backend(self) -> Backend:
        return self.backend if self.backend is not None else default_backend

    def _own_name(self) -> str:
        name = type(self).__name__
        return self.provider or (
            name.removesuffix("Client").lower() if name not in ("LLMClient", "Client") else "model"
        )

    def _route(self, settled: dict[str, Any]) -> tuple[Segue, str | tuple[str, ...] | None]:
        """The engine and the chain to ask. Takes from `settled` what the engine says by itself."""
        said = settled.pop("chain", None)
        if self.client is not None and said is None and self.chain is None:
            return self._adopt(), (self._own_name(),)
        names = self._names_said(said)
        chain: str | tuple[str, ...] | None = names or said or self.chain
        if self.engine is not None:
            return self.engine, chain
        backend, address = self._backend, address_of(settled)
        if chain is None:
            chain = names = backend.default_chain()
        elif isinstance(chain, str):
            names = backend.settings.chains[chain].targets
        if settled.get("model") is not None and backend.is_ready_made(names[0]):
            address = address._replace(model=settled.pop("model"))
        if any(address) and (reason := backend.missing(names[0], address)) is not None:
            raise ConfigurationError(reason)
        return backend.engine(names, address), chain

    def _adopt(self) -> Segue:
        if self._adopted is None or self._adopted[0] is not self.client:
            name = self._own_name()
            model = targets.prepared(self.client)
            target = targets.target_of(name, model, timeout=self.timeout)
            self._adopted = self.client, self._backend.adopt(name, LangChainUpstream(model, target), target)
        return self._adopted[1]

    def _targets(self, **settled: Any) -> tuple[Target, ...]:
        """The targets that a call goes to. Raises `ConfigurationError` where there are none."""
        segue, chain = self._route(settled)
        job = segue.job("", {"chain": chain, "model": settled.get("model") or None}, hold=True)
        return job.targets

    # What a call says.

    def _said(self) -> dict[str, Any]:
        fields = {name: value for name in _SAID if (value := getattr(self, name)) is not None}
        return {**self.options, **fields}

    def _call(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, given: dict[str, Any]
    ) -> tuple[Segue, tuple[Message, ...], dict[str, Any]]:
        """The engine, the messages and the options of a call."""
        whose = type(self).__name__
        ours = options.named({name: value for name, value in given.items() if name != "stream"})
        options.refuse_unknown(ours, _OF_A_CALL, whose)
        settled = self._said()
        settled |= {n: options.checked(n, v, whose) for n, v in ours.items() if n in options.PLAIN or n == "api_key"}
        if stop is not None:
            settled["stop"] = options.checked("stop", stop, whose)
        if (chain := ours.get("chain")) is not None:
            settled["chain"] = _chain(chain)
        segue, route = self._route(settled)
        said = options.request_options(settled) | structure(ours)
        transcript = Transcript(messages)
        if transcript.extra:
            said["extra"] = {**said.get("extra", {}), **transcript.extra}
        return segue, tuple(transcript.messages), {"chain": route, **said}

    # LangChain's side.

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        segue, prompt, said = self._call(messages, stop, kwargs)
        return answer.result(segue.complete(prompt, **said))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        segue, prompt, said = self._call(messages, stop, kwargs)
        return answer.result(await segue.acomplete(prompt, **said))

    # The two below leave telling `run_manager` of tokens to LangChain, which does it for every chunk: twice would be once too often.

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        segue, prompt, said = self._call(messages, stop, kwargs)
        if _must_be_whole(said):
            yield from answer.in_chunks(segue.complete(prompt, **said))
            return
        chunks = answer.Chunks()
        with segue.stream(prompt, **said) as stream:
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
        segue, prompt, said = self._call(messages, stop, kwargs)
        if _must_be_whole(said):
            for chunk in answer.in_chunks(await segue.acomplete(prompt, **said)):
                yield chunk
            return
        chunks = answer.Chunks()
        async with segue.stream(prompt, **said) as stream:
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
        as `parallel_tool_calls`. Raises `ConfigurationError` for tools that run at one provider only.
        """
        bound = [openai_tool(tool, strict=strict) for tool in tools]
        if engine_choice(tool_choice, [tool["function"]["name"] for tool in bound]) is not None:
            kwargs["tool_choice"] = tool_choice
        return self.bind(tools=bound, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: structured.Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model with answers that follow a schema: instances of a pydantic class, else dicts.

        `method` is "json_schema" (the provider is held to the schema where it can be), "function_calling" (the answer is a call's
        arguments) or "json_mode" (any JSON; describe the schema in the prompt). With the first and the last an answer that fails the
        schema is its target's failure: the next one is asked. `include_raw` gives a dict of `raw`, `parsed` and `parsing_error`.
        `kwargs` are options of the calls.
        """
        known = structured.Schema(schema, strict=strict)
        way = structured.method_of(method)
        traced = structured.tracing(schema, way, strict)
        name = openai_tool(known.tool)["function"]["name"] if way == "function_calling" else ""

        def ask(refused: list[str] | None = None) -> Runnable[LanguageModelInput, AIMessage]:
            if way == "function_calling":
                options = {"parallel_tool_calls": False, "validate": structured.MustCall(refused=refused), **kwargs}
                options["ls_structured_output_format"] = traced
                return self.bind_tools([known.tool], tool_choice=name, strict=strict, **options)
            output = known.output() if way == "json_schema" else structured.ANY_JSON
            check = structured.Check(known, refused=refused)
            return self.bind(output=output, validate=check, ls_structured_output_format=traced, **kwargs)

        parse = structured.from_call(known, name) if way == "function_calling" else structured.from_text(known)
        if include_raw:
            return structured.with_raw(ask, parse, f"{known.name}WithRaw")
        return ask() | structured.parsing(parse, known.name)

    @property
    def _llm_type(self) -> str:
        return "segue"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What tells one client's answers from another's: it goes to traces and caches, so no key is in it."""
        said = {name: value for name, value in self._said().items() if name != "api_key"}
        with contextlib.suppress(ConfigurationError):
            said["targets"] = [f"{target.name}/{target.model.id}" for target in self._targets(**self._said())]
        return {name: msgspec.to_builtins(value) for name, value in said.items()}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        said = {
            **self._said(),
            **{name: kwargs[name] for name in ("model", "temperature", "max_tokens") if name in kwargs},
        }
        params = LangSmithParams(
            ls_provider="segue", ls_model_name=str(said.get("model") or "unknown"), ls_model_type="chat"
        )
        with contextlib.suppress(ConfigurationError):
            going = self._targets(**said)
            params["ls_model_name"] = going[0].model.id
            if len(going) == 1:
                params["ls_provider"] = _TRACED.get(going[0].provider, going[0].provider)
        if said.get("temperature") is not None:
            params["ls_temperature"] = said["temperature"]
        if said.get("max_tokens") is not None:
            params["ls_max_tokens"] = said["max_tokens"]
        if stop or said.get("stop"):
            params["ls_stop"] = list(stop or said["stop"])
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        """What every target of the chain can do: whichever answers, this much is certain."""
        models = [target.model for target in self._targets(**self._said())]
        profile = ModelProfile(
            text_inputs=True,
            text_outputs=True,
            image_inputs=all(model.images for model in models),
            tool_calling=all(model.tools for model in models),
            tool_choice=all(model.forced_tool_use for model in models),
            # Where a model can't be held to a schema, it is asked in words and its answer is checked.
            structured_output=True,
            reasoning_output=all(model.reasoning for model in models),
            temperature=all(model.takes("temperature") for model in models),
        )
        if windows := [model.window for model in models if model.window is not None]:
            profile["max_input_tokens"] = min(windows)
        if limits := [model.max_output for model in models if model.max_output is not None]:
            profile["max_output_tokens"] = min(limits)
        if len(models) == 1:
            profile["name"] = models[0].id
        return profile

    def get_num_tokens(self, text: str) -> int:
        """An estimate, the same for all providers."""
        return estimate_tokens(text)

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """An estimate, the same for all providers."""
        transcript = Transcript(messages)
        functions = engine_tools(tools) if tools else ()
        return estimate_request_tokens(ChatRequest(messages=tuple(transcript.messages), tools=functions))


class GeminiClient(LLMClient):
    """A chain of one: Gemini, as the settings describe it."""

    provider: ClassVar[str] = "gemini"


class OpenAIClient(LLMClient):
    """A chain of one: OpenAI, as the settings describe it."""

    provider: ClassVar[str] = "openai"


class ClaudeClient(LLMClient):
    """A chain of one: Claude, as the settings describe it."""

    provider: ClassVar[str] = "claude"


def _chain(said: Any) -> str | tuple[str, ...] | None:
    names = said if said is None or isinstance(said, str) else tuple(said)
    if names is not None and not (names and all(isinstance(name, str) and name for name in names)):
        raise ConfigurationError(
            f"chain={said!r} is none: give the name of a chain or of a target, or names of targets"
        )
    return names


def _must_be_whole(said: dict[str, Any]) -> bool:
    """A check looks at whole answers. With a schema the engine holds the answer by itself."""
    return "validate" in said and "output" not in said
