"""Conversations of the Responses API, stored for an hour, so that a caller may refer to them by id.

Some clients send an item of an earlier answer as an `item_reference` (Vercel's AI SDK does so in every round of tools), or a conversation so far as
`previous_response_id`. Only the caller who sent it gets it back, from the memory of this process; `store: false` stores nothing. Referenced
items count as if they had been sent: together no more than `longest` bytes, each item once (OpenAI refuses a duplicate item too).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from segue.chat.events import ChatEvent, Finished
from segue.errors import InvalidRequestError, SegueError
from segue.server.exchange import Bounds, Reply
from segue.wire.codec import Encoder, IngressRequest
from segue.wire.lenient import UNREADABLE
from segue.wire.openai_responses.ingress.codec import Ingress
from segue.wire.openai_responses.ingress.response import StreamEncoder, WholeEncoder

KEPT: Final = 3600.0
"""Seconds."""
MOST: Final = 64 << 20
"""Bytes in total; the oldest are dropped first."""

_REFERENCE: Final = b"item_reference"
_WHOLE: Final = "#whole"
"""Appended to an answer's id for the answer itself; under the id alone is the conversation that it ends."""
_FORGOTTEN: Final = "it is not stored here: it is more than an hour old, of another key, of another process, or was sent with store: false"

_json = msgspec.json.encode


