"""A Gemini answer's bytes → events.

- Each document of the body is one chunk: `candidates`, of which only the first is read, `usageMetadata`, or `error`.
- `Started` comes with the first chunk; text, thoughts and calls as they stand in `parts`; a call arrives whole.
- With a `finishReason` the answer is complete. What follows it counts too: usage may come in a separate chunk, and translating proxies
put
  a `STOP` on every chunk, or on the first ones before any content.
- A thought signature is on a call, or else on a (possibly empty) text part: then it becomes a separate `ThinkingDelta`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from segue.chat.events import (
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    UpstreamEvent,
)
from segue.chat.failure import Failure, FailureKind
from segue.chat.usage import ImpossibleCount, Usage, token_count
from segue.wire.arguments import is_object, joined_arguments
from segue.wire.gemini import grounding
from segue.wire.gemini.logprobs import LogprobsResult
from segue.wire.gemini.upstream import errors
from segue.wire.gemini.upstream.frames import Frames
from segue.wire.gemini.upstream.partial_args import PartialArg, PartialArgs
from segue.wire.lenient import UNREADABLE, Leniency, Needed, Unreadable, is_filler, unframed
from segue.wire.sources import Sources
from segue.wire.usage_so_far import UsageSoFar


class _Call(msgspec.Struct, rename="camel", gc=False):
    id: str | None = None
    name: Needed[str | None] = None
    args: msgspec.Raw = msgspec.Raw()
    partial_args: Needed[list[PartialArg] | None] = None
    will_continue: bool | None = None


class _Part(msgspec.Struct, rename="camel", gc=False):
    text: Needed[str | None] = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Needed[_Call | None] = None


class _Content(msgspec.Struct):
    parts: Needed[list[_Part] | None] = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: Needed[_Content | None] = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    grounding_metadata: Any = None
    logprobs_result: LogprobsResult | None = None


class _UsageMetadata(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: Any = None
    cached_content_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None
    total_token_count: Any = None
    tool_use_prompt_token_count: Any = None


class _PromptFeedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    candidates: Needed[list[_Candidate] | None] = None
    usage_metadata: _UsageMetadata | None = None
    prompt_feedback: _PromptFeedback | None = None
    response_id: str | None = None
    model_version: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_chunk = msgspec.json.Decoder(_Chunk)
_chunks = msgspec.json.Decoder(list[_Chunk])
_UNSAID = ("", "FINISH_REASON_UNSPECIFIED")


class _StreamedCall:
    """A call whose arguments arrive in parts."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int, id: str, name: str, arguments: str) -> None:
        self.index = index
        self.id = id
        self.name = name
        self.arguments = PartialArgs(msgspec.json.decode(arguments))


