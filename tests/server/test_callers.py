"""Callers as they are: other protocols offered, HTTP/1.0, compressed bodies, a BOM, slashes too many, pages of browsers."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest
import zstandard

from segue.errors import ConfigurationError
from segue.server.auth import Gatekeeper
from segue.server.exchange import Bounds
from segue.server.keys.sqlite import FileKeyRing
from segue.settings import Settings

from .conftest import served

BODY = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hello"}]}).encode()
CHAT = "/v1/chat/completions"


def exchanged(address: str, *pieces: bytes) -> bytes:
    """What comes back for these bytes, each piece sent by itself."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def posted(body: bytes, *headers: str, path: str = CHAT, version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "host: x", "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


# Another protocol is offered.

H2C = ("Connection: Upgrade, HTTP2-Settings, close", "HTTP2-Settings: AAEAAEAAAAIAAAAB", "Upgrade: h2c")


@pytest.mark.parametrize("cut", [0, 30, -len(BODY), -10])
def test_an_offer_of_another_protocol_is_passed_over_wherever_the_request_is_cut(gateway: str, cut: int) -> None:
    sent = posted(BODY, *H2C)
    answer = exchanged(gateway, *([sent[:cut], sent[cut:]] if cut else [sent]))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"finish_reason":"stop"' in answer


def test_a_body_in_chunks_is_read_behind_an_offer_of_another_protocol(gateway: str) -> None:
    head = "\r\n".join([f"POST {CHAT} HTTP/1.1", "host: x", *H2C, "transfer-encoding: chunked", "", ""]).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert exchanged(gateway, head, chunked).startswith(b"HTTP/1.1 200 ")
    assert exchanged(gateway, head + chunked).startswith(b"HTTP/1.1 200 ")


def test_each_request_of_a_connection_may_offer_another_protocol(gateway: str) -> None:
    first = posted(BODY, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEA")
    host, _, port = gateway.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(first)
            received = b""
            while b'"usage"' not in received:
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("offer", ["websocket", "TLS/1.0"])
def test_a_request_for_a_socket_is_answered_in_http(gateway: str, offer: str) -> None:
    asked = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, close\r\nupgrade: {offer}\r\n\r\n".encode()
    assert exchanged(gateway, asked).startswith(b"HTTP/1.1 200 ")


# HTTP/1.0.


def test_an_answer_is_whole_in_http_1_0(gateway: str) -> None:
    head, _, body = exchanged(gateway, posted(BODY, version="1.0")).partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["choices"][0]["finish_reason"] == "stop"


def test_a_stream_has_no_chunks_in_http_1_0_and_ends_with_the_connection(gateway: str) -> None:
    streamed = BODY[:-1] + b', "stream": true}'
    head, _, body = exchanged(gateway, posted(streamed, version="1.0")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


# Bodies.


def raw_deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


def members(data: bytes) -> bytes:
    """gzip in two members (RFC 1952 2.2), padded as some writers do (tornadoweb/tornado#2714)."""
    return gzip.compress(data[:20]) + gzip.compress(data[20:]) + bytes(8)


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("gzip", members),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstandard.compress),
    ("gzip, zstd", lambda data: zstandard.compress(gzip.compress(data))),
    ("identity", bytes),
    ("GZIP", gzip.compress),
]


@pytest.mark.parametrize(("coding", "compress"), CODINGS)
def test_a_compressed_body_is_read(gateway: str, coding: str, compress: Callable[[bytes], bytes]) -> None:
    answer = httpx.post(gateway + CHAT, content=compress(BODY), headers={"content-encoding": coding})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, raw_deflate, zstandard.compress])
def test_a_body_is_bounded_by_what_it_becomes(settings: Settings, compress: Callable[[bytes], bytes]) -> None:
    coding = {gzip.compress: "gzip", zstandard.compress: "zstd"}.get(compress, "deflate")
    bomb = compress(b" " * 20_000_000)
    assert len(bomb) < 100_000
    with served(settings, bounds=Bounds(body=100_000)) as address:
        answer = httpx.post(address + CHAT, content=bomb, headers={"content-encoding": coding})
    assert answer.status_code == 413
    assert "--max-body" in answer.json()["error"]["message"]


def wide(data: bytes) -> bytes:
    """A frame that asks its reader for 128 MiB of memory."""
    asks = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    machine = zstandard.ZstdCompressor(compression_params=asks).compressobj()
    return machine.compress(data) + machine.flush()


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("br", BODY, 415),
        ("gzip, gzip, gzip, gzip", BODY, 415),
        ("gzip", BODY, 400),
        ("gzip", gzip.compress(BODY, mtime=0)[:-12], 400),
        ("gzip", gzip.compress(BODY, mtime=0) + b"more", 400),
        ("gzip", gzip.compress(BODY, mtime=0) + gzip.compress(b"", mtime=0) * 100, 400),
        ("deflate", b"", 400),
        ("zstd", BODY, 400),
        ("zstd", zstandard.compress(BODY)[:-6], 400),
        ("zstd", wide(BODY), 400),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(gateway: str, coding: str, body: bytes, status: int) -> None:
    answer = httpx.post(gateway + CHAT, content=body, headers={"content-encoding": coding})
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses", "/v1beta/models/auto:generateContent"])
def test_a_byte_order_mark_is_passed_over(gateway: str, path: str) -> None:
    body = {"model": "auto", "max_tokens": 64}
    body |= {"input": "hello"} if path.endswith("responses") else {"messages": [{"role": "user", "content": "hello"}]}
    if "generateContent" in path:
        body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = httpx.post(gateway + path, content=b"\xef\xbb\xbf" + json.dumps(body).encode())
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "path",
    ["//v1/chat/completions", "/v1//chat/completions/", "/v1/v1/chat/completions", "/v1beta/openai/chat/completions"],
)
def test_a_path_may_have_slashes_and_versions_too_many(gateway: str, path: str) -> None:
    assert httpx.post(gateway + path, content=BODY).status_code == 200


