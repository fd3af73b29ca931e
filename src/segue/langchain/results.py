"""The engine's answers as LangChain messages, whole and in chunks.

`content` is a plain text for every provider, so that nothing changes for the caller when another one takes over. Thinking is kept
beside it, block by block with its signature and its maker, and shows up in `content_blocks` as LangChain's standard blocks. What
is known only at the end (who answered, at what cost) comes once, in the last chunk: merging chunks joins texts and adds numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.block_translators import register_translator
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from segue.answer import Answer
from segue.chat.events import ChatEvent, Citation, Seam, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.messages import Thinking, ToolCall
from segue.chat.usage import Usage
from segue.langchain.messages import CALL_SIGNATURES, THINKING

MAKER: Final = "segue"
"""Our name as `model_provider`: by it LangChain finds `content_blocks`' translator."""


def usage_metadata(usage: Usage) -> UsageMetadata | None:
    """None where nothing was reported."""
    if not usage.total_tokens:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        input_token_details={
            "cache_read": usage.cache_read_tokens,
            "cache_creation": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        },
        output_token_details={"reasoning": usage.reasoning_tokens},
    )


def metadata(answer: Answer) -> dict[str, Any]:
    """What became of the request, in values that JSON has. Money is in US dollars, all attempts together; None if a price is unknown."""
    return {
        "model_provider": MAKER,
        "model_name": answer.model,
        "finish_reason": str(answer.finish_reason),
        "target": answer.target,
        "request_id": answer.request_id,
        "attempts": [msgspec.to_builtins(attempt) for attempt in answer.attempts],
        "seams": answer.seams,
        "hedges": answer.hedges,
        "rounds": answer.rounds,
        "omitted": list(answer.omitted),
        "healed": list(answer.healed),
        "notices": list(answer.notices),
        "cost": None if answer.cost is None else float(answer.cost),
        "cost_bound": None if answer.cost_bound is None else float(answer.cost_bound),
        "simulated": answer.simulated,
        **({"route": msgspec.to_builtins(answer.route)} if answer.route is not None else {}),
        **({"refusal": answer.refusal} if answer.refusal else {}),
        **({"citations": [_source(one) for one in answer.citations]} if answer.citations else {}),
        **({"logprobs": {"content": msgspec.to_builtins(answer.logprobs)}} if answer.logprobs else {}),
        **({"phase": answer.phase} if answer.phase else {}),
        **({"dialect": maker} if (maker := answer.thinking[-1].dialect if answer.thinking else "") else {}),
    }


def _source(citation: Citation) -> dict[str, Any]:
    """A citation as LangChain's standard content blocks have it."""
    about = {"type": "citation", "url": citation.url, "title": citation.title, "cited_text": citation.quote}
    places = {"start_index": citation.start, "end_index": citation.end}
    return {name: value for name, value in (about | places).items() if value not in (None, "")}


