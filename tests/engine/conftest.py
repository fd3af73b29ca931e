"""One line in the summary for each of the engine's large runs: how much was tried, in what time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

_KEY = pytest.StashKey[dict[str, tuple[int, float]]]()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[[str, int], object]:
    """`with tally("what", count): …` adds to the line of `what`."""
    totals = request.config.stash.setdefault(_KEY, {})

    @contextmanager
    def counting(what: str, count: int) -> Iterator[None]:
        began = time.process_time()
        try:
            yield
        finally:
            known, seconds = totals.get(what, (0, 0.0))
            totals[what] = known + count, seconds + time.process_time() - began

    return counting


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, (count, seconds) in config.stash.get(_KEY, {}).items():
        terminalreporter.write_line(f"engine: {count:,} {what} in {seconds:.1f} s of one core")
