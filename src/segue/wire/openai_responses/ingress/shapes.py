"""The shapes of a request: the fields of the dialect that have a meaning for us, with the ranges its reference gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Table = dict[str, Any]


class WirePart(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    detail: str | None = None


class WireAgentPart(msgspec.Struct):
    type: str
    text: str = ""
    encrypted_content: str = ""


class WireAgentMessage(msgspec.Struct):
    """What one of the caller's agents says to another."""

    content: str | list[WireAgentPart] | None = None


class WireMessage(msgspec.Struct):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[WirePart] | None = None
    phase: str | None = None


class WireCall(msgspec.Struct):
    call_id: str
    name: str
    arguments: str | Table | None = None
    namespace: str | None = None
    extra_content: Any = None


class WireCustomCall(msgspec.Struct):
    call_id: str
    name: str
    input: str
    namespace: str | None = None


class WireSearchCall(msgspec.Struct):
    call_id: str | None = None
    arguments: Table | None = None


class WireDeclared(msgspec.Struct):
    """Tools declared on the way; with a `call_id` they are what a search has found."""

    tools: list[Table]
    call_id: str | None = None


class WireOutput(msgspec.Struct):
    call_id: str
    output: str | list[WirePart] | None = None


class Summary(msgspec.Struct):
    text: str = ""


class WireReasoning(msgspec.Struct):
    id: str | None = None
    summary: list[Summary] | None = None
    encrypted_content: str | None = None


class WireFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Table | None = None
    strict: bool | None = None


class Grammar(msgspec.Struct):
    type: str = "text"
    syntax: str = ""
    definition: str = ""


class WireCustom(msgspec.Struct):
    name: str
    description: str | None = None
    format: Grammar | None = None


class WireNamespace(msgspec.Struct):
    name: str
    tools: list[Table]


class WireSearch(msgspec.Struct):
    description: str | None = None
    execution: str | None = None
    parameters: Table | None = None


class Chosen(msgspec.Struct):
    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[Table] | None = None


class Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    name: str = "answer"
    description: str | None = None
    schema: Table | None = None
    strict: bool | None = None


class TextConfig(msgspec.Struct):
    format: Format | None = None
    verbosity: str | None = None


class Reasoning(msgspec.Struct):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None


class Body(msgspec.Struct):
    input: str | list[Table]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    tools: list[Table] | None = None
    tool_choice: Literal["none", "auto", "required"] | Table | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    user: str | None = None
    background: bool | None = None
    previous_response_id: Any = None
    conversation: Any = None
    prompt: Any = None
