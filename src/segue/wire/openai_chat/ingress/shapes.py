"""The shapes of a request body: the fields of the dialect that have a meaning for us, with the ranges its reference gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

_Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_Positive = Annotated[int, msgspec.Meta(ge=1)]


class ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class WireFile(msgspec.Struct):
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class WireAudio(msgspec.Struct):
    data: str
    format: str


class WirePart(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    file: WireFile | None = None
    input_audio: WireAudio | None = None


class WireFunction(msgspec.Struct):
    name: str
    arguments: str | dict[str, Any] | None = None


class WireCustom(msgspec.Struct):
    name: str
    input: str


class WireCall(msgspec.Struct):
    id: str = ""
    function: WireFunction | None = None
    custom: WireCustom | None = None
    extra_content: Any = None


class WireMessage(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[WirePart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[WireCall] | None = None
    function_call: WireFunction | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None


class Declared(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Grammar(msgspec.Struct):
    definition: str
    syntax: str = "lark"


class CustomFormat(msgspec.Struct):
    type: Literal["text", "grammar"] = "text"
    grammar: Grammar | None = None


class DeclaredCustom(msgspec.Struct):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class WireTool(msgspec.Struct):
    type: str = "function"
    function: Declared | None = None
    custom: DeclaredCustom | None = None


class Named(msgspec.Struct):
    name: str


class Chosen(msgspec.Struct):
    type: str = "function"
    function: Named | None = None
    custom: Named | None = None

    @property
    def name(self) -> str | None:
        named = self.custom if self.type == "custom" else self.function
        return named.name if named else None


class Allowed(msgspec.Struct):
    mode: Literal["auto", "required"]
    tools: list[Chosen]


class WireChoice(Chosen):
    allowed_tools: Allowed | None = None


class WireSchema(msgspec.Struct):
    name: str = "answer"
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: WireSchema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class Body(msgspec.Struct):
    messages: list[WireMessage]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[WireTool] | None = None
    tool_choice: WireChoice | Literal["none", "auto", "required"] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: _Unit | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    user: str | None = None
    n: int | None = None
    modalities: list[str] | None = None
    audio: Any = None
    functions: list[Declared] | None = None
    function_call: Named | Literal["none", "auto"] | None = None
