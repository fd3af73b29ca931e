"""The drawings of the documentation say what their tables say, load nothing, and are small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from benchmarks import plots

IMAGES = Path(__file__).parents[2] / "docs" / "img"
LARGEST = 150_000
"""Bytes of a picture."""


@pytest.mark.parametrize("name", plots.PICTURES)
def test_a_plot_says_what_its_table_says(name: str) -> None:
    """Made with `python -m benchmarks.plots`."""
    assert (IMAGES / name).read_text(encoding="utf-8") == plots.drawn()[name]


def test_pictures_are_small_and_drawings_load_nothing_from_elsewhere() -> None:
    files = sorted(IMAGES.iterdir())
    assert files
    assert [file.name for file in files if file.stat().st_size > LARGEST] == []
    drawings = [file for file in files if file.suffix == ".svg"]
    loading = re.compile(r"(?:href|src)=[\"']http|url\([\"']?http|@import")
    assert [file.name for file in drawings if loading.search(file.read_text(encoding="utf-8"))] == []


def test_every_picture_is_shown_and_every_shown_one_is_there() -> None:
    docs = IMAGES.parent
    pages = [*docs.rglob("*.md"), *docs.parent.glob("*.md")]
    shown = {name for page in pages for name in re.findall(r"img/([\w.-]+)", page.read_text(encoding="utf-8"))}
    assert shown == {file.name for file in IMAGES.iterdir()}