class Recall:
    """Items and conversations by (caller's key, id), as JSON. `clock` is monotonic seconds."""

    def __init__(self, *, most: int = MOST, kept: float = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._kept = kept
        self._clock = clock
        self._bytes = 0
        self._lock = threading.Lock()  # long bodies are decoded in threads
        self._stored: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()

    def keep(self, key: str, id: str, data: bytes) -> None:
        with self._lock:
            self._drop((key, id))
            self._stored[key, id] = self._clock() + self._kept, data
            self._bytes += len(data)
            while self._bytes > self._most:
                self._drop(next(iter(self._stored)))

    def find(self, key: str, id: str) -> bytes | None:
        with self._lock:
            until, data = self._stored.get((key, id), (0.0, b""))
            if until > self._clock():
                return data
            self._drop((key, id))
            return None

    def forget(self, key: str, id: str) -> bool:
        """Whether there was something to delete."""
        known = self.find(key, id) is not None
        with self._lock:
            self._drop((key, id))
        return known

    def _drop(self, place: tuple[str, str]) -> None:
        if (found := self._stored.pop(place, None)) is not None:
            self._bytes -= len(found[1])


def stored(recall: Recall, key: str, id: str, *, query: str, delete: bool) -> Reply:
    """A stored answer of the caller with `key`, or with `delete` the confirmation of its deletion; 404 for an unknown one."""
    if "true" in parse_qs(query).get("stream", ()):
        reason = "stream: a stored answer is returned as a whole; leave it out"
        return Ingress().error(InvalidRequestError(reason, param="stream"))
    whole = recall.find(key, id + _WHOLE)
    if whole is None:
        return Ingress().error(
            InvalidRequestError(
                f"response {id[:80]!r}: {_FORGOTTEN}", param="response_id", status=404, code="not_found"
            )
        )
    if delete:
        recall.forget(key, id + _WHOLE)
        recall.forget(key, id)
        whole = _json({"id": id, "object": "response", "deleted": True})
    return 200, {"content-type": "application/json"}, whole


class _Body(msgspec.Struct):
    """The fields of a body that may refer to something sent before."""

    input: msgspec.Raw = msgspec.Raw(b"null")
    store: Any = None
    previous_response_id: Any = None


class RecallingIngress:
    """The dialect's server side for one request of the caller with `key`: references are replaced before it is read."""

    dialect = Ingress.dialect

    def __init__(self, recall: Recall, key: str, *, longest: int = Bounds().body) -> None:
        self._codec = Ingress()
        self._recall = recall
        self._longest = longest
        self._key = key
        self._keeps = False
        self._items: list[msgspec.Raw] = []
        """The conversation, with its references replaced."""

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        """Raises `InvalidRequestError` also for an unknown reference."""
        try:
            fields = msgspec.json.decode(body, type=_Body)
            self._items = _items(fields.input)
            if fields.previous_response_id or _REFERENCE in bytes(fields.input):
                body = self._filled(body, fields.previous_response_id)
            self._keeps = fields.store is not False
            if not self._keeps:
                self._items = []  # they hold the body
        except UNREADABLE:
            pass  # the codec reports what is wrong
        return self._codec.decode(body, path=path, query=query, headers=headers)

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        encoder = self._codec.encoder(request, id=id, created=created)
        return _Keeping(encoder, lambda items, whole: self._keep(id, items, whole)) if self._keeps else encoder

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        return self._codec.error(error)

    def _filled(self, body: bytes, previous: Any) -> bytes:
        document = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        items = self._conversation(previous) if previous else []
        document.pop("previous_response_id", None)
        size = sum(map(_length, items))
        referred = set[str]()
        for number, item in enumerate(self._items):
            found = self._resolved(item, number, referred)
            size += _length(found)
            if size > self._longest:
                raise InvalidRequestError(
                    f"with its references, the input is larger than {self._longest} bytes: send less",
                    param="input",
                    status=413,
                    code="too_large",
                )
            items.append(found)
        self._items = items
        document["input"] = msgspec.Raw(_json(items))
        return _json(document)

    def _resolved(self, item: msgspec.Raw, number: int, referred: set[str]) -> msgspec.Raw:
        """The item itself, or the item that it refers to; `referred` are the ids that were used before, which may not come again."""
        if _REFERENCE not in bytes(item):
            return item
        reference = msgspec.json.decode(item)
        if not isinstance(reference, dict) or reference.get("type") != "item_reference":
            return item
        id = str(reference.get("id", ""))
        if (found := self._recall.find(self._key, id)) is None:
            reason = f"item {id[:80]!r}: {_FORGOTTEN}; send the item itself"
            raise InvalidRequestError(reason, param=f"input[{number}].id", status=404, code="item_not_found")
        if id in referred:
            raise InvalidRequestError(
                f"input[{number}].id: item {id[:80]!r} is in the input already: refer to it once",
                param=f"input[{number}].id",
                code="duplicate_item",
            )
        referred.add(id)
        return msgspec.Raw(found)

    def _conversation(self, id: Any) -> list[msgspec.Raw]:
        if (found := self._recall.find(self._key, str(id))) is None:
            raise InvalidRequestError(
                f"response {str(id)[:80]!r}: {_FORGOTTEN}; send the conversation so far as items of input",
                param="previous_response_id",
                status=404,
                code="previous_response_not_found",
            )
        return _items(msgspec.Raw(found))

    def _keep(self, id: str, items: Sequence[dict[str, Any]], whole: bytes) -> None:
        encoded = [_json(item) for item in items]
        for item, text in zip(items, encoded, strict=True):
            self._recall.keep(self._key, item["id"], text)
        self._recall.keep(self._key, f"resp_{id}", _json([*self._items, *map(msgspec.Raw, encoded)]))
        self._recall.keep(self._key, f"resp_{id}{_WHOLE}", whole)


class _Keeping:
    """An encoder whose items are stored once they are complete."""

    def __init__(
        self, encoder: StreamEncoder | WholeEncoder, keep: Callable[[Sequence[dict[str, Any]], bytes], None]
    ) -> None:
        self.content_type = encoder.content_type
        self.ping = encoder.ping
        self.fail = encoder.fail
        self._encoder = encoder
        self._keep = keep

    def feed(self, event: ChatEvent) -> bytes:
        data = self._encoder.feed(event)
        if type(event) is Finished:
            self._keep(self._encoder.items, self._encoder.whole)
        return data


def _length(item: msgspec.Raw) -> int:
    return len(memoryview(item))


def _items(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """A request's input as items; a text is one. Raises `msgspec.DecodeError` for anything else."""
    found = msgspec.json.decode(raw, type=str | list[msgspec.Raw] | None)
    if isinstance(found, str):
        return [msgspec.Raw(_json({"role": "user", "content": found}))]
    return found or []
