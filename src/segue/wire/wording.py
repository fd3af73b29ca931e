"""Instructions in the prompt for what no parameter of the model enforces."""

from __future__ import annotations

from typing import Final

import msgspec

from segue.chat.request import OutputSchema, ToolChoice

GO_ON: Final = "Go on from exactly where your last message ends, without repeating any of it."
"""Stands in for the user where the transcript ends with the assistant and the model takes no prefill."""


def demand(choice: ToolChoice) -> str:
    """A forced tool call."""
    which = f"the tool `{choice.name}`" if choice.mode == "tool" else "one of the tools"
    return f"Answer by calling {which}."


def json_instruction(output: OutputSchema) -> str:
    """An answer in JSON, by its schema if it has one."""
    if output.schema is None:
        return "Answer with one JSON object and with nothing else."
    schema = msgspec.json.encode(output.schema).decode()
    return f"Answer with one JSON object that follows this JSON Schema, and with nothing else:\n{schema}"
