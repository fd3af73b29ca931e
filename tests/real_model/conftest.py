"""Two servers of llama.cpp with one small model, and one more to kill. The model's answers are compared with its own, never judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from segue.embedded.model_file import SMALL_MODEL, model_file
from segue.embedded.process import ModelProcess
from segue.errors import ConfigurationError
from segue.policy import Policy, StallPolicy
from segue.settings import Settings, TargetSettings

OPTIONS = ("--reproducible", "--threads", "1", "--slots", "1", "--context", "1024")
"""Equal requests have equal answers within a run, on any load."""

PATIENT = Policy(
    hedge=False,
    deadline=300.0,
    stall=StallPolicy(first_give_up=200.0, gap_give_up=200.0, quiet_give_up=200.0, drip_floor=0.0),
)
"""A busy machine is no reason to give a server up here."""

Make = Callable[[], ModelProcess]


@pytest.fixture(scope="session")
def make() -> Iterator[Make]:
    """Starts servers that end with the run."""
    path = None
    with suppress(ConfigurationError):
        path = model_file(SMALL_MODEL)
    if path is None:
        pytest.skip("the packages of the real model are not installed: make test-real installs them")
    made: list[ModelProcess] = []

    def start() -> ModelProcess:
        process = ModelProcess(path, OPTIONS)
        made.append(process)
        process.address()
        return process

    yield start
    for process in made:
        process.close()


@pytest.fixture(scope="session")
def one(make: Make) -> ModelProcess:
    return make()


@pytest.fixture(scope="session")
def two(make: Make) -> ModelProcess:
    return make()


def settings_for(processes: Sequence[ModelProcess], dialect: str, *, policy: Policy = PATIENT) -> Settings:
    """A chain of these servers, the first first, each spoken to in one dialect."""
    targets = {
        f"server{number}": TargetSettings(
            provider="llamacpp",
            dialect=dialect,
            model="smollm2",
            base_url=process.address() + ("" if dialect == "claude" else "/v1"),
            temperature=0.0,
        )
        for number, process in enumerate(processes, 1)
    }
    return Settings(chain=tuple(targets), targets=targets, policy=policy, ledger="none")
