"""Structured output: a schema goes out, a checked value comes back, and an answer that fails its schema is its target's failure.

The check runs inside the engine, before anything is given out: what the schema refuses is not the caller's problem but a reason to
ask the next target. What passed is parsed by the same code, so the parser can't disagree with the check.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import jsonschema
import msgspec
from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import ValidationError

from segue.chat.request import OutputSchema
from segue.errors import ConfigurationError, LLMServiceUnavailableError
from segue.failover.check import SchemaJudge, bare
from segue.langchain.tools import MustCall, openai_tool

METHODS: Final = ("json_schema", "function_calling", "json_mode")

ANY_JSON: Final = OutputSchema()
ANY_OBJECT: Final = {"title": "answer", "type": "object"}

_TOOL_FORMS: Final = frozenset({"function", "parameters", "input_schema", "toolSpec"})
"""What tells a tool's description, which holds a schema, from a schema."""


class Schema:
    """A schema in any of LangChain's forms. Raises `ConfigurationError` for what is none.

    A pydantic class gives instances and is checked by pydantic; anything else gives dicts and is checked as JSON Schema.
    """

    def __init__(self, schema: Any, *, strict: bool | None = None) -> None:
        self.given = schema
        try:
            self.document = _document(schema, strict)
            self.encoded = msgspec.json.encode(self.document, order="deterministic")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(f"this is no schema: {error}") from error
        self.strict = strict
        self.model: Any = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
        self.name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(self.document.get("title") or "answer"))[:64]
        self._validator = None if self.model is not None else _validator(self.document)

    @property
    def tool(self) -> Any:
        """The schema in a form that can be bound as a tool."""
        return self.document if isinstance(self.given, Mapping) else self.given

    def output(self) -> OutputSchema:
        return OutputSchema(
            schema=self.document,
            name=self.name,
            description=str(self.document.get("description") or ""),
            strict=self.strict,
        )

    def value(self, data: Any) -> Any:
        """The data as the caller wants it. Raises `ValueError` that says what is wrong with it."""
        if self.model is not None:
            make = getattr(self.model, "model_validate", None) or self.model.parse_obj
            return make(data)
        assert self._validator is not None
        error = jsonschema.exceptions.best_match(self._validator.iter_errors(data))
        if error is not None:
            raise ValueError(f"{error.json_path}: {error.message}")
        return data

    def parsed(self, text: str) -> Any:
        """The value of an answer's text, which may stand in a code fence. Raises `ValueError`."""
        return self.value(json.loads(bare(text)))


def _document(schema: Any, strict: bool | None) -> dict[str, Any]:
    """A JSON Schema stands for itself: LangChain's way to it is by OpenAI's functions, whose parameters are an object always."""
    if not isinstance(schema, Mapping) or not _TOOL_FORMS.isdisjoint(schema):
        return convert_to_json_schema(schema, strict=strict)
    if not schema:
        raise ValueError("it is empty")
    titled = {"title": "answer", **schema}
    return convert_to_json_schema(titled, strict=True) if strict and "properties" in schema else titled


def _validator(document: dict[str, Any]) -> Any:
    kind = jsonschema.validators.validator_for(document, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(document)
    except jsonschema.SchemaError as error:
        raise ConfigurationError(f"this is no valid JSON Schema: {error.message}") from error
    return kind(document, registry=SPECIFICATIONS)  # its own would fetch what a reference names, from any address


class StructuredCheck(SchemaJudge):
    """What the engine asks of a whole text: None, or what is wrong with it. Keeps what it refused in `refused`, if that is a list.

    Its `repr` is the same for equal schemas, because LangChain's caches know a call by it.
    """

    def __init__(self, schema: Schema, *, refused: list[str] | None = None) -> None:
        self._schema = schema
        self._refused = refused

    def __call__(self, text: str) -> str | None:
        try:
            self._schema.parsed(text)
        except (ValueError, RecursionError) as error:
            if self._refused is not None:
                self._refused.append(text)
            return f"the answer does not follow its schema: {_short(error)}"
        return None

    def __repr__(self) -> str:
        return f"StructuredCheck({self._schema.name}, {hashlib.sha256(self._schema.encoded).hexdigest()[:12]})"


def _short(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        return f"{path}: {first['msg']}" if path else first["msg"]
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def from_text(schema: Schema) -> Callable[[AIMessage], Any]:
    def parse(message: AIMessage) -> Any:
        text = str(message.text)
        try:
            return schema.parsed(text)
        except (ValueError, RecursionError) as error:
            raise OutputParserException(_reason(message, error), llm_output=text) from error

    return parse


def from_call(schema: Schema, name: str) -> Callable[[AIMessage], Any]:
    def parse(message: AIMessage) -> Any:
        call = next((call for call in message.tool_calls if call["name"] == name), None)
        if call is None:
            raise OutputParserException(_reason(message, ValueError("it calls no tool")), llm_output=str(message.text))
        try:
            return schema.value(call["args"])
        except (ValueError, RecursionError) as error:
            raise OutputParserException(
                _reason(message, error), llm_output=json.dumps(call["args"], default=str)
            ) from error

    return parse


def _reason(message: AIMessage, error: Exception) -> str:
    if message.response_metadata.get("finish_reason") == "content_filter":
        refusal = message.response_metadata.get("refusal")
        return f"the model declined to answer{f': {refusal}' if refusal else ''}"
    return f"the answer does not follow its schema: {_short(error)}"


class Binds(Protocol):
    """What is needed of a chat model."""

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]: ...

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]: ...


