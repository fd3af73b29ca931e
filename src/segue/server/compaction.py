"""`POST /v1/responses/compact`: a conversation made shorter, for an agent that has filled its window.

The target that answers writes a summary. The result is the caller's messages unchanged, then the summary as a message, so that any model
can continue from it; OpenAI's own has an encrypted item there, which only OpenAI can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.chat.events import ChatEvent, Finished, TextDelta, UsageReport
from segue.chat.messages import user
from segue.chat.usage import Usage
from segue.errors import SegueError
from segue.server.response_store import RecallingIngress
from segue.wire.codec import Encoder, IngressRequest
from segue.wire.openai.ingress_errors import error_body
from segue.wire.openai_responses.ingress.response import usage_document

INSTRUCTION: Final = (
    "Summarise our conversation so far, so that it can go on from the summary alone: what was asked for, what was decided and done, "
    "names, paths, numbers and code that are still needed, and what is to be done next. Write the summary only, without a preface."
)


class CompactingIngress(RecallingIngress):
    """The Responses dialect with a request for a summary of the conversation."""

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        asked = super().decode(body, path=path, query=query, headers=headers)
        self._keeps = False
        request = msgspec.structs.replace(
            asked.request,
            messages=(*asked.request.messages, user(INSTRUCTION)),
            tools=(),
            tool_choice=None,
            output=None,
        )
        return msgspec.structs.replace(asked, request=request, stream=False)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        items = [item for item in map(msgspec.json.decode, self._items) if _is_users(item)]
        return _Encoder(id, created, [_message(f"{id}_{number}", item) for number, item in enumerate(items)])


class _Encoder:
    """One document, returned at the end."""

    content_type = "application/json"

    def __init__(self, id: str, created: int, messages: list[dict[str, Any]]) -> None:
        self._id = id
        self._created = created
        self._messages = messages
        self._text: list[str] = []
        self._usage: Usage | None = None

    def feed(self, event: ChatEvent) -> bytes:
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, UsageReport):
            self._usage = event.usage
        elif isinstance(event, Finished):
            return self._document()
        return b""

    def ping(self) -> bytes:
        return b""

    def fail(self, error: SegueError) -> bytes:
        return error_body(error)

    def _document(self) -> bytes:
        content = [{"type": "output_text", "text": "".join(self._text), "annotations": [], "logprobs": []}]
        summary = {
            "type": "message",
            "id": f"msg_{self._id}",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
        return msgspec.json.encode(
            {
                "id": f"resp_{self._id}",
                "object": "response.compaction",
                "created_at": self._created,
                "output": [*self._messages, summary],
                "usage": None if self._usage is None else usage_document(self._usage),
            }
        )


def _message(id: str, item: dict[str, Any]) -> dict[str, Any]:
    """A caller's message with all fields of a message in an answer."""
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": "input_text", "text": content}]
    return {"type": "message", "id": f"msg_{id}", "status": "completed"} | item | {"content": content}


def _is_users(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type", "message") == "message" and item.get("role") == "user"
