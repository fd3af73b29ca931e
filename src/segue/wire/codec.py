"""The two protocols every dialect implements, sans I/O: bytes ↔ chat values.

*Upstream*, where Segue is the client: `encode` a request, `decoder` for the answer's bytes, `failure` for an HTTP error.
*Ingress*, where Segue is the server: `decode` a request's body, `encoder` for the answer's events, `error` for one that failed.

A decoder or encoder handles one answer: it is fed once, in order, and never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from segue.catalog.models import ModelInfo
from segue.chat.events import ChatEvent, UpstreamEvent
from segue.chat.failure import Failure
from segue.chat.request import ChatRequest
from segue.errors import SegueError
from segue.secret import Secret
from segue.wire.fitting.names import Answers

BETAS: Final = "betas:"
"""Before the names of betas, with commas between them, that a target has refused: see `Call.omit`."""


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `headers` may hold a key, so they are not shown by `repr`.

    `omitted` names what the caller asked for and the model is known not to take, e.g. `("temperature",)`. `healed` names what
    was repaired so that the provider takes it, by the keys of `fitting.history.HEALED`. `answers` restores the names of tools that
    were changed for this target in the calls of its answer.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    omitted: tuple[str, ...] = ()
    healed: tuple[str, ...] = ()
    answers: Answers | None = None

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.url}, {len(self.body)} bytes)"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The target of a request and how to send it.

    `base_url` has no trailing slash and includes the version path where the dialect's SDK includes it. `stream` is False only for a
    target known not to stream. `omit` names request fields that this target has refused before. `prefill`: the last message
    is the start of the model's turn, to be continued. `quirks` holds a preset's deviations, e.g. `{"prefix": True}`. `tries_responses`: a
    request that Chat Completions refuses is repeated in the Responses API.
    """

    model: ModelInfo
    base_url: str
    key: Secret
    headers: dict[str, str] = {}
    stream: bool = True
    omit: frozenset[str] = frozenset()
    prefill: bool = False
    quirks: dict[str, Any] = {}
    tries_responses: bool = False


class Decoder(Protocol):
    """Turns an answer's bytes into events, however the bytes are split."""

    complete: bool
    """True once the end of the answer was read; further bytes are ignored."""

    def feed(self, data: bytes) -> list[UpstreamEvent]: ...

    def eof(self) -> list[UpstreamEvent]:
        """The bytes ended. Returns what was left, and `Failed` if no stop reason was read."""
        ...


class TextDecoder(Decoder, Protocol):
    """A decoder that can tell usual text without parsing it. No decoder needs to: what lacks `text_of` is fed."""

    def text_of(self, data: bytes) -> str:
        """The text of the next bytes, which are read, where they are one event that brings text alone; "" where they may be anything else,
        and then nothing is read. Raises nothing."""
        ...


class UpstreamCodec(Protocol):
    """The client side of a dialect: requests to bytes, a provider's bytes to events. Stateless; each answer has its own `Decoder`."""

    dialect: str
    base_url: str
    """The provider's public address, used where none is set."""

    def encode(self, request: ChatRequest, call: Call) -> WireRequest:
        """Raises `InvalidRequestError` for a request that this dialect cannot express."""
        ...

    def decoder(self, content_type: str) -> Decoder:
        """For the body of a 2xx answer: an event stream or one JSON document, told apart by `content_type`."""
        ...

    def failure(self, status: int, headers: Mapping[str, str], body: bytes, *, wall: float) -> Failure:
        """What an answer other than 2xx means. `headers` have lower-case names; `wall` is epoch seconds, for absolute reset times."""
        ...

    def list_models(self, call: Call) -> WireRequest:
        """The free probe: a GET of the models list."""
        ...


class IngressRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a caller of our server or sandbox sent

    it. `model` is the name that the caller used, "" if none. `options` holds what shapes only the answer's form in this dialect
    (e.g. OpenAI's `include_usage`).
    """

    request: ChatRequest
    model: str
    stream: bool
    options: dict[str, Any] = {}


class Encoder(Protocol):
    """Turns an answer's events into one dialect's bytes. An encoder of a whole answer returns all bytes at `Finished`."""

    content_type: str

    def feed(self, event: ChatEvent) -> bytes: ...

    def ping(self) -> bytes:
        """Bytes that keep the connection's client patient: data-bearing where the dialect has such; b"" if there is nothing to send."""
        ...

    def fail(self, error: SegueError) -> bytes:
        """The dialect's error inside a stream that has begun."""
        ...


class IngressCodec(Protocol):
    """The server side of a dialect: a caller's bytes to a request, events to bytes. Stateless; each answer has its own `Encoder`."""

    dialect: str

    def decode(self, body: bytes, *, path: str, query: str, headers: Mapping[str, str]) -> IngressRequest:
        """Raises `InvalidRequestError` that names the field at fault."""
        ...

    def encoder(self, request: IngressRequest, *, id: str, created: int) -> Encoder:
        """`id` is unique, of letters and digits; `created` is epoch seconds."""
        ...

    def error(self, error: SegueError) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body from which the dialect's official SDK raises the right error."""
        ...
