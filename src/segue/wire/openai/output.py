"""What both dialects need for answers in JSON."""

from __future__ import annotations

from typing import Any

from segue.chat.messages import Text
from segue.chat.request import ChatRequest, OutputSchema
from segue.wire.fitting.schemas import strict as strict_schema


def held_to(schema: dict[str, Any], omitted: list[str]) -> tuple[dict[str, Any], bool]:
    """A schema for a model to follow, and whether strict mode can enforce it."""
    closed = strict_schema(schema)
    if closed is None:
        omitted.append("strict")
    return closed or schema, closed is not None


def schema_fields(output: OutputSchema, omitted: list[str]) -> dict[str, Any]:
    """A schema that answers must follow, as OpenAI's dialects name its parts."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in output.name)[:64]
    schema: dict[str, Any] = {"name": name or "answer", "schema": output.schema}
    if output.description:
        schema["description"] = output.description
    if output.strict is not None:
        schema["strict"] = output.strict
    if output.strict and output.schema is not None:
        schema["schema"], schema["strict"] = held_to(output.schema, omitted)
    return schema


def mentions_json(request: ChatRequest) -> bool:
    """OpenAI answers 400 if JSON mode is requested and no message contains the word "JSON"."""
    texts = (part.text for message in request.messages for part in message.parts if isinstance(part, Text))
    return any("json" in text.lower() for text in texts)
