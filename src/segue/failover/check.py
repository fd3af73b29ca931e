"""Checks an answer against its request: an answer that does not fit is a failure of its target.

| asked for                        | does not fit                                                       |
|----------------------------------|--------------------------------------------------------------------|
| a JSON schema                    | a text that is not JSON, or violates the schema                   |
| JSON without a schema            | a text that is not a JSON object or array                             |
| a tool call (any, or a named one)| an answer without a call; a call of another tool than the named one |
| tools, or none                   | a call of a tool that was not offered, or of any where none may be |
| `validate`                       | a text for which it returns what is wrong                              |

A text is looked at only where there are no calls beside it. JSON in a code fence fits, and is delivered without the fence. An answer
cut by the caller's own token limit, a declined answer and a turn that pauses are delivered with their finish reason: they are not misfits
(`validate` sees a text that was cut). That the arguments of a call are a JSON object is checked in `splice.toolcalls`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Set
from importlib import import_module
from typing import Any, Final, NoReturn, TypeAlias

from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest

Validate: TypeAlias = Callable[[str], str | None]
"""Returns what is wrong with a text, or None."""

_NO_TOOLS: Final[frozenset[str]] = frozenset()
_FENCE: Final = re.compile(r"```(?:json)?[ \t]*\r?\n", re.IGNORECASE)


class SchemaJudge:
    """A `validate` that is more exact than the JSON Schema (a pydantic class): nothing else checks the text."""

    def __call__(self, text: str) -> str | None:
        raise NotImplementedError


class Check:
    """The check of one request's answers. `whole`: an answer must be complete before any of it is delivered."""

    __slots__ = ("_choice", "_demands_call", "_offered", "_output", "_validate", "whole")

    def __init__(self, request: ChatRequest, validate: Validate | None = None) -> None:
        self._validate = validate
        self._output = None if isinstance(validate, SchemaJudge) else request.output
        self._choice = choice = request.tool_choice
        hosted: list[dict[str, Any]] = []
        self._offered: Set[str] | None = _NO_TOOLS
        if request.tools or request.extra:
            names = {tool.name for tool in request.tools}
            listed = [tool for fields in request.extra.values() for tool in _listed(fields.get("tools"))]
            hosted = [tool for tool in listed if tool.get("name") not in names]
            # Calls of a provider's own tools may or may not be visible here.
            named = not any("name" not in tool for tool in hosted)
            self._offered = names | {tool["name"] for tool in hosted} if named else None
        self._demands_call = choice is not None and choice.mode in ("required", "tool") and not hosted
        self.whole = validate is not None or request.output is not None or self._demands_call

    def call(self, call: ToolCall) -> str | None:
        """What is wrong with a tool call, or None."""
        choice = self._choice
        if self._offered is not None and call.name not in self._offered:
            return f"the tool {call.name[:64]!r} was called, which was not offered"
        if choice is not None and choice.mode == "none":
            return f"the tool {call.name[:64]!r} was called, although no call was allowed"
        if choice is not None and choice.mode == "tool" and call.name != choice.name:
            return f"the tool {call.name[:64]!r} was called, though {choice.name!r} was demanded"
        return None

    def text(self, text: str, *, cut: bool) -> str | None:
        """What is wrong with an answer without calls, or None. `cut`: by the token limit."""
        if self._validate is not None and (problem := self._validate(text)) is not None:
            return problem
        if cut:
            return None
        if self._demands_call:
            return "the answer calls no tool, although a call was required"
        return None if self._output is None else self._json(bare(text))

    def delivered(self, text: str) -> str:
        """A text that fits, as it is delivered."""
        return text if self._output is None else bare(text)

    def _json(self, text: str) -> str | None:
        assert self._output is not None
        try:
            value = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return "the answer is not JSON, although JSON was requested"
        if (schema := self._output.schema) is None:
            fits = isinstance(value, dict | list)
            return None if fits else "the answer is not a JSON object, although one was requested"
        check = import_module("segue.failover.schema_check").schema_check(schema)  # its import takes 0.15 s
        problem = None if check is None else check.problem(value)
        return None if problem is None else f"the answer does not follow its schema: {problem}"


def bare(text: str) -> str:
    """The contents of a code fence, if there is nothing else; else the text."""
    stripped = text.strip()
    fence = _FENCE.match(stripped)
    return stripped[fence.end() : -3].rstrip() if fence is not None and stripped.endswith("```") else text


def _listed(tools: Any) -> list[dict[str, Any]]:
    return [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
