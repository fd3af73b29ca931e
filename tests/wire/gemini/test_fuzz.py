"""Whatever the bytes: decoders never raise, and a body is read or refused."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segue.catalog.models import find_model
from segue.chat.events import Failed, Finished, Started, ToolCallDelta, ToolCallEnd, UpstreamEvent, UsageReport
from segue.errors import InvalidRequestError
from segue.secret import Secret
from segue.wire.codec import Call
from segue.wire.gemini.ingress.codec import Ingress
from segue.wire.gemini.upstream.codec import Upstream
from segue.wire.gemini.upstream.errors import from_answer
from segue.wire.gemini.upstream.response import Decoder

_WORDS = (
    *(
        "contents",
        "role",
        "parts",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "inlineData",
    ),
    *(
        "fileData",
        "name",
        "args",
        "id",
        "response",
        "model",
        "user",
        "tools",
        "functionDeclarations",
        "parameters",
        "type",
    ),
    *(
        "generationConfig",
        "thinkingConfig",
        "thinkingBudget",
        "responseSchema",
        "properties",
        "toolConfig",
        "mode",
        "error",
    ),
    *("candidates", "content", "finishReason", "STOP", "SAFETY", "usageMetadata", "promptTokenCount", "promptFeedback"),
    *(
        "blockReason",
        "index",
        "code",
        "message",
        "status",
        "details",
        "violations",
        "quotaId",
        "systemInstruction",
        "ANY",
    ),
)
_SHAPES: dict[str, Any] = {
    "contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}],
    "candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
    "generationConfig": {"thinkingConfig": {"thinkingBudget": 1}, "responseSchema": {"type": "OBJECT"}},
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    "error": {"code": 429, "details": [{"violations": [{"quotaId": "PerDay", "quotaValue": "1"}]}]},
}
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
_keys = st.sampled_from(_WORDS)
_json = st.recursive(
    _scalars | _keys | st.sampled_from([*_SHAPES.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_documents = st.dictionaries(_keys, _json, max_size=5).map(lambda extra: msgspec.json.encode(_SHAPES | extra))
_bodies = st.binary(max_size=200) | _documents | _json.map(msgspec.json.encode)
_framed = st.lists(
    st.sampled_from(
        [b"data: ", b"data:", b"\n", b"\r\n", b"\n\n", b": hi\n", b"[", b"]", b",", b"\xef\xbb\xbf", b"\xff"]
    )
    | _bodies,
    max_size=8,
).map(b"".join)


def _check(events: list[UpstreamEvent]) -> None:
    """The rules that every consumer of a decoder relies on."""
    starts = [i for i, event in enumerate(events) if isinstance(event, Started)]
    assert len(starts) <= 1
    ends = [i for i, event in enumerate(events) if isinstance(event, Finished | Failed)]
    assert ends
    assert all(isinstance(event, UsageReport) for event in events[ends[-1] + 1 :])
    finished = [event for event in events if isinstance(event, Finished)]
    failed = [event for event in events if isinstance(event, Failed)]
    assert len(finished) <= 1
    assert len(failed) <= 1, "what follows a stop reason may be unreadable"
    assert not failed or events[-1] is failed[0]
    calls = [event.index for event in events if isinstance(event, ToolCallDelta)]
    assert calls == [event.index for event in events if isinstance(event, ToolCallEnd)] == list(range(len(calls)))


@settings(max_examples=150, deadline=None)
@example(b'{"candidates":[{"finishReason":"STOP"}]}\n[', 1)
@given(_framed, st.integers(1, 7))
def test_a_decoder_never_raises_and_always_ends(body: bytes, step: int) -> None:
    whole, pieces = Decoder(), Decoder()
    events = whole.feed(body) + whole.eof()
    _check(events)
    split = [event for i in range(0, len(body), step) for event in pieces.feed(body[i : i + step])]
    assert split + pieces.eof() == events


@settings(max_examples=150, deadline=None)
@given(_bodies, st.sampled_from([200, 302, 400, 402, 403, 404, 429, 500, 503]), st.text(max_size=12))
def test_every_error_body_is_judged(body: bytes, status: int, header: str) -> None:
    failure = from_answer(status, {"retry-after": header, "x-should-retry": header}, body, wall=0.0)
    assert failure.message
    assert failure.retry_after is None or 0 <= failure.retry_after < float("inf")


@settings(max_examples=250, deadline=None)
@given(_bodies, st.sampled_from(["generateContent", "streamGenerateContent", "countTokens"]), st.text(max_size=20))
def test_a_body_is_read_or_refused_and_what_was_read_can_be_sent_on(body: bytes, action: str, query: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        read = Ingress().decode(body, path=f"/v1/models/m:{action}", query=query, headers={})
        call = Call(model=find_model("gemini", "gemini-3.5-flash-lite"), base_url="http://h", key=Secret("k"))
        with contextlib.suppress(InvalidRequestError):
            assert msgspec.json.decode(Upstream().encode(read.request, call).body)["contents"]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_path_is_read_or_refused(path: str) -> None:
    with contextlib.suppress(InvalidRequestError):
        Ingress().decode(b'{"contents":[{"parts":[{"text":"hi"}]}]}', path=path, query="", headers={})
