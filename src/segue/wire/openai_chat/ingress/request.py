"""A request body of this dialect, as its official SDKs send it, as a `ChatRequest`.

What cannot be served is refused by name, with what to send instead: several choices, audio and files, custom tools, and the
`functions` that came before tools. Top-level fields that have no place in `ChatRequest` go to its `extra`, for targets that speak
this dialect. Cache breakpoints and participants' names are hints and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from segue.chat.media import of_data_url
from segue.chat.messages import File, Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from segue.chat.request import ChatRequest, Effort, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.codec import IngressRequest
from segue.wire.files import named_type, of_data, of_image_url
from segue.wire.lenient import UNREADABLE
from segue.wire.mistakes import split_path
from segue.wire.openai_chat.ingress.shapes import (
    Body,
    Format,
    ImageUrl,
    WireCall,
    WireFile,
    WireMessage,
    WirePart,
    WireTool,
)
from segue.wire.openai_chat.upstream.messages import AUDIO, DIALECT
from segue.wire.openai_chat.upstream.shapes import ToolCallPiece
from segue.wire.openai_chat.upstream.toolcalls import thought_signature

_FIELDS = frozenset(Body.__struct_fields__)
_read_body = msgspec.json.Decoder(Body).decode
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""A look at the names alone: the values are passed over."""
_MISSING = re.compile(r"Object missing required field `(.*)`")
_SUPPORTED_PARTS = "text, image_url, file, input_audio"


