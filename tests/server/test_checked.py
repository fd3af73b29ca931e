"""What a caller asks of an answer is checked behind every dialect: the answer that does not fit is not what he gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.settings_loading import load

from .conftest import served

PROSE = {"content": "I'd rather chat about it."}
FITS = {"content": '{"city": "Seoul"}'}
STRANGE = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "fly", "arguments": "{}"}}]}
CALL = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "KST"}'}}]}

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
HI = [{"role": "user", "content": "hi"}]
PARTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CHAT_TOOL = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
FLAT_TOOL = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
CLAUDE_TOOL = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}
GEMINI_TOOL = {"functionDeclarations": [{"name": "clock"}]}

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "chat, a schema": ("/v1/chat/completions", {"messages": HI, "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}, PROSE, FITS),
    "chat, JSON": ("/v1/chat/completions", {"messages": HI, "response_format": {"type": "json_object"}}, PROSE, FITS),
    "chat, any call": ("/v1/chat/completions", {"messages": HI, "tools": [CHAT_TOOL], "tool_choice": "required"}, PROSE, CALL),
    "chat, a named call": ("/v1/chat/completions", {"messages": HI, "tools": [CHAT_TOOL], "tool_choice": {"type": "function", "function": {"name": "clock"}}}, PROSE, CALL),
    "chat, a strange call": ("/v1/chat/completions", {"messages": HI, "tools": [CHAT_TOOL]}, STRANGE, CALL),
    "responses, a schema": ("/v1/responses", {"input": "hi", "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}}, PROSE, FITS),
    "responses, JSON": ("/v1/responses", {"input": "hi", "text": {"format": {"type": "json_object"}}}, PROSE, FITS),
    "responses, any call": ("/v1/responses", {"input": "hi", "tools": [FLAT_TOOL], "tool_choice": "required"}, PROSE, CALL),
    "responses, a strange call": ("/v1/responses", {"input": "hi", "tools": [FLAT_TOOL]}, STRANGE, CALL),
    "claude, a schema": ("/v1/messages", {"max_tokens": 99, "messages": HI, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, PROSE, FITS),
    "claude, any call": ("/v1/messages", {"max_tokens": 99, "messages": HI, "tools": [CLAUDE_TOOL], "tool_choice": {"type": "any"}}, PROSE, CALL),
    "claude, a named call": ("/v1/messages", {"max_tokens": 99, "messages": HI, "tools": [CLAUDE_TOOL], "tool_choice": {"type": "tool", "name": "clock"}}, PROSE, CALL),
    "claude, a strange call": ("/v1/messages", {"max_tokens": 99, "messages": HI, "tools": [CLAUDE_TOOL]}, STRANGE, CALL),
    "gemini, a schema": ("/v1beta/models/auto:generateContent", {**PARTS, "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}}, PROSE, FITS),
    "gemini, JSON": ("/v1beta/models/auto:generateContent", {**PARTS, "generationConfig": {"responseMimeType": "application/json"}}, PROSE, FITS),
    "gemini, any call": ("/v1beta/models/auto:generateContent", {**PARTS, "tools": [GEMINI_TOOL], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, PROSE, CALL),
    "gemini, a strange call": ("/v1beta/models/auto:generateContent", {**PARTS, "tools": [GEMINI_TOOL]}, STRANGE, CALL),
}  # fmt: skip


class Upstream(ThreadingHTTPServer):
    """An OpenAI-compatible server that always says the same."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.message: dict[str, Any] = {}
        self.asked = 0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A gateway that is over resets its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        reason = "tool_calls" if "tool_calls" in self.server.message else "stop"
        choice = {"index": 0, "message": {"role": "assistant", **self.server.message}, "finish_reason": reason}
        body = json.dumps({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    made = Upstream(), Upstream()
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.fixture
def gateway(upstreams: tuple[Upstream, Upstream], tmp_path: Path) -> Iterator[str]:
    text = 'chain = ["odd", "even"]\n'
    for name, server in zip(("odd", "even"), upstreams, strict=True):
        server.asked = 0
        address = f"http://127.0.0.1:{server.server_address[1]}/v1"
        text += f'[targets.{name}]\ndialect = "openai_chat"\nmodel = "m"\nbase_url = "{address}"\n'
    (tmp_path / "segue.toml").write_text(text)
    keys = {"ODD_API_KEY": "k", "EVEN_API_KEY": "k", "SEGUE_LEDGER": "none"}
    with served(load(keys, config=tmp_path / "segue.toml")) as address:
        yield address


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", CASES)
def test_the_answer_that_does_not_fit_is_not_given_out_and_the_next_target_is_asked(
    name: str, stream: bool, gateway: str, upstreams: tuple[Upstream, Upstream]
) -> None:
    path, body, wrong, right = CASES[name]
    odd, even = upstreams
    odd.message, even.message = wrong, right
    if path.startswith("/v1beta"):
        path = path.replace("generate", "streamGenerate") + "?alt=sse" if stream else path
        body = dict(body)
    else:
        body = {**body, "model": "auto", "stream": stream}
    answer = httpx.post(gateway + path, json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    assert (odd.asked, even.asked) == (1, 1)
    assert ("Seoul" if right is FITS else "clock") in answer.text
    assert "rather chat" not in answer.text
    assert "fly" not in answer.text
    even.message = wrong
    failed = httpx.post(gateway + path, json=body, timeout=20)
    assert failed.status_code == 500
    assert "no answer fits what was asked for" in failed.text
    assert "rather chat" not in failed.text, "what did not fit is not shown, not even in an error"
