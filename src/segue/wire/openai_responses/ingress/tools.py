"""The tools a caller offers, as functions that every provider can be offered.

    function unchanged
    custom             a function of one text, `input`; a grammar for it is put into words. A call comes back as a custom call
    namespace          its tools, each with the namespace before its name; a call comes back with both apart
    tool_search        a function, where the caller is who searches; else skipped: what it would find is offered from the start
    all others (web_search, image_generation, local_shell, mcp …) kept for targets of this dialect; other targets
                       answer without and report it

Tools come in `tools`, and in input items that declare more: they are offered too, each once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from segue.chat.request import Tool, ToolChoice
from segue.wire.openai.custom_tools import as_function
from segue.wire.openai_responses.ingress.fields import missing, shaped, type_of, unserved
from segue.wire.openai_responses.ingress.shapes import (
    Body,
    Chosen,
    Grammar,
    Table,
    WireCustom,
    WireDeclared,
    WireFunction,
    WireNamespace,
    WireSearch,
)

LONGEST_NAME = 64
"""Characters of a tool's name that every provider takes."""

SEARCH = "tool_search"
"""The name of the tool that finds tools."""

_DECLARING = ("additional_tools", "tool_search_output")


class Tools:
    """`functions` are those to offer; `hosted` those that only targets of this dialect know, as the caller wrote them.

    `chosen` is a choice among the latter, as the caller wrote it. `special` maps a function's name to the form of its calls: `type` is
    "function", "custom" or "tool_search", then the caller's `name` and its `namespace`, if any. A function that is just that is not in it.
    """

    def __init__(self) -> None:
        self.functions: list[Tool] = []
        self.hosted: list[Table] = []
        self.chosen: Table | None = None
        self.special: dict[str, dict[str, str]] = {}
        self._names: set[str] = set()

    def add(self, wire: Table, where: str, namespace: str = "") -> None:
        kind = type_of(wire, where, "function")
        if kind == "function":
            self._function(shaped(wire, WireFunction, where), namespace)
        elif kind == "custom":
            self._custom(shaped(wire, WireCustom, where), namespace)
        elif kind == "namespace" and not namespace:
            group = shaped(wire, WireNamespace, where)
            for number, inner in enumerate(group.tools):
                self.add(inner, f"{where}.tools[{number}]", group.name)
        elif kind == "tool_search" and not namespace:
            self._search(shaped(wire, WireSearch, where))
        elif not namespace:
            self.hosted.append(wire)
        else:
            raise unserved(f"{where}.type", f"{kind[:40]!r} can't be in a namespace: use function or custom")

    def _function(self, wire: WireFunction, namespace: str) -> None:
        name = flat_name(wire.name, namespace)
        how = {"type": "function", "name": wire.name, "namespace": namespace} if namespace else None
        self._offer(
            Tool(name=name, description=wire.description or "", parameters=wire.parameters or {}, strict=wire.strict),
            how,
        )

    def _custom(self, wire: WireCustom, namespace: str) -> None:
        name = flat_name(wire.name, namespace)
        how = {"type": "custom", "name": wire.name} | ({"namespace": namespace} if namespace else {})
        grammar = wire.format or Grammar()
        self._offer(as_function(name, wire.description, grammar.syntax, grammar.definition), how)

    def _search(self, wire: WireSearch) -> None:
        if wire.execution == "client":
            tool = Tool(name=SEARCH, description=wire.description or "", parameters=wire.parameters or {})
            self._offer(tool, {"type": SEARCH, "name": SEARCH})

    def _offer(self, tool: Tool, how: dict[str, str] | None) -> None:
        if tool.name in self._names:
            return
        self._names.add(tool.name)
        self.functions.append(tool)
        if how is not None:
            self.special[tool.name] = how


def flat_name(name: str, namespace: str | None) -> str:
    """One name for a tool of a namespace; always the same."""
    if not namespace:
        return name
    flat = f"{namespace.removesuffix('__')}__{name}"
    if len(flat) > LONGEST_NAME:
        digest = hashlib.sha256(flat.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        flat = f"{flat[: LONGEST_NAME - 9]}_{digest}"
    return flat


def names(wires: Iterable[Table], where: str) -> list[str]:
    """The names under which these tools are offered."""
    tools = Tools()
    for number, wire in enumerate(wires):
        tools.add(wire, f"{where}[{number}]")
    return [tool.name for tool in tools.functions]


def read_tools(body: Body) -> tuple[Tools, ToolChoice | None]:
    tools = Tools()
    for number, wire in enumerate(body.tools or ()):
        tools.add(wire, f"tools[{number}]")
    items = body.input if isinstance(body.input, list) else []
    for number, item in enumerate(items):
        if item.get("type") in _DECLARING:
            where = f"input[{number}]"
            for n, wire in enumerate(shaped(item, WireDeclared, where).tools):
                tools.add(wire, f"{where}.tools[{n}]")
    choice = body.tool_choice
    if choice is None or isinstance(choice, str):
        return tools, ToolChoice(mode=choice) if choice else None
    if choice.get("type") not in ("function", "custom", "allowed_tools"):
        tools.chosen = choice
        return tools, None
    return tools, _chosen(shaped(choice, Chosen, "tool_choice"), tools)


def _chosen(choice: Chosen, tools: Tools) -> ToolChoice:
    if choice.type == "allowed_tools":
        if choice.mode is None:
            raise missing("tool_choice.mode", "use auto or required")
        allowed = [shaped(tool, Chosen, f"tool_choice.tools[{n}]") for n, tool in enumerate(choice.tools or ())]
        wanted = {flat_name(tool.name, tool.namespace) for tool in allowed if tool.name}
        kinds = {tool.type for tool in allowed}
        tools.functions = [tool for tool in tools.functions if tool.name in wanted]
        tools.hosted = [tool for tool in tools.hosted if tool["type"] in kinds]
        return ToolChoice(mode=choice.mode)
    name = flat_name(choice.name or "", choice.namespace)
    if name not in {tool.name for tool in tools.functions}:
        raise unserved("tool_choice", "names no function that is among the tools")
    return ToolChoice(mode="tool", name=name)
