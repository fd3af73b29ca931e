"""What every dialect promises, as functions to call from a test. They raise `AssertionError` that says what differed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from segue.catalog.models import find_model
from segue.chat.events import (
    ChatEvent,
    Failed,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UpstreamEvent,
)
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.secret import Secret
from segue.wire.codec import Call, Decoder, IngressCodec, IngressRequest, UpstreamCodec

KEY = "a-key-that-must-not-show"


def call(codec: UpstreamCodec, *, model: str = "any-model") -> Call:
    """A call of some model at the codec's own address, with a key that no test may find in a URL or a text."""
    return Call(model=find_model(codec.dialect, model), base_url=codec.base_url, key=Secret(KEY))


def decoded(decoder: Decoder, pieces: Iterable[bytes]) -> list[UpstreamEvent]:
    """The events of an answer that arrives in these pieces, neighbouring pieces of text joined."""
    events: list[UpstreamEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return joined([*events, *decoder.eof()])


def joined(events: Iterable[UpstreamEvent]) -> list[UpstreamEvent]:
    """The same events with neighbouring pieces of one text, one thought or one call's arguments joined: how they were cut is no difference."""
    found: list[UpstreamEvent] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            found[-1] = TextDelta(last.text + event.text)
        elif (
            isinstance(event, ThinkingDelta)
            and isinstance(last, ThinkingDelta)
            and not (last.signature or last.redacted)
        ):
            found[-1] = msgspec.structs.replace(event, text=last.text + event.text)
        elif isinstance(event, ToolCallDelta) and isinstance(last, ToolCallDelta) and event.index == last.index:
            found[-1] = msgspec.structs.replace(last, arguments=last.arguments + event.arguments)
        else:
            found.append(event)
    return found


def check_every_split(make: Callable[[], Decoder], answer: bytes) -> list[UpstreamEvent]:
    """Checks that an answer means the same byte by byte and split in two anywhere. Returns its events."""
    whole = decoded(make(), [answer])
    single = decoded(make(), [bytes([byte]) for byte in answer])
    assert single == whole, f"byte by byte it means {single}, whole it means {whole}"
    for at in range(1, len(answer)):
        split = decoded(make(), [answer[:at], answer[at:]])
        assert split == whole, f"split after {at} bytes it means {split}, whole it means {whole}"
    return whole


def check_no_cut_passes(make: Callable[[], Decoder], answer: bytes) -> None:
    """Checks that an answer cut off anywhere never passes for a whole one with less text: it ends with `Failed`, or says all."""
    whole = _text(decoded(make(), [answer]))
    for at in range(len(answer)):
        cut = decoded(make(), [answer[:at]])
        assert isinstance(cut[-1], Failed) or _text(cut) == whole, f"cut after {at} bytes it passes for whole: {cut}"


def check_upstream(codec: UpstreamCodec, *, answer: bytes, content_type: str, text: str) -> None:
    """Checks the client side of a dialect.

    `answer` is the body of a 2xx answer of `content_type` whose text is `text`, in at most a few hundred bytes: it is split at every one.
    """
    request = codec.encode(ChatRequest(messages=(user("Hello"),)), call(codec))
    assert KEY not in request.url, "the key stands in the URL: put it in a header"
    assert KEY not in repr(request), "the key is shown by repr"
    events = check_every_split(lambda: codec.decoder(content_type), answer)
    assert _text(events) == text
    assert sum(isinstance(event, Finished) for event in events) == 1, f"no terminal, or several: {events}"
    check_no_cut_passes(lambda: codec.decoder(content_type), answer)
    for status in (400, 401, 404, 429, 500, 503):
        for body in (b"", b"<html>", b'{"error": {}}', b"\xff\x00"):
            codec.failure(status, {}, body, wall=0.0)


def check_ingress(codec: IngressCodec, *, path: str, body: bytes, events: Sequence[ChatEvent]) -> tuple[bytes, bytes]:
    """Checks the server side of a dialect with a request and the events of an answer. Returns the answer streamed, and whole."""
    asked = codec.decode(body, path=path, query="", headers={})
    assert asked.request.messages, "the request has no messages"
    return _encoded(codec, asked, events, stream=True), _encoded(codec, asked, events, stream=False)


def _encoded(codec: IngressCodec, asked: IngressRequest, events: Sequence[ChatEvent], *, stream: bool) -> bytes:
    encoder = codec.encoder(msgspec.structs.replace(asked, stream=stream), id="a1", created=0)
    text = b"".join(encoder.feed(event) for event in events)
    assert text, "the answer is empty"
    return text


def _text(events: Iterable[UpstreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
