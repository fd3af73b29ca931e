"""Nothing of a stranger's text that a terminal would obey reaches it: not a model's name, not a provider's error, not an answer."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from segue.cli.app import app
from segue.cli.cleaning import clean, clean_json
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.factory import ledger_of
from segue.settings_loading import load

TITLE, CLIPBOARD, CSI = "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x1b\\", "\x9b2J"
EVIL = f"m{TITLE}{CLIPBOARD}{CSI}\x1b[2A\x08\x7f\u202egpj.exe\u2066"
OBEYED = {
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
} - {
    "\n",
    "\t",
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("SEGUE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SEGUE_LEDGER", str(tmp_path / "ledger.sqlite3"))
    monkeypatch.chdir(tmp_path)


def shown(*arguments: str) -> str:
    """What a command writes to both of its outputs. A runner's outputs are no terminal, so none of it is a colour of ours."""
    return CliRunner().invoke(app, list(arguments)).output


def obeyed(text: str) -> set[str]:
    return OBEYED & set(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", "--by", "model"),
        ("usage", "--csv", "--by", "model"),
        ("usage", "--json", "--by", "model"),
        ("status", "--history"),
    ],
)
def test_names_and_reasons_in_the_books_are_shown_and_obeyed_by_nothing(arguments: tuple[str, ...]) -> None:
    store = ledger_of(load())
    for number, outcome in enumerate(("ok", "broken")):
        record = AttemptRecord(
            attempt_id=str(number),
            request_id=str(number),
            started=time.time(),
            target=EVIL,
            provider="openai",
            model=EVIL,
            outcome=outcome,
            settlement=Settlement.FREE,
            reason=EVIL,
        )
        store.settle(record)
    store.close()
    text = shown(*arguments)
    assert not obeyed(text)
    if arguments[0] == "usage":
        assert "owned" in text


def test_json_says_what_was_there() -> None:
    assert json.loads(clean_json(json.dumps({"model": EVIL}, ensure_ascii=False))) == {"model": EVIL}


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """The address of a server that answers whatever it is asked with this."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def sse(*events: object) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + b"".join(
        f"data: {json.dumps(event)}\n\n".encode() for event in events
    )


def chat(address: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    for name, value in (("API_KEY", "k"), ("BASE_URL", address), ("MODEL", "gpt-4.1")):
        monkeypatch.setenv(f"OPENAI_{name}", value)
    monkeypatch.setenv("SEGUE_CHAIN", "openai")
    return shown("chat", "Hi", *arguments)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_an_answer_is_shown_and_obeyed_by_nothing(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    delta = {"id": "x", "model": EVIL, "choices": [{"index": 0, "delta": {"content": f"Hello{EVIL}"}}]}
    end = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    with saying(sse(delta, end)) as address:
        text = chat(address, monkeypatch, *arguments)
    assert "Hello" in text
    assert not obeyed(text)


def test_an_error_is_shown_and_obeyed_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"error": {"message": f"No{EVIL}", "type": EVIL, "code": EVIL}}).encode()
    head = (
        b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        % len(body)
    )
    with saying(head + body) as address:
        text = chat(address, monkeypatch)
    assert "openai" in text
    assert not obeyed(text)


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Zeile\n\tein Wort", "안녕하세요", "👩‍👩‍👧", "שלום‏ עולם", "a\u200db"):
        assert clean(text) == text
