"""Server-sent events, however the bytes are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.wire.sse import SSEParser

CASES: list[tuple[bytes, list[tuple[str, bytes]], bytes]] = [
    (b"data: a\n\n", [("", b"a")], b""),
    (b"data:a\n\ndata: b\n\n", [("", b"a"), ("", b"b")], b""),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")], b""),
    (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")], b""),
    (b"event: ping\ndata: {}\n\n", [("ping", b"{}")], b""),
    (b"data: one\ndata: two\n\n", [("", b"one\ntwo")], b""),
    (b": a comment\n\ndata: a\n\n", [("", b"a")], b""),
    (b"id: 7\nretry: 10\ndata: a\n\n", [("", b"a")], b""),
    (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")], b""),
    (b"data:  two spaces\n\n", [("", b" two spaces")], b""),
    (b"data\n\n", [("", b"")], b""),
    (b"event: lost\n\ndata: a\n\n", [("", b"a")], b""),
    ("data: 안녕\n\n".encode(), [("", "안녕".encode())], b""),
    (b"data: whole\n\ndata: cut o", [("", b"whole")], b"data: cut o"),
    (b'{"error": {"code": 503}}', [], b'{"error": {"code": 503}}'),
    (b'data: a\n\n{\n "error": {}\n}', [("", b"a")], b'{\n "error": {}\n}'),
    (b'data: a\n\n{"error": {}}\n\n', [("", b"a")], b'{"error": {}}'),
    (b": only a comment\n\n: and another\n\n", [], b""),
    (b"", [], b""),
]


@pytest.mark.parametrize(("stream", "events", "leftover"), CASES)
def test_a_stream_gives_its_events_and_keeps_what_was_cut_off(
    stream: bytes, events: list[tuple[str, bytes]], leftover: bytes
) -> None:
    parser = SSEParser()
    assert [(event.event, event.data) for event in parser.feed(stream)] == events
    assert parser.leftover() == leftover


@pytest.mark.parametrize(("stream", "events", "leftover"), CASES)
def test_a_stream_split_at_every_byte_gives_the_same(
    stream: bytes, events: list[tuple[str, bytes]], leftover: bytes
) -> None:
    for at in range(len(stream) + 1):
        parser = SSEParser()
        assert [(event.event, event.data) for event in (*parser.feed(stream[:at]), *parser.feed(stream[at:]))] == events
        assert parser.leftover() == leftover
    parser = SSEParser()
    assert [(event.event, event.data) for byte in stream for event in parser.feed(bytes([byte]))] == events


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_in_any_pieces_give_what_they_give_at_once(stream: bytes, cuts: list[int]) -> None:
    whole = SSEParser()
    expected = whole.feed(stream)
    parser, got, before = SSEParser(), [], 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        got += parser.feed(stream[before:cut])
        before = cut
    assert got == expected
    assert parser.leftover() == whole.leftover()
