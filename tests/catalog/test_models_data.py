"""The data file itself: every line says where it is from and when, and nothing points into the void."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import segue.catalog.models as models
from segue.chat.request import ChatRequest

LINES: list[dict[str, Any]] = msgspec.json.Decoder().decode_lines(
    Path(models.__file__).with_name("models.jsonl").read_bytes()
)
INFOS = [*models._index().names.values(), *(family for _, _, family in models._index().families)]


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line['id']}@{line['checked']}")
def test_each_line_is_dated_and_names_its_sources(line: dict[str, Any]) -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", line["checked"])
    assert line["sources"]
    assert all(re.match(r"https://[\w.-]+/", source) for source in line["sources"])


def test_news_of_a_model_comes_after_what_it_changes_and_is_younger() -> None:
    seen: dict[str, str] = {}
    for line in LINES:
        assert "like" not in line or line["like"] in seen
        assert line["id"] not in seen or seen[line["id"]] < line["checked"]
        assert line["id"] not in seen or "like" not in line
        seen[line["id"]] = line["checked"]
    assert len(LINES) > len(seen), "no line of news is there to prove the merging"


def test_a_later_line_replaces_only_what_it_names() -> None:
    older, newer = (line for line in LINES if line["id"] == "gpt-5")
    info = models.find_model("openai", "gpt-5")
    assert older["successor"] != newer["successor"] == info.successor
    assert str(info.shutdown) == older["shutdown"]
    assert str(info.checked) == newer["checked"]


def test_successors_and_redirects_are_in_the_catalogue() -> None:
    for info in INFOS:
        for name in filter(None, (info.successor, info.redirects_to)):
            assert (info.provider, name) in models._index().names, f"{info.id} -> {name}"


def test_lives_run_forward() -> None:
    for info in INFOS:
        days = [day for day in (info.released, info.deprecated, info.shutdown) if day]
        assert days == sorted(days), info.id


def test_an_alias_belongs_to_one_model_and_is_no_models_own_name() -> None:
    named = set(models._index().names.values())
    own = {(info.provider, info.id) for info in named}
    aliases = [(info.provider, alias) for info in named for alias in info.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & own


def test_parameters_are_fields_of_a_request() -> None:
    fields = set(ChatRequest.__struct_fields__)
    for info in INFOS:
        assert {*info.rejects, *info.rejects_while_reasoning, *info.ignores, *info.exclusive} <= fields, info.id


def test_reasoning_facts_do_not_contradict_each_other() -> None:
    for info in INFOS:
        if not info.reasoning:
            assert info.reasoning_control == "none", info.id
            assert not info.reasons("high"), info.id
        if info.efforts:
            assert info.effort_default is None or info.effort_default in (*info.efforts, "none"), info.id
        if info.reasoning_off == "never":
            assert "none" not in (info.efforts or ()), info.id
        if info.reasoning_off == "default":
            assert info.effort_default == "none", info.id