def result(answer: Answer) -> ChatResult:
    thoughts = [_piece(number, block) for number, block in enumerate(answer.thinking)]
    extra: dict[str, Any] = {THINKING: thoughts} if thoughts else {}
    message = AIMessage(
        content=answer.text,
        additional_kwargs=extra | _signatures(answer.tool_calls),
        tool_calls=[
            {"name": call.name, "args": msgspec.json.decode(call.arguments), "id": call.id, "type": "tool_call"}
            for call in answer.tool_calls
        ],
        response_metadata=metadata(answer),
        usage_metadata=usage_metadata(answer.usage),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


class Chunks:
    """Turns one answer's events into chunks."""

    def __init__(self) -> None:
        self._block = 0
        self._open = False
        self._thinking_from = 0

    def feed(self, event: ChatEvent) -> ChatGenerationChunk | None:
        """None for what shows nothing, or belongs into the last chunk."""
        match event:
            case TextDelta(text):
                return _chunk(content=text)
            case ThinkingDelta():
                return _chunk(additional_kwargs={THINKING: [self._thought(event)]})
            case ToolCalled(index, call):
                piece = {"name": call.name, "args": call.arguments, "id": call.id, "index": index}
                return _chunk(tool_call_chunks=[piece], additional_kwargs=_signatures((call,)))
            case Seam(restarted=True):
                self._close()
                self._thinking_from = self._block
        return None

    def last(self, answer: Answer) -> ChatGenerationChunk:
        """The end; `answer` is the whole answer."""
        known = metadata(answer)
        if self._thinking_from:
            known["thinking_from"] = self._thinking_from
        return _chunk(response_metadata=known, usage_metadata=usage_metadata(answer.usage), chunk_position="last")

    def _thought(self, event: ThinkingDelta) -> dict[str, Any]:
        """A piece of a block: pieces with the same index are merged. A signature or an encrypted text closes the block."""
        piece = _piece(self._block, event)
        if self._open:
            del piece["type"]
        self._open = True
        if event.signature or event.redacted:
            self._close()
        return piece

    def _close(self) -> None:
        self._block += self._open
        self._open = False


def in_chunks(answer: Answer) -> Iterator[ChatGenerationChunk]:
    """A whole answer as a stream's chunks."""
    chunks = Chunks()
    thoughts = [ThinkingDelta(block.text, block.signature, block.redacted, block.dialect) for block in answer.thinking]
    text = [TextDelta(answer.text)] if answer.text else []
    calls = [ToolCalled(number, call) for number, call in enumerate(answer.tool_calls)]
    events: list[ChatEvent] = [*thoughts, *text, *calls]
    for event in events:
        if (chunk := chunks.feed(event)) is not None:
            yield chunk
    yield chunks.last(answer)


def _piece(index: int, thought: Thinking | ThinkingDelta) -> dict[str, Any]:
    """Its maker is named beside its proof, of which there is one: merging pieces would join a name to itself."""
    fields = {"text": thought.text, "signature": thought.signature, "redacted": thought.redacted}
    if thought.signature or thought.redacted:
        fields["dialect"] = thought.dialect
    return {"index": index, "type": "thinking", **{name: value for name, value in fields.items() if value}}


def _signatures(calls: tuple[ToolCall, ...]) -> dict[str, Any]:
    signed = {call.id: call.signature for call in calls if call.signature and call.id}
    return {CALL_SIGNATURES: signed} if signed else {}


def _chunk(*, content: str = "", **fields: Any) -> ChatGenerationChunk:
    fields.setdefault("response_metadata", {"model_provider": MAKER})
    return ChatGenerationChunk(message=AIMessageChunk(content=content, **fields))


def content_blocks(message: AIMessage) -> list[Any]:
    """A message of ours as LangChain's standard blocks: thinking, text, tool calls."""
    content = message.content
    shown: list[Any] = []
    if isinstance(content, str):
        shown += [_reasoning(block) for block in message.additional_kwargs.get(THINKING) or ()]
        shown += [_text(message, content)] if content else []
    else:
        shown += [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    if isinstance(message, AIMessageChunk) and message.chunk_position != "last":
        shown += [{"type": "tool_call_chunk", **_without_type(call)} for call in message.tool_call_chunks]
    else:
        known = {block.get("id") for block in shown if block.get("type") == "tool_call"}
        shown += [
            {"type": "tool_call", **_without_type(call)} for call in message.tool_calls if call["id"] not in known
        ]
    return shown


def _text(message: AIMessage, text: str) -> dict[str, Any]:
    # A piece without an index is given the next number, which is that of a tool call too; the two would be merged to one block.
    return {"type": "text", "text": text} | ({"index": "lc_text"} if isinstance(message, AIMessageChunk) else {})


def _reasoning(block: dict[str, Any]) -> dict[str, Any]:
    extras = {name: block[name] for name in ("signature", "redacted", "dialect") if block.get(name)}
    # LangChain merges blocks by an index that is a number or begins with "lc_"; tool calls have the numbers.
    shown: dict[str, Any] = {"type": "reasoning", "index": f"lc_thinking_{block['index']}"}
    if text := block.get("text"):
        shown["reasoning"] = text
    if extras:
        shown["extras"] = extras
    return shown


def _without_type(call: Any) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != "type"}


register_translator(MAKER, content_blocks, content_blocks)