def read_request(body: bytes) -> IngressRequest:
    """Raises `InvalidRequestError` for whatever else the bytes may be."""
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
    tools, choice = _tools(wire)
    request = ChatRequest(
        messages=_messages(wire.messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls,
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
    return IngressRequest(
        request=request,
        model=wire.model or "",
        stream=bool(wire.stream),
        options={"include_usage": include_usage} if wire.stream else {},
    )


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
    """The library's words on a field of the wrong shape, with the field in front."""
    what, where = split_path(text)
    if missing := _MISSING.fullmatch(what):
        where = f"{where}.{missing[1]}" if where else missing[1]
        return InvalidRequestError(f"{where} is missing: add it", param=where, code="missing_required_parameter")
    if where.endswith("role"):
        what += "; use one of system, developer, user, assistant, tool"
    return InvalidRequestError(f"{where or 'body'}: {what[0].lower()}{what[1:]}", param=where or None)


def _refuse_unsupported(wire: Body) -> None:
    if wire.n not in (None, 1):
        raise InvalidRequestError("n: only one choice is served; leave it out or send 1", param="n")
    for name, value in (("functions", wire.functions), ("function_call", wire.function_call)):
        if value is not None:
            new = "tools" if name == "functions" else "tool_choice"
            raise InvalidRequestError(f"{name} is no longer served: send {new} instead", param=name)
    if wire.audio is not None or "audio" in (wire.modalities or ()):
        name = "audio" if wire.audio is not None else "modalities"
        raise InvalidRequestError(f"{name}: answers are text only; leave it out", param=name)


def _messages(wires: list[WireMessage]) -> tuple[Message, ...]:
    """Results of one turn, each a message on the wire, become one message; they learn their tools' names from the calls."""
    if not wires:
        raise InvalidRequestError("messages is empty: send at least one message", param="messages")
    messages: list[Message] = []
    results: list[Part] = []
    names: dict[str, str] = {}
    for number, wire in enumerate(wires):
        where = f"messages[{number}]"
        if wire.role == "tool":
            results.append(_result(wire, names, where))
            continue
        if results:
            messages.append(Message("tool", tuple(results)))
            results = []
        if wire.role == "assistant":
            message = _assistant(wire, where)
            names |= {call.id: call.name for call in message.tool_calls}
        else:
            role: Role = "user" if wire.role == "user" else "system"
            message = Message(role, tuple(_parts(wire.content, where)))
        messages.append(message)
    if results:
        messages.append(Message("tool", tuple(results)))
    return tuple(messages)


def _assistant(wire: WireMessage, where: str) -> Message:
    parts: list[Part] = []
    if thought := (wire.reasoning_content or wire.reasoning or "").strip():
        parts.append(Thinking(text=thought, dialect=DIALECT))
    parts.extend(_parts(wire.content, where))
    if wire.refusal and not wire.content:
        parts.append(Text(wire.refusal))
    parts.extend(_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(wire.tool_calls or ()))
    return Message("assistant", tuple(parts))


def _call(wire: WireCall, where: str) -> ToolCall:
    if wire.function is None:
        raise InvalidRequestError(f"{where}.type: only calls of functions are served", param=f"{where}.type")
    arguments = wire.function.arguments or "{}"
    if isinstance(arguments, dict):
        arguments = msgspec.json.encode(arguments).decode()
    elif not _is_object(arguments):
        name = f"{where}.function.arguments"
        raise InvalidRequestError(f"{name} must be the JSON text of an object", param=name)
    signature = thought_signature(ToolCallPiece(extra_content=wire.extra_content))
    return ToolCall(id=wire.id, name=wire.function.name, arguments=arguments, signature=signature)


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except UNREADABLE:
        return False


def _result(wire: WireMessage, names: dict[str, str], where: str) -> ToolResult:
    if wire.tool_call_id is None:
        name = f"{where}.tool_call_id"
        raise InvalidRequestError(f"{name} is missing: say which call this answers", param=name)
    content = tuple(_parts(wire.content, where))
    return ToolResult(call_id=wire.tool_call_id, name=names.get(wire.tool_call_id, ""), content=content)


def _parts(content: str | list[WirePart] | None, where: str) -> Sequence[Text | Image | File]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts = [_part(part, f"{where}.content[{n}]") for n, part in enumerate(content)]
    return [part for part in parts if not isinstance(part, Text) or part.text]


def _part(wire: WirePart, where: str) -> Text | Image | File:
    if wire.type == "text" and wire.text is not None:
        return Text(wire.text)
    if wire.type == "refusal" and wire.refusal is not None:
        return Text(wire.refusal)
    if wire.type == "image_url" and wire.image_url is not None:
        image = wire.image_url if isinstance(wire.image_url, ImageUrl) else ImageUrl(wire.image_url)
        return of_image_url(image.url, image.detail)
    if wire.type == "file" and wire.file is not None:
        return _file(wire.file, f"{where}.file")
    if wire.type == "input_audio" and (audio := wire.input_audio) is not None:
        return File(data=audio.data, media_type=AUDIO.get(audio.format.lower(), f"audio/{audio.format.lower()}"))
    if wire.type in ("text", "refusal", "image_url", "file", "input_audio"):
        raise InvalidRequestError(f"{where}.{wire.type} is missing: add it", param=f"{where}.{wire.type}")
    raise InvalidRequestError(
        f"{where}.type: {wire.type[:40]!r} is not served; use one of {_SUPPORTED_PARTS}", param=f"{where}.type"
    )


def _file(wire: WireFile, where: str) -> Text | Image | File:
    if wire.file_data is None:
        raise InvalidRequestError(f"{where}.file_data is missing: no files are kept here, so send it", param=where)
    media_type, data = of_data_url(wire.file_data) or ("", wire.file_data)
    name = wire.filename or ""
    return of_data(data, media_type or named_type(name), name)


def _tools(wire: Body) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    tools = tuple(_tool(tool, f"tools[{n}]") for n, tool in enumerate(wire.tools or ()))
    choice = wire.tool_choice
    if choice is None or isinstance(choice, str):
        return tools, ToolChoice(mode=choice) if choice else None
    if choice.allowed_tools is not None:
        allowed = {tool.function.name for tool in choice.allowed_tools.tools if tool.function}
        return tuple(tool for tool in tools if tool.name in allowed), ToolChoice(mode=choice.allowed_tools.mode)
    if choice.function is None or choice.function.name not in {tool.name for tool in tools}:
        raise InvalidRequestError("tool_choice names no function that is among the tools", param="tool_choice")
    return tools, ToolChoice(mode="tool", name=choice.function.name)


def _tool(wire: WireTool, where: str) -> Tool:
    if wire.type != "function" or wire.function is None:
        raise InvalidRequestError(f"{where}.type: only tools of type 'function' are served", param=f"{where}.type")
    declared = wire.function
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
