"""The process of a model, played by scripts that need no model."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue.embedded.process import ModelProcess, ModelProcessError

SERVES = "import os, sys; print(f'http://127.0.0.1:{os.getpid()}', flush=True); sys.stdin.read()"
FAILS = "import sys; sys.exit('error: this is no model')"

Play = Callable[[str], ModelProcess]


@pytest.fixture
def play() -> Iterator[Play]:
    made: list[ModelProcess] = []

    def start(script: str) -> ModelProcess:
        process = ModelProcess(Path("model.gguf"))
        process._command = [sys.executable, "-c", script]
        made.append(process)
        return process

    yield start
    for process in made:
        process.close()


def test_it_is_started_when_its_address_is_asked_for_and_once(play: Play) -> None:
    process = play(SERVES)
    assert process.pid is None
    address = process.address()
    assert address == process.address() == f"http://127.0.0.1:{process.pid}"


def test_it_ends_when_it_is_closed_and_can_be_started_again(play: Play) -> None:
    process = play(SERVES)
    first = process.address()
    process.close()
    assert process.pid is None
    assert process.address() != first


def test_one_that_died_is_started_again(play: Play) -> None:
    process = play(SERVES)
    first, inner = process.address(), process._process
    assert inner is not None
    os.kill(inner.pid, signal.SIGKILL)
    inner.wait()
    assert process.pid is None
    assert process.address() != first


def test_it_ends_with_the_object_that_holds_it(play: Play) -> None:
    process = play(SERVES)
    process.address()
    inner, finalizer = process._process, process._finalizer
    assert inner is not None
    assert finalizer is not None
    finalizer()
    assert inner.poll() is not None


def test_one_that_ends_before_it_answers_says_why(play: Play) -> None:
    with pytest.raises(ModelProcessError, match="error: this is no model"):
        play(FAILS).address()
