"""An event that is like the one before it, but for its text, is not parsed: what is read is the same as if it were."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from segue.chat.events import Failed, TextDelta, UpstreamEvent
from segue.wire import alike
from segue.wire.alike import AlikeEvents
from segue.wire.codec import UpstreamCodec
from segue.wire.dialects import upstream
from segue.wire.sse import ServerSentEvent


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None} | more.pop("choice", {})
    return msgspec.json.encode({"id": "c", "model": "m", "choices": [choice]} | more)


def text_chunk(text: str, **more: Any) -> bytes:
    return chunk({"content": text}, **more)


def block(text: str, index: int = 0, **more: Any) -> bytes:
    delta = {"type": "text_delta", "text": text} | more
    return msgspec.json.encode({"type": "content_block_delta", "index": index, "delta": delta})


PLAIN = text_chunk("x")
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
TEXTS = (
    "one",
    " two",
    "새로운",
    "🙂",
    " ",
    "a\nb",
    'say "so"',
    "back\\slash",
    "",
    "\u00a0",
    "\x7f",
    "'",
    "{}",
    "}],",
    "data:",
)
STREAMS: dict[str, tuple[str, list[bytes]]] = {
    "texts of every kind": ("openai_chat", [text_chunk(text) for text in ("x", *TEXTS)]),
    "thinking between": ("openai_chat", [PLAIN, chunk({"reasoning_content": "hm"}), text_chunk("y")]),
    "details of thinking, whose signature ends with the next text": (
        "openai_chat",
        [
            PLAIN,
            chunk({"reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "s"}]}),
            text_chunk("y"),
        ],
    ),
    "a stop reason on every chunk": (
        "openai_chat",
        [text_chunk(word, choice={"finish_reason": "stop"}) for word in "abc"],
    ),
    "text after a stop reason": ("openai_chat", [PLAIN, chunk({}, choice={"finish_reason": "stop"}), text_chunk("y")]),
    "usage on every chunk": ("openai_chat", [text_chunk(word, usage=USAGE) for word in "abc"]),
    "usage that changes and changes back": (
        "openai_chat",
        [
            text_chunk("a", usage=USAGE),
            text_chunk("b", usage=USAGE | {"completion_tokens": 9}),
            text_chunk("c", usage=USAGE),
        ],
    ),
    "another choice": ("openai_chat", [PLAIN, PLAIN, text_chunk("y", choice={"index": 1}), text_chunk("z")]),
    "log probabilities": (
        "openai_chat",
        [text_chunk(word, choice={"logprobs": {"content": [{"token": word, "logprob": -1.0}]}}) for word in "abc"],
    ),
    "a number of its own on every chunk": (
        "openai_chat",
        [text_chunk(word, obfuscation=word * 3) for word in "abcdef"],
    ),
    "the field's name twice": (
        "openai_chat",
        [msgspec.json.encode({"content": word, "choices": [{"delta": {"content": "same"}}]}) for word in "abc"],
    ),
    "a text that is cut off within": ("openai_chat", [PLAIN, PLAIN[:-9]]),
    "a line's end in a text": ("openai_chat", [PLAIN, PLAIN.replace(b'"x"', b'"x\ny"'), text_chunk("y")]),
    "no UTF-8": ("openai_chat", [PLAIN, PLAIN.replace(b'"x"', b'"\xff\xfe"'), text_chunk("y")]),
    "a control character": ("openai_chat", [PLAIN, PLAIN.replace(b'"x"', b'"\x01"'), text_chunk("y")]),
    "half of a surrogate pair": ("openai_chat", [PLAIN, PLAIN.replace(b'"x"', b'"\\ud83d"'), text_chunk("y")]),
    "an error in the likeness of a chunk": ("openai_chat", [PLAIN, text_chunk("y", error={"message": "no"})]),
    "texts of every kind, Claude": ("claude", [block(text) for text in ("x", *TEXTS)]),
    "two blocks": ("claude", [block("a"), block("b"), block("c", 1), block("d", 1)]),
    "thinking between, Claude": (
        "claude",
        [
            block("a"),
            msgspec.json.encode(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
            ),
            block("b"),
        ],
    ),
    "text in a block that is not for the caller": (
        "claude",
        [
            block("a"),
            msgspec.json.encode(
                {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}}
            ),
            block("b"),
        ],
    ),
    "a stop reason in a delta": ("claude", [block(word, stop_reason="end_turn") for word in "abc"]),
}


EACH = 0
"""An event a read."""


def read(codec: UpstreamCodec, data: bytes, size: int = 1 << 20) -> list[UpstreamEvent]:
    decoder = codec.decoder("text/event-stream")
    ends = range(size, len(data) + size, size) if size else [found.end() for found in re.finditer(b"\n\n", data)]
    pieces = [data[start:end] for start, end in pairwise([0, *ends])]
    return joined([event for piece in pieces for event in decoder.feed(piece)] + decoder.eof())


def joined(events: list[UpstreamEvent]) -> list[UpstreamEvent]:
    """Texts that follow one another, as one."""
    found: list[UpstreamEvent] = []
    for event in events:
        if type(event) is TextDelta and found and type(found[-1]) is TextDelta:
            found[-1] = TextDelta(found[-1].text + event.text)
        else:
            found.append(event)
    return found


def sse(events: list[bytes], name: bytes = b"") -> bytes:
    return b"".join(name + b"data: " + event + b"\n\n" for event in events)


@pytest.mark.parametrize("size", [1 << 20, 150, 7, EACH])
@pytest.mark.parametrize("name", STREAMS)
def test_an_answer_is_read_as_if_every_event_were_parsed(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, events = STREAMS[name]
    data = sse(events, b"event: content_block_delta\n" if dialect == "claude" and len(events) % 2 else b"")
    found = read(upstream(dialect), data, size)
    monkeypatch.setattr(alike, "_TRIES", 0)
    assert found == read(upstream(dialect), data, size)
    assert found


def test_what_began_an_event_before_the_read_belongs_to_it() -> None:
    decoder = upstream("openai_chat").decoder("text/event-stream")
    decoder.feed(sse([PLAIN]) + b"event: error\n")
    assert [type(event) for event in decoder.feed(sse([PLAIN]))] == [Failed]


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_other_line_ends_and_comments_are_read_too(ends: bytes) -> None:
    data = sse([text_chunk(word) for word in "abcd"]).replace(b"\n\n", ends * 2 + b": alive" + ends * 2)
    texts = [event.text for event in read(upstream("openai_chat"), data) if type(event) is TextDelta]
    assert texts == ["abcd"]


@pytest.mark.parametrize(("dialect", "make"), [("openai_chat", text_chunk), ("claude", block)])
def test_of_usual_events_one_is_parsed(dialect: str, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    take = AlikeEvents._take

    def noted(self: AlikeEvents, data: bytes) -> tuple[str, bytes]:
        text, rest = take(self, data)
        runs.append(text)
        return text, rest

    monkeypatch.setattr(AlikeEvents, "_take", noted)
    read(upstream(dialect), sse([make(word) for word in "abcdefg"]))
    assert runs == ["bcdefg"]


def test_the_longest_run_of_events_is_read_whole() -> None:
    words = [f"w{number}" for number in range(1000)]
    found = read(upstream("openai_chat"), sse([text_chunk(word) for word in words]))
    assert [event.text for event in found if type(event) is TextDelta] == ["".join(words)]


def test_no_more_than_a_few_events_are_learned_where_none_is_like_another() -> None:
    known = AlikeEvents(b'"content"')
    while known.learns:
        known.learn(ServerSentEvent("", text_chunk("a", id=str(known.learns))), "a")
    last, other = sse([text_chunk("b", id="1")]), sse([text_chunk("b", id="2")])
    assert known.cut(last + other, between=True) == ("b", other, b"")
