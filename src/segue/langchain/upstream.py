"""Any LangChain model as a target of a chain.

What LangChain's models do that a target must not, and what is done about it:

- They tell the caller's callbacks of every token, and so would we: nested runs get no callbacks, by parameter or by context.
- Their SDKs try again by themselves, which multiplies with ours: the model is rebuilt with retries off, where its class allows.
- A stream that just breaks off ends like a whole one; LangChain adds the last chunk's mark itself. So a stream must name a finish
  reason. A model that never does is registered with `streams=False`: a whole message is a whole answer.
- Their usage comes in pieces that add up; ours is the sum so far.
- Their SDKs keep connections that belong to one event loop: they run in their own loop, see `loop_thread`.
- Time limits are the engine's. Whatever they raise is a failure, never an exception.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig

from segue.chat.events import Failed, UpstreamEvent
from segue.chat.failure import Failure
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.failover.upstream import Ask, Receipt
from segue.langchain.failures import failure_of, status_of
from segue.langchain.loop_thread import at_hand, at_home
from segue.langchain.messages import to_langchain
from segue.langchain.stream_events import StreamReader
from segue.routing.target import Target
from segue.wire.fitting.fit import fit

_QUIET: Final[RunnableConfig] = {"callbacks": []}

_NEVER_SENT: Final = ("effort", "thinking_budget", "user")
"""What has no common name among LangChain's models."""

_PARAMETERS: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
"""Sent to the model only if the caller set them: otherwise its own settings apply."""


class LangChainUpstream:
    """Asks a LangChain model, or anything else with `ainvoke`."""

    def __init__(self, model: Any, target: Target) -> None:
        self._model = model
        self._target = target
        method = self._model.astream if target.streams else self._model.ainvoke
        self._bare = not _takes_config(method)
        # Our own client works in any loop, and a user's custom one expects to be called in the user's loop.
        self._settled = isinstance(model, Runnable) and getattr(model, "_llm_type", None) != "segue"

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        reading = StreamReader(self._target.dialect)
        try:
            fitted = fit(ask.request, self._target.dialect, self._target.model)
            messages, model, options = self._request(msgspec.structs.replace(ask, request=fitted.request))
            receipt.omitted = (*fitted.omitted, *self._unsaid(ask))
            receipt.healed = tuple(fitted.healed)
            receipt.sent = True
            take = reading.feed if self._target.streams else reading.whole
            restored = fitted.answers.restored if fitted.answers is not None else list
            value = at_home if self._settled else at_hand
            async with contextlib.aclosing(value(lambda: self._pieces(model, messages, options))) as pieces:
                async for piece in pieces:
                    yield restored(take(piece))
            yield restored(reading.end())
        except Exception as error:
            if reading.stopped:  # with its stop reason the answer was whole
                yield restored(reading.end())
                return
            receipt.status = status_of(error)
            yield [Failed(failure_of(error, self._target.dialect))]

    async def _pieces(
        self, model: Any, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        if not self._target.streams:
            yield await model.ainvoke(messages, **options)
            return
        pieces = model.astream(messages, **options)
        try:
            async for piece in pieces:
                yield piece
        finally:
            # What is left early must be closed: that is what stops the provider.
            if callable(close := getattr(pieces, "aclose", None)):
                await close()

    async def probe(self, *, connect: float) -> Failure | None:
        """LangChain has no free question: the next request is the test."""
        return None

    def _request(self, ask: Ask) -> tuple[list[BaseMessage], Any, dict[str, Any]]:
        request = ask.request
        options: dict[str, Any] = {}
        if not self._bare:
            options["config"] = _QUIET
            taken = {name for name in _PARAMETERS if self._target.model.takes(name)} - ask.omit
            fields = {name: value for name in taken if (value := getattr(request, name)) is not None}
            options |= {_word(self._model, name): value for name, value in fields.items()}
            if request.stop and "stop" not in ask.omit:
                options["stop"] = list(request.stop)
        messages = to_langchain(request.messages, self._target.dialect)
        if request.output is not None:
            messages = _instructed(messages, _in_words(request.output))
        if (choice := self._unforced(request, ask.omit)) is not None:
            which = f"the tool `{choice.name}`" if choice.mode == "tool" else "one of the tools"
            messages = _instructed(messages, f"Answer by calling {which}.")
        return messages, self._with_tools(request, ask.omit), options

    def _unforced(self, request: ChatRequest, omit: frozenset[str]) -> ToolChoice | None:
        """The choice, if it demands a call of a model that can't be made to call."""
        choice = request.tool_choice
        demanded = choice is not None and choice.mode in ("required", "tool") and bool(request.tools)
        can_be = self._target.model.forced_tool_use and "tool_choice" not in omit
        return choice if demanded and not can_be else None

    def _unsaid(self, ask: Ask) -> tuple[str, ...]:
        """What was requested and can't be sent to this model."""
        request = ask.request
        refused = [name for name in _PARAMETERS if self._bare or name in ask.omit or not self._target.model.takes(name)]
        asked = tuple(name for name in (*_NEVER_SENT, *refused) if getattr(request, name) is not None)
        if self._unforced(request, ask.omit) is not None:
            asked += ("tool_choice",)
        return (*asked, "output.schema") if request.output is not None and request.output.schema is not None else asked

    def _with_tools(self, request: ChatRequest, omit: frozenset[str]) -> Any:
        if not request.tools:
            return self._model
        if not callable(getattr(self._model, "bind_tools", None)):
            raise NotImplementedError(f"{type(self._model).__name__} takes no tools")
        tools = [_openai_tool(tool) for tool in request.tools]
        options: dict[str, Any] = {}
        if (choice := request.tool_choice) is not None and self._unforced(request, omit) is None:
            value: Any = {"tool": choice.name, "required": "any"}.get(choice.mode, choice.mode)
            # Anthropic's package takes the word for a tool's name.
            options["tool_choice"] = {"type": "none"} if value == "none" and self._target.dialect == "claude" else value
        takes = "parallel_tool_calls" in inspect.signature(self._model.bind_tools).parameters
        if request.parallel_tool_calls is not None and takes and "parallel_tool_calls" not in omit:
            options["parallel_tool_calls"] = request.parallel_tool_calls
        return self._model.bind_tools(tools, **options)


def _openai_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _in_words(output: OutputSchema) -> str:
    """LangChain has no common way to ask for a schema and get the text back, so it is asked for in words; the engine checks it."""
    if output.schema is None:
        return "Answer with one JSON object and with nothing else."
    schema = msgspec.json.encode(output.schema).decode()
    return f"Answer with JSON that follows this JSON Schema, and with nothing else:\n{schema}"


def _instructed(messages: list[BaseMessage], wish: str) -> list[BaseMessage]:
    first = messages[0] if messages else None
    if first is not None and first.type == "system" and isinstance(first.content, str):
        return [type(first)(f"{first.content}\n\n{wish}"), *messages[1:]]
    return [SystemMessage(wish), *messages]


def _word(model: Any, name: str) -> str:
    """The model's own word for an option: its field that has this name for an alias, if there is one (Google's `max_output_tokens`)."""
    fields = getattr(type(model), "model_fields", {})
    if name in fields:
        return name
    return next((field for field, info in fields.items() if info.alias == name), name)


def _takes_config(method: Any) -> bool:
    """Whether a method has LangChain's parameters; the guide's clients have the messages only."""
    parameters = inspect.signature(method).parameters
    return "config" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
