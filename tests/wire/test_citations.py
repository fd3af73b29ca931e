"""Sources and log probabilities of an answer: read from every dialect, written in every dialect that has a form for them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from tests.wire.odd_answers.harness import stream as framed
from tests.wire.odd_answers.test_text import RESPONSE, STARTED, STOPPED, chat, claude, gemini, responses

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    TokenLogprob,
    TopLogprob,
    UpstreamEvent,
)
from segue.failover.splice.splice import Splice
from segue.wire.dialects import DIALECTS, ingress, upstream

Event = dict[str, Any]

URL: Final = "https://example.com/a"
TEXT: Final = "서울 is fine."
PLACE: Final = {"start": 3, "end": 11}
SOURCE: Final = Citation(url=URL, title="A", **PLACE)

FLAT: Final[Event] = {"type": "url_citation", "url": URL, "title": "A", "start_index": 3, "end_index": 11}
NESTED: Final[Event] = {
    "type": "url_citation",
    "url_citation": {key: value for key, value in FLAT.items() if key != "type"},
}
WEB: Final[Event] = {
    "type": "web_search_result_location",
    "url": URL,
    "title": "A",
    "encrypted_index": "eHl6",
    "cited_text": "all is well",
}
ITEM: Final[Event] = {
    "type": "message",
    "id": "m",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": TEXT, "annotations": [FLAT]}],
}
GROUNDED: Final[Event] = {
    "groundingChunks": [{"web": {"uri": URL, "title": "A"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 7, "endIndex": 15, "text": "is fine."}, "groundingChunkIndices": [0]}
    ],
}


def delta(text: str, **more: Any) -> Event:
    return responses("output_text.delta", item_id="m", content_index=0, delta=text, **more)


def done(*output: Event) -> Event:
    return responses("completed", response=RESPONSE | {"status": "completed", "output": list(output)})


def claude_text(index: int, *deltas: Event) -> list[Event]:
    start = claude("content_block_start", index=index, content_block={"type": "text", "text": "", "citations": []})
    inner = [claude("content_block_delta", index=index, delta=one) for one in deltas]
    return [start, *inner, claude("content_block_stop", index=index)]


CITED: Final[dict[str, tuple[str, list[Event], list[Citation]]]] = {
    "chat, in a delta of its own": ("openai_chat", [chat({"content": TEXT}), chat({"annotations": [NESTED]}), chat({}, "stop")], [SOURCE]),
    "chat, beside the text": ("openai_chat", [chat({"content": TEXT, "annotations": [NESTED]}, "stop")], [SOURCE]),
    "chat, flat": ("openai_chat", [chat({"content": TEXT, "annotations": [FLAT]}, "stop")], [SOURCE]),
    "chat, again in the last chunk": ("openai_chat", [chat({"content": TEXT, "annotations": [NESTED]}), chat({"annotations": [NESTED]}, "stop")], [SOURCE]),
    "chat, a list of addresses on each chunk": (
        "openai_chat",
        [chat({"content": TEXT}) | {"citations": [URL]}, chat({}, "stop") | {"citations": [URL, "https://b.example"]}],
        [Citation(url=URL), Citation(url="https://b.example")],
    ),
    "chat, search results": (
        "openai_chat",
        [chat({"content": TEXT}, "stop") | {"citations": [URL], "search_results": [{"url": URL, "title": "A", "date": None}]}],
        [Citation(url=URL, title="A")],
    ),
    "chat, annotations that hold nothing": ("openai_chat", [chat({"content": TEXT, "annotations": []}), chat({"annotations": None}), chat({"annotations": [{"type": "file_path"}, None, "x"]}, "stop")], []),
    "responses, as it is added": ("openai_responses", [delta(TEXT), responses("output_text.annotation.added", item_id="m", annotation=FLAT, annotation_index=0), done()], [SOURCE]),
    "responses, in the whole item": ("openai_responses", [delta(TEXT), responses("output_item.done", item=ITEM), done(ITEM)], [SOURCE]),
    "responses, sent three times": ("openai_responses", [delta(TEXT), responses("output_text.annotation.added", item_id="m", annotation=FLAT), responses("output_item.done", item=ITEM), done(ITEM)], [SOURCE]),
    "responses, only in the whole": ("openai_responses", [done(ITEM)], [SOURCE]),
    "claude": (
        "claude",
        [STARTED, *claude_text(0, {"type": "text_delta", "text": "서울 "}), *claude_text(1, {"type": "citations_delta", "citation": WEB}, {"type": "text_delta", "text": "is fine."}), *STOPPED[1:]],
        [Citation(url=URL, title="A", start=3, end=11, quote="all is well", native=WEB, dialect="claude")],
    ),
    "claude, a place in a document": (
        "claude",
        [STARTED, *claude_text(0, {"type": "text_delta", "text": TEXT}, {"type": "citations_delta", "citation": {"type": "char_location", "document_title": "D", "cited_text": "q"}}), *STOPPED[1:]],
        [Citation(url="", title="D", start=0, end=11, quote="q", native={"type": "char_location", "document_title": "D", "cited_text": "q"}, dialect="claude")],
    ),
    "gemini": ("gemini", [gemini({"text": TEXT}), {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP", "groundingMetadata": GROUNDED}]}], [Citation(url=URL, title="A", start=3, end=11)]),
    "gemini, on every chunk": (
        "gemini",
        [gemini({"text": TEXT}), *({"candidates": [{"content": {"parts": []}, "groundingMetadata": GROUNDED}]} for _ in range(2)), gemini({"text": ""}, "STOP")],
        [Citation(url=URL, title="A", start=3, end=11)],
    ),
    "gemini, a source without a place": (
        "gemini",
        [gemini({"text": TEXT}), {"candidates": [{"finishReason": "STOP", "groundingMetadata": {"groundingChunks": [{"web": {"uri": URL}}, {"web": {}}, None], "webSearchQueries": ["x"]}}]}],
        [Citation(url=URL)],
    ),
    "gemini, a place outside the text": (
        "gemini",
        [gemini({"text": TEXT}), {"candidates": [{"finishReason": "STOP", "groundingMetadata": {"groundingChunks": GROUNDED["groundingChunks"], "groundingSupports": [{"segment": {"endIndex": 999}, "groundingChunkIndices": [0, 5]}]}}]}],
        [Citation(url=URL, title="A")],
    ),
}  # fmt: skip


def events_of(dialect: str, events: list[Event]) -> list[UpstreamEvent]:
    decoder = upstream(dialect).decoder("text/event-stream")
    return decoder.feed(framed(dialect, *events)) + decoder.eof()


@pytest.mark.parametrize(("dialect", "events", "expected"), CITED.values(), ids=CITED.keys())
def test_the_sources_of_an_answer_are_read_each_once(
    dialect: str, events: list[Event], expected: list[Citation]
) -> None:
    found = events_of(dialect, events)
    assert [event for event in found if isinstance(event, Citation)] == expected
    assert "".join(event.text for event in found if isinstance(event, TextDelta)) == TEXT


ASKED: Final = {
    "openai_chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "openai_responses": ("/v1/responses", {"input": "hi"}),
    "claude": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
    "gemini": ("/v1beta/models/m:{action}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}


def encoded(dialect: str, events: list[ChatEvent], *, stream: bool) -> bytes:
    path, body = ASKED[dialect]
    path = path.format(action="streamGenerateContent" if stream else "generateContent")
    data = json.dumps(body if dialect == "gemini" else {"model": "m", "stream": stream, **body}).encode()
    codec = ingress(dialect)
    asked = codec.decode(data, path=path, query="alt=sse" if stream else "", headers={})
    encoder = codec.encoder(asked, id="01a", created=1)
    return b"".join(encoder.feed(event) for event in events)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_source_is_sent_in_every_dialect_and_read_from_it_again(dialect: str, stream: bool) -> None:
    source = Citation(url=URL, title="A", start=3, end=11)
    events: list[ChatEvent] = [Started("x", "m"), TextDelta(TEXT), source, Finished(FinishReason.STOP)]
    decoder = upstream(dialect).decoder("text/event-stream" if stream else "application/json")
    found = decoder.feed(encoded(dialect, events, stream=stream)) + decoder.eof()
    (again,) = [event for event in found if isinstance(event, Citation)]
    assert (again.url, again.title) == (URL, "A")
    # Claude's citations have no position: they belong to their block.
    assert (again.start, again.end) == ((0, 11) if dialect == "claude" else (3, 11))


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_claude_caller_gets_claudes_own_citation(stream: bool) -> None:
    source = Citation(url=URL, title="A", start=0, end=11, native=WEB, dialect="claude")
    events: list[ChatEvent] = [
        Started("x", "m"),
        TextDelta(TEXT),
        source,
        TextDelta(" More."),
        Finished(FinishReason.STOP),
    ]
    data = encoded("claude", events, stream=stream)
    assert b'"encrypted_index":"eHl6"' in data
    decoder = upstream("claude").decoder("text/event-stream" if stream else "application/json")
    (again,) = [event for event in decoder.feed(data) + decoder.eof() if isinstance(event, Citation)]
    assert again == source.__class__(
        url=URL, title="A", start=0, end=11, quote="all is well", native=WEB, dialect="claude"
    )


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
def test_a_place_in_a_document_has_no_form_for_callers_of_other_dialects(dialect: str, stream: bool) -> None:
    source = Citation(url="", title="D", quote="q", native={"type": "char_location"}, dialect="claude")
    events: list[ChatEvent] = [Started("x", "m"), TextDelta(TEXT), source, Finished(FinishReason.STOP)]
    assert encoded(dialect, events, stream=stream) == encoded(dialect, [events[0], events[1], events[3]], stream=stream)


def test_a_source_of_a_continuation_has_no_place_since_its_own_count_begins_elsewhere() -> None:
    splice = Splice(hold=False)
    for event in (Started("x", "m"), TextDelta("The harbour is very quiet today, ")):
        splice.feed(event)
    splice.continue_with("a", "b")
    splice.feed(Started("y", "m"))
    shown = splice.feed(TextDelta("and nothing at all moves in the whole of the wide bay, not even the gulls. " * 5))
    shown += splice.feed(SOURCE) + splice.feed(Finished(FinishReason.STOP))
    assert [event for event in shown if isinstance(event, Citation)] == [Citation(url=URL, title="A")]


LIKELY: Final = Logprobs(
    (
        TokenLogprob(
            "서", -0.5, (236, 132, 156), (TopLogprob("서", -0.5, (236, 132, 156)), TopLogprob("a", -2.0, (97,)))
        ),
        TokenLogprob("울", -0.1, (236, 154, 184)),
    )
)
BARE: Final = Logprobs(tuple(TokenLogprob(one.token, one.logprob, None, tuple(TopLogprob(top.token, top.logprob) for top in one.top_logprobs)) for one in LIKELY.tokens))  # fmt: skip


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
def test_log_probabilities_are_sent_in_every_dialect_that_has_them_and_read_from_it_again(
    dialect: str, stream: bool
) -> None:
    events: list[ChatEvent] = [
        Started("x", "m"),
        TextDelta("In "),
        LIKELY,
        TextDelta("서울"),
        Finished(FinishReason.STOP),
    ]
    decoder = upstream(dialect).decoder("text/event-stream" if stream else "application/json")
    found = decoder.feed(encoded(dialect, events, stream=stream)) + decoder.eof()
    assert [event for event in found if isinstance(event, Logprobs)] == [BARE if dialect == "gemini" else LIKELY]
    assert "".join(event.text for event in found if isinstance(event, TextDelta)) == "In 서울"


def test_a_claude_caller_who_has_no_form_for_log_probabilities_gets_the_text() -> None:
    events: list[ChatEvent] = [Started("x", "m"), LIKELY, TextDelta("서울"), Finished(FinishReason.STOP)]
    assert encoded("claude", events, stream=True) == encoded("claude", [events[0], *events[2:]], stream=True)


def test_openais_log_probabilities_stand_in_the_chunk_of_their_text() -> None:
    events: list[ChatEvent] = [
        Started("x", "m"),
        LIKELY,
        TextDelta("서울"),
        TextDelta("!"),
        Finished(FinishReason.STOP),
    ]
    chunks = [
        json.loads(line[6:])
        for line in encoded("openai_chat", events, stream=True).decode().splitlines()
        if line.startswith("data: {")
    ]
    encoded_with = {chunk["choices"][0]["delta"].get("content"): chunk["choices"][0]["logprobs"] for chunk in chunks}
    assert [one["token"] for one in encoded_with["서울"]["content"]] == ["서", "울"]
    assert encoded_with["!"] is None


@pytest.mark.parametrize(
    "odd", [None, [], {}, False, {"content": None}, {"content": []}, {"content": [{"token": "a"}]}, {"content": "x"}]
)
def test_log_probabilities_that_hold_nothing_or_cannot_be_read_cost_nothing(odd: Any) -> None:
    event = chat({"content": TEXT}, "stop")
    event["choices"][0]["logprobs"] = odd
    assert [type(found) for found in events_of("openai_chat", [event])] == [Started, TextDelta, Finished]
