"""Whatever is sent: no defect of ours shows, nothing hangs, every error is in the dialect's shape, and no secret gets out."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue import Sandbox
from segue.settings_loading import load

from .conftest import served

SECRET = "sk-do-not-tell-0451"
TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": TOOL}}],
        "stream": True,
        "temperature": 1,
        "stop": ["x"],
    },
    "/v1/responses": {
        "model": "auto",
        "instructions": "Be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": TOOL}],
        "text": {"format": {"type": "text"}},
        "stream": True,
    },
    "/v1/messages": {
        "model": "auto",
        "max_tokens": 20,
        "system": "Be brief",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
        ],
        "tools": [{"name": "f", "input_schema": TOOL}],
        "stream": True,
    },
    "/v1beta/models/auto:streamGenerateContent": {
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": TOOL}]}],
        "generationConfig": {"temperature": 1, "maxOutputTokens": 20},
    },
    "/v1/messages/count_tokens": {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/embeddings": {"model": "auto", "input": ["Hi"]},
}
POSTED = [*BODIES, "/v1beta/models/auto:generateContent", "/v1beta/models/auto:countTokens"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of a document, as its container and the place in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


class Logged(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""
        self.defects: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text += logging.Formatter().format(record)
        if record.levelno >= logging.ERROR:
            self.defects.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def logged() -> Iterator[Logged]:
    handler = Logged()
    loggers = [logging.getLogger(name) for name in ("segue", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture(scope="module")
def client(logged: Logged) -> Iterator[httpx.Client]:
    with Sandbox(reply="numbered") as box:
        environment = {"SEGUE_LEDGER": "none"}
        for name in ("gemini", "openai", "claude"):
            environment |= {f"{name.upper()}_API_KEY": SECRET, f"{name.upper()}_BASE_URL": box.base_url(name)}
        with (
            served(load(environment, directory="/nonexistent")) as address,
            httpx.Client(base_url=address, timeout=5) as made,
        ):
            yield made


def check(answer: httpx.Response, logged: Logged) -> None:
    defects, logged.defects = logged.defects, []
    assert not defects, defects[0]
    assert answer.status_code < 500, answer.text
    assert SECRET not in answer.text + str(answer.headers) + logged.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["message"]
        path = answer.request.url.path
        if path.startswith("/v1/messages"):
            assert answer.json()["type"] == "error"
        if path in POSTED:
            assert ("status" in error) is path.startswith("/v1beta/"), error


def several(examples: int) -> Any:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks)


@pytest.mark.parametrize("path", POSTED)
@several(25)
@given(body=st.binary(max_size=40))
def test_bytes(client: httpx.Client, logged: Logged, path: str, body: bytes) -> None:
    answer = client.post(path, content=body)
    check(answer, logged)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", POSTED)
@several(40)
@given(body=json_values)
def test_documents(client: httpx.Client, logged: Logged, path: str, body: Any) -> None:
    check(client.post(path, content=json.dumps(body).encode()), logged)


@pytest.mark.parametrize("path", list(BODIES))
@several(100)
@given(data=st.data())
def test_valid_bodies_with_a_member_replaced(
    client: httpx.Client, logged: Logged, path: str, data: st.DataObject
) -> None:
    body = copy.deepcopy(BODIES[path])
    container, key = data.draw(st.sampled_from(list(places(body))))
    if data.draw(st.booleans()) or isinstance(container, list):
        container[key] = data.draw(json_values)
    else:
        del container[key]
    check(client.post(path, content=json.dumps(body).encode()), logged)


@pytest.mark.parametrize("path", [path for path in BODIES if path != "/v1/embeddings"])
def test_the_bodies_are_valid_as_they_stand(client: httpx.Client, logged: Logged, path: str) -> None:
    answer = client.post(path, json=BODIES[path])
    assert answer.status_code == 200, answer.text
    check(answer, logged)


words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@several(150)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    path=st.text(max_size=20) | st.sampled_from(POSTED),
    query=st.dictionaries(words, words, max_size=2),
    headers=st.dictionaries(
        st.sampled_from(
            ["authorization", "x-api-key", "x-segue-deadline", "x-segue-fallback", "accept", "content-type", "origin"]
        ),
        words.map(str.strip),
        max_size=3,
    ),
)
def test_paths_queries_and_headers(
    client: httpx.Client, logged: Logged, method: str, path: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    url = f"{str(client.base_url).rstrip('/')}/{quote(path.lstrip('/'))}?{urlencode(query)}"
    check(client.request(method, url, headers=headers, content=b"{}"), logged)
