"""The backup that docs/running.md shows, of a ledger that is being written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from segue.ledger.stores.sqlite import SqliteStore
from segue.testing.stores import attempt

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text(encoding="utf-8")


PROGRAMS = re.findall(r'python3 -c "(import sqlite3; [^"]*ledger\.copy\.sqlite3[^"]*)"', PAGE)


def test_the_backup_of_a_ledger_in_use_is_whole_and_can_be_put_in_its_place(tmp_path: Path) -> None:
    (program,) = PROGRAMS
    store = SqliteStore(tmp_path / "ledger.sqlite3", gather=0.001)
    for number in range(300):
        store.settle(attempt(f"a{number:03}"))
    assert store.flush(30)
    store.settle(attempt("under way"))
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    store.close()
    copied = SqliteStore(tmp_path / "ledger.copy.sqlite3")
    assert len({record.attempt_id for record in copied.records(limit=None)} - {"under way"}) == 300
    copied.settle(attempt("afterwards"))
    assert copied.flush(30)
    copied.close()


def test_a_backup_where_there_is_no_ledger_fails_and_leaves_nothing(tmp_path: Path) -> None:
    """An empty ledger of another user's would stand in the service's way."""
    (program,) = PROGRAMS
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0
    assert not list(tmp_path.iterdir())
