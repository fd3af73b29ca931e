"""Programs that others wrote, unmodified, over the gateway, while the first provider breaks off in every answer.

    python -m benchmarks.agents            # needs Node; installs what it needs of npm into benchmarks/.peers (900 MB)
    python -m benchmarks.agents java node  # only those whose name holds one of these words

Coding agents use their shell, or read a PDF; SDKs, Java's HttpClient and a page in a browser ask for a stream. Stand-ins call the tool they
are offered, then repeat what it gave back; no model answers, so what is shown is that the programs and the gateway understand each other, and
that neither notices the failures. Java and Chromium take part where they are installed.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn

from benchmarks.free_port import free_port
from benchmarks.peers import HOME
from segue import AttemptEnd, AttemptStart, Sandbox, Segue, load
from segue.chat.messages import File, Text, ToolCall, ToolResult
from segue.chat.request import ChatRequest
from segue.sandbox import Reply
from segue.server.app import Gateway
from segue.server.metrics import Metrics
from segue.server.serve import ServeOptions, uvicorn_options

WORD = "from-the-shell"
STORY = "One by one the boats came home, and the last of them brought the fog."
FAULT = "cut:after=1"
"""Of the chain gemini, openai, claude all but the second break off."""
CALLERS = Path(__file__).parent / "callers"
"""Programs of a few lines, in the languages of those that are asked about."""
PACKAGES = (
    "@openai/codex@0.171.0",
    "@anthropic-ai/claude-code@2.1.332",
    "@google/gemini-cli@0.61.0",
    "openai@7.59.0",
    "@anthropic-ai/sdk@1.14.0",
)
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=20000",
    "--dump-dom",
]
SHELLS = {
    "exec_command": {"cmd": f"echo {WORD}"},
    "Bash": {"command": f"echo {WORD}", "description": "say a word"},
    "run_shell_command": {"command": f"echo {WORD}"},
}
"""By the name of each agent's shell."""

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Courier>>>>>>>>endobj
4 0 obj<</Length 41>>stream
BT /F 12 Tf 20 50 Td (The fog lifts) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
"""

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


class Place(NamedTuple):
    """Where a program runs: `node` holds npm's packages, `home` is its own folder, `port` the gateway's."""

    node: Path
    home: Path
    port: int

    def agent(self, *command: str) -> list[str]:
        return [str(self.node / ".bin" / command[0]), *command[1:]]

    def script(self, name: str) -> list[str]:
        """A module of `callers`, beside which Node looks for packages."""
        shutil.copy(CALLERS / name, self.node.parent / name)
        return ["node", str(self.node.parent / name), f"http://127.0.0.1:{self.port}"]


class Program(NamedTuple):
    """`says`: what its output must hold."""

    name: str
    command: Callable[[Place], list[str]]
    says: tuple[str, ...]
    needs: str = "node"


def page(place: Place) -> list[str]:
    """A browser on a page of another port, which asks the gateway by `fetch`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://localhost:{server.server_port}/page.html?http://127.0.0.1:{place.port}"
    return ["chromium", *CHROMIUM, f"--user-data-dir={place.home / 'browser'}", address]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, directory=str(CALLERS))  # type: ignore[arg-type]

    def log_message(self, format: str, *arguments: object) -> None:
        pass


SHELL_SAYS = ("The tool said:", WORD)
PROGRAMS = (
    Program("Codex", lambda at: at.agent("codex", "exec", "--skip-git-repo-check", "run it"), SHELL_SAYS),
    Program("Claude Code", lambda at: at.agent("claude", "-p", "run it", "--allowedTools", "Bash"), SHELL_SAYS),
    Program(
        "Claude Code, a PDF",
        lambda at: at.agent("claude", "-p", f"read {at.home}/paper.pdf", "--allowedTools", "Read"),
        ("The tool said:", f"application/pdf of {len(PDF)} bytes"),
    ),
    Program(
        "Gemini CLI", lambda at: at.agent("gemini", "--skip-trust", "-m", "auto", "-y", "-p", "run it"), SHELL_SAYS
    ),
    Program("openai for Node", lambda at: at.script("openai.mjs"), (f"chat: {STORY}", f"responses: {STORY}")),
    Program("anthropic for Node", lambda at: at.script("anthropic.mjs"), (f"stream: {STORY}", f"whole: {STORY}")),
    Program(
        "Java's HttpClient",
        lambda at: ["java", str(CALLERS / "Caller.java"), f"http://127.0.0.1:{at.port}"],
        ("200 HTTP_1_1", STORY),
        needs="java",
    ),
    Program("Chromium, fetch", page, (f"<pre>{STORY}</pre>",), needs="chromium"),
)


