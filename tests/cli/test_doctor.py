"""`segue doctor`, over real sockets: what it finds, what it advises, and that it costs nothing, hides secrets and ends in time."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import ssl
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from segue.sandbox import Sandbox
from segue.sandbox.http import SandboxConnection, SandboxExchange

from .conftest import Run

KEY = "AIzaSecret0123456789"


class Lists:
    """A provider of OpenAI's dialect that answers with this list of models, and with a clock that is `ahead` by some seconds."""

    def __init__(
        self, *models: dict[str, Any], ahead: float = 0.0, status: int = 200, tls: ssl.SSLContext | None = None
    ) -> None:
        self.models = models
        self.ahead = ahead
        self.status = status
        self._tls = tls
        self.asked: list[str] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Lists:
        self._thread.start()
        self._connections: set[SandboxConnection] = set()
        make = self._loop.create_server(
            lambda: SandboxConnection(self._answer, self._connections), "127.0.0.1", 0, ssl=self._tls
        )
        self._server = asyncio.run_coroutine_threadsafe(make, self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for connection in [*self._connections]:
            connection.abort()
        await asyncio.sleep(0.01)

    async def _answer(self, exchange: SandboxExchange) -> None:
        self.asked.append(f"{exchange.method} {exchange.path}")
        now = datetime.now(UTC) + timedelta(seconds=self.ahead)
        headers = {"content-type": "application/json", "date": format_datetime(now, usegmt=True)}
        await exchange.respond(self.status, headers, json.dumps({"object": "list", "data": self.models}).encode())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A chain of OpenAI alone, in an environment without proxies."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "MONGODB_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SEGUE_CHAIN", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    return monkeypatch


def asked(run: Run, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    result = run("doctor", "--json", *arguments)
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    assert "secret" not in result.output.lower()
    return result.exit_code, document["checks"]


def of(checks: list[dict[str, str]], about: str, what: str) -> dict[str, str]:
    found = [check for check in checks if (check["about"], check["what"]) == (about, what)]
    assert len(found) == 1, checks
    return found[0]


def at(server: Lists) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_healthy_provider_is_reported_as_such_with_its_times(alone: pytest.MonkeyPatch, run: Run) -> None:
    with Lists({"id": "gpt-6-luna"}) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        status, checks = asked(run)
    assert status == 0
    assert server.asked == ["GET /v1/models"], "nothing that costs was asked"
    assert of(checks, "openai", "key")["finding"] == "the key is accepted"
    finding = of(checks, "openai", "reach")["finding"]
    assert all(step in finding for step in ("answers in", "DNS", "TCP"))
    assert of(checks, "clock", "time")["state"] == "ok"
    assert of(checks, "ledger", "file")["state"] == "ok"
    assert {check["state"] for check in checks} == {"ok"}


def test_nothing_is_asked_offline(alone: pytest.MonkeyPatch, run: Run) -> None:
    with Lists() as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        status, _ = asked(run, "--offline")
    assert (status, server.asked) == (0, [])


@pytest.mark.parametrize("name", ["gemini", "openai", "claude"])
def test_a_refused_key_is_a_fault_with_the_place_to_make_a_new_one(
    name: str, alone: pytest.MonkeyPatch, run: Run
) -> None:
    with Sandbox(faults={name: "auth"}) as box:
        alone.setenv("SEGUE_CHAIN", name)
        alone.setenv(f"{name.upper()}_API_KEY", "secret-key")
        alone.setenv(f"{name.upper()}_BASE_URL", box.base_url(name))
        status, checks = asked(run)
        assert box.bill == ()
    assert status == 1
    check = of(checks, name, "key")
    assert check["finding"].startswith("the key is refused")
    assert "https://" in check["advice"]
    assert f"{name.upper()}_API_KEY" in check["advice"]


@pytest.mark.parametrize(
    ("where", "finding", "advice"),
    [
        ("http://127.0.0.1:{port}/v1", "refused", "look at the network"),
        ("https://127.0.0.1:{port}/v1", "refused", "look at the network"),
        ("http://no-such-host.invalid/v1", "can't be resolved", "DNS"),
    ],
)
def test_an_address_that_cannot_be_reached_says_where_the_way_ended(
    where: str, finding: str, advice: str, alone: pytest.MonkeyPatch, run: Run
) -> None:
    alone.setenv("OPENAI_BASE_URL", where.format(port=closed_port()))
    status, checks = asked(run, "--timeout", "5")
    check = of(checks, "openai", "reach")
    assert (status, check["state"]) == (1, "fault")
    assert finding in check["finding"]
    assert advice in check["advice"]


def test_a_server_that_speaks_no_tls_is_found_out(alone: pytest.MonkeyPatch, run: Run) -> None:
    with Lists() as server:
        alone.setenv("OPENAI_BASE_URL", f"https://127.0.0.1:{server.port}/v1")
        _, checks = asked(run)
    check = of(checks, "openai", "reach")
    assert check["finding"].startswith("no TLS with 127.0.0.1")
    assert "SSL_CERT_FILE" in check["advice"]


def test_tls_is_tried_with_the_authorities_that_requests_trust(
    alone: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with Lists({"id": "gpt-6-luna"}, tls=tls) as server:
        alone.setenv("OPENAI_BASE_URL", f"https://127.0.0.1:{server.port}/v1")
        check = of(asked(run)[1], "openai", "reach")
        assert (check["state"], "certificate" in check["finding"]) == ("fault", True)
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        alone.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert "TLS" in of(asked(run)[1], "openai", "reach")["finding"]


def test_silence_ends_in_time(alone: pytest.MonkeyPatch, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("openai", "groq", "mistral"):
            alone.setenv(f"{name.upper()}_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        alone.setenv("SEGUE_CHAIN", "openai,groq,mistral")
        began = time.monotonic()
        status, checks = asked(run, "--timeout", "0.4")
        assert time.monotonic() - began < 10.0
    assert status == 1
    assert [of(checks, name, "reach")["finding"][:17] for name in ("openai", "groq", "mistral")] == [
        "silent for 0.4 s "
    ] * 3


@pytest.mark.parametrize(("ahead", "state"), [(-10, "ok"), (-90, "warning"), (3600, "fault")])
def test_a_clock_that_is_wrong_is_recognised_by_the_providers_date(
    ahead: float, state: str, alone: pytest.MonkeyPatch, run: Run
) -> None:
    with Lists({"id": "gpt-6-luna"}, ahead=ahead) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        status, checks = asked(run)
    check = of(checks, "clock", "time")
    assert (check["state"], status) == (state, int(state == "fault"))
    if state != "ok":
        assert ("behind" if ahead > 0 else "ahead") in check["finding"]
        assert "NTP" in check["advice"]


def test_a_model_that_is_gone_without_a_successor_names_the_default_that_answers_for_it(
    alone: pytest.MonkeyPatch, run: Run
) -> None:
    alone.setenv("OPENAI_MODEL", "gpt-4-32k")
    status, checks = asked(run, "--offline")
    check = of(checks, "openai", "model")
    assert (status, check["state"], check["advice"]) == (0, "warning", "set OPENAI_MODEL=gpt-6-luna")


def test_a_model_without_a_price_is_a_warning_where_there_are_budgets(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_MODEL", "gpt-6.9-sol")
    assert not [check for check in asked(run, "--offline")[1] if check["what"] == "price"]
    alone.setenv("SEGUE_DAILY_BUDGET", "5")
    check = of(asked(run, "--offline")[1], "openai", "price")
    assert check["finding"] == "no price is known for gpt-6.9-sol: budgets count it at its family's dearest"


def test_a_retired_model_is_a_warning_with_what_to_set(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_MODEL", "gpt-4-1106-preview")
    status, checks = asked(run, "--offline")
    check = of(checks, "openai", "model")
    assert (status, check["state"], check["advice"]) == (0, "warning", "set OPENAI_MODEL=gpt-5.6-sol")
    assert "was shut down on 2026-10-23" in check["finding"]


def test_an_end_that_only_the_provider_knows_of_is_reported(alone: pytest.MonkeyPatch, run: Run) -> None:
    soon = (datetime.now(UTC) + timedelta(days=20)).date()
    with Lists({"id": "gpt-6-luna", "shutdown_date": soon.isoformat()}) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        _, checks = asked(run)
    check = of(checks, "openai", "model")
    assert (check["state"], check["finding"]) == (
        "warning",
        f"gpt-6-luna is to be shut down on {soon}, says the provider",
    )


def test_a_model_that_is_not_on_the_list_is_doubted(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_MODEL", "gpt-6-typo")
    with Lists({"id": "gpt-6-luna"}, {"id": "gpt-6-sol"}) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        _, checks = asked(run)
    assert of(checks, "openai", "model")["finding"] == "gpt-6-typo is not among the 2 models that it lists"


def test_a_provider_without_a_list_leaves_the_key_open(alone: pytest.MonkeyPatch, run: Run) -> None:
    with Lists(status=404) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        status, checks = asked(run)
    assert (status, of(checks, "openai", "key")["state"]) == (0, "note")


@pytest.mark.parametrize(
    ("key", "finding"),
    [
        ("sk-ant-secret", "looks like Anthropic Claude's"),
        ("gsk_secret", "looks like Groq's"),
        ("your-api-key", "looks like a placeholder"),
        ("'sk-secret'", "holds spaces or quotes"),
        ("secret", "does not begin with sk-"),
    ],
)
def test_a_key_that_looks_wrong_is_doubted(key: str, finding: str, alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_API_KEY", key)
    status, checks = asked(run, "--offline")
    check = of(checks, "openai", "key")
    assert (status, check["state"]) == (0, "warning")
    assert finding in check["finding"]


def test_who_has_no_key_is_named_with_the_variable(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("SEGUE_CHAIN", "openai,groq")
    status, checks = asked(run, "--offline")
    check = of(checks, "groq", "key")
    assert (status, check["state"]) == (0, "note")
    assert check["advice"].startswith("set GROQ_API_KEY (make one at https://console.groq.com/keys)")
    alone.delenv("OPENAI_API_KEY")
    assert asked(run, "--offline")[0] == 1, "no provider can be asked"


def test_the_free_tier_is_offered(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("SEGUE_CHAIN", "gemini")
    alone.setenv("GEMINI_API_KEY", KEY)
    unknown = of(asked(run, "--offline")[1], "gemini", "quota")
    assert unknown["finding"].startswith("GEMINI_TIER is not set: costs are booked at list prices")
    assert unknown["advice"].startswith("set GEMINI_TIER=free on the free tier (15 requests a minute, 500 a day)")
    alone.setenv("GEMINI_TIER", "free")
    assert of(asked(run, "--offline")[1], "gemini", "quota")["state"] == "ok"
    alone.setenv("GEMINI_TIER", "paid")
    assert not [check for check in asked(run, "--offline")[1] if check["what"] == "quota"]


def test_a_wrong_setting_is_the_one_fault(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_TEMPERATURE", "3")
    status, checks = asked(run)
    assert (status, len(checks)) == (1, 1)
    assert checks[0]["finding"].startswith("OPENAI_TEMPERATURE=3 is out of range: use 0 to 2")


def test_a_proxy_is_named_without_its_password(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("HTTPS_PROXY", "http://user:secret@proxy.test:3128")
    finding = of(asked(run, "--offline")[1], "network", "proxy")["finding"]
    assert finding == "requests go through http://proxy.test:3128 (HTTPS_PROXY)"


@pytest.mark.parametrize("address", ["http://proxy.test:port", "http://[proxy", "http://user:secret@proxy.test:99999"])
def test_a_proxy_that_is_no_address_is_a_fault(alone: pytest.MonkeyPatch, run: Run, address: str) -> None:
    alone.setenv("HTTPS_PROXY", address)
    status, checks = asked(run)
    assert status == 1
    [fault] = [check for check in checks if check["state"] == "fault"]
    assert fault["finding"].startswith("HTTPS_PROXY or ALL_PROXY is no address")


def test_an_env_file_in_another_encoding_is_a_fault(alone: pytest.MonkeyPatch, run: Run, tmp_path: Path) -> None:
    alone.chdir(tmp_path)
    (tmp_path / ".env").write_bytes("# clé".encode("latin-1"))
    status, [check] = asked(run)
    assert (status, check["finding"]) == (1, ".env is not in UTF-8: save it as such")


def test_a_request_through_a_dead_proxy_fails_there(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    alone.setenv("OPENAI_BASE_URL", "http://llm.test/v1")
    _, checks = asked(run)
    assert "HTTPS_PROXY" in of(checks, "openai", "reach")["advice"]


@pytest.fixture
def books(tmp_path: Path, alone: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "books.sqlite3"
    alone.setenv("SEGUE_LEDGER", str(path))
    return path


class TestLedger:
    def test_a_file_that_is_no_database(self, books: Path, run: Run) -> None:
        books.write_bytes(b"not a database at all" * 100)
        status, checks = asked(run, "--offline")
        check = of(checks, "ledger", "file")
        assert (status, check["state"]) == (1, "fault")
        assert "not a database" in check["finding"]

    def test_a_file_that_another_process_holds(self, books: Path, run: Run) -> None:
        with closing(sqlite3.connect(books)) as other:
            other.execute("CREATE TABLE t (x)")
            other.commit()
            other.execute("BEGIN EXCLUSIVE")
            _, checks = asked(run, "--offline")
        assert "another process holds the file" in of(checks, "ledger", "file")["advice"]

    def test_a_place_that_is_no_directory(self, books: Path, alone: pytest.MonkeyPatch, run: Run) -> None:
        books.write_bytes(b"")
        alone.setenv("SEGUE_LEDGER", str(books / "within.sqlite3"))
        assert of(asked(run, "--offline")[1], "ledger", "file")["state"] == "fault"

    def test_looking_makes_no_file(self, books: Path, run: Run) -> None:
        assert of(asked(run, "--offline")[1], "ledger", "file")["state"] == "ok"
        assert not books.exists()


def test_a_database_that_is_gone_is_reported_without_its_address(alone: pytest.MonkeyPatch, run: Run) -> None:
    pytest.importorskip("pymongo")
    url = f"mongodb://user:secret@127.0.0.1:{closed_port()}/?serverSelectionTimeoutMS=200"
    alone.setenv("MONGODB_URL", url)
    with Lists({"id": "gpt-6-luna"}) as server:
        alone.setenv("OPENAI_BASE_URL", at(server))
        status, checks = asked(run)
    check = of(checks, "mongodb", "database")
    assert (status, check["state"]) == (1, "fault")
    assert "waits in the ledger's file" in check["finding"]


def test_people_get_marks_and_what_to_do(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("OPENAI_MODEL", "gpt-4.1")
    result = run("doctor", "--offline")
    assert result.exit_code == 0
    assert "→ set OPENAI_MODEL=gpt-6-luna" in result.stdout
    assert result.stdout.rstrip().endswith("1 warning")


def test_a_local_server_is_looked_for_where_the_chain_ends_with_one(alone: pytest.MonkeyPatch, run: Run) -> None:
    alone.setenv("SEGUE_CHAIN", "ollama")
    with Lists({"id": "qwen3:8b"}) as server:
        alone.setenv("OLLAMA_BASE_URL", at(server))
        _, checks = asked(run)
        assert of(checks, "ollama", "model")["finding"] == "it has qwen3:8b"
    alone.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{closed_port()}/v1")
    assert of(asked(run)[1], "ollama", "reach")["advice"].startswith("start Ollama")
    alone.setenv("SEGUE_CHAIN", "openai,local")
    check = of(asked(run)[1], "local", "reach")
    assert check["state"] in ("ok", "warning"), "whether one runs is this machine's affair"


def test_a_model_on_this_machine_must_be_there_and_is_not_started(
    alone: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    alone.setenv("SEGUE_CONFIG", str(tmp_path / "segue.toml"))
    alone.setenv("SEGUE_CHAIN", "local")
    (tmp_path / "segue.toml").write_text('chain = ["local"]\n[targets.local]\nfile = "no/such.gguf"\n')
    check = of(asked(run)[1], "local", "file")
    assert check["state"] == "fault"
    assert "no/such.gguf" in check["finding"] or "pip install" in check["finding"]
