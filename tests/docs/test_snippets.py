"""What the documentation shows is what happens: every snippet of every page is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.snippets import snippets

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in sorted([ROOT / "README.md", ROOT / "README.ko.md", *(ROOT / "docs").rglob("*.md")])
    if any(snippets(page.read_text(encoding="utf-8")))
]
TRANSLATED = {ROOT / "README.ko.md", *(ROOT / "docs" / "ko").iterdir()}
"""Their snippets are those of other pages: they run in the long run."""


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.long] * (page in TRANSLATED)) for page in PAGES],
    ids=[page.relative_to(ROOT).as_posix() for page in PAGES],
)
def test_every_snippet_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environ = {**kept, "HOME": str(tmp_path), "SEGUE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.snippets", str(page)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_first_snippet_of_the_readme_needs_no_key(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    first = next(one for one in snippets((ROOT / "README.md").read_text(encoding="utf-8")) if one.language == "python")
    done = subprocess.run(
        [sys.executable, "-c", first.text],
        cwd=tmp_path,
        env={**kept, "HOME": str(tmp_path), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(simulated) ")