def structured(
    model: Binds, schema: Any, *, method: str, strict: bool | None, include_raw: bool, options: dict[str, Any]
) -> Runnable[LanguageModelInput, Any]:
    """`LLMClient.with_structured_output`."""
    if method not in METHODS:
        raise ConfigurationError(f"method={method!r} is unknown: use one of {', '.join(METHODS)}")
    if schema is None and method != "json_mode":
        raise ConfigurationError("without a schema only method='json_mode' says what is wanted: any JSON object")
    known = Schema(ANY_OBJECT if schema is None else schema, strict=strict)
    # What LangChain's tracers record of the schema.
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": schema}

    def by_call(refused: list[str] | None = None) -> Runnable[LanguageModelInput, AIMessage]:
        options_of = {"parallel_tool_calls": False, "validate": MustCall(refused=refused), **options}
        return model.bind_tools(
            [known.tool], tool_choice=name, strict=strict, ls_structured_output_format=traced, **options_of
        )

    def by_text(refused: list[str] | None = None) -> Runnable[LanguageModelInput, AIMessage]:
        output = known.output() if method == "json_schema" else ANY_JSON
        check = StructuredCheck(known, refused=refused)
        return model.bind(output=output, validate=check, ls_structured_output_format=traced, **options)

    if method == "function_calling":
        name = openai_tool(known.tool)["function"]["name"]
        ask, parse = by_call, from_call(known, name)
    else:
        ask, parse = by_text, from_text(known)
    if include_raw:
        return with_raw(ask, parse, known.name)
    parser: Runnable[AIMessage, Any] = RunnableLambda(parse, name=known.name)
    return ask() | parser


def with_raw(
    ask: Callable[[list[str]], Runnable[Any, AIMessage]], parse: Callable[[AIMessage], Any], name: str
) -> Runnable[Any, dict[str, Any]]:
    """LangChain's `include_raw`: the message, its value, and what went wrong in making it one, which is not raised.

    `ask` makes the model for one call from the list in which its check keeps refused answers. Where every target's answer was
    refused, the last of them is the raw message.
    """

    def outcome(message: AIMessage) -> dict[str, Any]:
        try:
            return {"raw": message, "parsed": parse(message), "parsing_error": None}
        except OutputParserException as error:
            return {"raw": message, "parsed": None, "parsing_error": error}

    def refused(texts: list[str], error: LLMServiceUnavailableError) -> dict[str, Any]:
        if not texts or error.attempts[-1].outcome != "invalid":
            raise error
        problem = OutputParserException(str(error), llm_output=texts[-1])
        return {"raw": AIMessage(texts[-1]), "parsed": None, "parsing_error": problem}

    def call(messages: Any, config: Any) -> dict[str, Any]:
        texts: list[str] = []
        try:
            return outcome(ask(texts).invoke(messages, config))
        except LLMServiceUnavailableError as error:
            return refused(texts, error)

    async def acall(messages: Any, config: Any) -> dict[str, Any]:
        texts: list[str] = []
        try:
            return outcome(await ask(texts).ainvoke(messages, config))
        except LLMServiceUnavailableError as error:
            return refused(texts, error)

    return RunnableLambda(call, acall, name=name)
