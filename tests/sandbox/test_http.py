"""The server on the wire, byte by byte: what HTTP wants, and what a fault does to it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
import pytest

from segue.sandbox import Sandbox

BODY = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True})
WHOLE = BODY.replace(b"true", b"false")


def _request(body: bytes = BODY, path: str = "/v1/chat/completions", extra: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@contextmanager
def _connected(box: Sandbox) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(box.base_url("openai")).port or 0), timeout=5) as line:
        yield line


def _read(line: socket.socket, until: Callable[[bytes], bool]) -> bytes:
    read = b""
    while not until(read):
        data = line.recv(65536)
        if not data:
            break
        read += data
    return read


def _ended(data: bytes) -> bool:
    return data.endswith(b"\r\n0\r\n\r\n")


def test_a_connection_is_kept_for_the_next_request(box: Sandbox) -> None:
    with _connected(box) as line:
        for _ in range(3):
            line.sendall(_request())
            assert _read(line, _ended).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_that_come_together_are_answered_in_turn(box: Sandbox) -> None:
    with _connected(box) as line:
        line.sendall(_request() + _request())
        assert _read(line, lambda data: data.count(b"[DONE]") == 2 and _ended(data)).count(b"HTTP/1.1 200 OK") == 2


def test_a_request_may_come_byte_by_byte(box: Sandbox) -> None:
    with _connected(box) as line:
        for byte in _request():
            line.sendall(bytes([byte]))
        assert b"[DONE]" in _read(line, _ended)


def test_a_connection_is_closed_when_the_client_asks(box: Sandbox) -> None:
    with _connected(box) as line:
        line.sendall(_request(extra="Connection: close\r\n"))
        assert b"[DONE]" in _read(line, lambda data: False)


def test_a_client_that_waits_for_leave_gets_it(box: Sandbox) -> None:
    with _connected(box) as line:
        line.sendall(_request(extra="Expect: 100-continue\r\n"))
        assert _read(line, _ended).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_what_is_no_http_ends_the_connection(box: Sandbox) -> None:
    with _connected(box) as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert _read(line, lambda data: False) == b""


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (_request(b"{"), 400),
        (_request(b'{"messages": []}'), 400),
        (_request(path="/v1/nothing"), 404),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"DELETE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ],
)
def test_a_wrong_request_is_refused_in_the_dialect(box: Sandbox, request_bytes: bytes, status: int) -> None:
    with _connected(box) as line:
        line.sendall(request_bytes)
        answer = _read(line, lambda data: data.endswith(b"}}"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b'"error"' in answer


def test_a_cut_ends_the_body_as_http_wants_but_not_as_the_dialect_does(box: Sandbox) -> None:
    box.break_provider("openai", "cut:after=3")
    with _connected(box) as line:
        line.sendall(_request())
        answer = _read(line, _ended)
    assert _ended(answer)
    assert b"[DONE]" not in answer
    assert answer.count(b'"content":"') == 1 + 3


def test_a_drop_closes_without_the_bodys_end(box: Sandbox) -> None:
    box.break_provider("openai", "drop:after=3")
    with _connected(box) as line:
        line.sendall(_request())
        answer = _read(line, _ended)
    assert answer
    assert not _ended(answer)


@pytest.mark.parametrize("fault", ["reset", "break:after=3"])
def test_a_reset_is_a_tcp_reset(box: Sandbox, fault: str) -> None:
    box.break_provider("openai", fault)
    with _connected(box) as line:
        line.sendall(_request())
        with pytest.raises(ConnectionResetError):
            _read(line, _ended)


@pytest.mark.parametrize(("fault", "begun"), [("hang", False), ("silence", True), ("freeze:after=2", True)])
def test_silence_begins_where_it_should(box: Sandbox, fault: str, begun: bool) -> None:
    box.break_provider("openai", fault)
    with _connected(box) as line:
        line.settimeout(0.2)
        line.sendall(_request())
        read = b""
        with pytest.raises(TimeoutError):
            while True:
                read += line.recv(65536)
    assert (b"HTTP/1.1 200 OK" in read) is begun
    assert b"[DONE]" not in read


def test_a_whole_answer_is_cut_inside_its_document(box: Sandbox) -> None:
    box.break_provider("openai", "cut:after=5")
    with _connected(box) as line:
        line.sendall(_request(WHOLE))
        body = _read(line, _ended).partition(b"\r\n\r\n")[2]
    document = body.split(b"\r\n", 1)[1].removesuffix(b"\r\n0\r\n\r\n")
    assert document.startswith(b'{"id":')
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(document)


def test_a_tool_call_is_cut_between_its_name_and_its_arguments(box: Sandbox) -> None:
    function = {"name": "look", "parameters": {"type": "object", "required": ["q"]}}
    tools = {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    box.break_provider("openai", "cut:after=1")
    with _connected(box) as line:
        line.sendall(_request(msgspec.json.encode(msgspec.json.decode(BODY) | tools)))
        answer = _read(line, _ended)
    assert b'"name":"look"' in answer
    assert b'{\\"q\\"' not in answer


def test_split_sends_every_byte_in_a_chunk_of_its_own(box: Sandbox) -> None:
    box.break_provider("openai", "split")
    with _connected(box) as line:
        line.sendall(_request())
        body = _read(line, _ended).partition(b"\r\n\r\n")[2]
    assert body.startswith(b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n")


def test_models_are_listed_until_the_key_is_refused(box: Sandbox) -> None:
    get = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    for fault, status in (("overloaded", b"200"), ("auth", b"401")):
        box.break_provider("openai", fault)
        with _connected(box) as line:
            line.sendall(get)
            assert line.recv(65536).startswith(b"HTTP/1.1 " + status)
