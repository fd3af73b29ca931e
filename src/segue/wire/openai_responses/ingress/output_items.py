"""An answer as output items, for a stream and for a whole answer. One item is open

at a time. It is announced, sent in pieces and repeated as a whole when it is done; each of these events goes to `emit`:

    message        output_item.added, content_part.added, output_text.delta…, output_text.done, content_part.done, output_item.done
    reasoning      output_item.added, reasoning_summary_part.added, reasoning_summary_text.delta…, the same .done, output_item.done
    function_call  output_item.added, function_call_arguments.delta, .done, output_item.done
    custom_tool_call  the same with custom_tool_call_input
    tool_search_call  output_item.added, output_item.done

A refusal is a part of its message, after whatever text came before it.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from segue.chat.events import TextDelta, ThinkingDelta
from segue.chat.messages import ToolCall
from segue.wire.openai.custom_tools import input_of
from segue.wire.openai_responses.ingress.fields import is_object
from segue.wire.openai_responses.ingress.tools import SEARCH
from segue.wire.openai_responses.upstream.messages import DIALECT

Item = dict[str, Any]


class Emit(Protocol):
    def __call__(self, type: str, /, **fields: Any) -> None: ...


class Output:
    """The items of one answer. `id` is the answer's, from which theirs are made; `special` is `ingress_tools.Tools.special`.

    `pieces` is what the open part holds. `writing`: it is text, so that a further piece needs only its delta.
    `phase` is that of the open message. `next_logprobs` are those of the next piece of text.
    """

    def __init__(self, id: str, special: dict[str, dict[str, str]], emit: Emit) -> None:
        self.items: list[Item] = []
        self.pieces: list[str] = []
        self.writing = False
        self.phase = ""
        self.next_logprobs: list[Item] = []
        self._logprobs: list[Item] = []
        self._annotations: list[Item] = []
        self._early: list[Item] = []
        self._id = id
        self._special = special
        self._emit = emit
        self._open: Item | None = None

    @property
    def done(self) -> list[Item]:
        """The finished items."""
        return self.items if self._open is None else self.items[:-1]

    @property
    def place(self) -> dict[str, Any]:
        """Where the open item is: its id and its number."""
        return {"item_id": self.items[-1]["id"], "output_index": len(self.items) - 1}

    def goes_on(self, event: TextDelta) -> bool:
        """Whether the text is a further piece of the open part, and nothing goes with it."""
        return self.writing and bool(event.text) and not self.next_logprobs and event.phase == self.phase

    def text(self, piece: str, phase: str) -> None:
        if self.writing and phase != self.phase:
            self.close()
        if not self.writing:
            self.phase = phase
            self._begin_part("output_text")
            self.writing = True
        self.pieces.append(piece)
        logprobs, self.next_logprobs = self.next_logprobs, []
        self._logprobs += logprobs
        self._emit("output_text.delta", **self.place, content_index=0, delta=piece, logprobs=logprobs)
        for waiting in self._early:
            self._annotate(waiting)
        self._early = []

    def annotate(self, annotation: Item) -> None:
        """Adds a citation to the open text, or to the next one."""
        if self.writing:
            self._annotate(annotation)
        else:
            self._early.append(annotation)

    def _annotate(self, annotation: Item) -> None:
        number = len(self._annotations)
        self._annotations.append(annotation)
        about = {**self.place, "content_index": 0, "annotation_index": number}
        self._emit("output_text.annotation.added", **about, annotation=annotation)

    def refuse(self, text: str) -> None:
        if self.writing:
            self._end_text()
        number = self._begin_part("refusal")
        about = {**self.place, "content_index": number}
        self._emit("refusal.delta", **about, delta=text)
        self._emit("refusal.done", **about, refusal=text)
        self._end_part(number, {"type": "refusal", "refusal": text})

    def think(self, event: ThinkingDelta) -> None:
        proof = event.signature if event.dialect == DIALECT else ""
        if event.text:
            if self._kind != "reasoning":
                self._begin(self._new_reasoning())
            if not self.pieces:
                empty = {"type": "summary_text", "text": ""}
                self._emit("reasoning_summary_part.added", **self.place, summary_index=0, part=empty)
            self.pieces.append(event.text)
            self._emit("reasoning_summary_text.delta", **self.place, summary_index=0, delta=event.text)
        if proof:
            if self._kind != "reasoning":
                self._begin(self._new_reasoning())
            self.items[-1]["encrypted_content"] = proof
        if event.signature or event.redacted:
            self.close()

    def call(self, index: int, call: ToolCall) -> None:
        """A call in one piece; its id is the provider's, which is what comes back with its result."""
        how = self._special.get(call.name, {"type": "function", "name": call.name})
        about: Item = {"status": "in_progress", "call_id": call.id or f"call_{self._id}_{index}"}
        if how["type"] == SEARCH:
            self._search(about, call.arguments)
            return
        custom = how["type"] == "custom"
        prefix, kind, field = ("ctc", "custom_tool_call", "input") if custom else ("fc", "function_call", "arguments")
        steps = "custom_tool_call_input" if custom else "function_call_arguments"
        value = input_of(call.arguments) if custom else call.arguments
        about |= {name: how[name] for name in ("name", "namespace") if name in how}
        if call.signature:
            about["extra_content"] = {"google": {"thought_signature": call.signature}}
        self._begin({"id": self._new_id(prefix), "type": kind, **about, field: ""})
        self._emit(f"{steps}.delta", **self.place, delta=value)
        self._emit(f"{steps}.done", **self.place, **{field: value})
        self.items[-1][field] = value
        self.close()

    def _search(self, about: Item, arguments: str) -> None:
        """A search for tools that the caller makes: its arguments are an object, and come at its end."""
        about |= {"execution": "client", "arguments": {}}
        self._begin({"id": self._new_id("tsc"), "type": "tool_search_call", **about})
        if is_object(arguments):
            self.items[-1]["arguments"] = msgspec.json.decode(arguments)
        self.close()

    def close(self, status: str = "completed") -> None:
        """Ends the open item, if there is one. `status` is "incomplete" where the answer was cut."""
        if self._open is None:
            return
        if self.writing:
            self._end_text()
        item, self._open = self._open, None
        if item["type"] == "reasoning":
            self._end_summary(item)
        else:
            item["status"] = status
        self._emit("output_item.done", output_index=len(self.items) - 1, item=item)

    @property
    def _kind(self) -> str:
        return self._open["type"] if self._open is not None else ""

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}_{self._id}_{len(self.items)}"

    def _new_reasoning(self) -> Item:
        return {"id": self._new_id("rs"), "type": "reasoning", "summary": []}

    def _begin(self, item: Item) -> None:
        self.close()
        self.pieces = []
        self._open = item
        self.items.append(item)
        self._emit("output_item.added", output_index=len(self.items) - 1, item=item)

    def _begin_part(self, kind: str) -> int:
        """Opens a part of a message, and the message if none is open. Returns the part's number."""
        if self._kind != "message":
            id = self._new_id("msg")
            message = {"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
            self._begin(message | ({"phase": self.phase} if self.phase else {}))
        number = len(self.items[-1]["content"])
        part = {"type": "refusal", "refusal": ""} if kind == "refusal" else _text_part("")
        self._emit("content_part.added", **self.place, content_index=number, part=part)
        return number

    def _end_part(self, number: int, part: Item) -> None:
        self._emit("content_part.done", **self.place, content_index=number, part=part)
        self.items[-1]["content"].append(part)

    def _end_text(self) -> None:
        text = "".join(self.pieces)
        self._emit("output_text.done", **self.place, content_index=0, text=text, logprobs=self._logprobs)
        part = {**_text_part(text), "annotations": self._annotations, "logprobs": self._logprobs}
        self._annotations, self._logprobs = [], []
        self._end_part(0, part)
        self.writing = False

    def _end_summary(self, item: Item) -> None:
        if not self.pieces:
            return
        text = "".join(self.pieces)
        part = {"type": "summary_text", "text": text}
        self._emit("reasoning_summary_text.done", **self.place, summary_index=0, text=text)
        self._emit("reasoning_summary_part.done", **self.place, summary_index=0, part=part)
        item["summary"] = [part]


def _text_part(text: str) -> Item:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
