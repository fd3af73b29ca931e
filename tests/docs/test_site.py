"""The pages of the documentation: what leads to them, and what they say of the code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs import providers_page
from tests.docs.settings_page import page as settings_page

ROOT = Path(__file__).parents[2]


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == set(re.findall(r"[\w/]+\.md", navigation))


def test_every_korean_page_and_its_english_one_link_to_each_other() -> None:
    docs = ROOT / "docs"
    for korean in sorted((docs / "ko").glob("*.md")):
        english = docs / ("start.md" if korean.name == "index.md" else korean.name)
        assert f"[English](../{english.name})" in korean.read_text(encoding="utf-8")
        home = docs / "index.md" if korean.name == "index.md" else english
        assert f"(ko/{korean.name})" in home.read_text(encoding="utf-8")


def test_the_settings_page_says_what_the_code_says() -> None:
    """Regenerated with `python -m tests.docs.settings_page > docs/settings.md`."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_the_table_of_presets_says_what_the_data_says() -> None:
    """Regenerated with `python -m tests.docs.providers_page`."""
    page = providers_page.PAGE.read_text(encoding="utf-8")
    assert page == providers_page.written(page)


def test_every_variable_that_is_read_is_in_the_settings_page() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "segue").rglob("*.py"))
    read = set(re.findall(r"""(?:get|getenv|environ\[?)\(?["'](SEGUE_\w+|MONGODB_\w+)["']""", source))
    assert read
    assert read <= set(re.findall(r"`(\w+)`", settings_page()))


def test_every_setting_is_explained() -> None:
    unexplained = [row for row in settings_page().splitlines() if re.match(r"\| `\w+` \|.*\|  \|$", row)]
    assert unexplained == []
