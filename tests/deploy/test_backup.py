"""The backup that docs/running.md shows, of a ledger that is being written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from segue.ledger.stores.sqlite import SqliteStore
from segue.testing.stores import attempt

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text(encoding="utf-8")


def test_the_backup_of_a_ledger_in_use_is_whole_and_can_be_put_in_its_place(tmp_path: Path) -> None:
    program = re.search(r'python3 -c "(import sqlite3; [^"]*ledger\.copy\.sqlite3[^"]*)"', PAGE)
    assert program
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001)
    for number in range(300):
        store.settle(attempt(f"a{number:03}"))
    assert store.flush(30)
    store.settle(attempt("under way"))
    subprocess.run([sys.executable, "-c", program[1]], cwd=tmp_path, check=True, timeout=60)
    store.close()
    copied = SqliteStore(tmp_path / "ledger.copy.sqlite3")
    assert len({record.attempt_id for record in copied.records(limit=None)} - {"under way"}) == 300
    copied.settle(attempt("afterwards"))
    assert copied.flush(30)
    copied.close()
