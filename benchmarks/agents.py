"""Codex, Claude Code and Gemini CLI themselves, over the gateway, while the first provider breaks off in every answer.

    python -m benchmarks.agents          # needs Node; installs them into benchmarks/.peers (900 MB)

Each is asked to use its shell. Stand-ins call the tool it offers, then repeat what it gave back; no model answers, so what is shown is that the
programs and the gateway understand each other, and that neither notices the failures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn

from benchmarks.free_port import free_port
from benchmarks.peers import HOME
from segue import AttemptEnd, AttemptStart, Sandbox, Segue, load
from segue.chat.messages import Text, ToolCall, ToolResult
from segue.chat.request import ChatRequest
from segue.sandbox import Reply
from segue.server.app import Gateway
from segue.server.metrics import Metrics
from segue.server.serve import ServeOptions, uvicorn_options

WORD = "from-the-shell"
ARGUMENTS = {
    "exec_command": {"cmd": f"echo {WORD}"},
    "Bash": {"command": f"echo {WORD}", "description": "say a word"},
    "run_shell_command": {"command": f"echo {WORD}"},
}
"""By the name of each program's shell."""
FAULT = "cut:after=1"


class Program(NamedTuple):
    package: str
    version: str
    command: tuple[str, ...]


PROGRAMS = (
    Program("@openai/codex", "0.171.0", ("codex", "exec", "--skip-git-repo-check", "run it")),
    Program("@anthropic-ai/claude-code", "2.1.332", ("claude", "-p", "run it", "--allowedTools", "Bash")),
    Program("@google/gemini-cli", "0.61.0", ("gemini", "--skip-trust", "-m", "auto", "-y", "-p", "run it")),
)

CODEX = """
model = "auto"
model_provider = "segue"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.segue]
name = "Segue"
base_url = "http://127.0.0.1:{port}/v1"
wire_api = "responses"
env_key = "SEGUE_KEY"
"""

GEMINI = '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'


def reply(request: ChatRequest) -> str | Reply:
    """Calls the shell, and then says what it said."""
    results = [part for part in request.messages[-1].parts if isinstance(part, ToolResult)]
    if results:
        return "The shell said: " + "".join(part.text for part in results[0].content if isinstance(part, Text))
    for tool in request.tools:
        if tool.name in ARGUMENTS:
            call = ToolCall(id="call_1", name=tool.name, arguments=json.dumps(ARGUMENTS[tool.name]))
            return Reply(text="I will look. ", calls=(call,))
    return "there is no shell"


def install() -> Path:
    folder = HOME / "agents"
    folder.mkdir(parents=True, exist_ok=True)
    packages = [f"{program.package}@{program.version}" for program in PROGRAMS]
    quietly = ("--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
    subprocess.run(["npm", "install", *quietly, *packages], check=True)
    return folder / "node_modules" / ".bin"


@contextmanager
def gateway(port: int) -> Iterator[list[str]]:
    """A gateway before stand-ins; gives the outcomes of their attempts, which grow."""
    outcomes: list[str] = []

    class Watch:
        def attempt_started(self, start: AttemptStart) -> None:
            pass

        def attempt_ended(self, end: AttemptEnd) -> None:
            outcomes.append(f"{end.start.target.name} {end.outcome}")

    with Sandbox(reply=reply, faults={"gemini": FAULT}) as box:
        metrics = Metrics()
        segue = Segue(box.settings(load({"SEGUE_LEDGER": "none"}, directory=HOME)), listeners=[metrics, Watch()])
        options = uvicorn_options(ServeOptions(port=port, grace=1.0))
        server = uvicorn.Server(uvicorn.Config(Gateway(segue.runtime, metrics=metrics), **options))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.05)
            yield outcomes
        finally:
            server.should_exit = True
            thread.join(10.0)


def main() -> int:
    binaries, port = install(), free_port()
    failed = 0
    print("| program | what its shell said came back | attempts of the providers |\n|---|---|---|")
    for program in PROGRAMS:
        with tempfile.TemporaryDirectory() as home, gateway(port) as outcomes:
            settings = {".codex/config.toml": CODEX.format(port=port), ".gemini/settings.json": GEMINI}
            for name, text in settings.items():
                (Path(home) / name).parent.mkdir()
                (Path(home) / name).write_text(text)
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": home,
                "SEGUE_KEY": "any",
                "GEMINI_API_KEY": "any",
                "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}",
                "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
                "ANTHROPIC_AUTH_TOKEN": "any",
                "ANTHROPIC_MODEL": "auto",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            }
            command = [str(binaries / program.command[0]), *program.command[1:]]
            done = subprocess.run(
                command, cwd=home, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
            )
            worked = done.returncode == 0 and "The shell said:" in done.stdout and WORD in done.stdout
            failed += not worked
            counted = ", ".join(f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes))
            print(f"| {program.package} {program.version} | {'yes' if worked else 'NO'} | {counted} |")
            if not worked:
                print(done.stdout, done.stderr, file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
