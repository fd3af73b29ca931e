"""Simulated providers, and a gateway before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from segue import Sandbox
from segue.server.app import Gateway
from segue.settings import Settings
from segue.settings_loading import load

from .gateway import served


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "box" in request.fixturenames:
        sandbox: Sandbox = request.getfixturevalue("box")
        for name in sandbox.providers:
            sandbox.heal(name)


@pytest.fixture
def settings(box: Sandbox) -> Settings:
    """One round only: what fails is not waited for."""
    found = box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))
    return msgspec.structs.replace(found, policy=found.policy.replace(rounds=1, deadline=5.0))


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with served(settings) as made:
        yield made
