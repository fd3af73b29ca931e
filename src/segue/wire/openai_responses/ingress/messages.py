"""The `input` of a request, text or items, as messages.

A model's turn comes as separate items (reasoning, text, calls) and becomes one message again; so do the results
of the turn's calls, which learn their tools' names from them. A search for tools is a call like others; so is a call of one of the API's
built-in tools that the caller ran. Reasoning is kept if it carries its signature, and is dropped otherwise, as are the calls that a
provider ran: their outcome is in the text that follows.

Items that stand for something kept elsewhere are refused, with what to send instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from segue.chat.media import of_data_url
from segue.chat.messages import File, Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from segue.errors import InvalidRequestError
from segue.wire.files import named_type, of_data, of_image_url, of_url
from segue.wire.openai.custom_tools import arguments_of
from segue.wire.openai.toolcall_piece import ToolCallPiece, thought_signature
from segue.wire.openai_responses.ingress.fields import missing, shaped, type_of, unserved
from segue.wire.openai_responses.ingress.shapes import (
    Table,
    WireAgentMessage,
    WireCall,
    WireCustomCall,
    WireDeclared,
    WireMessage,
    WireOutput,
    WirePart,
    WireReasoning,
    WireSearchCall,
)
from segue.wire.openai_responses.ingress.tools import SEARCH, flat_name, names
from segue.wire.openai_responses.upstream.messages import DIALECT, signature

_TEXTS = ("input_text", "output_text", "text")
_PASSED_OVER = frozenset(
    {"additional_tools", "agent_reasoning", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"}
)
_CIPHER = "gAAAA"
"""How what OpenAI encrypted begins."""
_OF_AN_ITEM = frozenset({"type", "id", "call_id", "status"})
_SERVED = "message, function_call, function_call_output, custom_tool_call, custom_tool_call_output, reasoning"
_ADVICE = {
    "item_reference": "nothing is kept here: send the item itself instead of its id",
    "compaction": "only the provider that created it can read it: send the items that it stands for",
}


def read_input(value: str | list[Table]) -> tuple[Message, ...]:
    """Raises `InvalidRequestError` that names the item at fault."""
    if isinstance(value, str):
        if not value:
            raise InvalidRequestError("input is empty: send a text or at least one item", param="input")
        return (Message("user", (Text(value),)),)
    transcript = _Transcript()
    for number, item in enumerate(value):
        transcript.add(item, f"input[{number}]")
    messages = transcript.finish()
    if not messages:
        raise InvalidRequestError("input is empty: send a text or at least one item", param="input")
    return messages


class _Transcript:
    """Collects items into turns."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._role: Role = "user"
        self._parts: list[Part] = []
        self._names: dict[str, str] = {}
        self._readers: dict[str, Callable[[Table, str], None]] = {
            "message": self._message,
            "agent_message": self._agent_message,
            "reasoning": self._reasoning,
            "function_call": self._call,
            "custom_tool_call": self._custom_call,
            "function_call_output": self._result,
            "custom_tool_call_output": self._result,
            "tool_search_call": self._search,
            "tool_search_output": self._found,
        }

    def add(self, item: Table, where: str) -> None:
        kind = type_of(item, where, "message")
        if (reader := self._readers.get(kind)) is not None:
            reader(item, where)
        elif kind.endswith("_call") and isinstance(item.get("call_id"), str):
            self._own_call(kind.removesuffix("_call"), item)
        elif kind.endswith("_call_output") and isinstance(item.get("call_id"), str):
            self._own_result(item, where)
        elif kind not in _PASSED_OVER and not kind.endswith("_call"):
            advice = _ADVICE.get(kind, f"use one of {_SERVED}")
            raise unserved(f"{where}.type", f"{kind[:40]!r} is not served; {advice}")

    def finish(self) -> tuple[Message, ...]:
        self._end()
        return tuple(self._messages)

    def _end(self) -> None:
        if self._parts:
            self._messages.append(Message(self._role, tuple(self._parts)))
            self._parts = []

    def _in(self, role: Role) -> list[Part]:
        """The parts of the current turn of `role`."""
        if self._role != role:
            self._end()
            self._role = role
        return self._parts

    def _assistant_parts(self) -> list[Part]:
        """The model's current turn, unless it has text and no calls: then another begins."""
        parts = self._in("assistant")
        if any(isinstance(part, Text) for part in parts) and not any(isinstance(part, ToolCall) for part in parts):
            self._end()
        return self._parts

    def _message(self, item: Table, where: str) -> None:
        wire = shaped(item, WireMessage, where)
        parts = _parts(wire.content, f"{where}.content")
        if wire.role == "assistant":
            if wire.phase:
                parts = [Text(part.text, wire.phase) if isinstance(part, Text) else part for part in parts]
            self._assistant_parts().extend(parts)
            return
        self._end()
        self._role = "user" if wire.role == "user" else "system"
        self._parts = list(parts)
        self._end()

    def _agent_message(self, item: Table, where: str) -> None:
        """Codex puts the task of a new agent into `encrypted_content` though the call that it comes from was plain."""
        wire = shaped(item, WireAgentMessage, where)
        texts = [wire.content] if isinstance(wire.content, str) else []
        for part in () if isinstance(wire.content, str) else wire.content or ():
            if part.encrypted_content.startswith(_CIPHER):
                raise unserved(
                    f"{where}.content", "it is encrypted; only the provider that created it can read it: send the text"
                )
            texts.append(part.text or part.encrypted_content)
        self._end()
        self._role = "user"
        self._parts = [Text(text) for text in texts if text]
        self._end()

    def _reasoning(self, item: Table, where: str) -> None:
        wire = shaped(item, WireReasoning, where)
        if not wire.encrypted_content:
            return
        proof = wire.encrypted_content
        # What we sent holds the id of the provider's item; what comes from elsewhere has it in a separate field.
        proof = proof if ":" in proof else signature(wire.id or "", proof)
        text = "\n\n".join(part.text for part in wire.summary or ())
        self._assistant_parts().append(Thinking(text=text, signature=proof, dialect=DIALECT))

    def _call(self, item: Table, where: str) -> None:
        wire = shaped(item, WireCall, where)
        arguments = wire.arguments or "{}"
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        proof = thought_signature(ToolCallPiece(extra_content=wire.extra_content))
        self._called(wire.call_id, flat_name(wire.name, wire.namespace), arguments, proof)

    def _custom_call(self, item: Table, where: str) -> None:
        wire = shaped(item, WireCustomCall, where)
        self._called(wire.call_id, flat_name(wire.name, wire.namespace), arguments_of(wire.input))

    def _own_call(self, name: str, item: Table) -> None:
        """A call of one of the API's built-in tools that the caller ran (`local_shell_call`, `computer_call` …)."""
        fields = {field: value for field, value in item.items() if field not in _OF_AN_ITEM}
        self._called(item["call_id"], name, msgspec.json.encode(fields.get("action", fields)).decode())

    def _own_result(self, item: Table, where: str) -> None:
        output = item.get("output")
        if isinstance(output, dict) and "type" in output and "image_url" in output:
            output = [output | {"type": "input_image"}]
        elif not isinstance(output, str | None):
            output = msgspec.json.encode(output).decode()
        self._result({"call_id": item["call_id"], "output": output}, where)

    def _search(self, item: Table, where: str) -> None:
        """A search that the caller was to make; one that the provider made has no id, and its outcome is among the tools."""
        wire = shaped(item, WireSearchCall, where)
        if wire.call_id:
            self._called(wire.call_id, SEARCH, msgspec.json.encode(wire.arguments or {}).decode())

    def _found(self, item: Table, where: str) -> None:
        wire = shaped(item, WireDeclared, where)
        if wire.call_id:
            text = f"Tools that can be called now: {', '.join(names(wire.tools, f'{where}.tools')) or 'none'}"
            self._in("tool").append(ToolResult(call_id=wire.call_id, name=SEARCH, content=(Text(text),)))

    def _called(self, id: str, name: str, arguments: str, proof: str = "") -> None:
        self._names[id] = name
        self._in("assistant").append(ToolCall(id=id, name=name, arguments=arguments, signature=proof))

    def _result(self, item: Table, where: str) -> None:
        wire = shaped(item, WireOutput, where)
        content = tuple(_parts(wire.output, f"{where}.output"))
        name = self._names.get(wire.call_id, "")
        self._in("tool").append(ToolResult(call_id=wire.call_id, name=name, content=content))


