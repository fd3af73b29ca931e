"""A round of tools that changes hands, over real sockets: the first provider answers and dies, the second is asked to go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from segue import Segue, Text, user
from segue.chat.messages import Image, Message, ToolResult, system
from segue.errors import SegueError
from segue.ledger.stores.memory import MemoryStore
from segue.sandbox.http import SandboxConnection, SandboxExchange
from segue.settings_loading import load
from segue.wire.dialects import DIALECTS

from . import answers
from .conversation import LINKED, MODELS, PHOTO, TOOLS
from .judges import judge

PATHS = {"openai_chat": "/v1", "openai_responses": "/v1", "claude": "", "gemini": ""}
LAST = {
    "openai_chat": [{"choices": [{"index": 0, "delta": {"content": "Sunny."}, "finish_reason": "stop"}]}],
    "openai_responses": [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": "Sunny."},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}},
    ],
    "claude": [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Sunny."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ],
    "gemini": [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Sunny."}]}, "finishReason": "STOP"}]}],
}  # fmt: skip


class Provider:
    """Speaks one dialect: answers with tool calls first, then in words. Takes what its judge takes and refuses the rest."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.port = 0
        self.asked: list[dict[str, Any]] = []
        self._connections: set[SandboxConnection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        make = asyncio.get_running_loop().create_server
        self._server = await make(lambda: SandboxConnection(self._answer, self._connections), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in [*self._connections]:
            connection.abort()
        await asyncio.sleep(0)

    async def _answer(self, exchange: SandboxExchange) -> None:
        try:
            body = judge(self.dialect, exchange.body)
        except Exception as problem:
            error = {"error": {"message": f"refused: {problem!r}", "type": "invalid_request_error", "code": 400}}
            await exchange.respond(400, {"content-type": "application/json"}, json.dumps(error).encode())
            return
        self.asked.append(body)
        answered = any(
            name in exchange.body for name in (b"tool_result", b'"tool"', b"function_call_output", b"functionResponse")
        )
        given = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in LAST[self.dialect])
        data = given if answered else answers.body(self.dialect)
        await exchange.respond(200, {"content-type": "text/event-stream"}, data)


@pytest.fixture
async def providers() -> AsyncIterator[dict[str, Provider]]:
    made = {dialect: Provider(dialect) for dialect in DIALECTS}
    for provider in made.values():
        await provider.start()
    yield made
    for provider in made.values():
        await provider.die()


def segue_of(place: Path, *chain: Provider) -> Segue:
    environ = {"SEGUE_CHAIN": ",".join(provider.dialect for provider in chain)}
    tables = ""
    for provider in chain:
        name = provider.dialect
        model = MODELS[name]
        tables += f'[targets.{name}]\nprovider = "{model.provider}"\ndialect = "{name}"\nmodel = "{model.id}"\n'
        environ[f"{name.upper()}_BASE_URL"] = f"http://127.0.0.1:{provider.port}{PATHS[name]}"
        environ[f"{name.upper()}_API_KEY"] = "k"
    (place / "segue.toml").write_text(tables)
    return Segue(load(environ, directory=place), ledger=MemoryStore())


PAIRS = [(first, second) for first in DIALECTS for second in DIALECTS if first != second]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=map("-then-".join, PAIRS))
async def test_the_first_answers_and_dies_and_the_second_goes_on(
    first: str, second: str, providers: dict[str, Provider], tmp_path: Path
) -> None:
    segue = segue_of(tmp_path, providers[first], providers[second])
    messages = [system("Be brief."), Message("user", (Text("서울?"), PHOTO, LINKED))]
    begun = await segue.acomplete(messages, tools=TOOLS)
    assert (begun.target, begun.text, len(begun.tool_calls)) == (first, answers.TEXT, 2)

    await providers[first].die()
    content: list[tuple[Text | Image, ...]] = [(Text("21 °C"), PHOTO), (Text("no such zone"),)]
    results = [
        ToolResult(call_id=call.id, name=call.name, content=given, is_error=not nth)
        for nth, (call, given) in enumerate(zip(begun.tool_calls, content, strict=True))
    ]
    messages += [begun.message, Message("tool", tuple(results)), system("In French."), user("And tomorrow?")]
    try:
        ended = await segue.acomplete(messages, tools=TOOLS)
    except SegueError as error:
        pytest.fail(f"{error}: {getattr(error, 'attempts', ())}")
    assert (ended.target, ended.text) == (second, "Sunny.")
    assert [(attempt.target, attempt.outcome) for attempt in ended.attempts] == [(first, "transport"), (second, "ok")]
    sent = json.dumps(providers[second].asked[-1], ensure_ascii=False)
    assert all(sent.count(f'"{call.id}"') == 2 for call in begun.tool_calls), "each call and its result"
    assert (answers.SIGNATURES.get(first) or "none") not in sent
    await segue.aclose()
