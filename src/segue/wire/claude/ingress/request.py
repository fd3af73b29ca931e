"""The body of `POST /v1/messages` (and of `/v1/messages/count_tokens`) as a request.

Fields are read one by one, so that an error names the field. What has no place in a `ChatRequest` goes to `extra["claude"]`, in the form
that `encode` describes; it is copied into the body for a target of this dialect; other targets do not get it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.chat.request import ChatRequest, Effort, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.claude.ingress.messages import ToolChanges, messages_of, read, refused
from segue.wire.claude.upstream.messages import DIALECT
from segue.wire.codec import IngressRequest


class _Tool(msgspec.Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] = {}
    strict: bool | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _Format(msgspec.Struct):
    type: str
    schema: dict[str, Any]


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


def _decoder(type: Any) -> Any:
    return msgspec.json.Decoder(type).decode


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = _decoder(Any)
_bool, _string, _integer, _number = _decoder(bool), _decoder(str), _decoder(int), _decoder(float)
_strings = _decoder(tuple[str, ...])
_raw_tools, _tool = _decoder(list[msgspec.Raw]), _decoder(_Tool)
_choice, _thinking, _format = _decoder(_Choice), _decoder(_Thinking), _decoder(_Format)
_output_config, _metadata, _dict = _decoder(_OutputConfig), _decoder(_Metadata), _decoder(dict[str, Any])

_NULL: Final = msgspec.Raw(b"null")
_MOST: Final = 10**9
_PLAIN_TOOL: Final = frozenset({"name", "type", "description", "input_schema", "strict"})
_CHOICES: Final = {"auto": "auto", "none": "none", "any": "required", "tool": "tool"}
_EFFORTS: Final[dict[str, Effort]] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
_THREADED: Final = (
    "thread: conversations are not kept here, and any turn may be answered by another provider: "
    "send the whole history without `thread`"
)


def decode_body(body: bytes, headers: Mapping[str, str]) -> IngressRequest:
    fields = {key: raw for key, raw in read("body", body, _fields.decode).items() if raw != _NULL}
    if "thread" in fields:
        raise InvalidRequestError(_THREADED, param="thread", code="thread_unsupported_request")
    reading = _Body(fields)
    request = reading.request(headers)
    stream = reading.take("stream", _bool) or False
    model = reading.take("model", _string) or ""
    extra = reading.extra | {key: read(key, raw, _any) for key, raw in fields.items()}
    if extra:
        request = msgspec.structs.replace(request, extra={DIALECT: extra})
    return IngressRequest(request=request, model=model, stream=stream, options=reading.options)


class _Body:
    """Takes the known fields out of `fields`; the unknown ones stay there."""

    def __init__(self, fields: dict[str, msgspec.Raw]) -> None:
        self.fields = fields
        self.extra: dict[str, Any] = {}
        self.options: dict[str, Any] = {}

    def take(self, name: str, decode: Any) -> Any:
        raw = self.fields.pop(name, None)
        return None if raw is None else read(name, raw, decode)

    def request(self, headers: Mapping[str, str]) -> ChatRequest:
        if "messages" not in self.fields:
            raise refused("messages", "it is missing: send at least one message")
        messages, breakpoints, changes = messages_of(self.fields.pop("messages"), self.fields.pop("system", None))
        if breakpoints:
            self.extra["cache_breakpoints"] = breakpoints
        if betas := _betas(headers.get("anthropic-beta", "")):
            self.extra["betas"] = betas
        effort, output = self._output()
        budget = self._thinking()
        if budget == 0:
            effort, budget = "none", None
        tool_choice, parallel = self._tool_choice()
        return ChatRequest(
            messages=messages,
            tools=self._tools(changes),
            tool_choice=tool_choice,
            parallel_tool_calls=parallel,
            output=output,
            temperature=self._within("temperature", _number, 0, 1),
            top_p=self._within("top_p", _number, 0, 1),
            top_k=self._within("top_k", _integer, 0, _MOST),
            max_tokens=self._within("max_tokens", _integer, 0, _MOST),
            stop=self.take("stop_sequences", _strings) or (),
            effort=effort,
            thinking_budget=budget,
            user=self._user(),
        )

    def _within(self, name: str, decode: Any, least: int, most: int) -> Any:
        value = self.take(name, decode)
        if value is not None and not least <= value <= most:
            raise refused(name, f"it is out of range: use {least} to {most}")
        return value

    def _tools(self, changes: ToolChanges) -> tuple[Tool, ...]:
        tools, raw_tools = [], []
        given = self.take("tools", _raw_tools) or []
        added = [msgspec.Raw(msgspec.json.encode(definition)) for definition in changes.values() if definition]
        for nth, raw in enumerate([*given, *added]):
            tool: _Tool = read(f"tools.{nth}", raw, _tool)
            fields = read(f"tools.{nth}", raw, _dict)
            if tool.name in changes:
                if nth < len(given) and changes[tool.name] != {}:
                    continue  # removed, or replaced
                fields.pop("defer_loading", None)
            custom = tool.type in (None, "custom")
            if custom:
                if not tool.name:
                    raise refused(f"tools.{nth}.name", "it is missing: give the tool a name")
                description = tool.description or ""
                tools.append(
                    Tool(name=tool.name, description=description, parameters=tool.input_schema, strict=tool.strict)
                )
            if not custom or fields.keys() - _PLAIN_TOOL:
                raw_tools.append(fields)
        if raw_tools:
            self.extra["tools"] = raw_tools
        return tuple(tools)

    def _tool_choice(self) -> tuple[ToolChoice | None, bool | None]:
        choice: _Choice | None = self.take("tool_choice", _choice)
        if choice is None:
            return None, None
        if choice.type not in _CHOICES:
            raise refused("tool_choice.type", f"{choice.type!r} is unknown: use 'auto', 'any', 'tool' or 'none'")
        if choice.type == "tool" and not choice.name:
            raise refused("tool_choice.name", "it is missing: name the tool to call")
        mode: Any = _CHOICES[choice.type]
        name = choice.name if choice.type == "tool" else None
        return ToolChoice(mode=mode, name=name), False if choice.disable_parallel_tool_use else None

    def _thinking(self) -> int | None:
        """The budget of tokens; 0 where thinking is not wanted."""
        raw = self.fields.pop("thinking", None)
        if raw is None:
            return None
        thinking: _Thinking = read("thinking", raw, _thinking)
        self.extra["thinking"] = read("thinking", raw, _dict)
        self.options["thinking"] = thinking.type
        if thinking.display is not None:
            self.options["display"] = thinking.display
        match thinking.type:
            case "adaptive":
                return None
            case "disabled" | "between_tools":
                return 0
            case "enabled" if thinking.budget_tokens is not None and 0 < thinking.budget_tokens <= _MOST:
                return thinking.budget_tokens
            case "enabled":
                raise refused("thinking.budget_tokens", "it is missing: give the tokens to think with, 1024 or more")
        raise refused("thinking.type", f"{thinking.type!r} is unknown: use 'adaptive', 'enabled' or 'disabled'")

    def _output(self) -> tuple[Effort | None, OutputSchema | None]:
        raw = self.fields.pop("output_config", None)
        effort, output = None, self.take("output_format", _format)
        if raw is not None:
            config: _OutputConfig = read("output_config", raw, _output_config)
            rest = {key: value for key, value in read("output_config", raw, _dict).items() if key != "format"}
            output = config.format or output
            if config.effort is not None:
                if config.effort not in _EFFORTS:
                    raise refused(
                        "output_config.effort", f"{config.effort!r} is unknown: use one of {', '.join(_EFFORTS)}"
                    )
                effort = _EFFORTS[config.effort]
                # An effort alone does not turn thinking on in this dialect, as it does in others.
                self.extra["thinking"] = None
            if rest:
                self.extra["output_config"] = rest
        if output is not None and output.type != "json_schema":
            raise refused("output_config.format.type", f"{output.type!r} is unknown: use 'json_schema'")
        return effort, OutputSchema(schema=output.schema) if output is not None else None

    def _user(self) -> str | None:
        raw = self.fields.get("metadata")
        if raw is None:
            return None
        metadata: _Metadata = read("metadata", raw, _metadata)
        if read("metadata", raw, _dict).keys() <= {"user_id"}:
            del self.fields["metadata"]
        return metadata.user_id


def _betas(header: str) -> list[str]:
    """The names in the header, except for features that are not available here."""
    names = [name.strip() for name in header.split(",")]
    return [name for name in names if name and not name.startswith(("message-threads-", "oauth-"))]
