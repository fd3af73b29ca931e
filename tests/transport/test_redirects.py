"""Redirects: within one host they are followed once, and no key goes to another."""

from __future__ import annotations

import pytest

from segue.transport import redirects
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest

HERE = "http://h.example:8080/v1/chat/completions"
ASK = WireRequest(method="POST", url=HERE, headers={"authorization": "Bearer k"}, body=b"{}")


async def asked(location: str, status: int = 308, url: str = HERE) -> tuple[list[WireRequest], int]:
    """What was sent where each answer points on, and the status that came back."""
    sent: list[WireRequest] = []

    def answer(request: WireRequest) -> Reply:
        sent.append(request)
        return Reply(status=status, headers={"location": location} if location else {}, steps=[b"moved"])

    request = WireRequest(method="POST", url=url, headers=ASK.headers, body=ASK.body)
    got = await redirects.send(MemoryTransport(answer), request, connect=1.0)
    got.close()
    return sent, got.status


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v1/chat/completions/", "http://h.example:8080/v1/chat/completions/"),
        ("http://h.example:8080/v2/chat", "http://h.example:8080/v2/chat"),
        ("completions2?a=1#here", "http://h.example:8080/v1/chat/completions2?a=1"),
        ("https://h.example/v1/chat/completions", "https://h.example/v1/chat/completions"),
    ],
)
async def test_within_a_host_a_redirect_is_followed_once_as_the_request_was(
    location: str, url: str, status: int
) -> None:
    sent, last = await asked(location, status)
    assert [request.url for request in sent] == [HERE, url]
    assert [(request.method, request.headers, request.body) for request in sent] == [("POST", ASK.headers, b"{}")] * 2
    assert last == status


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://evil.example/v1",
        "//evil.example/v1",
        "http://h.example.evil.example:8080/",
        "http://h.example:9090/v1",
        "http://h.example:8080@evil.example/",
        "http://user@h.example:8080/v1",
        "ftp://h.example:8080/",
        "http://h.example:port/",
        "http://[::1/",
    ],
)
async def test_to_another_host_it_is_not(location: str) -> None:
    sent, status = await asked(location)
    assert (len(sent), status) == (1, 308)


async def test_nor_from_https_to_http() -> None:
    assert len((await asked("http://h.example/v1", url="https://h.example/v1"))[0]) == 1


@pytest.mark.parametrize("status", [200, 300, 303, 304, 404])
async def test_what_is_no_such_redirect_is_the_answer(status: int) -> None:
    sent, last = await asked("/elsewhere", status)
    assert (len(sent), last) == (1, status)
