from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.sandbox import Sandbox
from segue.settings import Settings
from segue.settings_loading import load


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    """Settings of a machine on which nothing is set."""
    return load({"SEGUE_LEDGER": "none"}, directory=tmp_path)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_to_the_collector() -> Iterator[None]:
    """A socket that was not closed warns when it is collected, and warnings are errors: let it be in the module that left it."""
    yield
    gc.collect()
