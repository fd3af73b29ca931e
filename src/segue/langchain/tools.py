"""Tools and output schemas as LangChain says them, for the engine.

Between `bind_tools` and the call, tools travel in OpenAI's form: it is what LangChain traces, caches and passes around.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from segue.chat.request import OutputSchema, Tool, ToolChoice
from segue.errors import ConfigurationError
from segue.options import CallOptions

ToolLike: TypeAlias = dict[str, Any] | type | Callable[..., Any] | BaseTool

_DATED: Final = re.compile(r"_\d{8}$")
"""How Anthropic's types of tools end."""

_GOOGLES: Final = frozenset(
    [
        "google_search",
        "googleSearch",
        "google_search_retrieval",
        "googleSearchRetrieval",
        "google_maps",
        "googleMaps",
        "url_context",
        "urlContext",
        "code_execution",
        "codeExecution",
        "file_search",
        "fileSearch",
        "computer_use",
        "computerUse",
    ]
)
"""The only key of each of Google's tools, in both spellings that its API takes."""

_MODES: Final = {"auto": "auto", "none": "none", "any": "required", "required": "required"}


def openai_tool(tool: ToolLike, *, strict: bool | None = None) -> dict[str, Any]:
    """Any of LangChain's forms of a tool in OpenAI's. Raises `ConfigurationError` for what is no function.

    A tool that runs at one provider (web search and the like) is refused: the next target of the chain would not have it.
    """
    if isinstance(tool, Mapping) and "type" in tool and "function" not in tool and "input_schema" not in tool:
        kind = tool["type"]
        if isinstance(kind, str) and kind not in ("function", "object", "custom"):
            raise ConfigurationError(f"a tool of type {kind!r} runs at one provider only: bind functions")
    try:
        converted = dict(convert_to_openai_tool(tool, strict=strict))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"this can't be made a tool: {error}") from error
    # LangChain leaves OpenAI's own forms as they are: that of Chat, and the flat one of Responses.
    function = converted.get("function") or {name: value for name, value in converted.items() if name != "type"}
    if converted.get("type") != "function" or not function.get("name"):
        raise ConfigurationError(f"a tool of type {converted.get('type')!r} runs at one provider only: bind functions")
    if strict is not None:
        function = {**function, "strict": strict}
    return {"type": "function", "function": function}


class Offered(NamedTuple):
    """What a client is bound to: functions in OpenAI's form; and by dialect the tools that run at a provider, as they were given."""

    functions: list[dict[str, Any]]
    hosted: dict[str, dict[str, Any]]


def offered(tools: Sequence[ToolLike], *, strict: bool | None = None) -> Offered:
    """Raises `ConfigurationError` for what is neither."""
    bound = Offered([], {})
    for tool in tools:
        if (dialect := _maker(tool)) is None:
            bound.functions.append(openai_tool(tool, strict=strict))
        else:
            assert isinstance(tool, Mapping)
            bound.hosted.setdefault(dialect, {"tools": []})["tools"].append(dict(tool))
    return bound


def _maker(tool: ToolLike) -> str | None:
    """The dialect of the provider that runs a tool; None for a function of the caller's."""
    if not isinstance(tool, Mapping) or tool.keys() & {"function", "input_schema", "parameters"}:
        return None
    kind = tool.get("type")
    if isinstance(kind, str):
        if kind in ("function", "object", "custom") or "title" in tool:
            return None
        return "claude" if _DATED.search(kind) or kind == "mcp_toolset" else "openai_responses"
    return "gemini" if len(tool) == 1 and next(iter(tool)) in _GOOGLES else None


def engine_tools(tools: Sequence[ToolLike], *, strict: bool | None = None) -> tuple[Tool, ...]:
    return tuple(_engine_tool(openai_tool(tool, strict=strict)["function"]) for tool in tools)


def _engine_tool(function: dict[str, Any]) -> Tool:
    return Tool(
        name=function["name"],
        description=function.get("description") or "",
        parameters=function.get("parameters") or {"type": "object", "properties": {}},
        strict=function.get("strict"),
    )


def engine_choice(choice: Any, names: Sequence[str]) -> ToolChoice | None:
    """`auto`, `none`, `any` (as `required` and True), a tool's name, or a provider's way to say one of these.

    Raises `ConfigurationError` for a name that is none of `names`.
    """
    if isinstance(choice, Mapping):
        function = choice.get("function")
        choice = function.get("name") if isinstance(function, Mapping) else choice.get("name") or choice.get("type")
    if choice is None or choice is False:
        return None
    if choice is True:
        choice = "any"
    if not isinstance(choice, str):
        raise ConfigurationError(
            f"tool_choice={choice!r} is not understood: give a tool's name, 'any', 'auto' or 'none'"
        )
    if choice in names:
        return ToolChoice(mode="tool", name=choice)
    match _MODES.get(choice):
        case "auto":
            return ToolChoice(mode="auto")
        case "none":
            return ToolChoice(mode="none")
        case "required":
            return ToolChoice(mode="required")
    raise ConfigurationError(
        f"tool_choice={choice!r} names no tool: there are {', '.join(names) or 'none'}, 'any', 'auto' and 'none'"
    )


class MustCall:
    """Refuses a text where a tool call was asked for, and keeps it: the engine asks about texts without calls only."""

    def __init__(self, *, refused: list[str] | None = None) -> None:
        self._refused = refused

    def __call__(self, text: str) -> str | None:
        if self._refused is not None:
            self._refused.append(text)
        return "the answer calls no tool, though one was asked for"

    def __repr__(self) -> str:
        return "MustCall()"


def structure(fields: Mapping[str, Any]) -> CallOptions:
    """Those options of a call that have other forms in LangChain, as `Segue` takes them."""
    options: CallOptions = {}
    if fields.get("tools"):
        functions = engine_tools(fields["tools"], strict=fields.get("strict"))
        options["tools"] = functions
        choice = engine_choice(fields.get("tool_choice"), [function.name for function in functions])
        if choice is not None:
            options["tool_choice"] = choice
    output = output_schema(fields.get("output") or fields.get("response_format"))
    if output is not None:
        options["output"] = output
    if fields.get("validate") is not None:
        options["validate"] = fields["validate"]
    return options


def output_schema(response_format: Any) -> OutputSchema | None:
    """OpenAI's `response_format`, in which LangChain's agents ask for structured answers."""
    if response_format is None or isinstance(response_format, OutputSchema):
        return response_format
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    match kind:
        case "text":
            return None
        case "json_object":
            return OutputSchema()
        case "json_schema":
            inner = response_format.get("json_schema") or {}
            return OutputSchema(
                schema=inner.get("schema") or {},
                name=inner.get("name") or "answer",
                description=inner.get("description") or "",
                strict=inner.get("strict"),
            )
    raise ConfigurationError(
        f"response_format={response_format!r} is not understood: give it the type 'json_schema' or 'json_object', "
        "or use with_structured_output"
    )
