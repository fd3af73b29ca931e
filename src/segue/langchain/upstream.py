"""Any LangChain model as a target of a chain.

What LangChain's models do that a target must not, and what is done about it:

- They tell the caller's callbacks of every token, and so would we: nested runs get no callbacks.
- Their SDKs try again by themselves, which multiplies with ours: the model is made anew with retries off, where its class allows.
- A stream that just breaks off ends like a whole one; LangChain adds the last chunk's mark itself. So a stream must name a finish
  reason. A model that never does is registered with `streams=False`: a whole message is a whole answer.
- Their usage comes in pieces that add up; ours is the sum so far.
- Time limits are the engine's. Whatever they raise is a failure, never an exception.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from segue.catalog.models import find_model
from segue.chat.events import (
    Failed,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import Failure, FailureKind
from segue.chat.request import ChatRequest, OutputSchema
from segue.chat.usage import Usage
from segue.failover.attempt import Ask, Receipt
from segue.langchain.convert import CALL_SIGNATURES, to_langchain
from segue.langchain.failures import failure_of, status_of
from segue.routing.target import Target
from segue.secret import Secret

log = logging.getLogger("segue")

_QUIET: Final[RunnableConfig] = {"callbacks": []}

_PROVIDERS: Final = {"anthropic": "claude", "google_genai": "gemini", "google_vertexai": "gemini"}
_DIALECTS: Final = {"claude": "claude", "gemini": "gemini", "openai": "openai_chat"}

_REASONS: Final = {
    "stop": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "completed": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "complete": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "max_output_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "tool_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    "safety": FinishReason.CONTENT_FILTER,
    "recitation": FinishReason.CONTENT_FILTER,
    "blocklist": FinishReason.CONTENT_FILTER,
    "prohibited_content": FinishReason.CONTENT_FILTER,
    "spii": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSE,
}
"""The providers' words, in lower case."""

_BROKEN: Final = frozenset(
    {
        "malformed_function_call",
        "unexpected_tool_call",
        "failed",
        "cancelled",
        "error",
        "other",
        "finish_reason_unspecified",
    }
)
_UNFINISHED: Final = frozenset({"in_progress", "queued"})

_NEVER_SAID: Final = ("effort", "thinking_budget", "user")
"""What has no common name among LangChain's models."""

_PARAMETERS: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty")
"""Said to the model only where the caller said them: otherwise its own settings hold."""


def prepared(model: Any) -> Any:
    """The model without retries of its own, with usage in its streams; as it is where its class has no such settings."""
    if not isinstance(model, BaseChatModel):
        return model
    fields = type(model).model_fields
    wanted: dict[str, Any] = {}
    if "max_retries" in fields and _retries(model) not in (0, None):
        # Google's counts tries, not further tries.
        wanted["max_retries"] = 1 if type(model).__module__.startswith("langchain_google") else 0
    if "stream_usage" in fields:
        wanted["stream_usage"] = True
    wanted = {name: value for name, value in wanted.items() if getattr(model, name) != value}
    if not wanted:
        return model
    derived = {"client", "async_client", "root_client", "root_async_client", "profile"}
    given = {name: getattr(model, name) for name in model.model_fields_set - derived}
    try:
        return type(model)(**(given | wanted))
    except Exception:
        log.debug("%s can't be made anew without its own retries", type(model).__name__, exc_info=True)
        return model


def _retries(model: BaseChatModel) -> Any:
    return getattr(model, "max_retries", None)


def target_of(name: str, model: Any, *, streams: bool = True, timeout: float | None = None) -> Target:
    """The target that a model stands for. Its provider and model id are what the model tells its tracers."""
    said: Mapping[str, Any] = model._get_ls_params() if isinstance(model, BaseChatModel) else {}
    provider = str(said.get("ls_provider") or name)
    provider = _PROVIDERS.get(provider, provider)
    info = find_model(provider, str(said.get("ls_model_name") or name))
    return Target(
        name=name,
        provider=provider,
        dialect=_DIALECTS.get(provider, "langchain"),
        # The model object can't be asked for another model, and what a prefill does in it is unknown.
        model=msgspec.structs.replace(info, successor=None, prefill="none"),
        base_url=f"langchain:{name}",
        key=Secret(""),
        timeout=timeout,
        streams=streams and _streams(model),
    )


def _streams(model: Any) -> bool:
    """Whether `astream` gives more than `ainvoke`'s answer in one piece."""
    kind = type(model)
    if isinstance(model, BaseChatModel):
        implemented = kind._astream is not BaseChatModel._astream or kind._stream is not BaseChatModel._stream
        if model.disable_streaming is True or not implemented:
            return False
    return callable(getattr(model, "astream", None)) and not _own_invoke_only(kind)


def _takes_config(method: Any) -> bool:
    """Whether a method has LangChain's parameters; the guide's clients have the messages only."""
    parameters = inspect.signature(method).parameters
    return "config" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _own_invoke_only(kind: type) -> bool:
    """Whether a class says for itself how to answer whole, nearer by than anyone says how to stream."""
    for ancestor in kind.__mro__:
        if "astream" in vars(ancestor):
            return False
        if "ainvoke" in vars(ancestor):
            return True
    return False


