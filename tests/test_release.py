"""One version, in one place, with a changelog that says what it brought."""

from __future__ import annotations

import re
from pathlib import Path

import segue

ROOT = Path(__file__).parents[1]


def test_the_newest_entry_of_the_changelog_is_the_packages_version() -> None:
    entries = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert entries[0] == segue.__version__


def test_the_version_stands_nowhere_else() -> None:
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
