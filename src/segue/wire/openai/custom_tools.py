"""Custom tools: their input is one text instead of JSON. Other dialects lack them, so they are offered as functions of one text."""

from __future__ import annotations

from typing import Any

import msgspec

from segue.chat.request import Tool
from segue.wire.lenient import UNREADABLE

PARAMETERS = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def as_function(name: str, description: str | None, syntax: str | None, grammar: str | None) -> Tool:
    """Returns the function to offer; its description states the grammar that the input follows, if there is one."""
    parts = [description or "", f"The input follows this {syntax} grammar:\n{grammar}" if grammar else ""]
    return Tool(name=name, description="\n\n".join(part for part in parts if part), parameters=PARAMETERS)


def arguments_of(text: str) -> str:
    """Returns a custom call's input as a function's arguments."""
    return msgspec.json.encode({"input": text}).decode()


def input_of(arguments: str) -> str:
    """Returns a function's arguments as a custom call's input: all of them if they lack the field `input`."""
    try:
        value: Any = msgspec.json.decode(arguments)
    except UNREADABLE:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