class Decoder:
    """One answer, streamed or whole."""

    def __init__(self) -> None:
        self.complete = False
        self._frames = Frames()
        self._leniency = Leniency()
        self._streamed: _StreamedCall | None = None
        self._texts: list[str] = []
        self._sources = Sources()
        self._id = ""
        self._started = False
        self._candidates = False
        self._calls = 0
        self._call_ids: dict[str, tuple[str, str]] = {}
        """Each call's name and arguments."""
        self._usage = UsageSoFar()
        self._finished = False

    def feed(self, data: bytes) -> list[UpstreamEvent]:
        return [] if self.complete else self._repaired(self._read(self._frames.feed(data)))

    def eof(self) -> list[UpstreamEvent]:
        if self.complete:
            return []
        events = self._read(self._frames.eof())
        if not self.complete and not self._finished:
            if self._started and not self._candidates:
                self._broken("the answer holds no candidates", events)
            else:
                self._broken("the stream ended before the answer was complete", events)
        self.complete = True
        return self._repaired(events)

    def _repaired(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        return self._leniency.mend(events) if self._leniency.used else events

    def _read(self, documents: list[bytes]) -> list[UpstreamEvent]:
        events: list[UpstreamEvent] = []
        for document in documents:
            try:
                for chunk in self._parse(document):
                    self._take(chunk, events)
                    if self.complete:
                        return events
            except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
                self._broken(f"a chunk that can't be read: {str(problem)[:120]}", events)
                return events
        return events

    def _parse(self, document: bytes) -> list[_Chunk]:
        try:
            return [_chunk.decode(document)]
        except UNREADABLE:
            text = document.strip()
        if text == b"[DONE]" or is_filler(text):
            return []
        if text.startswith(b"["):
            try:
                return _chunks.decode(text)
            except UNREADABLE:
                return self._leniency.read(text, list[_Chunk])
        try:
            return [self._leniency.read(text, _Chunk)]
        except Unreadable:
            if (documents := unframed(text)) == [text]:
                raise
        return [chunk for document in documents for chunk in self._parse(document)]

    def _take(self, chunk: _Chunk, events: list[UpstreamEvent]) -> None:
        if chunk.error and (error := bytes(chunk.error)) != b"null":
            self._fail(errors.from_chunk(error), events)
            return
        if not self._started:
            self._started = True
            self._id = chunk.response_id or ""
            events.append(Started(self._id, chunk.model_version or ""))
        terminal = None
        for candidate in chunk.candidates or ():
            if candidate.index:
                continue
            self._candidates = True
            if candidate.logprobs_result and (tokens := candidate.logprobs_result.read()):
                events.append(Logprobs(tokens))
            if candidate.content and candidate.content.parts:
                for part in candidate.content.parts:
                    self._take_part(part, events)
            if candidate.grounding_metadata:
                found = grounding.read(candidate.grounding_metadata, self._texts)
                events += self._sources.new(found)
            if candidate.finish_reason and candidate.finish_reason not in _UNSAID:
                self._end_streamed(candidate.finish_reason, events)
                terminal = self._terminal(candidate.finish_reason, candidate.finish_message or "")
        if chunk.usage_metadata:
            self._usage.take(_usage(chunk.usage_metadata), events)
        feedback = chunk.prompt_feedback
        if feedback and feedback.block_reason and not self._candidates:
            blocked = errors.from_block(feedback.block_reason, feedback.block_reason_message or "")
            self._fail(blocked, events)
        elif isinstance(terminal, Failure):
            self._fail(terminal, events)
        elif terminal:
            self._finished = True
            events.append(terminal)

    def _take_part(self, part: _Part, events: list[UpstreamEvent]) -> None:
        if part.function_call:
            self._take_call(part.function_call, part.thought_signature or "", events)
        elif part.thought:
            if part.text or part.thought_signature:
                events.append(
                    ThinkingDelta(
                        part.text or "",
                        part.thought_signature or "",
                        dialect="gemini" if part.thought_signature else "",
                    )
                )
        else:
            if part.text:
                self._texts.append(part.text)
                events.append(TextDelta(part.text))
            if part.thought_signature:
                events.append(ThinkingDelta(signature=part.thought_signature, dialect="gemini"))

    def _take_call(self, call: _Call, signature: str, events: list[UpstreamEvent]) -> None:
        if (streamed := self._streamed) is not None:
            if call.name in (None, "", streamed.name):
                self._take_piece(streamed, call, events)
                return
            self._end_streamed("", events)
        if not call.name:
            if not call.args and not call.partial_args:
                return
            raise ValueError("a function call without a name")
        arguments = _arguments(call.args)
        known = self._call_ids.get(call.id) if call.id else None
        if (
            known is not None
            and known[0] == call.name
            and msgspec.json.decode(known[1]) == msgspec.json.decode(arguments)
        ):
            return  # it is sent again
        index = self._calls
        self._calls += 1
        id = call.id if call.id and known is None else self._new_id(index, call.name, arguments)
        self._call_ids[id] = (call.name, arguments)
        if call.will_continue or call.partial_args:
            events.append(ToolCallDelta(index, id, call.name, "", signature))
            self._streamed = _StreamedCall(index, id, call.name, arguments)
            self._take_piece(self._streamed, call, events)
            return
        events.append(ToolCallDelta(index, id, call.name, arguments, signature))
        events.append(ToolCallEnd(index))

    def _take_piece(self, streamed: _StreamedCall, call: _Call, events: list[UpstreamEvent]) -> None:
        """More of the arguments. The repeated name shows the stall timer that the answer makes progress."""
        for piece in call.partial_args or ():
            streamed.arguments.add(piece)
        if call.will_continue:
            events.append(ToolCallDelta(streamed.index, name=streamed.name))
        else:
            self._end_streamed("", events)

    def _end_streamed(self, reason: str, events: list[UpstreamEvent]) -> None:
        """The arguments are complete, unless the answer was cut in them."""
        if (streamed := self._streamed) is None:
            return
        self._streamed = None
        if errors.FINISHES.get(reason) is not FinishReason.LENGTH:
            arguments = msgspec.json.encode(streamed.arguments.root).decode()
            self._call_ids[streamed.id] = (streamed.name, arguments)
            events.append(ToolCallDelta(streamed.index, arguments=arguments))
            events.append(ToolCallEnd(streamed.index))

    def _new_id(self, index: int, name: str, arguments: str) -> str:
        """Older models send none. The same answer gets the same ids, another one gets others."""
        seed = "\0".join((self._id, str(index), name, arguments))
        return "call_" + sha256(seed.encode()).hexdigest()[:24]

    def _terminal(self, raw: str, message: str) -> Finished | Failure:
        reason = errors.FINISHES.get(raw)
        if reason is None:
            return errors.from_finish(raw, message)
        if reason is FinishReason.STOP and self._calls:
            reason = FinishReason.TOOL_CALLS
        return Finished(reason, raw, message if reason is FinishReason.CONTENT_FILTER else "")

    def _broken(self, message: str, events: list[UpstreamEvent]) -> None:
        self._fail(Failure(kind=FailureKind.BROKEN, message=message), events)

    def _fail(self, failure: Failure, events: list[UpstreamEvent]) -> None:
        self.complete = True
        events.append(Failed(failure))


def _usage(wire: _UsageMetadata) -> Usage | None:
    """The counts in our classes; None if one of them is impossible."""
    try:
        prompt = token_count(wire.prompt_token_count)
        cached = min(prompt, token_count(wire.cached_content_token_count))
        thoughts = token_count(wire.thoughts_token_count)
        tools = token_count(wire.tool_use_prompt_token_count)
        answer = token_count(wire.candidates_token_count)
        total = token_count(wire.total_token_count)
    except ImpossibleCount:
        return None
    within = 0 < total == prompt + tools + answer
    return Usage(
        input_tokens=prompt - cached + tools,
        cache_read_tokens=cached,
        # What the total holds beside the other counts was billed as output. Some count the thoughts within the answer.
        output_tokens=answer if within else max(answer + thoughts, total - prompt - tools),
        reasoning_tokens=min(thoughts, answer) if within else thoughts,
    )


def _arguments(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode("utf-8", "replace")
    if text and is_object(text):
        return text
    if (meant := joined_arguments([text])) is None:
        raise ValueError("a function call whose arguments are not an object")
    return meant
