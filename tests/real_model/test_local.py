"""A model file as a target: no key, no network, no server that someone has to start."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from segue import Segue
from segue.embedded.model_file import SMALL_MODEL
from segue.embedded.process import ModelProcess
from segue.settings import Settings, TargetSettings

from .conftest import PATIENT, Make


@pytest.fixture
def settings(make: Make) -> Settings:
    absent = TargetSettings(provider="llamacpp", model="m", base_url="http://127.0.0.1:9/v1")
    local = TargetSettings(file=SMALL_MODEL, temperature=0.0)
    policy = PATIENT.replace(deadline=120.0)
    return Settings(chain=("gone", "local"), targets={"gone": absent, "local": local}, policy=policy, ledger="none")


@pytest.fixture
def segue(settings: Settings) -> Iterator[Segue]:
    with Segue(settings) as made:
        yield made


def test_a_model_file_is_the_last_resort_of_a_chain_and_costs_nothing(segue: Segue) -> None:
    answer = segue.complete("Say hello.", max_tokens=8)
    assert (answer.target, answer.model, answer.simulated) == ("local", SMALL_MODEL, False)
    assert answer.text
    assert answer.usage.output_tokens > 0
    assert answer.cost == Decimal(0)
    assert [attempt.target for attempt in answer.attempts][-1] == "local"


def test_a_model_that_was_killed_is_started_again(make: Make, settings: Settings) -> None:
    process = make()
    first, pid = process.address(), process.pid
    assert pid is not None
    process.close()
    assert process.pid is None
    assert process.address() != first or process.pid != pid
    process.close()


def test_a_file_that_is_no_model_is_reported_as_none(segue: Segue, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("models") / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(Exception, match="could not be loaded"):
        Segue(Settings(chain=("local",), targets={"local": TargetSettings(file=str(path))}, ledger="none")).complete(
            "?"
        )


def test_a_process_ends_with_the_one_that_holds_it(make: Make) -> None:
    process = make()
    inner = process._process
    assert isinstance(process, ModelProcess)
    assert inner is not None
    assert inner.stdin is not None
    inner.stdin.close()
    assert inner.wait(10) == 0
