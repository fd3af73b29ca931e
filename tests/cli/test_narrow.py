"""A console that can't show every character gets what it can show, and no traceback."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import pytest

from segue.cli.app import main
from segue.cli.narrow import read_input, shown_json
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.factory import ledger_of
from segue.settings_loading import load

COMMANDS = (
    ("chat", "--sandbox", "하늘은 왜 파란가요? ✓ 🙂"),
    ("chat", "--sandbox", "--json", "하늘은 왜 파란가요? 🙂"),
    ("chat", "--break", "gemini=cut:after=5", "hi"),
    ("chat", "bytes that are no text: \udcff", "--sandbox"),
    ("chat", "hi", "--chain", "없는🙂"),
    ("providers", "--offline"),
    ("doctor", "--offline"),
    ("estimate", "이력서 🙂.txt"),
    ("estimate", "없는 이력서 🙂.txt"),
    ("usage", "--by", "key,model"),
    ("usage", "--csv", "--by", "model"),
    ("usage", "--json", "--by", "model"),
    ("status", "--once"),
    ("route", "explain", "증명해 주세요 🙂"),
    ("catalog", "check"),
    ("keys", "list"),
    ("sandbox", "--list-faults"),
    ("이런명령🙂",),
    ("--help",),
)


def _run(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str) -> tuple[str, str]:
    """What `segue` writes to two streams of that encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "argv", ["segue", *arguments])
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    with pytest.raises(SystemExit):
        main()
    return tuple(stream.buffer.getvalue().decode(encoding, "replace") for stream in streams)  # type: ignore[attr-defined, return-value]


@pytest.fixture
def books(bare: Path) -> None:
    (bare / "이력서 🙂.txt").write_text("경력 3년 🙂", encoding="utf-8")
    ledger = ledger_of(load())
    ledger.settle(
        AttemptRecord(
            attempt_id="a",
            request_id="r",
            started=time.time(),
            target="gemini",
            provider="gemini",
            model="모델🙂",
            outcome="ok",
            settlement=Settlement.FREE,
        )
    )
    ledger.flush()


def test_every_command_degrades_on_a_narrow_console(monkeypatch: pytest.MonkeyPatch, books: None) -> None:
    monkeypatch.setattr("segue.cli.chat.run.PACE", 0.0)
    for command in COMMANDS:
        written = "".join(_run(monkeypatch, "cp949", *command))
        assert written, command
        assert "Traceback" not in written, command


def test_arrows_become_what_a_narrow_console_has(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _run(monkeypatch, "ascii", "doctor", "--offline")[0]
    assert "the chain is gemini > openai > claude" in written
    assert "?" not in written.replace("a minute", "")


def test_json_stays_exact_on_a_narrow_console(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _run(monkeypatch, "ascii", "chat", "--sandbox", "--json", "왜? 🙂")[0]
    assert "왜? 🙂" in json.loads(written)["text"]
    assert json.loads(shown_json('"🙂 é"', "latin-1")) == "🙂 é"


@pytest.mark.parametrize(
    ("data", "encoding", "read"),
    [
        ("왜? 🙂".encode(), "cp949", "왜? 🙂"),
        ("왜?".encode("cp949"), "cp949", "왜?"),
        (b"caf\xe9", "ascii", "caf\ufffd"),
        (b"\xef\xbb\xbfwhy?", "utf-8", "why?"),
    ],
)
def test_what_is_piped_in_is_read_whatever_its_encoding(
    data: bytes, encoding: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding=encoding))
    assert read_input() == read


def test_a_closed_standard_input_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert read_input() == ""
