"""A request to a chat model, in no dialect."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec

from segue.chat.messages import File, Image, Message, ToolResult

Temperature: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=2.0, description="0 to 2")]
TopP: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, description="0 to 1")]
TopK: TypeAlias = Annotated[int, msgspec.Meta(ge=0, description="a whole number from 0")]
Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=1, description="a whole number from 1")]
Penalty: TypeAlias = Annotated[float, msgspec.Meta(ge=-2.0, le=2.0, description="-2 to 2")]
ThinkingBudget: TypeAlias = Annotated[
    int, msgspec.Meta(ge=-1, description="tokens from 0, or -1 for as many as the model likes")
]
T = TypeVar("T", Image, File)

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
    """A request to a model. `None` everywhere means: not set by the caller.

    `max_tokens` counts output tokens, `thinking_budget` those of them that are spent on thinking first. `extra` maps a dialect's name to request fields of
    that dialect which have no place above; a codec of that dialect copies them into its body, others ignore them.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputSchema | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    max_tokens: Tokens | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    effort: Effort | None = None
    thinking_budget: ThinkingBudget | None = None
    user: str | None = None
    extra: dict[str, dict[str, Any]] = {}

    @property
    def needs_images(self) -> bool:
        """Whether a message holds a picture."""
        return bool(self._shown(Image))

    @property
    def files(self) -> tuple[File, ...]:
        """Those of all messages, and those in the results of tools."""
        return tuple(self._shown(File))

    def _shown(self, kind: type[T]) -> list[T]:
        """The parts of a kind. Asked for several times a request, so it makes no generator."""
        found: list[T] = []
        for message in self.messages:
            for part in message.parts:
                if isinstance(part, kind):
                    found.append(part)
                elif isinstance(part, ToolResult):
                    found += [inner for inner in part.content if isinstance(inner, kind)]
        return found
