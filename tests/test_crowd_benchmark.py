"""What `benchmarks.gateways` and `benchmarks.crowd` take for a whole answer."""

from __future__ import annotations

import asyncio

import pytest
from benchmarks.crowd import Stream
from benchmarks.gateway_upstream import BURST, DOCUMENT, STREAM_HEAD, WORDS, chunk_of, framed
from benchmarks.gateways import text_of

END = b"data: [DONE]\n\n"
FIRST, SECOND = (chunk_of({"content": f" w{number}@1.5"}) for number in range(2))


class Wire(asyncio.Transport):
    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        ([FIRST, SECOND, END], True),
        ([FIRST + SECOND[:9], SECOND[9:] + END], True),
        ([SECOND, FIRST, END], False),
        ([FIRST, END], False),
        ([FIRST, FIRST, SECOND, END], False),
        ([FIRST, SECOND], False),
    ],
)
async def test_a_stream_is_whole_if_each_chunk_came_once_and_in_order_and_its_end(
    events: list[bytes], whole: bool
) -> None:
    stream = Stream(b"", chunks=2)
    stream.connection_made(Wire())
    stream.data_received(STREAM_HEAD + b"".join(map(framed, events)) + b"0\r\n\r\n")
    assert stream.whole is whole


def test_the_text_of_an_answer_is_read_from_a_document_and_from_a_stream() -> None:
    body = DOCUMENT.partition(b"\r\n\r\n")[2]
    events = BURST.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")
    assert text_of(body, stream=False) == text_of(events, stream=True) == "".join(WORDS)
