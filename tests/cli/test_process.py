"""The command as a process: its start, its end, its streams."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from benchmarks.free_port import free_port

import segue

SEGUE = [sys.executable, "-m", "segue"]


def _segue(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*SEGUE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)  # type: ignore[call-overload, no-any-return]


@contextmanager
def _started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*SEGUE, *arguments], text=True, env=environ, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_help_names_every_command() -> None:
    result = _segue("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert all(f"\n  {command} " in result.stdout for command in ("chat", "providers", "estimate", "sandbox"))


def test_help_loads_neither_the_engine_nor_the_network() -> None:
    code = (
        "import sys\nfrom segue.cli.app import app\n"
        "heavy = {'aiohttp', 'rich.table', 'langchain_core', 'genai_prices', 'segue.runtime', 'segue.sandbox', 'jsonschema'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == ""


def test_the_sandbox_serves_until_it_is_interrupted() -> None:
    with _started("sandbox", "--fault", "openai=overloaded", "--delay", "0") as process:
        assert process.stdout is not None
        lines = []
        while "ANTHROPIC_BASE_URL" not in (line := process.stdout.readline()):
            assert line, process.communicate()[1]
            lines.append(line.strip())
        url = line.strip().partition("=")[2]
        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as answer:
            assert b"simulated" in answer.read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert lines[0].startswith("simulated: stand-ins answer here, no model does.")
    assert any(line.startswith("openai") and line.endswith("broken: overloaded") for line in lines)
    assert "simulated = true" in lines
    assert process.returncode == 130
    assert errors == ""


def test_a_gateway_that_is_interrupted_twice_amid_an_answer_ends_at_once_and_without_a_traceback() -> None:
    with _started("serve", "--sandbox", "--port", str(port := free_port())) as process:
        assert process.stdout is not None
        while "dashboard" not in process.stdout.readline():
            assert process.poll() is None
        body = b'{"model": "gemini", "stream": true, "messages": [{"role": "user", "content": "Tell me all."}]}'
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=5) as answer:
            answer.read(1)
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_an_interrupted_answer_ends_cleanly() -> None:
    with _started("chat", "hi", "--break", "gemini=freeze:after=5", "--chain", "gemini") as process:
        assert process.stdout is not None
        assert process.stdout.read(12) == "(simulated) "
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_reader_who_has_had_enough_is_no_error() -> None:
    with _started("chat", "hi", "--break", "gemini=stall:after=5,seconds=1") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        process.stdout = None
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 141
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("providers", "--offline"), ("usage", "--csv")])
def test_output_that_a_full_disk_does_not_take_is_reported_in_one_line(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*SEGUE, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert result.stderr == (
        "segue: the output can't be written: No space left on device; make room, or write it elsewhere\n"
    )
    assert result.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="its shell closes no output")
@pytest.mark.parametrize(
    "arguments", [("--help",), ("providers", "--offline"), ("usage", "--csv"), ("usage", "--json")]
)
def test_closed_output_is_no_error(arguments: tuple[str, ...]) -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *SEGUE, *arguments]
    result = subprocess.run(closed, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_shell_completes_commands_and_options() -> None:
    asked = {"_SEGUE_COMPLETE": "bash_complete", "COMP_WORDS": "segue chat --dead", "COMP_CWORD": "2"}
    assert _segue(env={**os.environ, **asked}).stdout == "plain,--deadline\n"
    assert "_SEGUE_COMPLETE=zsh_complete" in _segue("--completion", "zsh").stdout


def test_the_version_is_the_packages() -> None:
    assert _segue("--version").stdout == f"segue {segue.__version__}\n"
