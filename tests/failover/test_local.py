"""A local server as the last resort: over real sockets, with real closed ports."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from segue import ConfigurationError, LLMServiceUnavailableError, Segue
from segue.catalog.providers import PROVIDERS, Provider
from segue.ledger.stores.memory import MemoryStore
from segue.sandbox import Sandbox
from segue.sandbox.http import SandboxConnection, SandboxExchange
from segue.settings_loading import load


class Local:
    """A server on its own port that lists `models` and answers with the name of the one that was asked."""

    def __init__(self, *models: str) -> None:
        self.models = models
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[SandboxConnection] = set()

    async def start(self) -> Local:
        make = asyncio.get_running_loop().create_server
        self._server = await make(lambda: SandboxConnection(self._answer, self._connections), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in [*self._connections]:
            connection.abort()
        await asyncio.sleep(0)

    async def _answer(self, exchange: SandboxExchange) -> None:
        if exchange.method == "GET":
            listed = {"object": "list", "data": [{"id": model, "object": "model"} for model in self.models]}
            await exchange.respond(200, {"content-type": "application/json"}, json.dumps(listed).encode())
            return
        model = json.loads(exchange.body)["model"]
        chunk = {"choices": [{"index": 0, "delta": {"content": f"I am {model}"}, "finish_reason": "stop"}]}
        await exchange.respond(
            200, {"content-type": "text/event-stream"}, b"data: " + json.dumps(chunk).encode() + b"\n\n"
        )


@pytest.fixture
async def servers() -> AsyncIterator[list[Local]]:
    made: list[Local] = []
    yield made
    for server in made:
        await server.stop()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def presets(**ports: int) -> dict[str, Provider]:
    """The known providers, with those on this machine at these ports and nowhere else."""
    found = {name: preset for name, preset in PROVIDERS.items() if not preset.local or name == "local"}
    for name, port in ports.items():
        found[name] = Provider(dialect="openai_chat", base_url=f"http://127.0.0.1:{port}/v1", keyless=True, local=True)
    return found


def segue_of(environ: dict[str, str], **ports: int) -> Segue:
    settings = load(environ, directory="/nonexistent")
    return Segue(settings, providers=presets(**ports), ledger=MemoryStore())


def down() -> dict[str, str]:
    """Settings of an OpenAI whose port is closed."""
    return {"OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}/v1", "OPENAI_API_KEY": "k", "SEGUE_CHAIN": "openai"}


async def test_when_all_else_is_down_the_first_model_of_a_server_that_runs_answers(servers: list[Local]) -> None:
    servers.append(await Local("nomic-embed-text", "llama-9:8b").start())
    segue = segue_of(down() | {"SEGUE_LOCAL": "auto"}, ollama=closed_port(), lmstudio=servers[0].port)
    answer = await segue.acomplete("hi")
    assert (answer.text, answer.target, answer.model) == ("I am llama-9:8b", "local", "llama-9:8b")
    assert [(attempt.target, attempt.outcome) for attempt in answer.attempts] == [
        ("openai", "transport"),
        ("local", "ok"),
    ]
    assert answer.cost == Decimal(0)
    await segue.aclose()


async def test_a_local_server_is_looked_for_only_when_asked() -> None:
    segue = segue_of(down(), ollama=closed_port())
    assert [target.name for target in segue.targets.chain(None)[1]] == ["openai"]
    assert [target.name for target in segue_of(down() | {"SEGUE_LOCAL": "off"}).targets.chain(None)[1]] == ["openai"]
    with pytest.raises(ConfigurationError, match=r"SEGUE_LOCAL=.* use auto, off"):
        load({"SEGUE_LOCAL": "yes"}, directory="/nonexistent")


async def test_where_none_runs_the_error_says_where_was_looked(servers: list[Local]) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    ports = {"ollama": closed_port(), "vllm": int(silent.getsockname()[1])}
    segue = segue_of({"SEGUE_CHAIN": "local"}, **ports)
    with silent, pytest.raises(LLMServiceUnavailableError, match=r"looked for ollama \(http.*, vllm \(http") as caught:
        await segue.acomplete("hi", rounds=1)
    assert max(attempt.seconds for attempt in caught.value.attempts) < 2.0
    await segue.aclose()


async def test_the_model_that_was_set_is_asked_where_it_is(servers: list[Local]) -> None:
    servers += [await Local("a").start(), await Local("b", "c").start()]
    environ = {"SEGUE_CHAIN": "local", "LOCAL_MODEL": "c"}
    segue = segue_of(environ, ollama=servers[0].port, vllm=servers[1].port)
    assert (await segue.acomplete("hi")).text == "I am c"
    await segue.aclose()


async def test_a_single_server_needs_no_model_either(servers: list[Local]) -> None:
    servers.append(await Local("qwen").start())
    segue = segue_of({"SEGUE_CHAIN": "ollama"}, ollama=servers[0].port)
    assert (await segue.acomplete("hi")).text == "I am qwen"
    await segue.aclose()


async def test_one_that_has_gone_is_looked_for_again(servers: list[Local]) -> None:
    servers += [await Local("first").start(), await Local("second").start()]
    segue = segue_of({"SEGUE_CHAIN": "local"}, ollama=servers[0].port, vllm=servers[1].port)
    assert (await segue.acomplete("hi")).text == "I am first"
    await servers[0].stop()
    answer = await segue.acomplete("hi", round_wait=(0.0, 0.0))
    assert (answer.text, answer.model) == ("I am second", "second")
    await segue.aclose()


@pytest.mark.parametrize("name", ["vllm", "local"])
async def test_a_servers_address_that_was_set_is_asked_and_no_other(name: str, servers: list[Local]) -> None:
    servers += [await Local("there").start(), await Local("here").start()]
    address = f"http://127.0.0.1:{servers[0].port}/v1"
    environ = {"SEGUE_CHAIN": name, f"{name.upper()}_BASE_URL": address}
    segue = segue_of(environ, vllm=servers[1].port, ollama=servers[1].port)
    assert (await segue.acomplete("hi")).text == "I am there"
    await segue.aclose()


async def test_a_stand_in_closes_a_simulated_chain() -> None:
    with Sandbox(faults={"gemini": "refused"}) as box:
        settings = box.settings(load({"SEGUE_CHAIN": "gemini,local"}, directory="/nonexistent"), every=True)
        segue = Segue(settings, ledger=MemoryStore())
        answer = await segue.acomplete("hi")
        await segue.aclose()
    assert (answer.target, answer.model, answer.simulated) == ("local", "stand-in", True)
