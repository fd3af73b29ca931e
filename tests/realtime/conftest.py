"""The summary of what was measured: values that depend on the machine are reported, not judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .machine import MACHINE
from .world import MEASURES


@pytest.fixture(scope="package", autouse=True)
def machine() -> Iterator[None]:
    """Watches the machine while these tests run."""
    MACHINE.start()
    yield
    MACHINE.stop()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = MEASURES.lines()
    if lines:
        terminalreporter.section("real time")
        for line in lines:
            terminalreporter.line(line)
