"""On a terminal of 80 columns nothing is broken within a name, an id or a number; a cost and its bound have separate columns."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from segue.cli import display
from segue.cli.display import table

from .conftest import Run


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for console in (display.console, display.notes):
        monkeypatch.setattr(console, "_width", 80)
    monkeypatch.setattr("segue.cli.chat.run.PACE", 0.0)


def test_no_name_no_id_and_no_number_is_broken_at_80_columns(run: Run, narrow: None) -> None:
    chat = ("chat", "hi", "--break", "gemini=cut:after=9", "--break", "openai=overloaded")
    shown = {
        "chat": run(*chat).stderr,
        **{
            " ".join(command): run(*command).stdout
            for command in (
                ("usage",),
                ("usage", "--by", "target,model,outcome,settlement,chain"),
                ("status", "--once"),
                ("status", "--history"),
                ("providers", "--offline"),
                ("route", "explain", "hi"),
                ("estimate", __file__),
                ("drill", "--fault", "cut", "--quick"),
            )
        },
        "keys create": run("keys", "create", "a-name-that-is-long-enough", "--rate", "5", "--models", "gemini").output,
        "keys": run("keys", "list").stdout,
    }
    for command, text in shown.items():
        lines = [line for line in text.splitlines() if not line.startswith(("sk-segue-", "This is", "They are"))]
        tables = [line for line in lines if "(UTC)" not in line]
        assert max(map(len, tables), default=0) <= 80 or command == "chat", text
    assert len(re.findall(r"(?:gemini|openai|claude) \(simulated\) +\S+-\S+", shown["chat"])) == 3
    assert {"gemini-3.5-flash-lite", "claude-sonnet-5-5"} <= set(shown["usage"].split())
    assert len(re.findall(r"^\w+ \(simulated\) +\S+ +ready", shown["status --once"], re.MULTILINE)) == 3
    assert re.search(r"\b[0-9a-f]{32}\b", shown["status --once"])
    assert re.search(r"\bkey_[0-9a-f]{12}\b +a-name-that-is-long-enough", shown["keys"])
    for command in ("chat", "usage", "status --once", "drill --fault cut --quick"):
        assert re.search(r"cost .*at most$", shown[command], re.MULTILINE), command
        assert re.search(r"~\$\d[\d.]+ .*≤\$\d[\d.]+$", shown[command], re.MULTILINE), command


def test_a_row_that_does_not_fit_has_its_labels_its_numbers_and_its_prose_in_lines_of_their_own() -> None:
    made = table("title", "name", "note", "much", "more", right=("much", "more"), prose=("note",))
    made.add_row("a-name-that-is-whole", "words that may be folded between one another", "1,000,000", "2")
    console = Console(width=40, record=True, file=io.StringIO())
    console.print(made)
    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        "title",
        "name",
        "         much  more",
        "    note",
        "a-name-that-is-whole",
        "    1,000,000     2",
        "    words that may be folded between one",
        "    another",
    ]
    wide = Console(width=100, record=True, file=io.StringIO())
    wide.print(made)
    assert "words that may be folded between one another  1,000,000     2" in wide.export_text()