def reply(request: ChatRequest) -> str | Reply:
    """Calls the tool that is offered, and then repeats its result; a story if there is none."""
    parts = [part for message in request.messages for part in message.parts]
    results = [part for part in parts if isinstance(part, ToolResult)]
    if results:
        files = [part for part in parts if isinstance(part, File)]
        return "The tool said: " + " ".join(map(_described, (*results[-1].content, *files)))
    asked = "\n".join(message.text for message in request.messages)
    paper = re.search(r"read (/\S+\.pdf)", asked)
    for tool in request.tools:
        arguments = (
            {"file_path": paper[1]} if paper and tool.name == "Read" else None if paper else SHELLS.get(tool.name)
        )
        if arguments is not None:
            call = ToolCall(id="call_1", name=tool.name, arguments=json.dumps(arguments))
            return Reply(text="I will look. ", calls=(call,))
    return STORY


def _described(part: object) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, File):
        return f"{part.media_type} of {len(base64.b64decode(part.data or ''))} bytes"
    return type(part).__name__


def install() -> Path:
    folder = HOME / "agents"
    folder.mkdir(parents=True, exist_ok=True)
    quietly = ("--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
    subprocess.run(["npm", "install", *quietly, *PACKAGES], check=True)
    return folder / "node_modules"


@contextmanager
def gateway(port: int) -> Iterator[list[str]]:
    """A gateway before stand-ins; gives the outcomes of their attempts, which grow."""
    outcomes: list[str] = []

    class Watch:
        def attempt_started(self, start: AttemptStart) -> None:
            pass

        def attempt_ended(self, end: AttemptEnd) -> None:
            outcomes.append(f"{end.start.target.name} {end.outcome}")

    with Sandbox(reply=reply, faults={"gemini": FAULT, "claude": FAULT}) as box:
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


def run(program: Program, node: Path, port: int) -> bool:
    """Runs a program and prints its row; whether it worked."""
    with tempfile.TemporaryDirectory() as home, gateway(port) as outcomes:
        files = {".codex/config.toml": CODEX.format(port=port).encode(), ".gemini/settings.json": GEMINI.encode()}
        for name, content in {**files, "paper.pdf": PDF}.items():
            (Path(home) / name).parent.mkdir(exist_ok=True)
            (Path(home) / name).write_bytes(content)
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
        command = program.command(Place(node, Path(home), port))
        done = subprocess.run(
            command, cwd=home, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
        )
    worked = done.returncode == 0 and all(value in done.stdout for value in program.says)
    counted = ", ".join(f"{outcomes.count(one)} {one}" for one in dict.fromkeys(outcomes))
    print(f"| {program.name} | {'yes' if worked else 'NO'} | {counted} |", flush=True)
    if not worked:
        print(done.stdout, done.stderr, file=sys.stderr)
    return worked


def main(words: list[str]) -> int:
    chosen = [one for one in PROGRAMS if not words or any(word in one.name.lower() for word in words)]
    node = install() if any(one.needs == "node" for one in chosen) else HOME / "agents" / "node_modules"
    port = free_port()
    failed = 0
    print("| program | all of its answer came | attempts of the providers |\n|---|---|---|")
    for program in chosen:
        if shutil.which(program.needs) is None:
            print(f"| {program.name} | not run: there is no {program.needs} | |")
        else:
            failed += not run(program, node, port)
    return failed


if __name__ == "__main__":
    sys.exit(main([word.lower() for word in sys.argv[1:]]))
