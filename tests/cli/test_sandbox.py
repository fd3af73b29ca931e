from __future__ import annotations

import socket

import pytest

from segue.sandbox.faults import KINDS

from .conftest import Run


def test_every_fault_is_listed_with_what_it_does(run: Run) -> None:
    result = run("sandbox", "--list-faults")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:-1]] == list(KINDS)
    assert result.stdout.splitlines()[-1].startswith("options: ")


@pytest.mark.parametrize(
    ("fault", "message"), [("gemini=explode", "use one of"), ("gemeni=cut", "did you mean 'gemini'?")]
)
def test_a_wrong_fault_is_one_line_and_status_2(run: Run, fault: str, message: str) -> None:
    result = run("sandbox", "--fault", fault)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line_and_status_2(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("sandbox", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "choose another port" in result.stderr


def test_an_unknown_command_is_a_wrong_use(run: Run) -> None:
    result = run("explode")
    assert result.exit_code == 2
    assert "No such command 'explode'" in result.stderr