def test_a_model_is_read_from_a_path_with_slashes_too_many(gateway: str) -> None:
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    answer = httpx.post(f"{gateway}//v1alpha//models//auto:generateContent", json=body)
    assert answer.status_code == 200, answer.text


# Pages.

ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-timeout"}
LOCAL = [
    "http://localhost:5173",
    "https://127.0.0.1",
    "http://[::1]:8080",
    "http://tauri.localhost",
    "app://obsidian.md",
    "tauri://localhost",
    "vscode-webview://1a2b3c",
]
FOREIGN = [
    "https://example.com",
    "https://localhost.example.com",
    "http://127.0.0.1.example.com",
    "evil://localhost",
    "chrome-extension://abc",
    "null",
    "file://",
    "",
    "http://user@localhost",
    "https://app.example.com:8443",
    "http://localhost" + "t" * 600,
]


@pytest.mark.parametrize("origin", LOCAL)
def test_a_page_of_this_machine_may_ask_and_read(gateway: str, origin: str) -> None:
    granted = httpx.options(gateway + CHAT, headers=ASKS | {"origin": origin})
    assert granted.status_code == 204
    assert granted.headers["access-control-allow-origin"] == origin
    assert granted.headers["access-control-allow-headers"] == ASKS["access-control-request-headers"]
    assert "POST" in granted.headers["access-control-allow-methods"]
    answer = httpx.post(gateway + CHAT, content=BODY, headers={"origin": origin})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_neither_spends_nor_reads(gateway: str, origin: str) -> None:
    granted = httpx.options(gateway + CHAT, headers=ASKS | {"origin": origin})
    assert "access-control-allow-origin" not in granted.headers
    for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/metrics")):
        answer = httpx.request(method, gateway + path, content=BODY, headers={"origin": origin})
        assert answer.status_code == 403, f"{method} {path} for {origin!r}"
        assert "SEGUE_ORIGINS" in answer.json()["error"]["message"]
        assert "access-control-allow-origin" not in answer.headers


def test_a_page_may_be_let_in_by_its_scheme_host_and_port(settings: Settings) -> None:
    origins = (
        "https://app.example.com",
        "https://*.example.org",
        "lsp://logseq.io",
        "chrome-extension://*",
        "https://dev.example.com:8443",
    )
    settings = msgspec.structs.replace(settings, origins=origins)
    with served(settings) as address:

        def status(origin: str) -> int:
            return httpx.post(address + CHAT, content=BODY, headers={"origin": origin}).status_code

        for origin in (
            "https://app.example.com",
            "https://a.b.example.org",
            "lsp://logseq.io",
            "chrome-extension://abc",
            origins[-1],
        ):
            assert status(origin) == 200, origin
        for origin in (
            "http://app.example.com",
            "https://app.example.com:1",
            "https://example.org",
            "https://dev.example.com",
        ):
            assert status(origin) == 403, origin


def test_a_mistake_can_be_read_by_a_page(gateway: str) -> None:
    answer = httpx.post(gateway + "/v1/nowhere", headers={"origin": LOCAL[0]})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == LOCAL[0]


def test_a_browser_may_reach_the_machine_it_runs_on(gateway: str) -> None:
    asks = ASKS | {"origin": LOCAL[0], "access-control-request-private-network": "true"}
    assert httpx.options(gateway + CHAT, headers=asks).headers["access-control-allow-private-network"] == "true"


def test_every_page_is_let_in_only_where_keys_are_asked_for(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="--keys"), served(msgspec.structs.replace(settings, origins=("*",))):
        pass


@pytest.mark.parametrize("wrong", ["example.com", "https://", "https://a.example.com/path", "https://a*b.example.com"])
def test_what_is_no_origin_is_refused_at_the_start(settings: Settings, wrong: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="is not an origin"),
        served(msgspec.structs.replace(settings, origins=(wrong,))),
    ):
        pass


def test_with_keys_every_page_may_be_let_in_and_its_key_counts(settings: Settings, tmp_path: Path) -> None:
    ring = FileKeyRing(tmp_path / "keys.sqlite3")
    key = ring.create("page")[1].reveal()
    page = {"origin": "https://anywhere.example"}
    with served(msgspec.structs.replace(settings, origins=("*",)), gatekeeper=Gatekeeper(ring)) as address:
        granted = httpx.options(address + CHAT, headers=ASKS | page)
        assert (granted.status_code, granted.headers["access-control-allow-origin"]) == (204, page["origin"])
        assert httpx.post(address + CHAT, content=BODY, headers=page).status_code == 401
        for name, value in (("authorization", f"Bearer {key}"), ("x-api-key", key), ("api-key", key)):
            assert httpx.post(address + CHAT, content=BODY, headers=page | {name: value}).status_code == 200, name
        listed = httpx.get(f"{address}/v1beta/models?key={key}", headers=page)
        assert (listed.status_code, "models" in listed.json()) == (200, True)


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java")
def test_javas_own_client_is_answered_though_it_offers_another_protocol_each_time(gateway: str) -> None:
    source = Path(__file__).parents[2] / "benchmarks" / "callers" / "Caller.java"
    received = subprocess.run(
        ["java", str(source), gateway], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert received.startswith("200 HTTP_1_1\n")
    assert received.count("\n") == 2
    assert len(received.splitlines()[1]) > 20
