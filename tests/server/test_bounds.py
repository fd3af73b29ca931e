"""What a caller may cost, on raw sockets: sizes, slowness, leaving, not reading, and what is refused at the door."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from segue import Sandbox
from segue.server import protocol
from segue.server.exchange import Bounds
from segue.settings import Settings

from .conftest import served

PATH = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    place = urlsplit(address)
    assert place.hostname is not None
    with socket.create_connection((place.hostname, place.port or 80), timeout=5) as made:
        yield made


def posting(body: dict[str, Any], path: str = PATH) -> bytes:
    data = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def until(connection: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        piece = connection.recv(65536)
        assert piece, f"closed before {mark!r}: {data!r}"
        data += piece
    return data


def eventually(holds: Callable[[], bool], within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.002)
    return holds()


class TestSizes:
    @pytest.fixture
    def gateway(self, settings: Settings) -> Iterator[str]:
        with served(settings, bounds=Bounds(body=1000)) as address:
            yield address

    def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(self, gateway: str) -> None:
        with connected(gateway) as caller:
            caller.sendall(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n".encode())
            head = until(caller, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")

    def test_a_body_that_turns_out_too_large_is_refused(self, gateway: str) -> None:
        def pieces() -> Iterator[bytes]:
            yield from [b"x" * 400] * 3

        answer = httpx.post(gateway + PATH, content=pieces())
        assert answer.status_code == 413
        assert "--max-body" in answer.json()["error"]["message"]

    def test_a_body_of_the_limits_size_is_read(self, gateway: str) -> None:
        assert httpx.post(gateway + PATH, content=json.dumps(ASK).ljust(1000).encode()).status_code == 200

    def test_a_body_in_an_unknown_coding_is_refused(self, gateway: str) -> None:
        assert httpx.post(gateway + PATH, json=ASK, headers={"content-encoding": "br"}).status_code == 415


class TestHeads:
    BEGUN = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: ".ljust(protocol.HEAD_MOST, b"y")

    def test_a_head_of_64_kib_is_read(self, gateway: str) -> None:
        with connected(gateway) as caller:
            caller.sendall(self.BEGUN)
            time.sleep(0.05)
            caller.sendall(b"\r\n\r\n")
            assert everything(caller).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_one_that_is_longer_and_has_no_end_is_refused(self, gateway: str) -> None:
        with connected(gateway) as caller:
            caller.sendall(self.BEGUN + b"y")
            assert everything(caller) == (
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )

    def test_what_is_no_http_is_refused(self, gateway: str) -> None:
        with connected(gateway) as caller:
            caller.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
            head, _, body = everything(caller).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert body == b"Invalid HTTP request received."


class TestSlowness:
    def test_a_body_that_does_not_come_is_a_408(self, settings: Settings) -> None:
        with served(settings, bounds=Bounds(body_wait=0.2)) as address, connected(address) as caller:
            caller.sendall(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode())
            assert until(caller, b"\r\n\r\n").startswith(b"HTTP/1.1 408 ")

    @pytest.mark.parametrize("begun", [b"", b"GET /health/live HT", b"GET /health/live HTTP/1.1\r\nhost: x\r\n"])
    def test_a_head_that_does_not_come_closes_the_connection(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, begun: bytes
    ) -> None:
        monkeypatch.setattr(protocol, "HEAD_WAIT", 0.2)
        with served(settings) as address, connected(address) as caller:
            began = time.monotonic()
            caller.sendall(begun)
            assert everything(caller) == b""
            assert 0.1 < time.monotonic() - began < 10

    def test_an_idle_connection_is_closed(self, settings: Settings) -> None:
        with served(settings, timeout_keep_alive=0.2) as address, connected(address) as caller:
            caller.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            assert everything(caller).startswith(b"HTTP/1.1 200 ")


class TestLeaving:
    """By a socket; how soon exactly is tested in virtual time (test_leaving.py)."""

    def test_a_caller_who_leaves_in_mid_stream_ends_the_answer_upstream(self, box: Sandbox, gateway: str) -> None:
        box.break_provider("gemini", "drip:seconds=0.2")
        before = len(box.bill)
        with connected(gateway) as caller:
            caller.sendall(posting(ASK | {"stream": True}))
            until(caller, b"data: ")
            time.sleep(0.1)
        assert eventually(lambda: len(box.bill) > before, 2.0), "upstream goes on"
        assert box.bill[-1].cancelled

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_caller_who_leaves_before_the_first_content_ends_it_too(
        self, box: Sandbox, gateway: str, stream: bool
    ) -> None:
        box.break_provider("gemini", "hang")
        before = len(box.bill)
        with connected(gateway) as caller:
            caller.sendall(posting(ASK | {"stream": stream}))
            time.sleep(0.2)
        assert eventually(lambda: len(box.bill) > before, 2.0), "upstream goes on"
        assert box.bill[-1].cancelled


def test_a_silent_stream_says_that_it_is_alive(box: Sandbox, settings: Settings) -> None:
    box.break_provider("gemini", "stall:after=0,seconds=2.5")
    with served(settings, bounds=Bounds(ping=0.3)) as address, connected(address) as caller:
        caller.sendall(posting({**ASK, "stream": True}))
        text = until(caller, b'"delta":{}')
        assert text.startswith(b"HTTP/1.1 200 ")
        assert b"t0" not in text
        assert b"t59" in until(caller, b"[DONE]")


def test_an_open_stream_is_finished_when_the_gateway_ends(box: Sandbox, settings: Settings) -> None:
    box.break_provider("gemini", "drip:seconds=0.005")
    with served(settings, timeout_graceful_shutdown=60) as address:
        caller = socket.create_connection(("127.0.0.1", urlsplit(address).port or 80), timeout=5)
        caller.sendall(posting({**ASK, "stream": True}))
        begun = until(caller, b"data: ")
    with caller:
        assert b"[DONE]" in begun + everything(caller)


class TestTheDoor:
    def test_pipelined_requests_are_answered_in_order(self, gateway: str) -> None:
        with connected(gateway) as caller:
            live = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
            last = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            caller.sendall(live + posting(ASK) + last)
            answer = everything(caller)
        statuses = [piece[:3] for piece in answer.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"200", b"404"]

    def test_head_is_get_without_a_body(self, gateway: str) -> None:
        answer = httpx.head(f"{gateway}/health/live")
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 0

    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("/nowhere", "type"),
            ("/v1/messages/nowhere", "type"),
            ("/v1beta/nowhere", "status"),
            ("/v1/responses/x", "type"),
        ],
    )
    def test_an_unknown_path_is_reported_in_the_callers_dialect(self, gateway: str, path: str, field: str) -> None:
        answer = httpx.get(gateway + path)
        assert answer.status_code == 404
        assert field in answer.json()["error"]

    def test_a_method_that_is_not_taken(self, gateway: str) -> None:
        for path, shape in (("/v1/messages", {"type", "error"}), (PATH, {"error"})):
            answer = httpx.get(gateway + path)
            assert answer.status_code == 405
            assert shape <= set(answer.json())

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            ("/v1/realtime", b"404 Not Found", "/v1/realtime is not served here"),
            ("/health/live", b"200 OK", '"status"'),
        ],
    )
    def test_a_websocket_is_not_opened_and_the_request_answered_like_any_other(
        self, gateway: str, path: str, status: bytes, message: str
    ) -> None:
        asked = (
            f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            "sec-websocket-key: eHh4eHh4eHh4eHh4eHh4eA==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        with connected(gateway) as caller:
            caller.sendall(asked.encode())
            head, _, body = until(caller, message.encode()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
        assert b"upgrade" not in head.lower()
        assert message in body.decode()

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://localhost.evil.example"])
    def test_a_page_of_another_origin_may_not_spend(self, gateway: str, origin: str) -> None:
        answer = httpx.post(gateway + PATH, json=ASK, headers={"origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")

    def test_a_page_of_this_machine_may(self, gateway: str) -> None:
        assert httpx.post(gateway + PATH, json=ASK, headers={"origin": "http://localhost:5173"}).status_code == 200
