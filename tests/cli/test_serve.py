"""`segue serve` as a process: what it says, when it refuses, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.free_port import free_port

from segue.cli.serve import _address


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "segue", "serve", *options]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SEGUE_KEYS": str(folder / "keys"),
        "SEGUE_LEDGER": "none",
        **more,
    }


@pytest.fixture(params=[1, 2], ids=["one process", "two workers"])
def serving(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    # Two workers can't share stand-ins; a closed port as the provider is enough for them.
    how = ["--sandbox"] if request.param == 1 else ["--workers", "2"]
    process = subprocess.Popen(
        command("--port", str(port), *how),
        env=environment(tmp_path, OPENAI_API_KEY="sk-secret-of-the-test", OPENAI_BASE_URL="http://127.0.0.1:9"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"{address}/health/live", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < until
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
        yield process, address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the workers too, which hold its output open
        process.communicate(timeout=10)


def test_it_greets_answers_and_ends_at_sigterm(serving: tuple[subprocess.Popen[str], str]) -> None:
    process, address = serving
    with urllib.request.urlopen(f"{address}/v1/models", timeout=5) as listed:
        assert "auto" in {model["id"] for model in json.load(listed)["data"]}
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode in (0, -signal.SIGTERM)  # uvicorn ends by the signal that it was given, once all is done
    assert f"OPENAI_BASE_URL={address}/v1" in output
    assert "Traceback" not in output
    assert "sk-secret-of-the-test" not in output


@pytest.mark.parametrize("serving", [2], indirect=True, ids=["two workers"])
def test_a_scrape_of_either_worker_tells_for_both_and_for_none_that_died(
    serving: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, address = serving
    for _ in range(30):  # each over its own connection
        urllib.request.urlopen(f"{address}/v1/models/auto", timeout=5).close()

    def scraped() -> dict[str, float]:
        with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    exact = 0
    until = time.monotonic() + 20
    while exact < 4:  # a request is counted once it is over, which may be after its caller has gone on
        counted = scraped()['segue_requests_total{dialect="openai_chat",status="200",streamed="false"}']
        exact += counted == 30  # scrapes are no callers
        assert counted <= 30
        assert time.monotonic() < until, f"{counted} requests are counted"
    (directory,) = tmp_path.glob("segue-metrics-*")
    of_the_dead = next(directory.glob("gauge_livesum_*.db")).rename(directory / "gauge_livesum_4194305.db")
    scraped()
    assert not of_the_dead.exists()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert not directory.exists()


@pytest.mark.parametrize(
    ("options", "more", "words"),
    [
        ((), {}, "no provider has a key: set one of GEMINI_API_KEY"),
        (("--host", "0.0.0.0"), {"OPENAI_API_KEY": "k"}, "keys, and without one everyone"),
        (("--keys",), {"OPENAI_API_KEY": "k"}, "keys, and without one everyone"),
        (("--sandbox", "--workers", "2"), {}, "stand-ins serve one process"),
    ],
)
def test_it_refuses_to_serve_what_would_be_of_no_use_or_open_to_all(
    tmp_path: Path, options: tuple[str, ...], more: dict[str, str], words: str
) -> None:
    done = subprocess.run(
        command("--port", str(free_port()), *options),
        env=environment(tmp_path, **more),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:4000"),
        ("::1", "http://[::1]:4000"),
        ("0.0.0.0", f"http://{socket.gethostname()}:4000"),
        ("::", f"http://{socket.gethostname()}:4000"),
    ],
)
def test_programs_are_pointed_to_an_address_that_they_can_use(host: str, address: str) -> None:
    assert _address(host, 4000) == address


def test_it_says_what_it_serves_and_where_its_settings_come_from(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text('chain = ["gemini", "openai"]\n')
    command_ = command("--port", str(free_port()))
    with subprocess.Popen(
        command_, env=environment(tmp_path, OPENAI_API_KEY="k"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        output = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert output[0] == "chain: openai (gpt-6-luna)\n"
    assert output[1] == "left out, no key: gemini (set GEMINI_API_KEY)\n"
    assert output[2] == "settings: the environment, segue.toml\n"
    assert output[3].startswith("segue listens on http://127.0.0.1:")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "another program uses it; stop that one, or choose another port: --port"),
        ({"SEGUE_CHAIN": "opnai"}, "did you mean 'openai'"),
    ],
    ids=["a port that is taken", "a misspelt target"],
)
def test_it_says_why_it_cannot_serve_and_what_to_do(tmp_path: Path, more: dict[str, str], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            command("--port", str(taken.getsockname()[1])),
            env=environment(tmp_path, OPENAI_API_KEY="k", **more),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    assert words in done.stderr
    assert "listens" not in done.stdout
