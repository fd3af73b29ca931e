"""A plug-in of each kind, installed as a package, works in every face: library, LangChain, command line, gateway."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.free_port import free_port

from .conftest import PLUGIN, Lines

TEXT = "It is Rayleigh scattering."


def python(code: str, environment: dict[str, str], where: Path) -> Any:
    """What a script prints as JSON, run in a process that has the plug-in."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=where, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_library_speaks_the_dialect_in_the_policys_order_and_books_in_the_store(
    environment: dict[str, str], tmp_path: Path, broken: Lines, whole: Lines
) -> None:
    output = python(
        "import json\nfrom segue import Segue\n"
        "segue = Segue()\nanswer = segue.complete('Why is the sky blue?')\nsegue.close()\n"
        "print(json.dumps([answer.text, answer.target, len(answer.attempts), answer.usage.output_tokens]))",
        environment,
        tmp_path,
    )
    assert output == [TEXT, "zebra", 2, 5]
    assert (len(broken.asked), len(whole.asked)) == (1, 1), "the policy asks `ant` first"
    booked = [json.loads(line) for line in (tmp_path / "attempts.jsonl").read_text().splitlines()]
    assert [(line["target"], line["outcome"]) for line in booked] == [("ant", "broken"), ("zebra", "ok")]


def test_langchain_speaks_it_too(environment: dict[str, str], tmp_path: Path) -> None:
    output = python(
        "import json\nfrom segue import registry\n"
        "message = registry.get_client_with_fallback().invoke('Why is the sky blue?')\n"
        "print(json.dumps([message.content, message.response_metadata['target']]))",
        environment,
        tmp_path,
    )
    assert output == [TEXT, "zebra"]


def test_the_command_line_speaks_it_too(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "segue", "chat", "--json", "Why is the sky blue?"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == TEXT


@pytest.fixture
def gateway(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "segue", "serve", "--port", str(port)]
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health/live", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_gateway_answers_in_the_dialect_at_its_own_path_and_translates_it(
    gateway: str, environment: dict[str, str]
) -> None:
    turns = {"turns": [["user", "Why is the sky blue?"]]}
    lines = [json.loads(line) for line in post(f"{gateway}/v1/ask", turns).splitlines() if line]
    assert "".join(line.get("say", "") for line in lines) == TEXT
    assert lines[-1] == {"end": "stop", "read": 9, "wrote": 5}
    messages = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    chat = json.loads(post(f"{gateway}/v1/chat/completions", messages))
    assert chat["choices"][0]["message"]["content"] == TEXT


def test_the_hook_refuses_before_anything_is_asked_in_the_callers_dialect(
    gateway: str, environment: dict[str, str], tmp_path: Path, broken: Lines, whole: Lines
) -> None:
    messages = {"model": "auto", "messages": [{"role": "user", "content": "What is the launch code?"}]}
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{gateway}/v1/chat/completions", messages)
    error = json.loads(refused.value.read())["error"]
    assert (refused.value.code, error["param"]) == (400, "messages")
    assert "leave it out" in error["message"]
    kind = python(
        "import json, segue\ntry:\n    segue.Segue().complete('the launch code')\n"
        "except segue.InvalidRequestError as error:\n    print(json.dumps(error.param))",
        environment,
        tmp_path,
    )
    assert kind == "messages"
    assert broken.asked == whole.asked == []


def post(url: str, body: Any) -> bytes:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def test_the_plug_in_keeps_the_contracts_of_what_it_implements(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", str(PLUGIN / "tests")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
