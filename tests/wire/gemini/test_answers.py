"""Answers, both ways: a provider's bytes → events, and events → bytes → the same events."""

from __future__ import annotations

import time

import msgspec
import pytest

from segue.chat.events import (
    ChatEvent,
    Failed,
    Finished,
    FinishReason,
    Seam,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCalled,
    ToolCallEnd,
    UpstreamEvent,
    UsageReport,
)
from segue.chat.failure import FailureKind, Scope
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import LLMServiceUnavailableError
from segue.wire.codec import IngressRequest
from segue.wire.gemini.ingress.codec import Ingress
from segue.wire.gemini.upstream.codec import Upstream
from segue.wire.gemini.upstream.response import Decoder


def chunk(*parts: dict, finish: str = "", usage: dict | None = None, **more: object) -> dict:
    candidate: dict = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    document: dict = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1"} | more
    return document | ({"usageMetadata": usage} if usage else {})


def sse(*documents: object, end: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(document) + end for document in documents)


def pretty(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


COUNTS = {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}
USED = UsageReport(Usage(input_tokens=10, output_tokens=4))
STARTED = Started("r1", "gemini-x")
HELLO = {"text": "Hello"}
OVERLOADED = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
CUT = "the stream ended before the answer was complete"


def call(index: int, id: str, name: str, arguments: str, signature: str = "") -> list[UpstreamEvent]:
    return [ToolCallDelta(index, id, name, arguments, signature), ToolCallEnd(index)]


WHOLE: dict[str, tuple[bytes, list[UpstreamEvent]]] = {
    "text, usage and terminal in separate chunks": (
        sse(chunk(HELLO), chunk({"text": " world"}, usage=COUNTS), chunk({"text": ""}, finish="STOP")),
        [STARTED, TextDelta("Hello"), TextDelta(" world"), USED, Finished(FinishReason.STOP, "STOP")],
    ),
    "lines that end with LF alone, and events without a space": (
        sse(chunk(HELLO, finish="STOP", usage=COUNTS), end=b"\n\n").replace(b"data: ", b"data:"),
        [STARTED, TextDelta("Hello"), USED, Finished(FinishReason.STOP, "STOP")],
    ),
    "comments, other fields, a byte order mark and a last [DONE]": (
        b"\xef\xbb\xbf: hello\nevent: message\nid: 7\n" + sse(chunk(HELLO, finish="STOP")) + b"data: [DONE]\n\n",
        [STARTED, TextDelta("Hello"), Finished(FinishReason.STOP, "STOP")],
    ),
    "one event over two data lines": (
        b'data: {"candidates": [{"content": {"parts": [{"text": "Hello"}]},\ndata: "finishReason": "MAX_TOKENS"}]}\n\n',
        [Started(), TextDelta("Hello"), Finished(FinishReason.LENGTH, "MAX_TOKENS")],
    ),
    "a last event without the blank line after it": (
        sse(chunk(HELLO, finish="STOP", usage=COUNTS), end=b""),
        [STARTED, TextDelta("Hello"), USED, Finished(FinishReason.STOP, "STOP")],
    ),
    "usage in a chunk after the terminal": (
        sse(chunk(HELLO, finish="STOP"), {"usageMetadata": COUNTS}),
        [STARTED, TextDelta("Hello"), Finished(FinishReason.STOP, "STOP"), USED],
    ),
    "a STOP on every chunk": (
        sse(chunk(HELLO, finish="STOP", usage=COUNTS), chunk({"text": " and more"}, finish="STOP", usage=COUNTS)),
        [
            STARTED,
            TextDelta("Hello"),
            USED,
            Finished(FinishReason.STOP, "STOP"),
            TextDelta(" and more"),
            Finished(FinishReason.STOP, "STOP"),
        ],
    ),
    "an early STOP without content, as translating proxies send it": (
        sse(chunk(finish="STOP", usage=COUNTS), chunk(HELLO), chunk(finish="STOP", usage=COUNTS)),
        [
            STARTED,
            USED,
            Finished(FinishReason.STOP, "STOP"),
            TextDelta("Hello"),
            Finished(FinishReason.STOP, "STOP"),
        ],
    ),
    "an answer that is empty on purpose": (
        sse(chunk({"text": ""}, finish="STOP", usage=COUNTS)),
        [STARTED, USED, Finished(FinishReason.STOP, "STOP")],
    ),
    "thoughts, all token classes": (
        sse(
            chunk({"text": "Hm", "thought": True}),
            chunk(
                HELLO,
                finish="STOP",
                usage={
                    "promptTokenCount": 100,
                    "cachedContentTokenCount": 60,
                    "toolUsePromptTokenCount": 7,
                    "candidatesTokenCount": 4,
                    "thoughtsTokenCount": 30,
                    "totalTokenCount": 141,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
                },
            ),
        ),
        [
            STARTED,
            ThinkingDelta("Hm"),
            TextDelta("Hello"),
            UsageReport(Usage(input_tokens=47, cache_read_tokens=60, output_tokens=34, reasoning_tokens=30)),
            Finished(FinishReason.STOP, "STOP"),
        ],
    ),
    "a thought signature on an empty text": (
        sse(chunk(HELLO), chunk({"text": "", "thoughtSignature": "c2ln"}, finish="STOP")),
        [
            STARTED,
            TextDelta("Hello"),
            ThinkingDelta(signature="c2ln", dialect="gemini"),
            Finished(FinishReason.STOP, "STOP"),
        ],
    ),
    "a call with id and signature, and a parallel one": (
        sse(
            chunk(
                {"functionCall": {"id": "a", "name": "f", "args": {"x": [1, 2.5, "é"]}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "b", "name": "g"}},
            ),
            chunk({"text": ""}, finish="STOP", usage=COUNTS),
        ),
        [
            STARTED,
            *call(0, "a", "f", '{"x":[1,2.5,"é"]}', "c2ln"),
            *call(1, "b", "g", "{}"),
            USED,
            Finished(FinishReason.TOOL_CALLS, "STOP"),
        ],
    ),
    "calls that finish with an emulator's FUNCTION_CALL": (
        sse(chunk({"functionCall": {"id": "a", "name": "f", "args": {}}}, finish="FUNCTION_CALL")),
        [STARTED, *call(0, "a", "f", "{}"), Finished(FinishReason.TOOL_CALLS, "FUNCTION_CALL")],
    ),
    "a call cut by the token limit is no tool finish": (
        sse(chunk({"functionCall": {"id": "a", "name": "f", "args": {}}}, finish="MAX_TOKENS")),
        [STARTED, *call(0, "a", "f", "{}"), Finished(FinishReason.LENGTH, "MAX_TOKENS")],
    ),
    "text that a filter stops": (
        sse(chunk(HELLO), {"candidates": [{"finishReason": "SAFETY", "finishMessage": "harmful", "index": 0}]}),
        [STARTED, TextDelta("Hello"), Finished(FinishReason.CONTENT_FILTER, "SAFETY", "harmful")],
    ),
    "a long answer that wants to be continued": (
        sse(chunk(HELLO), {"candidates": [{"finishReason": "CONTINUATION", "continuationToken": "dG9r"}]}),
        [STARTED, TextDelta("Hello"), Finished(FinishReason.PAUSE, "CONTINUATION")],
    ),
    "other candidates, unknown fields and unknown parts": (
        sse(
            {
                "candidates": [
                    {"content": {"parts": [{"text": "second"}]}, "index": 1},
                    {
                        "content": {"parts": [{"executableCode": {"code": "1"}}, HELLO], "role": "model"},
                        "finishReason": "STOP",
                        "groundingMetadata": {"x": [1]},
                    },
                ],
                "automaticFunctionCallingHistory": None,
            }
        ),
        [Started(), TextDelta("Hello"), Finished(FinishReason.STOP, "STOP")],
    ),
    "a whole answer in one document": (
        pretty(chunk(HELLO, {"functionCall": {"id": "a", "name": "f", "args": {}}}, finish="STOP", usage=COUNTS)),
        [STARTED, TextDelta("Hello"), *call(0, "a", "f", "{}"), USED, Finished(FinishReason.TOOL_CALLS, "STOP")],
    ),
    "a stream that came as a JSON array": (
        b"[" + b"\r\n,\r\n".join(pretty(c) for c in (chunk(HELLO), chunk(finish="STOP", usage=COUNTS))) + b"\r\n]",
        [STARTED, TextDelta("Hello"), USED, Finished(FinishReason.STOP, "STOP")],
    ),
}

BROKEN: dict[str, tuple[bytes, list[UpstreamEvent], FailureKind, str]] = {
    "a body of nothing": (b"", [], FailureKind.BROKEN, CUT),
    "a cut after the first token": (sse(chunk(HELLO)), [STARTED, TextDelta("Hello")], FailureKind.BROKEN, CUT),
    "a cut within an event": (
        sse(chunk(HELLO)) + sse(chunk(HELLO))[:30],
        [STARTED, TextDelta("Hello")],
        FailureKind.BROKEN,
        "a chunk that can't be read",
    ),
    "an error chunk in mid-stream": (
        sse(chunk(HELLO), OVERLOADED),
        [STARTED, TextDelta("Hello")],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "a raw JSON tail": (
        sse(chunk(HELLO)) + pretty(OVERLOADED),
        [STARTED, TextDelta("Hello")],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "a raw JSON tail with blank lines around it": (
        sse(chunk(HELLO)) + b"\n" + pretty(OVERLOADED) + b"\n\n\n",
        [STARTED, TextDelta("Hello")],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "a raw JSON tail in an array": (
        sse(chunk(HELLO)) + pretty([OVERLOADED]) + b"\r\n",
        [STARTED, TextDelta("Hello")],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "a raw error between events": (
        pretty(OVERLOADED) + b"\n" + sse(chunk(HELLO, finish="STOP")),
        [],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "an error document with status 200": (
        msgspec.json.encode(OVERLOADED),
        [],
        FailureKind.OVERLOAD,
        "The model is overloaded.",
    ),
    "an error that is only a string": (sse({"error": "no"}), [], FailureKind.OVERLOAD, "no"),
    "a blocked prompt": (
        sse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": COUNTS, "responseId": "r1"}),
        [Started("r1", ""), USED],
        FailureKind.POLICY,
        "the prompt was blocked (PROHIBITED_CONTENT)",
    ),
    "an answer without candidates": (
        sse({"usageMetadata": COUNTS, "modelVersion": "gemini-x"}),
        [Started("", "gemini-x"), USED],
        FailureKind.BROKEN,
        "the answer holds no candidates",
    ),
    "a call without a name": (
        sse(chunk({"functionCall": {"args": {}}})),
        [STARTED],
        FailureKind.BROKEN,
        "a chunk that can't be read: a function call without a name",
    ),
    "a call whose arguments are no object": (
        sse(chunk({"functionCall": {"name": "f", "args": [1]}})),
        [STARTED],
        FailureKind.BROKEN,
        "a chunk that can't be read",
    ),
    "a field of the wrong type": (
        sse({"candidates": {"content": 1}}),
        [],
        FailureKind.BROKEN,
        "a chunk that can't be read",
    ),
    "a web page": (b"<html><body>hello</body></html>", [], FailureKind.BROKEN, CUT),
    "a bare JSON string": (b'data: "message"\n\n', [], FailureKind.BROKEN, "a chunk that can't be read"),
    "bytes that are no UTF-8": (
        b"data: \xff\xfe\n\n",
        [],
        FailureKind.BROKEN,
        "a chunk that can't be read",
    ),
    **{
        f"the finish reason {reason}": (
            sse(chunk(HELLO), {"candidates": [{"finishReason": reason, "finishMessage": "why"}]}),
            [STARTED, TextDelta("Hello")],
            kind,
            f"the model stopped with {reason}: why",
        )
        for reason, kind in (
            ("MALFORMED_FUNCTION_CALL", FailureKind.BROKEN),
            ("MALFORMED_RESPONSE", FailureKind.BROKEN),
            ("UNEXPECTED_TOOL_CALL", FailureKind.BROKEN),
            ("TOO_MANY_TOOL_CALLS", FailureKind.BROKEN),
            ("OTHER", FailureKind.BROKEN),
            ("SOMETHING_NEW", FailureKind.BROKEN),
            ("MISSING_THOUGHT_SIGNATURE", FailureKind.CAPABILITY),
            ("PUP_LIMITED_DISABLED", FailureKind.AUTH),
        )
    },
}


def decode(*pieces: bytes) -> list[UpstreamEvent]:
    decoder = Upstream().decoder("text/event-stream")
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.eof()
    assert decoder.complete
    assert decoder.feed(b"data: {}\n\n") == []
    assert decoder.eof() == []
    return events


@pytest.mark.parametrize(("body", "events"), WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_answer_gives_its_events(body: bytes, events: list[UpstreamEvent]) -> None:
    assert decode(body) == events


@pytest.mark.parametrize(("body", "before", "kind", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_gives_what_came_before_and_then_its_failure(
    body: bytes, before: list[UpstreamEvent], kind: FailureKind, message: str
) -> None:
    *events, last = decode(body)
    assert events == before
    assert isinstance(last, Failed)
    assert last.failure.kind is kind
    assert last.failure.message.startswith(message)
    assert len(last.failure.message) < 200


@pytest.mark.parametrize("body", [case[0] for case in (*WHOLE.values(), *BROKEN.values())], ids=[*WHOLE, *BROKEN])
def test_the_events_do_not_depend_on_how_the_bytes_are_split(body: bytes) -> None:
    expected = decode(body)
    assert decode(*(body[i : i + 1] for i in range(len(body)))) == expected
    for i in range(1, len(body)):
        assert decode(body[:i], body[i:]) == expected


def test_a_decoder_reads_on_after_a_stop_reason_until_the_bytes_end() -> None:
    decoder = Decoder()
    decoder.feed(sse(chunk(HELLO, finish="STOP", usage=COUNTS)))
    assert not decoder.complete
    assert decoder.eof() == []
    assert decoder.complete


def test_rubbish_after_a_stop_reason_is_reported_after_it() -> None:
    *earlier, failed = decode(sse(chunk(HELLO, finish="STOP")) + b"data: {rubbish\n\n")
    assert earlier == [STARTED, TextDelta("Hello"), Finished(FinishReason.STOP, "STOP")]
    assert isinstance(failed, Failed)


def test_a_failure_names_the_scope_that_is_unhealthy() -> None:
    (failed,) = decode(sse({"candidates": [{"finishReason": "PUP_LIMITED_DISABLED"}]}))[1:]
    assert isinstance(failed, Failed)
    assert failed.failure.scope is Scope.CREDENTIAL


def test_a_raw_error_is_known_before_the_connection_closes() -> None:
    decoder = Decoder()
    events = decoder.feed(sse(chunk(HELLO)) + pretty(OVERLOADED) + b"\n")
    assert isinstance(events[-1], Failed)
    assert decoder.complete


def test_calls_without_ids_get_ids_that_are_unique_and_the_same_each_time() -> None:
    same = {"functionCall": {"name": "f", "args": {"x": 1}}}
    body = sse(
        chunk(same, same, {"functionCall": {"id": "a", "name": "f"}}, {"functionCall": {"id": "a", "name": "g"}})
    )

    def ids(body: bytes) -> list[str]:
        return [event.id for event in decode(body) if isinstance(event, ToolCallDelta)]

    assert len(set(ids(body))) == 4
    assert ids(body) == ids(body)
    assert ids(body)[2] == "a"
    assert not {ids(body)[0], ids(body)[1]} & set(ids(body.replace(b'"r1"', b'"r2"')))


def test_a_call_that_is_sent_again_under_its_id_is_one_call() -> None:
    call = {"id": "a", "name": "f", "args": {"x": 1}}
    begun = {"id": "a", "name": "f", "partialArgs": [{"jsonPath": "$.x", "numberValue": 1}], "willContinue": True}
    for first in (
        [{"functionCall": call, "thoughtSignature": "c2ln"}],
        [{"functionCall": begun}, {"functionCall": {}}],
    ):
        events = decode(sse(*[chunk(part) for part in first], chunk({"functionCall": call}, finish="STOP")))
        assert [event.index for event in events if isinstance(event, ToolCallEnd)] == [0]
        assert {event.index for event in events if isinstance(event, ToolCallDelta)} == {0}


def test_a_chunk_costs_time_in_proportion_to_its_bytes() -> None:
    """A line of a megabyte that arrives in small pieces, and a raw tail full of closing brackets, are read once, not once a piece."""
    text = "x" * 1_000_000
    body = sse(chunk({"text": text}, finish="STOP"))
    pieces = [body[i : i + 100] for i in range(0, len(body), 100)]
    tail = [b"{\n"] + [b"}\n"] * 20_000
    start = time.perf_counter()
    assert TextDelta(text) in decode(*pieces)
    assert isinstance(decode(*tail)[-1], Failed)
    assert time.perf_counter() - start < 20.0


USAGE = Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7, reasoning_tokens=3)
ENCODED: dict[str, list[ChatEvent]] = {
    "text": [TextDelta("Hello"), TextDelta(' "wörld"\n'), UsageReport(USAGE), Finished(FinishReason.STOP, "STOP")],
    "no usage": [TextDelta("Hello"), Finished(FinishReason.LENGTH, "MAX_TOKENS")],
    "thoughts": [ThinkingDelta("Hm"), ThinkingDelta(" so"), TextDelta("Hello"), Finished(FinishReason.STOP, "STOP")],
    "a signed text": [
        TextDelta("Hello"),
        ThinkingDelta(signature="c2ln", dialect="gemini"),
        Finished(FinishReason.STOP, "STOP"),
    ],
    "calls": [
        TextDelta("Let me see."),
        ToolCalled(0, ToolCall(id="toolu_1", name="f", arguments='{"x":1}', signature="c2ln")),
        ToolCalled(1, ToolCall(id="call_2", name="g")),
        UsageReport(USAGE),
        Finished(FinishReason.TOOL_CALLS, "STOP"),
    ],
    "a refusal": [Finished(FinishReason.CONTENT_FILTER, "SAFETY", "I can't help with that.")],
    "a pause": [TextDelta("Hello"), Finished(FinishReason.PAUSE, "CONTINUATION")],
    "nothing": [Finished(FinishReason.STOP, "STOP")],
}


def encode(events: list[ChatEvent], *, stream: bool, sse: bool, pings: bool = False, thoughts: bool = True) -> bytes:
    request = IngressRequest(
        request=ChatRequest(messages=()),
        model="gemini-x",
        stream=stream,
        options={"sse": sse, "thoughts": thoughts},
    )
    encoder = Ingress().encoder(request, id="r1", created=1)
    pieces = []
    for event in [STARTED, *events]:
        pieces.append(encoder.ping() if pings else b"")
        pieces.append(encoder.feed(event))
    return b"".join(pieces)


def as_upstream(events: list[ChatEvent]) -> list[UpstreamEvent]:
    result: list[UpstreamEvent] = [STARTED]
    for event in events:
        if isinstance(event, ToolCalled):
            result += call(event.index, event.call.id, event.call.name, event.call.arguments, event.call.signature)
        else:
            assert not isinstance(event, Seam)
            result.append(event)
    return result


@pytest.mark.parametrize("sse", [True, False], ids=["events", "array"])
@pytest.mark.parametrize("pings", [True, False], ids=["with pings", "without pings"])
@pytest.mark.parametrize("events", ENCODED.values(), ids=ENCODED.keys())
def test_a_streamed_answer_is_read_back_as_it_was(events: list[ChatEvent], sse: bool, pings: bool) -> None:
    assert decode(encode(events, stream=True, sse=sse, pings=pings)) == as_upstream(events)


@pytest.mark.parametrize("events", ENCODED.values(), ids=ENCODED.keys())
def test_a_whole_answer_is_read_back_with_its_texts_joined(events: list[ChatEvent]) -> None:
    read = decode(encode(events, stream=False, sse=False, pings=True))
    expected = as_upstream(events)
    for kind in (TextDelta, ThinkingDelta):
        assert "".join(e.text for e in read if isinstance(e, kind)) == "".join(
            e.text for e in expected if isinstance(e, kind)
        )
    others = (Started, ToolCallDelta, UsageReport, Finished)
    assert [e for e in read if isinstance(e, others)] == [e for e in expected if isinstance(e, others)]


def test_a_whole_answer_is_one_document_of_merged_parts() -> None:
    body = encode(ENCODED["thoughts"], stream=False, sse=False)
    candidate = msgspec.json.decode(body)["candidates"][0]
    assert candidate["content"] == {
        "parts": [{"text": "Hm so", "thought": True}, {"text": "Hello"}],
        "role": "model",
    }


def test_thoughts_are_shown_only_to_those_who_asked_for_them() -> None:
    body = encode(ENCODED["thoughts"], stream=True, sse=True, thoughts=False)
    assert decode(body) == [STARTED, TextDelta("Hello"), Finished(FinishReason.STOP, "STOP")]


def test_another_providers_signature_is_withheld() -> None:
    seam = Seam("gemini", "claude", 5)
    events: list[ChatEvent] = [
        TextDelta("Hello"),
        seam,
        ThinkingDelta(signature="c2ln", dialect="claude"),
        Finished(FinishReason.STOP),
    ]
    assert b"thoughtSignature" not in encode(events, stream=True, sse=True)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Finished(FinishReason.STOP, "end_turn"), "STOP"),
        (Finished(FinishReason.TOOL_CALLS, "tool_calls"), "STOP"),
        (Finished(FinishReason.TOOL_CALLS, "FUNCTION_CALL"), "STOP"),
        (Finished(FinishReason.LENGTH, "length"), "MAX_TOKENS"),
        (Finished(FinishReason.CONTENT_FILTER, "refusal"), "SAFETY"),
        (Finished(FinishReason.CONTENT_FILTER, "RECITATION"), "RECITATION"),
        (Finished(FinishReason.PAUSE, "pause_turn"), "MAX_TOKENS"),
    ],
)
def test_another_providers_finish_reason_becomes_geminis(event: Finished, reason: str) -> None:
    body = encode([event], stream=False, sse=False)
    assert msgspec.json.decode(body)["candidates"][0]["finishReason"] == reason


def test_every_chunk_has_a_part_because_the_sdks_chats_forget_a_turn_otherwise() -> None:
    body = encode(ENCODED["calls"], stream=True, sse=True, pings=True)
    for line in body.split(b"\r\n\r\n")[:-1]:
        assert msgspec.json.decode(line.removeprefix(b"data: "))["candidates"][0]["content"]["parts"]


@pytest.mark.parametrize("form", ["events", "array", "whole"])
def test_an_error_in_mid_stream_is_read_back_as_a_failure(form: str) -> None:
    request = IngressRequest(
        request=ChatRequest(messages=()),
        model="m",
        stream=form != "whole",
        options={"sse": form == "events"},
    )
    encoder = Ingress().encoder(request, id="r1", created=1)
    body = encoder.feed(STARTED) + encoder.feed(TextDelta("Hello"))
    *_, failed = decode(body + encoder.fail(LLMServiceUnavailableError("cut off")))
    assert isinstance(failed, Failed)
    assert (failed.failure.kind, failed.failure.message) == (FailureKind.OVERLOAD, "cut off")
