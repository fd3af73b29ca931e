"""Every error that a person can meet on the command line: what happened, to what, and what to do about it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.chat.failure import FailureKind
from segue.cli.chat.advice import advice
from segue.errors import AttemptSummary, LLMServiceUnavailableError
from segue.ledger.stores.factory import ledger_of
from segue.sandbox import Sandbox
from segue.settings_loading import load

from .conftest import Run

Case = tuple[tuple[str, ...], dict[str, str], str, tuple[str, ...]]
"""The command, the environment, `segue.toml`, and what the message must contain."""

MISUSED: dict[str, Case] = {
    "a misspelt command": (("caht", "hi"), {}, "", ("'caht'", "'chat'", "segue --help")),
    "a misspelt option": (("chat", "--brake", "hi"), {}, "", ("--brake", "--break", "segue chat --help")),
    "an option's value": (
        ("chat", "hi", "--deadline", "soon"),
        {},
        "",
        ("'--deadline'", "'soon' is not a valid float"),
    ),
    "no number": (("chat", "hi", "--deadline", "nan"), {}, "", ("'--deadline'", "'nan' is not a number")),
    "no question": (("chat",), {}, "", ("'PROMPT...'", "segue chat --help")),
    "a misspelt setting": (("usage",), {}, 'chian = "x"', ("'chian' is not a setting", "'chain'", "in segue.toml")),
    "a target's setting": (("usage",), {}, "[targets.gemini]\nmodle = 1", ("did you mean 'targets.gemini.model'?",)),
    "a value out of range": (("usage",), {"GEMINI_TEMPERATURE": "3"}, "", ("GEMINI_TEMPERATURE=3", "0 to 2")),
    "a tier": (("usage",), {"GEMINI_TIER": "fre"}, "", ("GEMINI_TIER='fre'", "free, paid", "in the environment")),
    "an address": (("usage",), {"GEMINI_BASE_URL": "foo"}, "", ("GEMINI_BASE_URL", "http://", "in the environment")),
    "an address in the file": (
        ("usage",),
        {},
        "[targets.gemini]\nbase_url = 'http://:0'",
        ("targets.gemini.base_url", "host", "in segue.toml"),
    ),
    "no TOML": (("usage",), {}, "chain = [", ("segue.toml is not valid TOML", "at end of document")),
    "not UTF-8": (("usage",), {}, "\udcff", ("segue.toml is not in UTF-8", "save it")),
    "no such file": (("usage",), {"SEGUE_CONFIG": "a.toml"}, "", ("'a.toml'", "correct SEGUE_CONFIG or create")),
    "a misspelt target": (("chat", "hi"), {"SEGUE_CHAIN": "gemeni"}, "", ("'gemeni'", "did you mean 'gemini'?")),
    "a misspelt chain": (
        ("chat", "hi", "--chain", "fsat"),
        {},
        "[chains.fast]\ntargets = ['gemini']",
        ("'fsat' is not a chain or a target", "did you mean 'fast'?"),
    ),
    "an unknown chain": (("chat", "hi", "--chain", "nope"), {}, "", ("'nope'", "gemini, groq", "NOPE_DIALECT")),
    "a chain to explain": (("route", "explain", "hi", "--chain", "gemni"), {}, "", ("'gemni'", "'gemini'")),
    "no model": (("chat", "hi", "--chain", "azure"), {}, "", ("'azure' names no model", "set AZURE_MODEL")),
    "a fault elsewhere": (
        ("chat", "hi", "--break", "gemini=cut", "--chain", "openai,claude"),
        {},
        "",
        ("--break: 'gemini' is not a target of the chain; use one of claude, openai",),
    ),
    "a fault in a misspelt chain": (
        ("chat", "hi", "--break", "gemini=cut", "--chain", "opnai,claude"),
        {},
        "",
        ("'opnai' is not", "did you mean 'openai'?"),
    ),
    "a fault": (("chat", "hi", "--break", "gemini=brk"), {}, "", ("'brk'", "did you mean 'break'?")),
    "no key to serve with": (("serve",), {}, "", ("set one of GEMINI_API_KEY", "segue serve --sandbox")),
    "no key to let in": (
        ("serve", "--host", "0.0.0.0"),
        {"GEMINI_API_KEY": "k"},
        "",
        ("no key", "segue keys create NAME", "127.0.0.1"),
    ),
    "a column": (("usage", "--by", "modle"), {}, "", ("--by 'modle'", "use provider, model")),
    "a day": (("usage", "--since", "yesterday"), {}, "", ("--since 'yesterday'", "such as 2026-11-28")),
    "a file": (("estimate", "nofile"), {}, "", ("'nofile' can't be read", "No such file", "- for standard input")),
    "a gateway": (
        ("status", "--once", "--url", "http://127.0.0.1:9"),
        {},
        "",
        ("http://127.0.0.1:9", "Connection refused", "segue serve", "--url"),
    ),
    "a key to revoke": (("keys", "revoke", "key_1"), {}, "", ("no key 'key_1'",)),
    "a budget": (("keys", "create", "a", "--daily-budget", "x"), {}, "", ("--daily-budget 'x'", "such as 2.50")),
    "a home that is no directory": (
        ("keys", "create", "a"),
        {"SEGUE_HOME": "file", "SEGUE_KEYS": ""},
        "",
        ("the keys in", "keys.sqlite3", "set SEGUE_KEYS"),
    ),
    "a request": (("route", "feedback", "r1", "--good"), {}, "", ("'r1'", "use an answer's request_id")),
}


@pytest.mark.parametrize("case", MISUSED.values(), ids=MISUSED)
def test_an_error_says_what_is_wrong_and_what_to_do(
    case: Case, run: Run, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, environ, toml, expected = case
    (bare / "file").touch()
    monkeypatch.setenv("SEGUE_HOME", str(bare))
    for name, value in {"GEMINI_API_KEY": "" if arguments[0] == "serve" else "k", **environ}.items():
        monkeypatch.setenv(name, str(bare / value) if name == "SEGUE_HOME" else value)
    if toml:
        (bare / "segue.toml").write_bytes(toml.encode("utf-8", "surrogateescape"))
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert [words for words in expected if words not in result.stderr] == [], result.stderr
    assert not any(word in result.stderr for word in ("Traceback", "Errno", "errno", "?;")), result.stderr
    assert not result.stdout


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield str(other.getsockname()[1])


@pytest.mark.parametrize("command", [("serve", "--sandbox"), ("sandbox",)])
def test_a_port_that_is_taken_is_named_with_another(command: tuple[str, ...], run: Run, taken: str) -> None:
    result = run(*command, "--port", taken)
    assert result.exit_code == 2
    assert f"port {taken} on 127.0.0.1: another program uses it; stop that one, or choose another port" in result.stderr


FAILURES = {
    "a wrong key": ("auth", "gemini: set GEMINI_API_KEY to a key that is valid", "https://aistudio.google.com/"),
    "no credit": ("quota", "gemini: ", "wait"),
    "nothing there": ("refused", "gemini: nothing answers at 127.0.0.1:", "segue doctor"),
}


@pytest.mark.parametrize(("fault", "expected", "also"), FAILURES.values(), ids=FAILURES)
def test_a_provider_that_fails_is_reported_with_what_to_do(
    fault: str, expected: str, also: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(faults={"gemini": fault}) as elsewhere:
        monkeypatch.setenv("GEMINI_API_KEY", "AIza-wrong")
        monkeypatch.setenv("GEMINI_BASE_URL", elsewhere.base_url("gemini"))
        result = run("chat", "hi", "--chain", "gemini", "--deadline", "5")
    assert result.exit_code == 1
    assert "All LLM providers failed" in result.stderr
    assert expected in result.stderr
    assert also in result.stderr


def test_an_attempt_that_the_deadline_ended_does_not_hide_what_failed_before() -> None:
    outcomes = (FailureKind.TRANSPORT, "cancelled")
    attempts = [AttemptSummary(target="gemini", model="gemini-3.5-flash-lite", outcome=outcome) for outcome in outcomes]
    (line,) = advice(attempts, load({"GEMINI_API_KEY": "k"}, directory="/nonexistent"))
    assert line.startswith("gemini: nothing answers at ")


def test_an_attempt_without_a_reason_ends_with_its_outcome() -> None:
    attempts = [
        AttemptSummary(
            target="openai", model="gpt-6-luna", outcome="stall", reason="no content for 3 s", recovers_in=9.0
        ),
        AttemptSummary(target="claude", model="claude-sonnet-5-5", outcome="cancelled", status=200),
    ]
    assert str(LLMServiceUnavailableError("All failed", attempts=attempts)).splitlines()[1:] == [
        "  openai [gpt-6-luna]: stall: no content for 3 s; may recover in 9 s",
        "  claude [claude-sonnet-5-5]: cancelled (HTTP 200)",
    ]


@pytest.mark.parametrize("ledger", ["file/ledger.sqlite3", "/dev/full", "/", 300 * "x"])
def test_a_ledger_that_cannot_be_written_leaves_the_answer_whole(
    ledger: str, run: Run, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / "file").touch()
    monkeypatch.setattr("segue.cli.chat.run.PACE", 0.0)
    monkeypatch.setattr(logging.getLogger("segue"), "propagate", False)  # as where logging is not set up
    monkeypatch.setenv("SEGUE_LEDGER", str(bare / ledger))
    result = run("chat", "hi", "--sandbox")
    ledger_of(load()).close(timeout=0.1)  # what waits for it is dropped now, not at the end of all tests
    assert result.exit_code == 0, result.output
    assert "answered by gemini (simulated)" in result.stderr
    assert "$0.000275" in result.stderr
    (message,) = [line for line in result.stderr.splitlines() if line.startswith("ledger ")]
    assert f"{bare / ledger}: it can't be written" in message
    assert "SEGUE_LEDGER" in message or "make room" in message
    assert "Errno" not in result.stderr


def test_a_full_disk_is_reported_with_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_LEDGER", "/dev/full")
    result = run("usage")
    assert result.exit_code == 2
    assert result.stderr.startswith("segue: the ledger /dev/full can't be read: the disk is full")
    assert "make room for /dev/full" in result.stderr