def _parts(content: str | list[WirePart] | None, where: str) -> Sequence[Text | Image | File]:
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts = [_part(part, f"{where}[{number}]") for number, part in enumerate(content)]
    return [part for part in parts if not isinstance(part, Text) or part.text]


def _part(wire: WirePart, where: str) -> Text | Image | File:
    if wire.type in _TEXTS:
        return Text(_given(wire.text, f"{where}.text"))
    if wire.type == "refusal":
        return Text(_given(wire.refusal, f"{where}.refusal"))
    if wire.type == "input_image":
        if wire.image_url is None and wire.file_id is not None:
            raise unserved(f"{where}.file_id", "no files are kept here: send the picture as image_url")
        return of_image_url(_given(wire.image_url, f"{where}.image_url"), wire.detail)
    if wire.type == "input_file":
        return _file(wire, where)
    served = "input_text, output_text, refusal, input_image, input_file"
    raise unserved(f"{where}.type", f"{wire.type[:40]!r} is not served; use one of {served}")


def _file(wire: WirePart, where: str) -> Text | Image | File:
    name = wire.filename or ""
    if wire.file_url:
        part = of_url(wire.file_url, named_type(name or wire.file_url), name)
    elif wire.file_data is not None:
        media_type, data = of_data_url(wire.file_data) or ("", wire.file_data)
        part = of_data(data, media_type or named_type(name), name)
    else:
        raise unserved(where, "no files are kept here: send the file as file_data, or its address as file_url")
    return msgspec.structs.replace(part, detail=wire.detail) if isinstance(part, File) else part


def _given(value: str | None, where: str) -> str:
    if value is None:
        raise missing(where)
    return value
