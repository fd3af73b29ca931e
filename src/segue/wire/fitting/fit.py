"""A request as a target takes it.

Done for every attempt, before a dialect's codec writes the body: the history is repaired, tools get names and schemas that
the target takes, a choice of a missing tool is dropped, and a small output limit is kept free of thoughts. What a target takes
is not changed. Changes are reported: `omitted` names what the target does not get, `healed` what was repaired, by the keys of
`history.HEALED`; codecs add to both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.messages import Message, Part, ToolCall, ToolResult
from segue.chat.request import ChatRequest, Tool, ToolChoice
from segue.wire.fitting.foreign import unsaid
from segue.wire.fitting.history import Place, heal
from segue.wire.fitting.likelihoods import with_likelihoods
from segue.wire.fitting.names import Answers, property_names, tool_names
from segue.wire.fitting.room import with_room
from segue.wire.fitting.schemas import Arguments, arguments_schema, strings

_replace = msgspec.structs.replace


class Fitted:
    """A request on its way to a target. `answers` restores the caller's names in the answer's calls; None if no name was changed."""

    __slots__ = ("answers", "healed", "omitted", "request")

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.omitted: list[str] = []
        self.healed: list[str] = []
        self.answers: Answers | None = None

    def heal(self, what: str) -> None:
        self.healed.append(what)


def fit(request: ChatRequest, dialect: str, model: ModelInfo) -> Fitted:
    """The request for a target of `dialect`. Raises `InvalidRequestError` for what cannot be expressed there."""
    fitted = Fitted(request)
    if request.extra:
        fitted.request = with_likelihoods(request, dialect)
        fitted.omitted += unsaid(fitted.request, dialect)
    _tools(fitted, dialect, _heal(fitted))
    roomy = with_room(fitted.request, model)
    if roomy is not fitted.request:
        fitted.request = roomy
        fitted.heal("little-room")
    return fitted


def _heal(fitted: Fitted) -> Collection[str]:
    """The names of the tools that were called."""
    healed = heal(fitted.request.messages)
    if not healed.places:
        return healed.called
    extra = fitted.request.extra
    if marks := extra.get("claude", {}).get("cache_breakpoints"):
        extra = {**extra, "claude": {**extra["claude"], "cache_breakpoints": _moved(marks, healed.places)}}
    fitted.request = _replace(fitted.request, messages=healed.messages, extra=extra)
    fitted.healed += healed.what
    return healed.called


def _moved(marks: Sequence[Any], places: Mapping[Place, Place]) -> list[list[Any]]:
    return [[*places[message, part], control] for message, part, control in marks if (message, part) in places]


def _tools(fitted: Fitted, dialect: str, called: Collection[str]) -> None:
    request = fitted.request
    if not request.tools and not called and request.tool_choice is None:
        return
    own = [tool for tool in request.extra.get(dialect, {}).get("tools") or () if isinstance(tool, dict)]
    tools = {tool.name: tool for tool in request.tools}
    if len(tools) < len(request.tools) and any(tools[tool.name] != tool for tool in request.tools):
        fitted.heal("same-name")
    names = tool_names(dialect, [*tools, *called, *_named(own)])
    schemas = {name: arguments_schema(tool.parameters) for name, tool in tools.items()}
    properties = {
        name: odd for name, fitting in schemas.items() if (odd := property_names(dialect, fitting.schema["properties"]))
    }
    offered = tuple(
        _offered(tool, schemas[name], names.get(name, name), properties.get(name, {})) for name, tool in tools.items()
    )
    changes: dict[str, Any] = {}
    if offered != request.tools:
        changes["tools"] = offered
        if own:
            changes["extra"] = _with_own(request, dialect, own, dict(zip(tools, offered, strict=True)))
    if names or properties:
        changes["messages"] = tuple(_renamed_message(message, names, properties) for message in request.messages)
        fitted.answers = Answers(
            {sent: name for name, sent in names.items()},
            {names.get(tool, tool): {sent: name for name, sent in odd.items()} for tool, odd in properties.items()},
        )
    if (choice := request.tool_choice) is not None:
        changes["tool_choice"] = _choice(choice, {*tools, *_named(own)}, names, fitted, anything=bool(tools or own))
    fitted.request = _replace(request, **changes) if changes else request


def _named(tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (name for tool in tools if isinstance(name := tool.get("name"), str))


def _offered(tool: Tool, fitting: Arguments, name: str, odd: Mapping[str, str]) -> Tool:
    schema, note = fitting
    if odd:
        renamed = {odd.get(key, key): value for key, value in schema["properties"].items()}
        schema = {**schema, "properties": renamed}
        if "required" in schema:
            schema["required"] = [odd.get(key, key) for key in strings(schema["required"])]
    if schema is tool.parameters and name == tool.name:
        return tool
    description = f"{tool.description}\n\n{note}".strip() if note else tool.description
    return _replace(tool, name=name, description=description, parameters=schema)


def _with_own(
    request: ChatRequest, dialect: str, own: Sequence[dict[str, Any]], offered: Mapping[str, Tool]
) -> dict[str, dict[str, Any]]:
    """The tools as the caller wrote them in this dialect, with the names and schemas that were changed in ours."""
    renamed = []
    for raw in own:
        tool = offered.get(str(raw.get("name")))
        if tool is not None and "input_schema" in raw and tool not in request.tools:
            raw = {**raw, "name": tool.name, "input_schema": tool.parameters}
            if tool.description:
                raw["description"] = tool.description
        renamed.append(raw)
    return {**request.extra, dialect: {**request.extra[dialect], "tools": renamed}}


def _choice(
    choice: ToolChoice, there: set[str], names: Mapping[str, str], fitted: Fitted, *, anything: bool
) -> ToolChoice | None:
    """The choice with the names that are sent; "auto" if it names a tool that this target does not get."""
    if choice.mode == "tool" and choice.name in there:
        return ToolChoice(mode="tool", name=names.get(choice.name or "", choice.name))
    if choice.mode == "tool" or (choice.mode == "required" and not anything):
        fitted.omitted.append("tool_choice")
        return ToolChoice() if anything else None
    return choice


def _renamed_message(
    message: Message, names: Mapping[str, str], properties: Mapping[str, Mapping[str, str]]
) -> Message:
    if message.role not in ("assistant", "tool"):
        return message
    return Message(message.role, tuple(_renamed(part, names, properties) for part in message.parts))


def _renamed(part: Part, names: Mapping[str, str], properties: Mapping[str, Mapping[str, str]]) -> Part:
    if isinstance(part, ToolResult):
        return _replace(part, name=names[part.name]) if part.name in names else part
    if not isinstance(part, ToolCall):
        return part
    arguments = part.arguments
    if odd := properties.get(part.name):
        given: dict[str, Any] = msgspec.json.decode(arguments)
        arguments = msgspec.json.encode({odd.get(name, name): value for name, value in given.items()}).decode()
    return _replace(part, name=names.get(part.name, part.name), arguments=arguments)
