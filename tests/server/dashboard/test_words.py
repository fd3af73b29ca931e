"""The page's words: in both languages, all of them and no others; and nothing in the scripts that could become markup."""

from __future__ import annotations

import json
import re

import pytest

from segue.sandbox.faults import KINDS
from segue.server.dashboard.assets import DIRECTORY

SCRIPTS = [path for path in DIRECTORY.rglob("*.js") if "vendor" not in path.parts]
_PAIR = re.compile(r'(?:^|[,{]\s*)(?:"([^"]+)"|([a-z_0-9]+)):\s*"((?:[^"\\]|\\.)*)"', re.M)


def words(language: str) -> dict[str, str]:
    text = (DIRECTORY / "words" / f"{language}.js").read_text(encoding="utf-8")
    return {quoted or plain: json.loads(f'"{shown}"') for quoted, plain, shown in _PAIR.findall(text)}


ENGLISH, KOREAN = words("en"), words("ko")


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    faults = {f"fault.{name}" for name in KINDS}  # in English they are the sandbox's own
    assert set(KOREAN) - faults == set(ENGLISH)
    assert faults <= set(KOREAN)
    assert {key for key in ENGLISH if places(ENGLISH[key]) != places(KOREAN[key])} == set()


def test_every_word_that_is_asked_for_by_name_exists() -> None:
    asked = {key for path in SCRIPTS for key in re.findall(r'\bt\("([^"]+)"', path.read_text(encoding="utf-8"))}
    assert asked
    assert asked - set(ENGLISH) == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_can_turn_text_into_markup_or_code(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text)