class LangChainUpstream:
    """Asks a LangChain model, or anything else with `ainvoke`."""

    def __init__(self, model: Any, target: Target) -> None:
        self._model = prepared(model)
        self._target = target
        method = self._model.astream if target.streams else self._model.ainvoke
        self._bare = not _takes_config(method)

    async def stream(self, ask: Ask, receipt: Receipt) -> AsyncGenerator[list[UpstreamEvent], None]:
        try:
            messages, model, options = self._request(ask)
            receipt.omitted = self._unsaid(ask.request)
            receipt.sent = True
            reading = _Reading()
            if self._target.streams:
                pieces: AsyncIterator[Any] = model.astream(messages, **options)
                async with _closing(pieces):
                    async for piece in pieces:
                        yield reading.feed(piece)
            else:
                yield reading.whole(await model.ainvoke(messages, **options))
            yield reading.end()
        except Exception as error:
            receipt.status = status_of(error)
            yield [Failed(failure_of(error, self._target.dialect))]

    def _request(self, ask: Ask) -> tuple[list[BaseMessage], Any, dict[str, Any]]:
        request = ask.request
        options: dict[str, Any] = {}
        if not self._bare:
            options |= {"config": _QUIET} | {
                name: value
                for name in _PARAMETERS
                if name not in ask.omit and (value := getattr(request, name)) is not None
            }
            if request.stop and "stop" not in ask.omit:
                options["stop"] = list(request.stop)
        messages = to_langchain(request.messages, self._target.dialect)
        if request.output is not None:
            messages = _instructed(messages, request.output)
        return messages, self._with_tools(request, ask.omit), options

    def _unsaid(self, request: ChatRequest) -> tuple[str, ...]:
        names = (*_NEVER_SAID, *_PARAMETERS) if self._bare else _NEVER_SAID
        asked = tuple(name for name in names if getattr(request, name) is not None)
        return (*asked, "output.schema") if request.output is not None and request.output.schema is not None else asked

    def _with_tools(self, request: ChatRequest, omit: frozenset[str]) -> Any:
        if not request.tools:
            return self._model
        if not callable(getattr(self._model, "bind_tools", None)):
            raise NotImplementedError(f"{type(self._model).__name__} takes no tools")
        tools = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}}
            for t in request.tools
        ]
        options: dict[str, Any] = {}
        if (choice := request.tool_choice) is not None:
            options["tool_choice"] = {"tool": choice.name, "required": "any"}.get(choice.mode, choice.mode)
        if request.parallel_tool_calls is not None and "parallel_tool_calls" not in omit:
            options["parallel_tool_calls"] = request.parallel_tool_calls
        return self._model.bind_tools(tools, **options)


def _instructed(messages: list[BaseMessage], output: OutputSchema) -> list[BaseMessage]:
    """LangChain has no common way to ask for a schema and get the text back, so it is asked for in words; the engine checks it."""
    wish = "Answer with one JSON object and with nothing else."
    if output.schema is not None:
        schema = msgspec.json.encode(output.schema).decode()
        wish = f"Answer with one JSON object that follows this JSON Schema, and with nothing else:\n{schema}"
    first = messages[0] if messages else None
    if first is not None and first.type == "system" and isinstance(first.content, str):
        return [type(first)(f"{first.content}\n\n{wish}"), *messages[1:]]
    return [SystemMessage(wish), *messages]





