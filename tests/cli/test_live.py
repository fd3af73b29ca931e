"""`segue status`, over a real ledger that others write, on a terminal and off it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.server.conftest import served

from segue import Sandbox
from segue.cli.status import view
from segue.client import Segue
from segue.ledger.stores.factory import ledger_of
from segue.ledger.stores.sqlite import SqliteStore
from segue.settings import Settings
from segue.settings_loading import load

from .conftest import Run


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture
def settings(box: Sandbox, bare: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of the environment, in which the sandbox's addresses stand."""
    for name in box.providers:
        box.heal(name)
    for name in ("gemini", "openai"):
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", box.base_url(name))
        monkeypatch.setenv(f"{name.upper()}_API_KEY", f"sk-key-of-{name}-0123456789")
    return load()


@pytest.fixture
def used(settings: Settings, box: Sandbox) -> Settings:
    """Another process has asked: one that went well, three that failed over until the breaker opened, one more."""
    assert settings.ledger is not None
    segue = Segue(settings, ledger=SqliteStore(settings.ledger))
    segue.complete("Hello")
    box.break_provider("gemini", "unavailable")
    for _ in range(4):
        segue.complete("Hello")
    segue.close()
    box.heal("gemini")
    return settings


def status_of(run: Run, *arguments: str) -> dict[str, Any]:
    result = run("status", "--json", *arguments)
    assert result.exit_code == 0, result.output
    assert "sk-key" not in result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_each_target_has_its_state_its_traffic_its_waits_and_its_cost_of_today(run: Run, used: Settings) -> None:
    document = status_of(run)
    targets = {target["target"]: target for target in document["targets"]}
    gemini, openai, claude = (targets[name] for name in ("gemini", "openai", "claude"))
    assert gemini["state"] in ("open", "half open")
    assert gemini["reason"].startswith("model: failed too often (overload: ")
    assert (gemini["traffic"]["attempts"], gemini["traffic"]["failed"]) == (4, 3)
    assert (openai["state"], openai["traffic"]["attempts"], openai["traffic"]["failed"]) == ("ready", 4, 0)
    assert 0 < openai["traffic"]["first_p50"] <= openai["traffic"]["first_p95"] <= openai["traffic"]["seconds_p95"]
    assert float(openai["cost_today"]) > 0
    assert (claude["state"], claude["traffic"]["attempts"]) == ("no key", 0)
    assert [(each["left"], each["went_to"]) for each in document["failovers"]] == [("gemini", "openai")] * 3
    assert document["complete"] is True


def test_once_it_is_a_table_that_says_the_same(run: Run, used: Settings) -> None:
    result = run("status", "--once")
    assert result.exit_code == 0
    gemini = next(line for line in result.stdout.splitlines() if line.startswith("gemini "))
    assert re.search(r"gemini-3.5-\S+ +(open, \d s|half open) +4 +0 +75 % ", gemini)
    assert re.search(r"gemini +openai +overload: ", result.stdout)


def test_nothing_known_is_no_error(run: Run, settings: Settings) -> None:
    assert [target["state"] for target in status_of(run)["targets"]][:3] == ["ready", "ready", "no key"]
    assert run("status", "--history").exit_code == 0
    assert status_of(run, "--history") == {"changes": [], "hours": []}


def test_the_history_has_changes_and_hours(run: Run, used: Settings) -> None:
    document = status_of(run, "--history")
    assert [(each["target"], each["before"], each["after"]) for each in document["changes"]] == [
        ("gemini", "closed", "open")
    ]
    hours = {hour["target"]: hour for hour in document["hours"]}
    assert (hours["gemini"]["attempts"], hours["gemini"]["left_for"]) == (4, {"openai": 3})
    shown = run("status", "--history").stdout
    assert "changes of state" in shown
    assert re.search(r"gemini +4 +3 ", shown)


def test_a_reason_that_is_cut_ends_in_an_ellipsis(run: Run, used: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "REASON", 22)
    for option in ("--history", "--once"):
        assert re.search(r" overload:\s+The\s+service…\s", run("status", option).stdout)


def test_a_gateway_is_asked_how_its_targets_stand(run: Run, settings: Settings, box: Sandbox) -> None:
    box.break_provider("gemini", "auth")
    with served(settings) as address:
        until = time.monotonic() + 10
        while (targets := status_of(run, "--url", f"{address}/v1/")["targets"])[0]["state"] != "off":
            assert time.monotonic() < until
            time.sleep(0.05)
    assert "key is refused" in targets[0]["reason"]
    failed = run("status", "--once", "--url", address)
    assert (failed.exit_code, "no gateway tells at" in failed.output) == (2, True)


def test_what_is_shown_changes_while_it_is_watched(used: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160, height=40, record=True)
    asked: list[float] = []

    def sleep(interval: float) -> None:
        asked.append(interval)
        segue = Segue(used, ledger=ledger_of(used))
        segue.complete("Hello", chain="openai")
        segue.close()

    monkeypatch.setattr("segue.cli.status.view.time.sleep", sleep)
    view.watch(used, ledger_of(used), None, span=3600.0, interval=30.0, to=console, looks=3)
    assert asked == [30.0, 30.0]
    counts = re.findall(r"openai +gpt-6-luna +ready +(\d+)", console.export_text())
    assert counts == ["4", "5", "6"]


def test_eighty_columns_fold_no_number(used: Settings) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=40, record=True)
    view.watch(used, ledger_of(used), None, span=3600.0, interval=30.0, to=console, looks=1)
    waits = r"\d+\.\d\d/\d+\.\d\d +\d+\.\d\d/\d+\.\d\d"
    assert re.search(
        rf"gemini +\S+ +(open|half open)[^\n]*\n +4 +0 +75 % +{waits} +4 +\$[\d.]+ *$",
        console.export_text(),
        re.MULTILINE,
    )


def test_on_a_terminal_it_stays_until_it_is_interrupted_and_gives_the_screen_back(used: Settings, bare: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}
    command = [sys.executable, "-m", "segue", "status", "--interval", "0.2"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=bare)
    os.close(theirs)
    seen = b""
    until = time.monotonic() + 20
    try:
        while seen.count(b"gpt-6-luna") < 2:
            assert time.monotonic() < until, seen
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            assert time.monotonic() < until
            if select.select([ours], [], [], 0.05)[0]:
                try:
                    seen += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
        assert process.wait(5) == 130
    finally:
        process.kill()
        os.close(ours)
    assert seen.count(b"\x1b[?1049h") == seen.count(b"\x1b[?1049l") == 1
    assert b"Traceback" not in seen
