"""A key opens what it is for and nothing else, and a gateway without keys answers this machine's programs and pages alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue.server.app import Gateway
from segue.server.auth import Gatekeeper
from segue.server.keys.sqlite import MIGRATIONS, FileKeyRing, open_for_writing
from segue.server.keys.store import Scope
from segue.settings import Settings

from .gateway import asking, call, served


class Keys:
    def __init__(self, path: Path) -> None:
        self.ring = FileKeyRing(path)

    def header(self, scope: Scope = "calls", **limits: object) -> dict[str, str]:
        _, secret = self.ring.create("it", scope=scope, **limits)  # type: ignore[arg-type]
        return {"authorization": f"Bearer {secret.reveal()}"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.sqlite3")


@pytest.fixture
async def guarded(settings: Settings, keys: Keys) -> AsyncIterator[Gateway]:
    async with served(settings, gatekeeper=Gatekeeper(keys.ring)) as made:
        yield made


class TestScopes:
    @pytest.mark.parametrize("path", ["/metrics", "/health/history"])
    async def test_a_key_for_calls_reads_no_costs(self, guarded: Gateway, keys: Keys, path: str) -> None:
        answer = await call(guarded, path, method="GET", headers=keys.header("calls"))
        assert (answer.status, answer.json["error"]["code"]) == (403, "scope_missing")
        assert "not for metrics" in answer.json["error"]["message"]

    @pytest.mark.parametrize("path", ["/metrics", "/health/history"])
    @pytest.mark.parametrize("scope", ["metrics", "admin"])
    async def test_one_for_metrics_or_all_does(self, guarded: Gateway, keys: Keys, path: str, scope: Scope) -> None:
        assert (await call(guarded, path, method="GET", headers=keys.header(scope))).status == 200

    @pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "claude", "gemini"])
    async def test_a_key_for_metrics_spends_nothing(self, guarded: Gateway, keys: Keys, dialect: str) -> None:
        path, body = asking(dialect)
        header = keys.header("metrics")
        assert (await call(guarded, path, body, headers=header)).status == 403
        assert (await call(guarded, "/v1/embeddings", {"model": "m", "input": "x"}, headers=header)).status == 403
        assert (await call(guarded, path, body, headers=keys.header("admin"))).status == 200

    async def test_a_list_of_models_holds_those_the_key_may_ask_for(self, guarded: Gateway, keys: Keys) -> None:
        header = keys.header(models=["auto"])
        listed = (await call(guarded, "/v1/models", method="GET", headers=header)).json["data"]
        assert [model["id"] for model in listed] == ["auto"]
        assert (await call(guarded, "/v1/models/gpt-6-luna", method="GET", headers=header)).status == 404
        assert (await call(guarded, "/v1/models/gpt-6-luna", method="GET", headers=keys.header())).status == 200

    def test_keys_of_a_file_from_before_there_were_scopes_are_for_calls(self, tmp_path: Path) -> None:
        path = tmp_path / "old.sqlite3"
        with open_for_writing(path) as connection:
            connection.execute("ALTER TABLE keys DROP COLUMN scope")
            connection.execute("DELETE FROM schema_version WHERE version > 2")
            connection.execute("INSERT INTO keys VALUES ('k', 'n', x'00', NULL, NULL, '[]', 1.0, NULL)")
        connection.close()
        assert len(MIGRATIONS) == 3
        assert [key.scope for key in FileKeyRing(path).listed()] == ["calls"]
        FileKeyRing(path).create("new", scope="admin")
        assert sorted(key.scope for key in FileKeyRing(path).listed()) == ["admin", "calls"]


class TestCounting:
    """Counting tokens costs the gateway as much as reading a request: it obeys the key's models and rate."""

    ASKED = (
        ("/v1/messages/count_tokens", {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1beta/models/auto:countTokens", {"contents": [{"parts": [{"text": "Hi"}]}]}),
    )

    @pytest.mark.parametrize(("path", "body"), ASKED)
    async def test_within_the_rate(self, guarded: Gateway, keys: Keys, path: str, body: dict[str, object]) -> None:
        header = keys.header(rate=1)
        assert (await call(guarded, path, body, headers=header)).status == 200
        assert (await call(guarded, path, body, headers=header)).status == 429

    @pytest.mark.parametrize(("path", "body"), ASKED)
    async def test_for_the_models_of_the_key(
        self, guarded: Gateway, keys: Keys, path: str, body: dict[str, object]
    ) -> None:
        assert (await call(guarded, path, body, headers=keys.header(models=["openai/gpt-6-luna"]))).status == 403


class TestHosts:
    """A page whose own name leads to this machine is taken by its browser for the gateway's own (DNS rebinding)."""

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "evil.example:4000", "127.0.0.1.evil.example", ":4000", "", "localhost.evil.example", "a@b"],
    )
    @pytest.mark.parametrize("path", ["/v1/models", "/health/ready", "/metrics"])
    async def test_a_name_of_the_internet_is_refused_where_no_key_is_asked_for(
        self, gateway: Gateway, host: str, path: str
    ) -> None:
        answer = await call(gateway, path, method="GET", headers={"host": host})
        assert (answer.status, answer.json["error"]["code"]) == (403, "host_refused")

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1:4000",
            "localhost",
            "[::1]:4000",
            "LOCALHOST:80",
            "gateway:4000",
            "x.localhost",
            "host.docker.internal",
            "10.0.0.1",
        ],
    )
    async def test_this_machines_names_and_addresses_are_answered(self, gateway: Gateway, host: str) -> None:
        assert (await call(gateway, "/v1/models", method="GET", headers={"host": host})).status == 200

    async def test_a_gateway_with_keys_asks_for_no_host(self, guarded: Gateway, keys: Keys) -> None:
        header = keys.header() | {"host": "gateway.example.com"}
        assert (await call(guarded, "/v1/models", method="GET", headers=header)).status == 200

    @pytest.mark.parametrize("origin", ["http://[::1", "http://[", "https://" + "x" * 60_000, "\x00", "null"])
    async def test_an_origin_that_is_none_is_refused_and_breaks_nothing(self, gateway: Gateway, origin: str) -> None:
        answer = await call(gateway, *asking("openai_chat"), headers={"origin": origin})
        assert (answer.status, len(answer.body) < 2000) == (403, True)
        json.loads(answer.body)
