"""A request body of this dialect, as its official SDKs send it, as a `ChatRequest`.

What cannot be served is refused by name, with what to send instead: several choices, audio. Top-level fields that have
no place in `ChatRequest` go to its `extra`, for targets that speak this dialect; so do tools that run at a provider.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from segue.chat.request import ChatRequest, Effort, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.codec import IngressRequest
from segue.wire.lenient import UNREADABLE
from segue.wire.mistakes import split_path
from segue.wire.openai.custom_tools import as_function
from segue.wire.openai_chat.ingress.messages import read_messages
from segue.wire.openai_chat.ingress.shapes import Body, Declared, Format, WireChoice, WireTool
from segue.wire.openai_chat.upstream.messages import DIALECT

_FIELDS = frozenset(Body.__struct_fields__)
_read_body = msgspec.json.Decoder(Body).decode
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Decodes the names only: the values are skipped."""
_MISSING = re.compile(r"Object missing required field `(.*)`")


def read_request(body: bytes) -> IngressRequest:
    """Raises `InvalidRequestError` for anything else."""
    try:
        wire, fields = _read_body(body), _read_fields(body)
        unknown = {name: msgspec.json.decode(fields[name]) for name in fields.keys() - _FIELDS}
    except UNREADABLE as error:
        raise _refusal(body, error) from error
    _refuse_unsupported(wire)
    extra = {name: value for name, value in unknown.items() if value is not None}
    effort: Effort | None
    if wire.reasoning_effort == "xhigh":
        # Our scale ends above "high"; targets of this dialect get the caller's own word.
        effort, extra["reasoning_effort"] = "max", "xhigh"
    else:
        effort = wire.reasoning_effort
    tools, choice = _functions(wire) if wire.functions is not None else _tools(wire, fields, extra)
    request = ChatRequest(
        messages=read_messages(wire.messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls if wire.functions is None else False,
        output=_output(wire.response_format),
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        max_tokens=wire.max_completion_tokens or wire.max_tokens,
        stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
        seed=wire.seed,
        frequency_penalty=wire.frequency_penalty,
        presence_penalty=wire.presence_penalty,
        effort=effort,
        user=wire.user,
        extra={DIALECT: extra} if extra else {},
    )
    include_usage = bool(wire.stream_options and wire.stream_options.include_usage)
    options: dict[str, Any] = {"include_usage": include_usage} if wire.stream else {}
    if wire.functions is not None:
        options["functions"] = True
    elif custom := {tool.custom.name for tool in wire.tools or () if tool.type == "custom" and tool.custom}:
        options["custom"] = custom
    return IngressRequest(request=request, model=wire.model or "", stream=bool(wire.stream), options=options)


def _refusal(body: bytes, error: Exception) -> InvalidRequestError:
    """Why a body could not be read."""
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE as unreadable:
        return InvalidRequestError(f"the body is not JSON that can be read: {unreadable}")
    if not isinstance(document, dict):
        return InvalidRequestError("the body must be a JSON object with the fields model and messages")
    return _misshapen(str(error))


def _misshapen(text: str) -> InvalidRequestError:
    """The library's message about a field of the wrong shape, with the field in front."""
    what, where = split_path(text)
    if missing := _MISSING.fullmatch(what):
        where = f"{where}.{missing[1]}" if where else missing[1]
        return InvalidRequestError(f"{where} is missing: add it", param=where, code="missing_required_parameter")
    if where.endswith("role"):
        what += "; use one of system, developer, user, assistant, tool"
    return InvalidRequestError(f"{where or 'body'}: {what[0].lower()}{what[1:]}", param=where or None)


def _refuse_unsupported(wire: Body) -> None:
    if wire.n not in (None, 1):
        raise InvalidRequestError(f"n: an answer has one choice here: send {wire.n} requests instead", param="n")
    if wire.audio is not None or "audio" in (wire.modalities or ()):
        name = "audio" if wire.audio is not None else "modalities"
        raise InvalidRequestError(f"{name}: answers are text only; leave it out", param=name)


def _functions(wire: Body) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The functions of 2023, which became tools. The answer then has a `function_call`, too."""
    tools = tuple(_declared(function) for function in wire.functions or ())
    choice = wire.function_call
    if choice is None or isinstance(choice, str):
        return tools, ToolChoice(mode=choice) if choice else None
    return tools, ToolChoice(mode="tool", name=choice.name)


def _tools(
    wire: Body, fields: dict[str, msgspec.Raw], extra: dict[str, Any]
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The caller's functions and the choice. Tools that run at a provider, and a choice of one, go to `extra` as they are."""
    hosted = [n for n, tool in enumerate(wire.tools or ()) if tool.type not in ("function", "custom")]
    tools = tuple(_tool(tool, f"tools[{n}]") for n, tool in enumerate(wire.tools or ()) if n not in hosted)
    if hosted:
        raw = msgspec.json.decode(fields["tools"])
        extra["tools"] = [raw[n] for n in hosted]
    choice = wire.tool_choice
    if isinstance(choice, WireChoice) and choice.type not in ("function", "custom", "allowed_tools"):
        extra["tool_choice"] = msgspec.json.decode(fields["tool_choice"])
        return tools, None
    if choice is None or isinstance(choice, str):
        return tools, ToolChoice(mode=choice) if choice else None
    if choice.allowed_tools is not None:
        allowed = {tool.name for tool in choice.allowed_tools.tools}
        return tuple(tool for tool in tools if tool.name in allowed), ToolChoice(mode=choice.allowed_tools.mode)
    if choice.name is None or choice.name not in {tool.name for tool in tools}:
        raise InvalidRequestError(f"tool_choice names no {choice.type} that is among the tools", param="tool_choice")
    return tools, ToolChoice(mode="tool", name=choice.name)


def _tool(wire: WireTool, where: str) -> Tool:
    if wire.type == "custom" and (custom := wire.custom) is not None:
        grammar = custom.format.grammar if custom.format else None
        syntax, definition = (grammar.syntax, grammar.definition) if grammar else (None, None)
        return as_function(custom.name, custom.description, syntax, definition)
    if wire.type == "function" and wire.function is not None:
        return _declared(wire.function)
    raise InvalidRequestError(f"{where}.{wire.type} is missing: add it", param=f"{where}.{wire.type}")


def _declared(declared: Declared) -> Tool:
    return Tool(
        name=declared.name,
        description=declared.description or "",
        parameters=declared.parameters or {},
        strict=declared.strict,
    )


def _output(wire: Format | None) -> OutputSchema | None:
    if wire is None or wire.type == "text":
        return None
    if wire.type == "json_object":
        return OutputSchema()
    schema = wire.json_schema
    if schema is None or schema.schema is None:
        name = "response_format.json_schema" + (".schema" if schema else "")
        raise InvalidRequestError(f"{name} is missing: add it, or ask for type json_object", param=name)
    return OutputSchema(
        schema=schema.schema, name=schema.name, description=schema.description or "", strict=schema.strict
    )
