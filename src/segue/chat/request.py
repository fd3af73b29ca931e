"""A request to a chat model, in no dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from segue.chat.messages import File, Image, Message, Part, ToolResult

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "max"]


class Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function the model may call. `parameters` is a JSON Schema of type object."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`auto`: the model decides; `none`: no call; `required`: at least one call; `tool`: a call of the tool `name`."""

    mode: Literal["auto", "none", "required", "tool"] = "auto"
    name: str | None = None


class OutputSchema(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer must be JSON: any JSON object if `schema` is None, else one that follows this JSON Schema."""

    schema: dict[str, Any] | None = None
    name: str = "answer"
    description: str = ""
    strict: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of a model. `None` everywhere means: not said by the caller.

    `temperature` is 0 to 2, `top_p` 0 to 1, `max_tokens` counts output tokens. `extra` maps a dialect's name to request fields of
    that dialect which have no place above; a codec of that dialect copies them into its body, others ignore them.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputSchema | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    effort: Effort | None = None
    thinking_budget: int | None = None
    user: str | None = None
    extra: dict[str, dict[str, Any]] = {}

    @property
    def needs_images(self) -> bool:
        """Whether a message holds a picture."""
        return any(isinstance(part, Image) for part in self._shown)

    @property
    def files(self) -> tuple[File, ...]:
        """Those of all messages, and those in the results of tools."""
        return tuple(part for part in self._shown if isinstance(part, File))

    @property
    def _shown(self) -> Iterator[Part]:
        for message in self.messages:
            for part in message.parts:
                yield part
                if isinstance(part, ToolResult):
                    yield from part.content