class _Reading:
    """Turns a model's chunks, or its one message, into events."""

    def __init__(self) -> None:
        self._calls = _Calls()
        self._usage = Usage()
        self._reason: str | None = None
        self._refusal = ""
        self._started = False

    def feed(self, piece: Any) -> list[UpstreamEvent]:
        if not isinstance(piece, AIMessageChunk):
            return self.whole(piece)
        events = self._begin(piece)
        for block in piece.content_blocks:
            kind = block["type"]
            if kind == "text" and block.get("text"):
                events.append(TextDelta(str(block.get("text"))))
            elif kind == "reasoning":
                events += _thought(block)
        signatures = piece.additional_kwargs.get(CALL_SIGNATURES) or {}
        for call in piece.tool_call_chunks:
            events += self._calls.piece(call, signatures)
        return events + self._rest(piece)

    def whole(self, message: Any) -> list[UpstreamEvent]:
        """A whole message: it needs no finish reason to be one."""
        if isinstance(message, str):
            message = AIMessage(message)
        if not isinstance(message, AIMessage):
            message = AIMessage(getattr(message, "content", None) or "")
        events = self._begin(message)
        for block in message.content_blocks:
            if block["type"] == "text" and block.get("text"):
                events.append(TextDelta(str(block.get("text"))))
            elif block["type"] == "reasoning":
                events += _thought(block)
        signatures = message.additional_kwargs.get(CALL_SIGNATURES) or {}
        for call in message.tool_calls:
            events += self._calls.whole(call["id"], call["name"], msgspec.json.encode(call["args"]).decode(), signatures)
        for broken in message.invalid_tool_calls:
            events += self._calls.whole(broken["id"], broken["name"], broken["args"], signatures)
        self._reason = self._reason or ("tool_calls" if message.tool_calls else "stop")
        return events + self._rest(message)

    def end(self) -> list[UpstreamEvent]:
        word = self._reason
        if word is None:
            message = "the stream ended without a finish reason; if this model never gives one, register it with streams=False"
            return [Failed(Failure(kind=FailureKind.BROKEN, message=message))]
        if word in _BROKEN:
            return [Failed(Failure(kind=FailureKind.BROKEN, message=f"the model ended with {word}"))]
        if self._refusal:
            return [Finished(FinishReason.CONTENT_FILTER, raw=word, refusal=self._refusal)]
        reason = _REASONS.get(word, FinishReason.STOP)
        if reason is FinishReason.STOP and self._calls.any:
            reason = FinishReason.TOOL_CALLS
        return [*self._calls.end(), Finished(reason, raw=word)]

    def _begin(self, message: AIMessage) -> list[UpstreamEvent]:
        if self._started:
            return []
        self._started = True
        return [Started(id=message.id or "", model=str(message.response_metadata.get("model_name") or ""))]

    def _rest(self, message: AIMessage) -> list[UpstreamEvent]:
        self._reason = _finish_word(message.response_metadata) or self._reason
        self._refusal += str(message.additional_kwargs.get("refusal") or "")
        if not message.usage_metadata:
            return []
        self._usage = self._usage + _usage(message.usage_metadata)
        return [UsageReport(self._usage)]


class _Calls:
    """Tool calls by the numbers that the engine gives them: a piece without an index belongs to the call before it."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._ids: dict[int, str] = {}
        self._count = 0
        self._current: int | None = None

    @property
    def any(self) -> bool:
        return self._count > 0

    def piece(self, call: Mapping[str, Any], signatures: Mapping[str, Any]) -> list[UpstreamEvent]:
        key, id = call.get("index"), call.get("id") or ""
        known = self._numbers.get(key) if key is not None else self._current if not call.get("name") else None
        if known is not None and id and self._ids.get(known, id) != id:
            known = None
        events: list[UpstreamEvent] = []
        if known is None:
            events += self.end()
            known = self._current = self._count
            self._count += 1
            if key is not None:
                self._numbers[key] = known
        if id:
            self._ids[known] = id
        delta = ToolCallDelta(
            known, id, call.get("name") or "", call.get("args") or "", signature=str(signatures.get(id) or "") if id else ""
        )
        return [*events, delta]

    def whole(
        self, id: str | None, name: str | None, arguments: str | None, signatures: Mapping[str, Any]
    ) -> list[UpstreamEvent]:
        piece = {"id": id, "name": name or "", "args": arguments or "", "index": None}
        return [*self.end(), *self.piece({**piece, "name": name or "?"}, signatures), *self.end()]

    def end(self) -> list[UpstreamEvent]:
        """The current call is complete, because another thing follows it."""
        current, self._current = self._current, None
        return [] if current is None else [ToolCallEnd(current)]


def _thought(block: Mapping[str, Any]) -> list[UpstreamEvent]:
    extras = block.get("extras") or {}
    delta = ThinkingDelta(
        text=str(block.get("reasoning") or ""),
        signature=str(extras.get("signature") or ""),
        redacted=str(extras.get("redacted") or ""),
    )
    return [delta] if delta != ThinkingDelta() else []


def _finish_word(said: Mapping[str, Any]) -> str | None:
    """Each provider's package has its own key; OpenAI's Responses says `incomplete` and why beside it."""
    details = said.get("incomplete_details")
    if isinstance(details, Mapping) and details.get("reason"):
        return str(details["reason"]).lower()
    for key in ("finish_reason", "stop_reason", "stopReason", "done_reason", "status"):
        if isinstance(word := said.get(key), str) and word and word.lower() not in _UNFINISHED:
            return word.lower()
    return None


def _usage(said: Mapping[str, Any]) -> Usage:
    details = said.get("input_token_details") or {}
    read, written = details.get("cache_read") or 0, details.get("cache_creation") or 0
    hour = details.get("ephemeral_1h_input_tokens") or 0
    short = details.get("ephemeral_5m_input_tokens") or written
    return Usage(
        input_tokens=max(0, (said.get("input_tokens") or 0) - read - short - hour),
        cache_read_tokens=read,
        cache_write_tokens=short,
        cache_write_1h_tokens=hour,
        output_tokens=said.get("output_tokens") or 0,
        reasoning_tokens=(said.get("output_token_details") or {}).get("reasoning") or 0,
    )


@contextlib.asynccontextmanager
async def _closing(pieces: Any) -> AsyncGenerator[None, None]:
    """Closes a stream that is left early, if it can be closed: that is what stops the provider."""
    try:
        yield
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
