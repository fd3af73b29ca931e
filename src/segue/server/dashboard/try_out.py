"""A prompt sent from the page: a request like any other, but its stream shows the seams, which the dialects' own streams can't.

The request has the form of OpenAI Chat Completions; the response is a stream of server-sent events:

    text {"text"}    seam {"source", "target", "at", "restarted"}    done {"reason"}    error {"message", "attempts"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from segue.chat.events import ChatEvent, Finished, Seam, TextDelta
from segue.errors import SegueError
from segue.server.dashboard.feed import event
from segue.wire.codec import IngressRequest
from segue.wire.openai_chat.ingress.codec import Ingress


class TryOutIngress:
    """An `IngressCodec`. Stateless, like all of them."""

    dialect = Ingress.dialect

    def __init__(self) -> None:
        self._read = Ingress()

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        asked = self._read.decode(body, path=path, query=query, headers=headers)
        return msgspec.structs.replace(asked, stream=True)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> TryOutEncoder:
        return TryOutEncoder()

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return self._read.error(error)


class TryOutEncoder:
    content_type = "text/event-stream"

    def feed(self, event_: ChatEvent) -> bytes:
        if isinstance(event_, TextDelta):
            return _event("text", {"text": event_.text})
        if isinstance(event_, Seam):
            seam = {"source": event_.source, "target": event_.target, "at": event_.at, "restarted": event_.restarted}
            return _event("seam", seam)
        if isinstance(event_, Finished):
            return _event("done", {"reason": event_.reason.value})
        return b""

    def ping(self) -> bytes:
        return b":\n\n"

    def fail(self, error: SegueError) -> bytes:
        attempts = [msgspec.to_builtins(attempt) for attempt in getattr(error, "attempts", ())]
        return _event("error", {"message": getattr(error, "message", str(error)), "attempts": attempts})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return event(name, msgspec.json.encode(data))
