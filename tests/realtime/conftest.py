"""The summary of what was measured: values that depend on the machine are told, not judged."""

from __future__ import annotations

from typing import Any

from .world import MEASURES


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = MEASURES.lines()
    if lines:
        terminalreporter.section("real time")
        for line in lines:
            terminalreporter.line(line)
