"""The command as a process: it says where it is, opens on a résumé, and ends at once when it is asked to."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from career_coach import web

from .harness import EXAMPLES, PATIENCE

COMMAND = [sys.executable, "-c", "from career_coach.web.main import main; main()"]


def test_it_opens_on_a_resume_and_ends_while_a_page_is_watching(tmp_path: Path) -> None:
    arguments = [
        "--port",
        "0",
        "--data",
        tmp_path / "coach.sqlite3",
        "--break",
        "gemini",
        "--resume",
        EXAMPLES / "resume_ko.json",
    ]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SEGUE_LEDGER": "none", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=tmp_path, text=True
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address is not None
        page = httpx.get(address[0], trust_env=False)
        assert page.status_code == 200
        assert "김도윤" in page.text
        with httpx.stream("GET", f"{address[0]}/events", trust_env=False, timeout=PATIENCE) as events:
            next(events.iter_lines())
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.returncode == 128 + signal.SIGINT
    finally:
        process.kill()
        process.communicate()


def test_it_listens_elsewhere_only_with_a_password(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0", "--port", "0"], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=PATIENCE, check=False
    )  # fmt: skip
    assert done.returncode == 2
    assert "set a password in CAREER_COACH_PASSWORD first" in done.stderr


def test_a_file_that_can_not_be_is_named_before_it_listens(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for wrong, why in ((tmp_path / "file" / "coach.sqlite3", "File exists"), (tmp_path, "Is a directory")):
        done = subprocess.run(
            [*COMMAND, "--data", str(wrong), "--port", "0"], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=PATIENCE, check=False
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr == f"error: the file {wrong} can't be used: {why}; choose another with --data\n"


def test_a_port_that_is_taken_is_named_with_another(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=PATIENCE, check=False
        )  # fmt: skip
    assert done.returncode == 2
    message = f"can't listen on port {port} on 127.0.0.1: Address already in use; choose another with --port"
    assert done.stderr == f"error: {message}\n"


def test_without_its_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.delitem(sys.modules, "career_coach.web.main", raising=False)
    with pytest.raises(SystemExit, match=r"fastapi is missing\): pip install 'segue-career-coach\[web\]'"):
        web.main()
